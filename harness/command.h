/* SPDX-License-Identifier: MIT
 *
 * Command lines as text that a shell reads back.
 */
#ifndef TTT_HARNESS_COMMAND_H
#define TTT_HARNESS_COMMAND_H

/* The words, each quoted where a shell needs it, with spaces between.  To be freed; NULL when memory cannot be had. */
char *ttt_command_text(int argc, const char *const *argv);

#endif
