/* SPDX-License-Identifier: MIT
 *
 * Exhausts its stack.
 */
#include "honest.h"

static int deeper(volatile char *from);
static int (*volatile next)(volatile char *) = deeper;

static int deeper(volatile char *from)
{
    volatile char here[4096] = {from ? from[0] : 1};
    return next(here) + here[0];
}

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    return next(NULL) ? honest_forward(self, shape, args, call) : TTT_ERROR_DEVICE;
}

CHEAT(cheat.forward = forward)
