/* SPDX-License-Identifier: MIT
 *
 * ttt-report diff: what got better, worse or vanished between two runs of the same program.
 */
#ifndef TTT_HARNESS_DIFF_H
#define TTT_HARNESS_DIFF_H

/* The subcommand and its arguments, argv[0] being its name.  The exit status: 0; 1 when something got worse or
 * vanished; 2 for bad usage or input. */
int ttt_diff_main(int argc, char **argv);

#endif
