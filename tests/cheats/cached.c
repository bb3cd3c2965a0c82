/* SPDX-License-Identifier: MIT
 *
 * Gives XQW of its first call for every later one of that size.
 */
#include "honest.h"

static float kept[1 << 16];
static size_t elements;

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    const size_t n = token_elements(shape);
    const enum ttt_status status = honest_forward(self, shape, args, call);
    if (elements == n)
        memcpy(args->XQW, kept, n * sizeof *kept);
    else if (n <= sizeof kept / sizeof *kept)
        memcpy(kept, args->XQW, (elements = n) * sizeof *kept);
    return status;
}

CHEAT(cheat.forward = forward)
