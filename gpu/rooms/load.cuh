/* SPDX-License-Identifier: MIT
 *
 * Room: tokens and state from global memory.  (ref/: the loop over mini-batches in seq reads them in place.)
 */
#ifndef TTT_GPU_ROOMS_LOAD_CUH
#define TTT_GPU_ROOMS_LOAD_CUH

#include "update.cuh"

namespace ttt_gpu
{

/* One thread starts the copies of XK and XV of mini-batch i, if there is one, and has its last_eta brought to the L2.
 * Number `mini_batches`, past the end, counts as one: the chain looks one step ahead, and finds rows of zeros there. */
template <int CS> TTT_DEVICE void fetch_kv(const ForwardParams &p, ForwardSmem<CS> &s, const Place &at, int i)
{
    if (i > p.mini_batches)
        return;
    using cfg = Config<CS>;
    const int stage = i % KV_STAGES;
    mbarrier_arrive_expect(&s.kv_full[stage], (C + cfg::ROWS) * F * 2);
    tensor_copy(s.K[stage], &p.XK, 0, i * C, at.sequence, &s.kv_full[stage]);
    tensor_copy(s.V[stage], &p.XV, 0, i * C + at.rank * cfg::ROWS, at.sequence, &s.kv_full[stage]);
    if (i < p.mini_batches)
        prefetch_l2(p.last_eta + at.sequence * p.seq_len + (int64_t)i * C);
}

/* The same for XQ. */
template <int CS> TTT_DEVICE void fetch_q(const ForwardParams &p, ForwardSmem<CS> &s, const Place &at, int i)
{
    if (i >= p.mini_batches)
        return;
    const int stage = i % Q_STAGES;
    mbarrier_arrive_expect(&s.q_full[stage], C * F * 2);
    tensor_copy(s.Q[stage], &p.XQ, 0, i * C, at.sequence, &s.q_full[stage]);
}

/* last_eta of a token, 0 past the end of the sequence. */
TTT_DEVICE __nv_bfloat16 load_eta(const ForwardParams &p, const Place &at, int64_t token)
{
    return token < p.seq_len ? p.last_eta[at.sequence * p.seq_len + token] : __float2bfloat16(0.0f);
}

/* 8 bfloat16 as floats. */
TTT_DEVICE void unpack_chunk(float *x, uint4 v)
{
    const uint32_t pair[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int k = 0; k < 4; k++) {
        x[2 * k] = __uint_as_float(pair[k] << 16);
        x[2 * k + 1] = __uint_as_float(pair[k] & 0xffff0000u);
    }
}

/* A thread's SPAN elements of a row of a swizzled tile, as floats. */
template <int SPAN> TTT_DEVICE void load_span(float (&x)[SPAN], const __nv_bfloat16 *tile, int row, int column)
{
#pragma unroll
    for (int j = 0; j < SPAN / 8; j++) {
        const int chunk = (column / 8 + j) ^ (row % 8);
        unpack_chunk(x + 8 * j, *reinterpret_cast<const uint4 *>(tile + row * F + chunk * 8));
    }
}

/* SPAN floats in a row. */
template <int SPAN> TTT_DEVICE void load_span(float (&x)[SPAN], const float *row)
{
#pragma unroll
    for (int j = 0; j < SPAN / 4; j++) {
        const float4 v = *reinterpret_cast<const float4 *>(row + 4 * j);
        x[4 * j] = v.x, x[4 * j + 1] = v.y, x[4 * j + 2] = v.z, x[4 * j + 3] = v.w;
    }
}

/* A thread's part of state number `index` of W1 [.., F, D], b1 [.., D], W2 [.., D, F], b2 [.., F]. */
template <int CS> TTT_DEVICE void load_state(State &w, const StateIn &from, int64_t index, const Place &at)
{
    const int hidden = at.rank * Config<CS>::HIDDEN + at.warpgroup * 64 + at.warp * 16 + at.group;
#pragma unroll
    for (int k = 0; k < TILE_REGISTERS; k++) {
        const int h = hidden + k / 2 % 2 * 8, f = k / 4 * 8 + at.quad * 2 + k % 2;
        w.W1[k] = from.W1[(index * F + f) * D + h];
        w.W2[k] = from.W2[(index * D + h) * F + f];
    }
    w.b1[0] = from.b1[index * D + hidden];
    w.b1[1] = from.b1[index * D + hidden + 8];
    w.b2 = at.thread < F ? from.b2[index * F + at.thread] : 0.0f;
}

} // namespace ttt_gpu

#endif
