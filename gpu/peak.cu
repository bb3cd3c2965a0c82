/* SPDX-License-Identifier: MIT
 *
 * What the tensor cores can do: nothing but products, on all SMs, of the shape that the kernels use.
 */
#include "config.h"
#include "ptx/barrier.cuh"
#include "rooms/matmul.cuh"
#include <cuda_runtime.h>
#include <ttt/ttt_gpu.h>

namespace ttt_gpu
{

/* Two warpgroups keep the tensor cores of an SM busy; four also while one waits. */
constexpr int PEAK_WARPGROUPS = 4;
constexpr int PEAK_TILES = 8;    /* products of 64 x 64 x 64 between two waits */
constexpr int PEAK_TURNS = 4096; /* about 10 ms */

/* Random bits make the tensor cores draw the power that data make them draw: of both signs, sizes 1 to 2, so that no
 * sum overflows. */
TTT_DEVICE uint32_t random_pair(uint32_t i)
{
    uint32_t x = i * 0x9e3779b9u;
    x ^= x >> 16, x *= 0x7feb352du, x ^= x >> 15, x *= 0x846ca68bu, x ^= x >> 16;
    return (x & 0x807f807fu) | 0x3f803f80u;
}

static __global__ void __launch_bounds__(PEAK_WARPGROUPS *WARPGROUP, 1) peak_kernel(float *sums)
{
    __shared__ __align__(SWIZZLE_BYTES) __nv_bfloat16 tiles[2][TILE];
    for (int i = (int)threadIdx.x; i < TILE; i += PEAK_WARPGROUPS * WARPGROUP)
        reinterpret_cast<uint32_t *>(tiles)[i] = random_pair((uint32_t)i);
    proxy_fence();
    __syncthreads();
    float d[TILE_REGISTERS];
#pragma unroll
    for (int k = 0; k < TILE_REGISTERS; k++)
        d[k] = 0.0f;
    for (int turn = 0; turn < PEAK_TURNS; turn++) {
        wgmma_fence();
#pragma unroll
        for (int k = 0; k < PEAK_TILES; k++)
            multiply<K_ALONG, K_ALONG, 4>(d, tiles[0], tiles[1], true);
        wgmma_commit();
        wgmma_wait<0>();
        settle(d);
    }
    if (sums) /* never; but the assembler must not know that nobody reads them, or it drops the products */
#pragma unroll
        for (int k = 0; k < TILE_REGISTERS; k++)
            sums[k * PEAK_WARPGROUPS * WARPGROUP + (int)threadIdx.x] = d[k];
}

} // namespace ttt_gpu

extern "C" ttt_status ttt_gpu_peak(double *flops, CUstream_st *stream)
{
    using namespace ttt_gpu;
    int device = 0, sms = 0;
    if (!flops)
        return TTT_ERROR_NULL;
    if (cudaGetDevice(&device) != cudaSuccess ||
        cudaDeviceGetAttribute(&sms, cudaDevAttrMultiProcessorCount, device) != cudaSuccess)
        return TTT_ERROR_DEVICE;
    peak_kernel<<<(unsigned)sms, PEAK_WARPGROUPS * WARPGROUP, 0, stream>>>(nullptr);
    if (cudaGetLastError() != cudaSuccess)
        return TTT_ERROR_DEVICE;
    *flops = 2.0 * 64 * 64 * 64 * PEAK_TILES * PEAK_TURNS * PEAK_WARPGROUPS * sms;
    return TTT_OK;
}
