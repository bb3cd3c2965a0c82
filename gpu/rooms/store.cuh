/* SPDX-License-Identifier: MIT
 *
 * Room: results to shared and global memory.  Twin of `write_output`: `output` in ref/.
 */
#ifndef TTT_GPU_ROOMS_STORE_CUH
#define TTT_GPU_ROOMS_STORE_CUH

#include "../ptx/math.cuh"
#include "reduce.cuh"
#include "update.cuh"

namespace ttt_gpu
{

/* A packed accumulator tile to a swizzled tile in shared memory: 16 of its 64 columns, number `step`. */
TTT_DEVICE void store_step(__nv_bfloat16 *tile, const uint32_t (&packed)[16], int step, const Place &at)
{
    const int row = 16 * at.warp + at.lane % 16;
    const uint32_t first = shared_address(tile) + (uint32_t)(row * F * 2 + ((at.lane / 16) ^ (row % 8)) * 16);
    store_matrix(first ^ (uint32_t)(2 * step * 16), packed + 4 * step); /* chunk 2 step + lane / 16, permuted */
}

TTT_DEVICE void store_tile(__nv_bfloat16 *tile, const uint32_t (&packed)[16], const Place &at)
{
#pragma unroll
    for (int step = 0; step < 4; step++)
        store_step(tile, packed, step, at);
}

/* SPAN floats rounded to 16-byte chunks. */
template <int SPAN> TTT_DEVICE void pack_span(uint4 (&packed)[SPAN / 8], const float (&x)[SPAN])
{
#pragma unroll
    for (int j = 0; j < SPAN / 8; j++)
        packed[j] = {pack_bf16(x[8 * j], x[8 * j + 1]), pack_bf16(x[8 * j + 2], x[8 * j + 3]),
                     pack_bf16(x[8 * j + 4], x[8 * j + 5]), pack_bf16(x[8 * j + 6], x[8 * j + 7])};
}

/* A piece of row `row` of A2 to every rank's tile. */
template <int CS, int SPAN>
TTT_DEVICE void send_A2(ForwardSmem<CS> &s, const float (&x)[SPAN], int row, int column, const Place &at)
{
    uint4 packed[SPAN / 8];
    pack_span(packed, x);
    send_row<CS, Config<CS>::CHAIN_WARPS>(s.A2, &s.a2_full, packed, row, column, at);
}

/* A thread's part of W1 and b1, and of W2 and b2, to global memory, as load_state reads them. */
template <int CS> TTT_DEVICE void write_first_layer(const StateOut &to, const State &w, int64_t index, const Place &at)
{
    const int hidden = at.rank * Config<CS>::HIDDEN + at.warpgroup * 64 + at.warp * 16 + at.group;
    float *W1 = to.W1 + (index * F + at.quad * 2) * D + hidden;
#pragma unroll
    for (int k = 0; k < TILE_REGISTERS; k++)
        W1[(k / 4 * 8 + k % 2) * D + k / 2 % 2 * 8] = w.W1[k];
    if (at.quad == 0) {
        to.b1[index * D + hidden] = w.b1[0];
        to.b1[index * D + hidden + 8] = w.b1[1];
    }
}

template <int CS> TTT_DEVICE void write_second_layer(const StateOut &to, const State &w, int64_t index, const Place &at)
{
    const int hidden = at.rank * Config<CS>::HIDDEN + at.warpgroup * 64 + at.warp * 16 + at.group;
    float *W2 = to.W2 + (index * D + hidden) * F + at.quad * 2;
#pragma unroll
    for (int k = 0; k < TILE_REGISTERS; k += 2)
        *reinterpret_cast<float2 *>(W2 + k / 2 % 2 * 8 * F + k / 4 * 8) = make_float2(w.W2[k], w.W2[k + 1]);
    if (at.rank == 0 && at.thread < F)
        to.b2[index * F + at.thread] = w.b2;
}

} // namespace ttt_gpu

#endif
