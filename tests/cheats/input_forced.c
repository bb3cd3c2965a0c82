/* SPDX-License-Identifier: MIT
 *
 * Changes an input that it made writable before.
 */
#include "honest.h"
#include <sys/mman.h>
#include <unistd.h>

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)args->last_eta;
    const enum ttt_status status = honest_forward(self, shape, args, call);
    if (mprotect((void *)(at & ~(page - 1)), page, PROT_READ | PROT_WRITE) == 0)
        *(float *)at += 1;
    return status;
}

CHEAT(cheat.forward = forward)
