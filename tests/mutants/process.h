/* SPDX-License-Identifier: MIT
 *
 * Programs run from here, each with a time limit.
 */
#ifndef TTT_MUTANTS_PROCESS_H
#define TTT_MUTANTS_PROCESS_H

#define PROCESS_LIMIT 142 /* what process_run returns for a program that ran past its limit: 128 + SIGALRM */

/* Run a program (found in PATH), output to the file `log`, for at most `seconds`.  Its exit status, 128 + the signal
 * that ended it, or -1 where it could not be started. */
int process_run(const char *const argv[], const char *log, unsigned seconds);

#endif
