/* SPDX-License-Identifier: MIT
 *
 * Writes far behind XQW.
 */
#include "honest.h"

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    const enum ttt_status status = honest_forward(self, shape, args, call);
    memset((float *)args->XQW + token_elements(shape), 0, 4096);
    return status;
}

CHEAT(cheat.forward = forward)
