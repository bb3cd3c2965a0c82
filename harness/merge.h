/* SPDX-License-Identifier: MIT
 *
 * ttt-report merge: the reports of the ranks of a campaign as one.
 */
#ifndef TTT_HARNESS_MERGE_H
#define TTT_HARNESS_MERGE_H

/* The subcommand and its arguments, argv[0] being its name.  The exit status: 0; 1 when a case failed or cases are
 * missing; 2 for bad usage or input. */
int ttt_merge_main(int argc, char **argv);

#endif
