/* SPDX-License-Identifier: MIT
 *
 * The forward pass on one thread block for each (batch, head): any number of them at once, and nothing is summed over
 * blocks, so nothing is exchanged in half precision.  What is computed, and the transposed form: forward.cu.
 *
 * Four warpgroups, all alike, each with its 64 hidden units.  The queries of a mini-batch ride along with the keys of
 * the next, since both read the same state: Z1 and Z1b, Z2 and Z2b are the same products of other rows.  So there is no
 * role of outputs and no copy of the state for it, and their arithmetic fills the time in which the chain waits for
 * products.
 *
 * Registers, 128 a thread: W1 32; Z1 32, then gelu' in half precision 16 (declared: `slope`); Z1b, later gX2 and W2,
 * 32; Z2 or Z2b 16.  W2 and the biases lie in shared memory between their updates.  With so few to spare, what is cheap
 * to compute again is (look_up, forget): kept over the loop it would spill.
 *
 * TIMELINE of mini-batch i, cycles of a warp on one H200 with clocks read on the way (which adds a tenth); on the left
 * products, on the right what goes on meanwhile.  | is a barrier of the block.
 *
 *   F1   Z1 = K W1                              W1's copy                                             700
 *                                               X2 = gelu(Z1), gelu'                                 2500
 *   F6   Z1b = Q W1, Q of i - 1                                                                       500
 *   |    X2, W2                                                                                       400
 *   F2   Z2 = X2 W2 (warpgroups 0 and 1)        X2b = gelu(Z1b)                                      2200
 *   |    Z2, X2b                                                                                      200
 *   F7   Z2b = X2b W2 (warpgroups 2 and 3)      A2 = -eta gZ2; sums for b2                           2500
 *   |    A2                                                                                           100
 *   F3   gX2 = A2 W2^T                          Z2b put down                                          900
 *   F4   W1 += K^T A1                           A1 = gX2 gelu' before it; sums for b1; W2 fetched     1300
 *   |    Z2b                                                                                          100
 *   F5   W2 += X2^T A2                          XQW of i - 1                                         1300
 *                                               W2 put away, its copy                                 700
 *
 * SHARED MEMORY (bytes; field by field in smem.cuh)
 *   K, V, Q                   32768
 *   X2; W1, then X2b          65536
 *   W2 rounded; W2            98304
 *   A2                         8192
 *   Z2, then Z2b              16384
 *   biases, norm, mbarriers    about 5 KB
 */
#include "forward.h"
#include "roles.cuh"
#include "rooms/gelu.cuh"
#include "rooms/load.cuh"
#include "rooms/matmul.cuh"
#include "rooms/norm.cuh"
#include "rooms/piece.cuh"
#include "rooms/store.cuh"
#include "rooms/update.cuh"
#include "smem.cuh"

