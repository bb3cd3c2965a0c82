/* SPDX-License-Identifier: MIT
 *
 * Writes the element before grad_L_XK.
 */
#include "honest.h"

static enum ttt_status backward(BACKWARD_PARAMETERS)
{
    const enum ttt_status status = honest_backward(self, shape, args, call);
    ((float *)args->grad_L_XK)[-1] = 0;
    return status;
}

CHEAT(cheat.backward = backward)
