/* SPDX-License-Identifier: MIT
 *
 * Ends the process, as if all were well.
 */
#include "honest.h"

static enum ttt_status backward(BACKWARD_PARAMETERS)
{
    if (shape->batch > 0)
        exit(0);
    return honest_backward(self, shape, args, call);
}

CHEAT(cheat.backward = backward)
