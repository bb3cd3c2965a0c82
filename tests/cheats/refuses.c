/* SPDX-License-Identifier: MIT
 *
 * Returns an error.
 */
#include "honest.h"

static enum ttt_status backward(BACKWARD_PARAMETERS)
{
    (void)self, (void)shape, (void)args, (void)call;
    return TTT_ERROR_DEVICE;
}

CHEAT(cheat.backward = backward)
