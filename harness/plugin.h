/* SPDX-License-Identifier: MIT
 *
 * Plug-ins: candidates from a shared object, each in a process of its own.  What the rest of the harness sees is a
 * `struct ttt_candidate` in host memory like any other, whose functions speak with that process (wire.h).  Whatever
 * happens there ends as a failure with the name of a row:
 *
 *   open          it cannot be opened, or refuses (no row: the command is refused)
 *   abi           it is of another version (the same)
 *   crash         it died of a signal
 *   exit          it ended its process
 *   hang          a call took longer than the limit; it is not called again
 *   red-zones     it touched memory before or behind an operand or its workspace
 *   inputs        it wrote to an input
 *   kept-pointer  it touched memory that an earlier call had
 *   cuda          CUDA reports an error
 *   status        a call returned something else than TTT_OK
 *
 * After each of them but a hang the next call starts a new process.  This is no protection against malice: a plug-in
 * that wants to do harm can, with the rights of who runs it.
 */
#ifndef TTT_HARNESS_PLUGIN_H
#define TTT_HARNESS_PLUGIN_H

#include "candidates.h"

#define TTT_PLUGIN_LIMIT   300   /* seconds that one call may take where nothing else is said */
#define TTT_PLUGIN_LONGEST 86400 /* the largest limit: a day */

/* For all calls from now on, also those of plug-ins that are open. */
void ttt_plugin_set_limit(int seconds);

/* Start a process and open the plug-in there.  NULL with one line in `error`. */
const struct ttt_candidate *ttt_plugin_open(const char *path, const char *args, char *error, size_t error_size);
void ttt_plugin_close(const struct ttt_candidate *candidate);

int ttt_candidate_is_plugin(const struct ttt_candidate *candidate);

/* What happened in the last call of a plug-in, which did not return TTT_OK. */
const struct ttt_failure *ttt_plugin_failure(const struct ttt_candidate *candidate);

/* Seconds inside the plug-in in its last call. */
double ttt_plugin_seconds(const struct ttt_candidate *candidate);

#endif
