/* SPDX-License-Identifier: MIT
 *
 * Room: products of bfloat16 tiles with fp32 sums.  Twin: `linear` in ref/ (and the products of `update`).
 * Operands are swizzled 64 x 64 tiles one after the other in shared memory; A may also be a packed accumulator tile.
 */
#ifndef TTT_GPU_ROOMS_MATMUL_CUH
#define TTT_GPU_ROOMS_MATMUL_CUH

#include "../config.h"
#include "../ptx/math.cuh"
#include "../ptx/wgmma.cuh"

namespace ttt_gpu
{

/* How an operand's tile lies: K (the summed index) along its rows, or down its columns. */
enum Layout { K_ALONG = 0, K_DOWN = 1 };

/* Matrix descriptor of a tile (PTX ISA, "matrix descriptor"): address and strides in units of 16 bytes. */
TTT_DEVICE uint64_t tile_descriptor(const __nv_bfloat16 *tile)
{
    constexpr uint64_t SWIZZLE_128 = (uint64_t)1 << 62;
    constexpr uint64_t EIGHT_ROWS = (uint64_t)(SWIZZLE_BYTES / 16) << 32;
    constexpr uint64_t LEADING = (uint64_t)1 << 16; /* ignored for operands one swizzle wide */
    return ((shared_address(tile) >> 4) & 0x3fff) | LEADING | EIGHT_ROWS | SWIZZLE_128;
}

/* How far a step of 16 along K moves a descriptor: 16 elements along a row, or 16 rows. */
template <Layout LAYOUT> constexpr int STEP = LAYOUT == K_ALONG ? 16 * 2 / 16 : 16 * F * 2 / 16;

/* d (+)= A B over 16 STEPS of K; issued, not waited for. */
template <Layout A, Layout B, int STEPS, int REGISTERS>
TTT_DEVICE void multiply(float (&d)[REGISTERS], const __nv_bfloat16 *a, const __nv_bfloat16 *b, bool add)
{
    const uint64_t a_tile = tile_descriptor(a), b_tile = tile_descriptor(b);
#pragma unroll
    for (int k = 0; k < STEPS; k++)
        wgmma_k16<A, B>(d, a_tile + k * STEP<A>, b_tile + k * STEP<B>, add || k > 0);
}

/* An accumulator tile rounded to the A operand of the next product: the layouts agree, element for element. */
TTT_DEVICE void pack_tile(uint32_t (&packed)[16], const float (&d)[TILE_REGISTERS])
{
#pragma unroll
    for (int k = 0; k < 16; k++)
        packed[k] = pack_bf16(d[2 * k], d[2 * k + 1]);
}

/* d += A B with A a packed tile, four registers to a step; issued, not waited for. */
template <Layout B>
TTT_DEVICE void multiply(float (&d)[TILE_REGISTERS], const uint32_t (&a)[16], const __nv_bfloat16 *b)
{
    const uint64_t b_tile = tile_descriptor(b);
#pragma unroll
    for (int k = 0; k < 4; k++)
        wgmma_k16<B>(d, a + 4 * k, b_tile + k * STEP<B>, true);
}

} // namespace ttt_gpu

#endif
