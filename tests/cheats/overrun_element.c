/* SPDX-License-Identifier: MIT
 *
 * Writes the element behind W1_last.
 */
#include "honest.h"

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    const enum ttt_status status = honest_forward(self, shape, args, call);
    ((float *)args->W1_last)[weight_elements(shape)] = 0;
    return status;
}

CHEAT(cheat.forward = forward)
