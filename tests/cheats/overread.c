/* SPDX-License-Identifier: MIT
 *
 * Reads a row behind XQ, to no effect.
 */
#include "honest.h"

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    const enum ttt_status status = honest_forward(self, shape, args, call);
    const volatile float *behind = (const float *)args->XQ + token_elements(shape) + 1024;
    ((float *)args->XQW)[0] += 0 * *behind;
    return status;
}

CHEAT(cheat.forward = forward)
