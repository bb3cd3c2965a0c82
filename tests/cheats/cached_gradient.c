/* SPDX-License-Identifier: MIT
 *
 * The same of one gradient.
 */
#include "honest.h"

static float kept[1 << 16];
static size_t elements;

static enum ttt_status backward(BACKWARD_PARAMETERS)
{
    const size_t n = weight_elements(shape);
    const enum ttt_status status = honest_backward(self, shape, args, call);
    if (elements == n)
        memcpy(args->grad_L_W2_init, kept, n * sizeof *kept);
    else if (n <= sizeof kept / sizeof *kept)
        memcpy(kept, args->grad_L_W2_init, (elements = n) * sizeof *kept);
    return status;
}

CHEAT(cheat.backward = backward)
