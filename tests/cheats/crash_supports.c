/* SPDX-License-Identifier: MIT
 *
 * Dies when asked what it supports.
 */
#include "honest.h"

static enum ttt_status supports(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction)
{
    *(volatile int *)(uintptr_t)4096 = 1;
    return honest_supports(self, shape, direction);
}

CHEAT(cheat.supports = supports)