namespace ttt_gpu
{

using cfg = Config<1>;

/* The same place, looked up again: what is computed from it need not stay in registers meanwhile. */
TTT_DEVICE Place look_up(const Place &at)
{
    Place again = at;
    again.thread = thread_now();
    again.sequence = block_now();
    again.lane = again.thread % WARP;
    again.group = again.lane / 4;
    again.quad = again.lane % 4;
    return again;
}

/* Warpgroups 0 and 1 compute Z2, 2 and 3 Z2b. */
TTT_DEVICE bool computes_Z2(const Place &at)
{
    return at.warpgroup < 2;
}

TTT_DEVICE int first_Z2_column(const Place &at)
{
    return at.warpgroup % 2 * cfg::Z2_COLUMNS;
}

/* One thread starts the copy of the keys of mini-batch i (number `mini_batches`, past the end, reads as zeros), of its
 * values or queries. */
TTT_DEVICE void fetch_tokens(const CUtensorMap &map, __nv_bfloat16 *to, uint64_t *full, int i, const Place &at)
{
    mbarrier_arrive_expect(full, TILE_BYTES);
    tensor_copy(to, &map, 0, i * C, at.sequence, full);
}

/* What a thread keeps from one half of a mini-batch to the other. */
struct Opened {
    uint32_t slope[16]; /* gelu', half precision */
    __nv_bfloat16 eta;  /* of that row */
};

/* Starts Z1 = K W1 of mini-batch i, and leaves W1, rounded, where Z1b will read it. */
TTT_DEVICE void start_Z1(float (&Z1)[TILE_REGISTERS], const State &w, SingleSmem &s, const Place &from, int i)
{
    const Place at = look_up(from);
    uint32_t packed[16];
    pack_tile(packed, w.W1);
    start_with_bias(Z1, w.b1);
    mbarrier_wait(&s.k_full[i % cfg::STAGES], i / cfg::STAGES % 2);
    wgmma_fence();
    multiply<K_ALONG>(Z1, packed, s.K[i % cfg::STAGES]);
    wgmma_commit();
    store_tile(s.X2b + at.warpgroup * TILE, packed, at);
}

/* Starts Z1b = Q W1 of mini-batch i - 1, when W1 of state i lies there. */
TTT_DEVICE void start_Z1b(float (&Z1b)[TILE_REGISTERS], const State &w, SingleSmem &s, const Place &at, int i)
{
    start_with_bias(Z1b, w.b1);
    mbarrier_wait(&s.q_full, (i - 1) % 2);
    bar_sync_one<BARRIER_WARPGROUP, WARPGROUP, cfg::WARPGROUPS>(at.warpgroup);
    wgmma_fence();
    multiply<K_ALONG, K_ALONG, 4>(Z1b, forget(s.X2b) + at.warpgroup * TILE, forget(s.Q), true);
    wgmma_commit();
}

/* A warpgroup's half of Z2, or Z2b, with b2 of state i, for those that normalise it. */
TTT_DEVICE void store_Z2(SingleSmem &s, float (&Z2)[cfg::Z2_REGISTERS], const Place &from, int i)
{
    const Place at = look_up(from);
    const int first = first_Z2_column(at);
#pragma unroll
    for (int k = 0; k < cfg::Z2_REGISTERS; k += 4) {
        const float2 b2 = *reinterpret_cast<const float2 *>(s.b2[i % 2] + first + k * 2 + at.quad * 2);
        Z2[k] += b2.x, Z2[k + 1] += b2.y, Z2[k + 2] += b2.x, Z2[k + 3] += b2.y;
    }
    store_accumulators(s.Z2, Z2, first, at);
}

/* W2 between its updates. */
TTT_DEVICE void put_away_W2(const State &w, SingleSmem &s, const Place &from)
{
    const Place at = look_up(from);
#pragma unroll
    for (int k = 0; k < TILE_REGISTERS; k += 4)
        s.W2_state[k / 4][at.thread] = make_float4(w.W2[k], w.W2[k + 1], w.W2[k + 2], w.W2[k + 3]);
    uint32_t packed[16];
    pack_tile(packed, w.W2);
    store_tile(s.W2 + at.warpgroup * TILE, packed, at);
}

TTT_DEVICE void take_W2(State &w, const SingleSmem &s, const Place &from)
{
    const Place at = look_up(from);
#pragma unroll
    for (int k = 0; k < TILE_REGISTERS; k += 4) {
        const float4 v = s.W2_state[k / 4][at.thread];
        w.W2[k] = v.x, w.W2[k + 1] = v.y, w.W2[k + 2] = v.z, w.W2[k + 3] = v.w;
    }
}

/* Writes state i. */
TTT_DEVICE void write_state(const StateOut &to, int64_t index, State &w, const SingleSmem &s, const Place &at, int i)
{
    w.b2 = at.thread < F ? s.b2[i % 2][at.thread] : 0.0f;
    write_first_layer<1>(to, w, index, at);
    write_second_layer<1>(to, w, index, at);
}

/* Writes state i where a checkpoint is due. */
TTT_DEVICE void write_checkpoint(const ForwardParams &p, State &w, const SingleSmem &s, const Place &from, int i)
{
    if (i % p.checkpoint_group_size || i >= p.mini_batches || !p.checkpoints.W1)
        return;
    const Place at = look_up(from);
    const int64_t index = (int64_t)at.sequence * p.checkpoints_per_sequence + i / p.checkpoint_group_size;
    write_state(p.checkpoints, index, w, s, at, i);
}

/* gelu of 32 of the 64 tokens, and its derivative. */
TTT_DEVICE void gelu_half(Opened &o, float (&Z1)[TILE_REGISTERS], SingleSmem &s, const Place &from, int half)
{
    const Place at = look_up(from);
    uint32_t packed[16];
    float S[TILE_REGISTERS];
#pragma unroll
    for (int step = 2 * half; step < 2 * half + 2; step++) {
        gelu_step(packed, Z1, S, step);
        store_step(s.X2 + at.warpgroup * TILE, packed, step, at);
        gelu_grad_step(o.slope, Z1, S, step);
    }
}

/* X2b = gelu(Z1b), in place of this warpgroup's W1. */
TTT_DEVICE void gelu_queries(float (&Z1b)[TILE_REGISTERS], SingleSmem &s, const Place &from)
{
    const Place at = look_up(from);
    uint32_t packed[16];
    float S[TILE_REGISTERS];
#pragma unroll
    for (int step = 0; step < 4; step++) {
        gelu_step(packed, Z1b, S, step);
        store_step(s.X2b + at.warpgroup * TILE, packed, step, at);
    }
    proxy_fence();
}

/* From Z1, in flight, to Z2 of mini-batch i and X2b of i - 1, both in shared memory. */
template <bool FIRST>
TTT_DEVICE void open_mini_batch(Opened &o, float (&Z1)[TILE_REGISTERS], State &w, const ForwardParams &p, SingleSmem &s,
                                const Place &at, int i)
{
    wgmma_wait<0>();
    settle(Z1);
    gelu_half(o, Z1, s, at, 0);
    gelu_half(o, Z1, s, at, 1);
    proxy_fence();
    float Z1b[TILE_REGISTERS];
    if (!FIRST)
        start_Z1b(Z1b, w, s, at, i);
    __syncthreads();
    if (at.thread == 0 && i < p.mini_batches) { /* nobody reads K of i - 1 any more */
        fetch_tokens(p.XK, s.K[(i + 1) % cfg::STAGES], &s.k_full[(i + 1) % cfg::STAGES], i + 1, at);
        prefetch_l2(p.last_eta + at.sequence * p.seq_len + (int64_t)i * C);
    }
    if (!FIRST) {
        wgmma_wait<0>();
        settle(Z1b);
    }

    /* F2, by half of the warpgroups, whose product runs under gelu(Z1b). */
    if (computes_Z2(at)) {
        float Z2[cfg::Z2_REGISTERS];
        wgmma_fence();
        multiply<K_DOWN, K_DOWN, D / 16>(Z2, forget(s.X2), forget(s.W2) + first_Z2_column(at), false);
        wgmma_commit();
        if (!FIRST)
            gelu_queries(Z1b, s, at);
        wgmma_wait<0>();
        settle(Z2);
        store_Z2(s, Z2, at, i);
    } else if (!FIRST) {
        gelu_queries(Z1b, s, at);
    }
    const Place here = look_up(at);
    o.eta = load_eta(p, here, i * C + piece_of_thread(here).row);
    __syncthreads();
    if (at.thread == 0 && i < p.mini_batches) /* nor Q of i - 1 */
        fetch_tokens(p.XQ, s.Q, &s.q_full, i, at);
}

/* A2 = -eta gZ2 of the thread's piece of a row of mini-batch i, and its share of the sums for b2; `between`, once what
 * it is made of is there. */
template <class Work>
TTT_DEVICE void inner_gradient(const Opened &o, const ForwardParams &p, SingleSmem &s, const Place &from, int i,
                               Work between)
{
    const Place at = look_up(from);
    const Piece piece = piece_of_thread(at);
    float A2[PIECE], wt[PIECE], w[PIECE], b[PIECE], K[PIECE], V[PIECE];
    mbarrier_wait(&s.v_full, i % 2);
    load_tile_piece(A2, s.Z2, piece);
    load_tile_piece(K, s.K[i % cfg::STAGES], piece);
    load_tile_piece(V, s.V, piece);
    load_piece(w, s.norm_weight, piece);
    load_piece(b, s.norm_bias, piece);
    target(wt, K, V, w, b);
#pragma unroll
    for (int k = 0; k < PIECE; k++)
        w[k] *= w[k];
    settle(A2);
    settle(wt);
    settle(w);
    between();
    norm_l2_grad(A2, wt, w, p.eps, __bfloat162float(o.eta));
#pragma unroll
    for (int k = 0; k < PIECE; k++)
        A2[k] = i * C + piece.row < (int)p.seq_len ? A2[k] : 0.0f;
    store_tile_piece(s.A2, A2, piece);
    int column = piece.column;
    const float2 sums = sum_piece_rows(A2, column, at.lane);
    *reinterpret_cast<float2 *>(&s.b2_parts[at.thread / WARP][column]) = sums;
}

/* b2 of state i + 1. */
TTT_DEVICE void update_b2(SingleSmem &s, const Place &from, int i)
{
    const Place at = look_up(from);
    if (at.thread >= F)
        return;
    float sum = 0.0f;
#pragma unroll
    for (int warp = 0; warp < cfg::WARPS; warp++)
        sum += s.b2_parts[warp][at.thread];
    s.b2[(i + 1) % 2][at.thread] = s.b2[i % 2][at.thread] + sum;
}

/* XQW of mini-batch i - 1, from Z2b of the state that it left. */
TTT_DEVICE void finish_output(const ForwardParams &p, SingleSmem &s, const Place &from, int i)
{
    const Place at = look_up(from);
    const Piece piece = piece_of_thread(at);
    const int token = (i - 1) * C + piece.row;
    const bool exists = token < (int)p.seq_len;
    const int64_t row = (at.sequence * p.seq_len + token) * F;
    uint2 queries[2] = {}; /* in the L2 since they were copied */
    if (exists) {
        queries[0] = *reinterpret_cast<const uint2 *>(p.queries + row + piece.column);
        queries[1] = *reinterpret_cast<const uint2 *>(p.queries + row + (piece.column ^ 32));
    }
    float x[PIECE], w[PIECE], b[PIECE], Q[PIECE];
    load_tile_piece(x, s.Z2, piece);
    normalize(x, p.eps);
    load_piece(w, s.norm_weight, piece);
    load_piece(b, s.norm_bias, piece);
    unpack_four(Q, queries[0]);
    unpack_four(Q + 4, queries[1]);
    output(x, w, b, Q);
    if (exists) {
        *reinterpret_cast<uint2 *>(p.XQW + row + piece.column) = pack_four(x);
        *reinterpret_cast<uint2 *>(p.XQW + row + (piece.column ^ 32)) = pack_four(x + 4);
    }
}

/* F7, issued and committed. */
TTT_DEVICE void start_Z2b(float (&Z2b)[cfg::Z2_REGISTERS], const SingleSmem &s, const Place &at)
{
    wgmma_fence();
    multiply<K_DOWN, K_DOWN, D / 16>(Z2b, forget(s.X2b), forget(s.W2) + first_Z2_column(at), false);
    wgmma_commit();
}

/* From Z2 of mini-batch i and X2b of i - 1 to state i + 1, with Z1 of i + 1 in flight. */
TTT_DEVICE void close_mini_batch(const Opened &o, float (&Z1)[TILE_REGISTERS], State &w, const ForwardParams &p,
                                 SingleSmem &s, const Place &at, int i)
{
    float Z2b[cfg::Z2_REGISTERS];
    if (computes_Z2(at)) {
        inner_gradient(o, p, s, at, i, [] {});
    } else {
        /* Behind what the norm loads: this product takes all of the shared memory's bandwidth. */
        inner_gradient(o, p, s, at, i, [&] { start_Z2b(Z2b, s, at); });
        wgmma_wait<0>();
        settle(Z2b);
    }
    proxy_fence();
    __syncthreads();
    if (at.thread == 0 && i + 1 < p.mini_batches) /* nobody reads V of i any more */
        fetch_tokens(p.XV, s.V, &s.v_full, i + 1, at);

    /* F3: gX2 = A2 W2^T, still times -eta. */
    float A1[TILE_REGISTERS];
    wgmma_fence();
    multiply<K_ALONG, K_ALONG, 4>(A1, forget(s.W2) + at.warpgroup * TILE, forget(s.A2), false);
    wgmma_commit();
    if (!computes_Z2(at))
        store_Z2(s, Z2b, at, i);
    wgmma_wait<0>();
    settle(A1);
    multiply_slope(A1, o.slope);

    /* F4: W1 += K^T A1. */
    uint32_t packed[16];
    pack_tile(packed, A1);
    wgmma_fence();
    multiply<K_DOWN>(w.W1, packed, s.K[i % cfg::STAGES]);
    wgmma_commit();
    settle(A1);
    update_b1(w.b1, A1);
    /* F5: W2 += X2^T A2. */
    take_W2(w, s, at);
    wgmma_fence();
    multiply<K_ALONG, K_DOWN, 4>(w.W2, forget(s.X2) + at.warpgroup * TILE, forget(s.A2), true);
    wgmma_commit();
    update_b2(s, at, i);
    __syncthreads();
    wgmma_wait<1>();
    settle(w.W1);
    if (i > 0)
        finish_output(p, s, at, i);
    wgmma_wait<0>();
    settle(w.W2);
    put_away_W2(w, s, at);
    write_checkpoint(p, w, s, at, i + 1);

    start_Z1(Z1, w, s, at, i + 1);
}

/* Barriers, the constants of the head, the first keys. */
TTT_DEVICE void set_up(const ForwardParams &p, SingleSmem &s, const Place &at)
{
    const int head = at.sequence % p.heads;
    if (at.thread == 0) {
        for (int i = 0; i < cfg::STAGES; i++)
            mbarrier_init(&s.k_full[i], 1);
        mbarrier_init(&s.v_full, 1);
        mbarrier_init(&s.q_full, 1);
        mbarrier_init_fence();
        tensor_map_prefetch(&p.XQ);
        tensor_map_prefetch(&p.XK);
        tensor_map_prefetch(&p.XV);
        fetch_tokens(p.XK, s.K[0], &s.k_full[0], 0, at);
        fetch_tokens(p.XV, s.V, &s.v_full, 0, at);
    }
    if (at.thread < F) {
        const float w = p.ttt_norm_weight[head * F + at.thread];
        s.norm_weight[at.thread] = w;
        s.norm_weight_squared[at.thread] = w * w;
        s.norm_bias[at.thread] = p.ttt_norm_bias[head * F + at.thread];
    }
    __syncthreads();
}

__global__ void __launch_bounds__(cfg::THREADS, 1) forward_single_kernel(const __grid_constant__ ForwardParams p)
{
    extern __shared__ __align__(SWIZZLE_BYTES) unsigned char shared_memory[];
    SingleSmem &s = *reinterpret_cast<SingleSmem *>(shared_memory);
    const Place at = place_of_thread<1>(0);
    set_up(p, s, at);
    State w;
    load_state<1>(w, p.init, at.sequence, at);
    if (at.thread < F)
        s.b2[0][at.thread] = w.b2;
    write_checkpoint(p, w, s, at, 0);
    put_away_W2(w, s, at);
    Opened o;
    float Z1[TILE_REGISTERS];
    start_Z1(Z1, w, s, at, 0);
    open_mini_batch<true>(o, Z1, w, p, s, at, 0);
    for (int i = 0; i < p.mini_batches; i++) {
        close_mini_batch(o, Z1, w, p, s, at, i);
        open_mini_batch<false>(o, Z1, w, p, s, at, i + 1);
    }

    /* The outputs of the last mini-batch. */
    if (!computes_Z2(at)) {
        float Z2b[cfg::Z2_REGISTERS];
        start_Z2b(Z2b, s, at);
        wgmma_wait<0>();
        settle(Z2b);
        store_Z2(s, Z2b, at, p.mini_batches);
    }
    if (p.last.W1) {
        const Place again = look_up(at);
        take_W2(w, s, again);
        write_state(p.last, again.sequence, w, s, again, p.mini_batches);
    }
    __syncthreads();
    finish_output(p, s, at, p.mini_batches);
}

cudaError_t forward_single_launch(const ForwardParams &p, int sequences, cudaStream_t stream)
{
    const int bytes = (int)sizeof(SingleSmem);
    const cudaError_t error =
        cudaFuncSetAttribute(forward_single_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    if (error != cudaSuccess)
        return error;
    forward_single_kernel<<<(unsigned)sequences, cfg::THREADS, bytes, stream>>>(p);
    return cudaGetLastError();
}

} // namespace ttt_gpu
