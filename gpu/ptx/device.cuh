/* SPDX-License-Identifier: MIT
 *
 * What every device function of this directory needs: types, and that it is always inlined (a call in the middle of
 * asynchronous products would serialise them).
 */
#ifndef TTT_GPU_PTX_DEVICE_CUH
#define TTT_GPU_PTX_DEVICE_CUH

#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#define TTT_DEVICE __device__ __forceinline__

namespace ttt_gpu
{

/* The 32-bit address of an object in this block's shared memory. */
TTT_DEVICE uint32_t shared_address(const void *object)
{
    return (uint32_t)__cvta_generic_to_shared(object);
}

} // namespace ttt_gpu

#endif
