/* SPDX-License-Identifier: MIT
 *
 * Twin of gpu/ptx/device.cuh.
 */
#ifndef TTT_GPU_PTX_DEVICE_CUH
#define TTT_GPU_PTX_DEVICE_CUH

#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#define TTT_DEVICE inline

namespace ttt_gpu
{

TTT_DEVICE int thread_by_warp()
{
    return (int)emulated::shuffle(0xffffffffu, (uint32_t)threadIdx.x, (int)(threadIdx.x % 32));
}

TTT_DEVICE uint32_t shared_address(const void *object)
{
    return emulated::shared_address(object);
}

TTT_DEVICE int block_now()
{
    return (int)blockIdx.x;
}

template <class T> TTT_DEVICE const T *forget(const T *address)
{
    return address;
}

} // namespace ttt_gpu

#endif
