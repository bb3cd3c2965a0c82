/* SPDX-License-Identifier: MIT
 *
 * Changes an input.
 */
#include "honest.h"

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    const enum ttt_status status = honest_forward(self, shape, args, call);
    ((float *)(uintptr_t)args->XK)[3] += 1;
    return status;
}

CHEAT(cheat.forward = forward)
