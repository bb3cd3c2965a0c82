/* SPDX-License-Identifier: MIT
 *
 * Room: the state, and what changes it.  Twin: `update` in ref/.
 */
#ifndef TTT_GPU_ROOMS_UPDATE_CUH
#define TTT_GPU_ROOMS_UPDATE_CUH

#include "../forward.h"
#include "../roles.cuh"
#include "../smem.cuh"
#include "reduce.cuh"

namespace ttt_gpu
{

/* A chain thread's part of the state: rows are the warpgroup's 64 hidden units, columns F. */
struct State {
    float W1[TILE_REGISTERS]; /* of W1 transposed, accumulator layout */
    float W2[TILE_REGISTERS];
    float b1[2]; /* of its two rows; the four lanes of a quad hold the same */
    float b2;    /* of column `thread`, in the first 64 threads */
};

/* A bias in the accumulator layout: what a product is added onto. */
TTT_DEVICE void start_with_bias(float (&Z1)[TILE_REGISTERS], const float (&b1)[2])
{
#pragma unroll
    for (int k = 0; k < TILE_REGISTERS; k++)
        Z1[k] = b1[k / 2 % 2];
}

/* b1 += column sums of A1 = -eta gZ1, from fp32: rows of the transposed tile. */
TTT_DEVICE void update_b1(float (&b1)[2], const float (&A1)[TILE_REGISTERS])
{
#pragma unroll
    for (int row = 0; row < 2; row++) {
        float sum[2] = {0.0f, 0.0f};
#pragma unroll
        for (int j = 0; j < TILE_REGISTERS / 4; j++) {
            sum[0] += A1[4 * j + 2 * row];
            sum[1] += A1[4 * j + 2 * row + 1];
        }
        sum[0] += sum[1];
        sum[0] += __shfl_xor_sync(0xffffffff, sum[0], 1);
        sum[0] += __shfl_xor_sync(0xffffffff, sum[0], 2);
        b1[row] += sum[0];
    }
}

/* Leaves a warp's column sums of A2 = -eta gZ2 where every rank keeps its b2; now = 0 or 1, parity of the mini-batch.
 */
template <int CS> TTT_DEVICE void send_b2(ForwardSmem<CS> &s, float2 sums, int column, int now, const Place &at)
{
    send_sums<CS, Config<CS>::CHAIN_WARPS>(s.b2_parts[now], &s.b2_full, sums, column, at);
}

/* b2 += those sums, in a fixed order. */
template <int CS> TTT_DEVICE void update_b2(float &b2, const ForwardSmem<CS> &s, int now, const Place &at)
{
    b2 += total_of_column<Config<CS>::B2_PARTS>(s.b2_parts[now], at.thread);
}

} // namespace ttt_gpu

#endif
