/* SPDX-License-Identifier: MIT
 *
 * Writes to an address that nobody has.
 */
#include "honest.h"

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    *(volatile int *)(uintptr_t)4096 = 1;
    return honest_forward(self, shape, args, call);
}

CHEAT(cheat.forward = forward)
