/* SPDX-License-Identifier: MIT
 *
 * Is killed from outside.
 */
#include "honest.h"
#include <signal.h>

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    raise(SIGKILL);
    return honest_forward(self, shape, args, call);
}

CHEAT(cheat.forward = forward)
