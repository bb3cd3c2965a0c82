/* SPDX-License-Identifier: MIT
 *
 * Room: pieces of rows in a block of its own (forward_single.cu): eight neighbouring lanes share a row of 64, and each
 * takes two groups of four columns, 32 apart, the odd rows in the other order.  So what a warp reads or writes at once
 * lies in different banks, in fp32 and in bfloat16.  Twins in ref/: none; there a row is a row.
 */
#ifndef TTT_GPU_ROOMS_PIECE_CUH
#define TTT_GPU_ROOMS_PIECE_CUH

#include "../ptx/math.cuh"
#include "../roles.cuh"

namespace ttt_gpu
{

constexpr int PIECE = 8;

struct Piece {
    int row, column; /* columns `column` .. + 3, then (column ^ 32) .. + 3 */
};

TTT_DEVICE Piece piece_of_thread(const Place &at)
{
    const int row = at.thread / 8;
    return {row, row % 2 * 32 + at.thread % 8 * 4};
}

/* Four bfloat16 as floats. */
TTT_DEVICE void unpack_four(float *x, uint2 v)
{
    x[0] = __uint_as_float(v.x << 16), x[1] = __uint_as_float(v.x & 0xffff0000u);
    x[2] = __uint_as_float(v.y << 16), x[3] = __uint_as_float(v.y & 0xffff0000u);
}

TTT_DEVICE uint2 pack_four(const float *x)
{
    return {pack_bf16(x[0], x[1]), pack_bf16(x[2], x[3])};
}

/* Where four columns of a row of a swizzled tile lie, in elements. */
TTT_DEVICE int four_offset(int row, int column)
{
    return row * F + ((column / 8) ^ (row % 8)) * 8 + column % 8;
}

/* Where column `column` of row `row` lies in an fp32 tile, in floats: chunks of 16 bytes, permuted so that the stores
 * of accumulators, four rows of 32 bytes at a time, meet different banks. */
TTT_DEVICE int float_offset(int row, int column)
{
    return row * F + ((column / 4) ^ (row % 4 * 2)) * 4 + column % 4;
}

TTT_DEVICE void load_four(float *x, const float *from)
{
    const float4 v = *reinterpret_cast<const float4 *>(from);
    x[0] = v.x, x[1] = v.y, x[2] = v.z, x[3] = v.w;
}

/* Of a row of F floats, the same for all rows. */
TTT_DEVICE void load_piece(float (&x)[PIECE], const float *row, const Piece &piece)
{
    load_four(x, row + piece.column);
    load_four(x + 4, row + (piece.column ^ 32));
}

/* Of an fp32 tile. */
TTT_DEVICE void load_tile_piece(float (&x)[PIECE], const float *tile, const Piece &piece)
{
    const int first = float_offset(piece.row, piece.column);
    load_four(x, tile + first);
    load_four(x + 4, tile + (first ^ 32));
}

/* Of a swizzled bfloat16 tile. */
TTT_DEVICE void load_tile_piece(float (&x)[PIECE], const __nv_bfloat16 *tile, const Piece &piece)
{
    const int first = four_offset(piece.row, piece.column);
    unpack_four(x, *reinterpret_cast<const uint2 *>(tile + first));
    unpack_four(x + 4, *reinterpret_cast<const uint2 *>(tile + (first ^ 32)));
}

TTT_DEVICE void store_tile_piece(__nv_bfloat16 *tile, const float (&x)[PIECE], const Piece &piece)
{
    const int first = four_offset(piece.row, piece.column);
    *reinterpret_cast<uint2 *>(tile + first) = pack_four(x);
    *reinterpret_cast<uint2 *>(tile + (first ^ 32)) = pack_four(x + 4);
}

/* A thread's accumulators of 32 columns, from `first` on, to an fp32 tile. */
TTT_DEVICE void store_accumulators(float *tile, const float (&x)[16], int first, const Place &at)
{
    const int to = float_offset(16 * at.warp + at.group, first + at.quad * 2);
#pragma unroll
    for (int k = 0; k < 16; k += 2) /* the next 8 columns differ in a bit or two, the next 8 rows lie behind */
        *reinterpret_cast<float2 *>(tile + (to ^ (k / 4 * 8)) + k / 2 % 2 * 8 * F) = make_float2(x[k], x[k + 1]);
}

/* Sums over the four rows of a warp: each lane is left with two columns' sums, from `column` on. */
TTT_DEVICE float2 sum_piece_rows(float (&x)[PIECE], int &column, int lane)
{
#pragma unroll
    for (int k = 0; k < 4; k++) /* the other row of a pair has these columns in its other group */
        x[k] += __shfl_xor_sync(0xffffffff, x[k + 4], 8);
    const bool upper = lane & 16;
    column += upper ? 2 : 0;
    float sum[2];
#pragma unroll
    for (int k = 0; k < 2; k++)
        sum[k] = (upper ? x[k + 2] : x[k]) + __shfl_xor_sync(0xffffffff, upper ? x[k] : x[k + 2], 16);
    return {sum[0], sum[1]};
}

} // namespace ttt_gpu

#endif
