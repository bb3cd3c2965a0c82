/* SPDX-License-Identifier: MIT
 *
 * No cheat at all: it must pass, though it prints.
 */
#include "honest.h"
#include <stdio.h>

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    puts("a plug-in may speak");
    return honest_forward(self, shape, args, call);
}

CHEAT(cheat.forward = forward)
