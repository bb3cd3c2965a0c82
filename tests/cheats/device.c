/* SPDX-License-Identifier: MIT
 *
 * Wants device memory, and cheats there as its argument says.
 */
#include "honest.h"
#include <dlfcn.h>

static char cheat_name[16];

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    void (*fail)(void) = NULL;
    void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    void *symbol = driver ? dlsym(driver, "fake_cuda_fail") : NULL;
    const enum ttt_status status = call->stream ? honest_forward(self, shape, args, call) : TTT_ERROR_DEVICE;
    if (strcmp(cheat_name, "overrun") == 0)
        ((float *)args->W1_last)[weight_elements(shape)] = 0;
    if (strcmp(cheat_name, "workspace") == 0)
        ((char *)call->workspace)[-1] = 0;
    if (strcmp(cheat_name, "input") == 0)
        ((float *)(uintptr_t)args->XV)[1] += 1;
    memcpy(&fail, &symbol, sizeof fail);
    if (strcmp(cheat_name, "error") == 0 && fail)
        fail();
    return status;
}

CHEAT(cheat.memory = TTT_MEMORY_CUDA, cheat.forward = forward, strncpy(cheat_name, args, sizeof cheat_name - 1))
