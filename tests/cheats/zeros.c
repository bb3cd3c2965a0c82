/* SPDX-License-Identifier: MIT
 *
 * Computes nothing.
 */
#include "honest.h"

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    const enum ttt_status status = honest_forward(self, shape, args, call);
    memset(args->XQW, 0, token_elements(shape) * sizeof(float));
    return status;
}

CHEAT(cheat.forward = forward)
