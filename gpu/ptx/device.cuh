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

/* threadIdx.x, asked of the whole warp at this point and no other: what is computed from it afterwards is computed
 * again, rather than kept in registers since the last time.  (The assembler knows that %tid never changes; it cannot
 * know that of this.) */
TTT_DEVICE int thread_by_warp()
{
    int thread;
    asm volatile("shfl.sync.idx.b32 %0, %1, %2, 31, 0xffffffff;" : "=r"(thread) : "r"(threadIdx.x), "r"(threadIdx.x));
    return thread;
}

/* blockIdx.x, read at this point. */
TTT_DEVICE int block_now()
{
    int block;
    asm volatile("mov.u32 %0, %%ctaid.x;" : "=r"(block));
    return block;
}

/* No instruction: an address of which the compiler knows nothing from here on, so that it computes with it here, not
 * ahead of a loop. */
template <class T> TTT_DEVICE const T *forget(const T *address)
{
    asm volatile("" : "+l"(address));
    return address;
}

} // namespace ttt_gpu

#endif
