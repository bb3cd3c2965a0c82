/* SPDX-License-Identifier: MIT
 *
 * Leaves the last element of XQW as it was.
 */
#include "honest.h"

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    float *last = (float *)args->XQW + token_elements(shape) - 1;
    const float was = *last;
    const enum ttt_status status = honest_forward(self, shape, args, call);
    *last = was;
    return status;
}

CHEAT(cheat.forward = forward)
