/* SPDX-License-Identifier: MIT
 *
 * A clock that runs on a device, for a candidate that does: its passes over operands that lie there, and what the
 * device can do, to hold them against.
 */
#ifndef TTT_HARNESS_TIMER_H
#define TTT_HARNESS_TIMER_H

#include "tensors.h"
#include <ttt/ttt_candidate.h>

struct ttt_timer {
    const char *clock; /* "cuda events" */
    const char *peak;  /* "wgmma": the products that a pass is held against */

    /* Copy the block, whose inputs are filled (backward: its checkpoints too), to the device, as often as makes its
     * caches useless to the passes, which take the copies in turn.  *copies: how many.  Close *session either way. */
    enum ttt_status (*open)(void **session, const struct ttt_tensors *block, enum ttt_direction direction, int *copies);

    /* The time of `calls` passes, one after the other. */
    enum ttt_status (*passes)(void *session, int calls, double *seconds);

    /* The time of products with so many operations. */
    enum ttt_status (*products)(void *session, double *flops, double *seconds);

    void (*close)(void *session);
};

#endif
