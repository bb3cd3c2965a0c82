/* SPDX-License-Identifier: MIT
 *
 * Never comes back.
 */
#include "honest.h"
#include <unistd.h>

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    for (volatile int forever = 1; forever;)
        pause();
    return honest_forward(self, shape, args, call);
}

CHEAT(cheat.forward = forward)
