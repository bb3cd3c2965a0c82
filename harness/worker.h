/* SPDX-License-Identifier: MIT
 *
 * The process of a plug-in: opens it, calls it as the judge asks over a socket, and says what happened (wire.h).
 */
#ifndef TTT_HARNESS_WORKER_H
#define TTT_HARNESS_WORKER_H

/* To be called first by every program that opens plug-ins, since their processes are that program again.
 * -1: this is not such a process, go on.  Else its exit status: the work is done. */
int ttt_worker_main(int argc, char **argv);

/* Has it been called?  If not, a process of a plug-in would be this program all over again, and the next one, too. */
int ttt_worker_is_ready(void);

#endif
