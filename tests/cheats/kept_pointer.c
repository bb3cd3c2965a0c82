/* SPDX-License-Identifier: MIT
 *
 * Writes to the XQW of the call before.
 */
#include "honest.h"

static float *before;

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    if (before)
        before[0] = 0;
    before = args->XQW;
    return honest_forward(self, shape, args, call);
}

CHEAT(cheat.forward = forward)
