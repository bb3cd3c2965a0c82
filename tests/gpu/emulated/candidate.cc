/* SPDX-License-Identifier: MIT
 *
 * The emulated kernels as a plug-in: the harness's own adapter, on the emulated device.  Each call runs under the next
 * order of threads and landings, so that a second call with other bits tells of a race.
 */
#include "machine.h"
#include <cuda_runtime_api.h>

extern "C" {
#include "harness/candidate_gpu.c"
}

static void next_order()
{
    emulated::schedule = (emulated::schedule + 1) % 4;
}

template <class Call>
static ttt_status forward_in_next_order(void *self, const ttt_mlp_shape *shape, const ttt_mlp_forward_args *args,
                                        Call call)
{
    next_order();
    return gpu_forward(self, shape, args, call);
}

template <class Call>
static ttt_status backward_in_next_order(void *self, const ttt_mlp_shape *shape, const ttt_mlp_backward_args *args,
                                         Call call)
{
    next_order();
    return gpu_backward(self, shape, args, call);
}

extern "C" __attribute__((visibility("default"))) const ttt_candidate *ttt_candidate_open(int abi, const char *args)
{
    static ttt_candidate candidate = ttt_candidate_gpu_bf16;
    candidate.forward = forward_in_next_order;
    candidate.backward = backward_in_next_order;
    /* So that small cases see all kernels: three sequences go in clusters of 2, more in a block each (forward). */
    emulated::clusters_of_4 = 2;
    emulated::clusters_of_2 = 3;
    return abi == TTT_CANDIDATE_ABI && !args[0] ? &candidate : nullptr;
}
