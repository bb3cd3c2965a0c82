/* SPDX-License-Identifier: MIT
 *
 * Twin of gpu/ptx/wgmma.cuh.
 */
#ifndef TTT_GPU_PTX_WGMMA_CUH
#define TTT_GPU_PTX_WGMMA_CUH

#include "device.cuh"

namespace ttt_gpu
{

TTT_DEVICE void wgmma_fence()
{
    emulated::wgmma_fence();
}

TTT_DEVICE void wgmma_commit()
{
    emulated::wgmma_commit();
}

template <int PENDING> TTT_DEVICE void wgmma_wait()
{
    emulated::wgmma_wait(PENDING);
}

/* Fails if these are accumulators of a product that was not waited for. */
template <int REGISTERS> TTT_DEVICE void settle(float (&d)[REGISTERS])
{
    emulated::settle(d);
}

template <int TA, int TB, int REGISTERS>
TTT_DEVICE void wgmma_k16(float (&d)[REGISTERS], uint64_t a, uint64_t b, int add)
{
    static_assert(REGISTERS == 16 || REGISTERS == 32, "as in gpu/ptx/wgmma.cuh");
    emulated::wgmma(d, REGISTERS, {a, nullptr, TA == 1}, {b, nullptr, TB == 1}, add != 0);
}

template <int TB> TTT_DEVICE void wgmma_k16(float (&d)[32], const uint32_t *a, uint64_t b, int add)
{
    emulated::wgmma(d, 32, {0, a, false}, {b, nullptr, TB == 1}, add != 0);
}

} // namespace ttt_gpu

#endif
