/* SPDX-License-Identifier: MIT
 *
 * Every second pass has another last bit.
 */
#include "honest.h"

static int calls;

static enum ttt_status backward(BACKWARD_PARAMETERS)
{
    const enum ttt_status status = honest_backward(self, shape, args, call);
    *(unsigned char *)args->grad_L_XV ^= (unsigned char)(calls++ / 2 % 2);
    return status;
}

CHEAT(cheat.backward = backward)
