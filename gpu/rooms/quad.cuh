/* SPDX-License-Identifier: MIT
 *
 * Room: rows where the tensor cores leave them.  The four lanes of a quad share a row of a 64 x 64 tile of accumulators
 * (QUAD_SPAN, config.h), so a row is normalised in registers, with two rounds of shuffles for a sum.  What a warp reads
 * or writes here at once lies in different banks.  Twins in ref/: none; there a row is a row.
 */
#ifndef TTT_GPU_ROOMS_QUAD_CUH
#define TTT_GPU_ROOMS_QUAD_CUH

#include "../ptx/copy.cuh"
#include "../ptx/math.cuh"
#include "../roles.cuh"
#include "reduce.cuh"

namespace ttt_gpu
{

/* One of the two rows of a tile of accumulators, r = 0 or 1. */
TTT_DEVICE void take_row(float (&x)[QUAD_SPAN], const float (&d)[TILE_REGISTERS], int r)
{
#pragma unroll
    for (int k = 0; k < QUAD_SPAN; k++)
        x[k] = d[k / 2 * 4 + 2 * r + k % 2];
}

/* Of a row of F floats, the same for all rows. */
TTT_DEVICE void load_quad(float (&x)[QUAD_SPAN], const float *row, const Place &at)
{
#pragma unroll
    for (int j = 0; j < QUAD_SPAN / 2; j++) {
        const float2 v = *reinterpret_cast<const float2 *>(row + at.quad * 2 + j * 8);
        x[2 * j] = v.x, x[2 * j + 1] = v.y;
    }
}

/* That row in all rows of a tile of accumulators: what a product is added onto. */
TTT_DEVICE void start_with_row(float (&d)[TILE_REGISTERS], const float *row, const Place &at)
{
    float x[QUAD_SPAN];
    load_quad(x, row, at);
#pragma unroll
    for (int k = 0; k < TILE_REGISTERS; k++)
        d[k] = x[k / 4 * 2 + k % 2];
}

/* Of row `row` of a swizzled bfloat16 tile. */
TTT_DEVICE void load_quad(float (&x)[QUAD_SPAN], const __nv_bfloat16 *tile, int row, const Place &at)
{
    const int first = row * F + row % 8 * 8 + at.quad * 2;
#pragma unroll
    for (int j = 0; j < QUAD_SPAN / 2; j++) {
        const uint32_t pair = *reinterpret_cast<const uint32_t *>(tile + (first ^ (j * 8)));
        x[2 * j] = __uint_as_float(pair << 16), x[2 * j + 1] = __uint_as_float(pair & 0xffff0000u);
    }
}

/* A warp's eight rows, from `first` on, rounded, to a swizzled tile. */
TTT_DEVICE void store_quad(__nv_bfloat16 *tile, const float (&x)[QUAD_SPAN], int first, const Place &at)
{
    uint32_t packed[QUAD_SPAN / 2];
#pragma unroll
    for (int j = 0; j < QUAD_SPAN / 2; j++)
        packed[j] = pack_bf16(x[2 * j], x[2 * j + 1]);
    const int row = first + at.lane % 8;
    const uint32_t to = shared_address(tile) + (uint32_t)(row * F * 2 + ((at.lane / 8) ^ (row % 8)) * 16);
    store_matrix(to, packed);
    store_matrix(to ^ 64, packed + 4);
}

/* Sums over a warp's eight rows: each lane is left with two columns' sums, from `column` on. */
TTT_DEVICE float2 sum_quad_rows(float (&x)[QUAD_SPAN], int &column, const Place &at)
{
    int first = 0;
    sum_rows<QUAD_SPAN / 2, WARP / 8>(x, first, at.lane);
    column = first * 4 + at.quad * 2;
    return {x[0], x[1]};
}

} // namespace ttt_gpu

#endif
