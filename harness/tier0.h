/* SPDX-License-Identifier: MIT
 *
 * One call of a candidate, with the hard checks around it.  Each is a row of the result:
 *
 *   status         the call returned TTT_OK
 *   overwritten    no element of an output still is the poison that was there before
 *   red-zones      nothing was written before or after any buffer
 *   inputs         no input has changed
 *   cached         other inputs gave other bits (asked for on the first block; see freshness.h)
 *   deterministic  a second call gave the same bits (asked for on the first block)
 *
 * A call of a plug-in that failed is a row of plugin.h instead of `status`.
 */
#ifndef TTT_HARNESS_TIER0_H
#define TTT_HARNESS_TIER0_H

#include "candidates.h"
#include "result.h"

struct ttt_call {
    const struct ttt_candidate *candidate;
    enum ttt_direction direction;
    int threads;
    int twice; /* also check `cached`, and `deterministic` where the candidate claims it */
};

/* Run one pass on the block, whose inputs are filled (backward: its checkpoints too).  Outcomes go to `result`, the
 * time of the first run is added to its seconds.  0 when the outputs are there to be judged, -1 when they are not. */
int ttt_call_checked(const struct ttt_call *call, struct ttt_tensors *block, struct ttt_result *result);

/* The same without checks, for the truth. */
enum ttt_status ttt_call_plain(const struct ttt_call *call, struct ttt_tensors *block);

/* The same, and the seconds inside the candidate. */
enum ttt_status ttt_call_timed(const struct ttt_call *call, struct ttt_tensors *block, double *seconds);

#endif
