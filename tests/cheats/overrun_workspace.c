/* SPDX-License-Identifier: MIT
 *
 * Writes the byte behind its workspace.
 */
#include "honest.h"

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    const enum ttt_status status = honest_forward(self, shape, args, call);
    ((char *)call->workspace)[call->workspace_bytes] = 0;
    return status;
}

CHEAT(cheat.forward = forward)
