/* SPDX-License-Identifier: MIT
 *
 * Is right on the data of its first call (and on the same in reverse and negated), and on no other.
 */
#include "honest.h"

static float first, last;

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    const float *x = args->XQ, a = x[0], z = x[token_elements(shape) - 1];
    if (first == 0)
        first = a, last = z;
    const int known = (a == first && z == last) || (a == -last && z == -first);
    const enum ttt_status status = honest_forward(self, shape, args, call);
    for (size_t i = 0; !known && i < token_elements(shape); i++)
        ((float *)args->XQW)[i] *= 1.2F;
    return status;
}

CHEAT(cheat.forward = forward)
