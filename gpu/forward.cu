/* SPDX-License-Identifier: MIT
 *
 * The forward pass, non-causal form: C = F = 64, D = 256, bfloat16 tokens, fp32 state.
 *
 * One cluster of CS = 2 or 4 thread blocks works through the mini-batches of one (batch, head); one block alone has a
 * kernel of its own, forward_single.cu.  Tiles are transposed: hidden
 * units are the rows of Z1, X2 and the state, so that each warpgroup of the chain keeps its 64 hidden units of W1 and
 * W2 in registers from the first mini-batch to the last, as fp32 accumulators that products are added onto, and the
 * accumulators of one product are, rounded, the operand of the next.
 *
 * Signs: A2 = -eta gZ2 and A1 = -eta gZ1.  eta is folded in once, so F3 multiplies A2 instead of gZ2 (declared: `eta`).
 *
 * TIMELINE of mini-batch i, in cycles for clusters of 2 / 4: what the measured primitives add up to, and what the
 * samples of a profiler on one H200 say it takes, the outputs running beside it (reports/perf/NOTES.md).
 *
 *   chain                                     sum of      measured     outputs of mini-batch i - 1 (state i)
 *                                             primitives
 *   F1   Z1 = K W1                            256 /  208   550 /  200  F6   Z1b = Q W1, a tile of 64 hidden units
 *          behind it: copies of state i                                     X2b = gelu(Z1b + b1)
 *        X2 = gelu(Z1)                        750 /  480   870 /  600  F7   Z2b = X2b W2, that tile's share
 *   F2   parts of Z2 = X2 W2                  315 /  187   780 /  390       exchange
 *          behind it: b2, the target                                        XQW = Q + w normalize(Z2b) + b
 *        exchange, to the row's rank          430 /  450   560 /  560
 *          behind it: half of gelu', checkpoint
 *        A2 = -eta gZ2                        361 /  361  1200 /  860
 *        exchange, to all ranks               430 /  450   420 /  530
 *          behind it: sums for b2, half of gelu'
 *   F3   gX2 = A2 W2^T                        256 /  174   480 /  250
 *        A1 = gX2 gelu'                       120 /   60
 *   F4   W1 += K^T A1                         256 /  208   690 /  400
 *          behind it: F5, W2 += X2^T A2; b1
 *
 * What a step hides ("behind it") must stay in its place: the compiler moves arithmetic towards its use (roles.cuh,
 * do_here; ptx/wgmma.cuh, settle).
 *
 * SHARED MEMORY (bytes, clusters of 2 / 4; field by field in smem.cuh)
 *   K, V, Q stages            53248 / 47104
 *   X2, X2b                   32768 / 16384
 *   W1, W2, two copies        65536 / 32768
 *   A2                         8192 /  8192
 *   parts of Z2, Z2b, b2      40960 / 40960
 *   biases, norm, mbarriers    about 3 KB
 */
#include "forward.h"
#include "roles.cuh"
#include "rooms/gelu.cuh"
#include "rooms/load.cuh"
#include "rooms/matmul.cuh"
#include "rooms/norm.cuh"
#include "rooms/reduce.cuh"
#include "rooms/store.cuh"
#include "rooms/update.cuh"
#include "smem.cuh"

namespace ttt_gpu
{

/* F1, issued and committed: Z1 += K W1 of mini-batch i; `packed` becomes W1 rounded. */
template <int CS>
TTT_DEVICE void start_Z1(float (&Z1)[TILE_REGISTERS], uint32_t (&packed)[16], const float (&W1)[TILE_REGISTERS],
                         const ForwardSmem<CS> &s, int i)
{
    pack_tile(packed, W1);
    wgmma_fence();
    multiply<K_ALONG>(Z1, packed, s.K[i % KV_STAGES]);
    wgmma_commit();
}

/* A mini-batch between its first half, which needs the state before it, and its second, which changes the state. */
template <int CS> struct Opened {
    float Z1[TILE_REGISTERS];           /* clamped */
    float S[TILE_REGISTERS];            /* (1 + tanh) / 2 of it */
    float Z2[Config<CS>::Z2_REGISTERS]; /* this rank's part, without b2 */
    float wt[Config<CS>::CHAIN_SPAN];   /* w (b - (V - K)) of the thread's piece of a row */
};

/* The first half of mini-batch i, from Z1, whose product is in flight behind the W2 update of i - 1.  State i
 * becomes complete on the way, and gets its copies for the outputs.  W1 packed. */
template <int CS>
TTT_DEVICE void open_mini_batch(Opened<CS> &o, const uint32_t (&W1)[16], State &w, const ForwardParams &p,
                                ForwardSmem<CS> &s, const Span &span, const Place &at, int i)
{
    using cfg = Config<CS>;
    const int now = i % 2;
    if (i >= 3) /* the outputs of mini-batch i - 3 were the last to read this copy */
        bar_sync_one<BARRIER_STATE_FREE, cfg::THREADS>(now);
    uint32_t packed[16];
    store_tile(s.W1[now] + at.warpgroup * TILE, W1, at);
    wgmma_wait<1>();
    settle(w.W2);
    pack_tile(packed, w.W2);
    store_tile(s.W2[now] + at.warpgroup * TILE, packed, at);
    if (at.quad == 0) {
        float *b1 = s.b1[now] + at.warpgroup * 64 + at.warp * 16 + at.group;
        b1[0] = w.b1[0];
        b1[8] = w.b1[1];
    }
    wgmma_wait<0>();
    settle(o.Z1);
    clear_past_end(o.Z1, p, i, at.quad);
#pragma unroll
    for (int step = 0; step < 4; step++) {
        gelu_step(packed, o.Z1, o.S, step);
        store_step(s.X2 + at.warpgroup * TILE, packed, step, at);
    }
    proxy_fence();
    bar_sync<BARRIER_CHAIN, cfg::CHAIN_THREADS>();

    /* F2, this rank's part of Z2 = X2 W2. */
    wgmma_fence();
    multiply<K_DOWN, K_DOWN, cfg::HIDDEN / 16>(o.Z2, s.X2, s.W2[now] + at.warpgroup * cfg::Z2_COLUMNS, false);
    wgmma_commit();
    if (i > 0) {
        mbarrier_wait(&s.b2_full, (i - 1) % 2);
        if (at.thread < F) {
            update_b2(w.b2, s, (i - 1) % 2, at);
            s.b2[i % B2_COPIES][at.thread] = w.b2;
        }
        if (!cfg::LATE_OUTPUTS)
            mbarrier_arrive(&s.state_ready[now]);
    }
    float K[cfg::CHAIN_SPAN], V[cfg::CHAIN_SPAN], weight[cfg::CHAIN_SPAN], bias[cfg::CHAIN_SPAN];
    load_span(K, s.K[i % KV_STAGES], at.rank * cfg::ROWS + span.row, span.column);
    load_span(V, s.V[i % KV_STAGES], span.row, span.column);
    load_span(weight, s.norm_weight + span.column);
    load_span(bias, s.norm_bias + span.column);
    target(o.wt, K, V, weight, bias);
    settle(o.wt);
    wgmma_wait<0>();
    settle(o.Z2);
}

/* Z2 = X2 W2 + b2 from its parts;  A2 = -eta gZ2 of the thread's piece of a row, 0 in rows past the end, to every rank;
 * its column sums to where b2 is kept. */
template <int CS>
TTT_DEVICE void inner_gradient(Opened<CS> &o, const ForwardParams &p, ForwardSmem<CS> &s, const Span &span, float eta,
                               const Place &at, int i)
{
    using cfg = Config<CS>;
    constexpr int SPAN = cfg::CHAIN_SPAN;
    const int now = i % 2, row = at.rank * cfg::ROWS + span.row;
    const int64_t token = (int64_t)i * C + row;
    float A2[SPAN], b2[SPAN], ww[SPAN];
    mbarrier_wait(&s.z2_full[now], i / 2 % 2);
    load_span(b2, s.b2[i % B2_COPIES] + span.column);
    load_span(ww, s.norm_weight_squared + span.column);
    sum_parts<CS>(A2, s.Z2_parts[now][0], span);
#pragma unroll
    for (int k = 0; k < SPAN; k++)
        A2[k] += b2[k];
    norm_l2_grad(A2, o.wt, ww, p.eps, eta);
#pragma unroll
    for (int k = 0; k < SPAN; k++)
        A2[k] = token < p.seq_len ? A2[k] : 0.0f;
    send_A2(s, A2, row, span.column, at);
    settle(A2);
    if (cfg::LATE_OUTPUTS && i > 0)
        mbarrier_arrive(&s.state_ready[now]);
    int column = span.column;
    sum_rows<SPAN / 2, F / SPAN>(A2, column, at.lane);
    send_b2(s, {A2[0], A2[1]}, column, now, at);
}

/* The second half of mini-batch i, from A2: the update, W2's in flight.  Z1 becomes the bias that its next product is
 * added onto. */
template <int CS> TTT_DEVICE void update_state(Opened<CS> &o, State &w, ForwardSmem<CS> &s, const Place &at, int i)
{
    /* F3: gX2 = A2 W2^T, still times -eta. */
    float A1[TILE_REGISTERS];
    uint32_t packed[16];
    wgmma_fence();
    multiply<K_ALONG, K_ALONG, 4>(A1, s.W2[i % 2] + at.warpgroup * TILE, s.A2, false);
    wgmma_commit();
    mbarrier_wait(&s.kv_full[(i + 1) % KV_STAGES], (i + 1) / KV_STAGES % 2);
    wgmma_wait<0>();
    settle(A1);
#pragma unroll
    for (int k = 0; k < TILE_REGISTERS; k++)
        A1[k] *= o.Z1[k];

    /* F4: W1 += K^T A1. */
    pack_tile(packed, A1);
    wgmma_fence();
    multiply<K_DOWN>(w.W1, packed, s.K[i % KV_STAGES]);
    wgmma_commit();
    /* F5: W2 += X2^T A2. */
    multiply<K_ALONG, K_DOWN, 4>(w.W2, s.X2 + at.warpgroup * TILE, s.A2, true);
    wgmma_commit();
    settle(A1);
    update_b1(w.b1, A1);
    start_with_bias(o.Z1, w.b1);
    wgmma_wait<1>();
    settle(w.W1);
}

/* Where the next checkpoint goes, and when. */
struct Checkpoints {
    int64_t next;
    int left; /* mini-batches until then */
};

/* The recurrence. */
template <int CS> TTT_DEVICE void run_chain(const ForwardParams &p, ForwardSmem<CS> &s, const Place &at)
{
    using cfg = Config<CS>;
    const Span span = span_of_thread<cfg::CHAIN_SPAN>(at);
    const int row = at.rank * cfg::ROWS + span.row;
    const Sender sender = make_sender<CS>(s.Z2_parts, s.z2_full, at.warpgroup, at);
    State w;
    load_state<CS>(w, p.init, at.sequence, at);
    Opened<CS> o;
    uint32_t W1[16];
    if (at.thread < F)
        s.b2[0][at.thread] = w.b2;
    mbarrier_wait(&s.kv_full[0], 0);
    start_with_bias(o.Z1, w.b1);
    start_Z1(o.Z1, W1, w.W1, s, 0);
    open_mini_batch(o, W1, w, p, s, span, at, 0);

    Checkpoints checkpoints = {(int64_t)at.sequence * p.checkpoints_per_sequence, 0};
    __nv_bfloat16 next_eta = load_eta(p, at, row); /* a step ahead, as it must not be waited for */
    for (int i = 0; i < p.mini_batches; i++) {
        send_parts<CS, cfg::CHAIN_WARPS>(o.Z2, sender, s.z2_full, i % 2, at);

        /* While they travel: all that needs no Z2. */
        const float eta = __bfloat162float(next_eta);
        next_eta = load_eta(p, at, (int64_t)(i + 1) * C + row);
        do_here(p.heads < 1, [&] { gelu_grad<0>(o.Z1, o.S); });
        const bool checkpoint_here = checkpoints.left == 0 && p.checkpoints.W1;
        if (checkpoint_here)
            write_first_layer<CS>(p.checkpoints, w, checkpoints.next, at);

        inner_gradient(o, p, s, span, eta, at, i);

        /* While A2 travels. */
        if (checkpoint_here)
            write_second_layer<CS>(p.checkpoints, w, checkpoints.next, at);
        if (checkpoints.left == 0)
            checkpoints = {checkpoints.next + 1, p.checkpoint_group_size};
        checkpoints.left--;
        do_here(p.checkpoint_group_size < 1, [&] { gelu_grad<1>(o.Z1, o.S); });
        mbarrier_wait(&s.a2_full, i % 2);
        proxy_fence();

        update_state(o, w, s, at, i);

        /* The next mini-batch; past the end, one of zeros. */
        start_Z1(o.Z1, W1, w.W1, s, i + 1);
        open_mini_batch(o, W1, w, p, s, span, at, i + 1);
    }
    if (cfg::LATE_OUTPUTS)
        mbarrier_arrive(&s.state_ready[p.mini_batches % 2]);
    if (p.last.W1) {
        write_first_layer<CS>(p.last, w, at.sequence, at);
        write_second_layer<CS>(p.last, w, at.sequence, at);
    }
}

/* XQW = Q + w normalize(Z2b) + b of a thread's piece of a row of mini-batch i, once its parts are there. */
template <int CS>
TTT_DEVICE void finish_output(const ForwardParams &p, ForwardSmem<CS> &s, const Span &span, const Place &at, int i)
{
    constexpr int SPAN = Config<CS>::OUTPUT_SPAN;
    const int row = at.rank * Config<CS>::ROWS + span.row;
    float Z2b[SPAN], b[SPAN];
    mbarrier_wait(&s.z2b_full[i % 2], i / 2 % 2);
    load_span(b, s.b2[(i + 1) % B2_COPIES] + span.column);
    sum_parts<CS>(Z2b, s.Z2b_parts[i % 2][0], span);
#pragma unroll
    for (int k = 0; k < SPAN; k++)
        Z2b[k] += b[k];
    normalize(Z2b, p.eps);
    float w[SPAN], Q[SPAN];
    load_span(w, s.norm_weight + span.column);
    load_span(b, s.norm_bias + span.column);
    load_span(Q, s.Q[i % Q_STAGES], row, span.column);
    output(Z2b, w, b, Q);
    const int64_t token = (int64_t)i * C + row;
    if (token < p.seq_len) {
        uint4 packed[SPAN / 8];
        pack_span(packed, Z2b);
        uint4 *to = reinterpret_cast<uint4 *>(p.XQW + (at.sequence * p.seq_len + token) * F + span.column);
#pragma unroll
        for (int j = 0; j < SPAN / 8; j++)
            to[j] = packed[j];
    }
}

/* F6, issued and committed: Z1b = Q W1 + b1 of mini-batch i, one tile of hidden units. */
template <int CS>
TTT_DEVICE void start_Z1b(float (&Z1b)[TILE_REGISTERS], const ForwardSmem<CS> &s, const Place &at, int i, int tile)
{
    const int state = (i + 1) % 2;
    const float *b1 = s.b1[state] + tile * 64 + at.warp * 16 + at.group;
    start_with_bias(Z1b, {b1[0], b1[8]});
    wgmma_fence();
    multiply<K_ALONG, K_ALONG, 4>(Z1b, s.W1[state] + tile * TILE, s.Q[i % Q_STAGES], true);
    wgmma_commit();
}

/* XQW = Q + w normalize(gelu(Q W1 + b1) W2 + b2) + b of every mini-batch, with the state that it left.  The last steps
 * of a mini-batch, after the exchange, run while the first product of the next is under way. */
template <int CS> TTT_DEVICE void run_outputs(const ForwardParams &p, ForwardSmem<CS> &s, const Place &at)
{
    using cfg = Config<CS>;
    const Span span = span_of_thread<cfg::OUTPUT_SPAN>(at);
    const Sender sender = make_sender<CS>(s.Z2b_parts, s.z2b_full, 0, at);
    if (at.thread == 0) {
        for (int i = 0; i < KV_STAGES; i++)
            fetch_kv(p, s, at, i);
        for (int i = 0; i < Q_STAGES; i++)
            fetch_q(p, s, at, i);
    }

    for (int i = 0; i < p.mini_batches; i++) {
        const int state = (i + 1) % 2;
        mbarrier_wait(&s.q_full[i % Q_STAGES], i / Q_STAGES % 2);
        mbarrier_wait(&s.state_ready[state], i / 2 % 2);
        float Z1b[cfg::HIDDEN_TILES][TILE_REGISTERS], Z2b[TILE_REGISTERS];
        start_Z1b(Z1b[0], s, at, i, 0);
        if (at.thread == 0)
            fetch_kv(p, s, at, i + KV_STAGES); /* the chain is done with K and V of mini-batch i */
        if (cfg::LATE_OUTPUTS && i > 0)
            finish_output(p, s, span, at, i - 1);
#pragma unroll
        for (int tile = 0; tile < cfg::HIDDEN_TILES; tile++) {
            if (tile == 0)
                wgmma_wait<0>();
            else
                wgmma_wait<1>(); /* not for the tile before's share of Z2b */
            settle(Z1b[tile]);
            if (tile + 1 < cfg::HIDDEN_TILES)
                start_Z1b(Z1b[tile + 1], s, at, i, tile + 1);
            uint32_t X2b[16];
            float S[TILE_REGISTERS];
#pragma unroll
            for (int step = 0; step < 4; step++) {
                gelu_step(X2b, Z1b[tile], S, step);
                store_step(s.X2b + tile * TILE, X2b, step, at);
            }
            proxy_fence();
            bar_sync<BARRIER_OUTPUT, cfg::OUTPUT_THREADS>();
            if (tile == 0 && at.thread == 0 && i > 0)
                fetch_q(p, s, at, i - 1 + Q_STAGES); /* no warp reads the rows of i - 1 any more */
            /* F7, this tile's share of Z2b = X2b W2. */
            wgmma_fence();
            multiply<K_DOWN, K_DOWN, 4>(Z2b, s.X2b + tile * TILE, s.W2[state] + tile * TILE, tile > 0);
            wgmma_commit();
        }
        wgmma_wait<0>();
        settle(Z2b);
        if (i + 3 <= p.mini_batches) /* as long as the chain will write this copy again */
            bar_arrive_one<BARRIER_STATE_FREE, cfg::THREADS>(state);
        send_parts<CS, cfg::OUTPUT_THREADS / WARP>(Z2b, sender, s.z2b_full, i % 2, at);
        if (!cfg::LATE_OUTPUTS || i + 1 == p.mini_batches)
            finish_output(p, s, span, at, i);
    }
}

/* Barriers and the constants of the head; then every block of the cluster may send to every other. */
template <int CS> TTT_DEVICE void set_up(const ForwardParams &p, ForwardSmem<CS> &s)
{
    using cfg = Config<CS>;
    const int head = (int)(blockIdx.x / CS) % p.heads;
    if (threadIdx.x == 0) {
        for (int i = 0; i < KV_STAGES; i++)
            mbarrier_init(&s.kv_full[i], 1);
        for (int i = 0; i < Q_STAGES; i++)
            mbarrier_init(&s.q_full[i], 1);
        for (int i = 0; i < 2; i++) {
            mbarrier_init(&s.z2_full[i], cfg::CHAIN_THREADS);
            mbarrier_init(&s.z2b_full[i], cfg::OUTPUT_THREADS);
            mbarrier_init(&s.state_ready[i], cfg::CHAIN_THREADS);
        }
        mbarrier_init(&s.a2_full, cfg::CHAIN_THREADS);
        mbarrier_init(&s.b2_full, cfg::CHAIN_THREADS);
        mbarrier_init_fence();
        tensor_map_prefetch(&p.XQ);
        tensor_map_prefetch(&p.XK);
        tensor_map_prefetch(&p.XV);
    }
    if (threadIdx.x < F) {
        const float w = p.ttt_norm_weight[head * F + threadIdx.x];
        s.norm_weight[threadIdx.x] = w;
        s.norm_weight_squared[threadIdx.x] = w * w;
        s.norm_bias[threadIdx.x] = p.ttt_norm_bias[head * F + threadIdx.x];
    }
    __syncthreads();
    cluster_arrive();
    cluster_wait();
}

template <int CS>
__global__ void __cluster_dims__(CS, 1, 1) __launch_bounds__(Config<CS>::THREADS, 1)
    forward_kernel(const __grid_constant__ ForwardParams p)
{
    using cfg = Config<CS>;
    extern __shared__ __align__(SWIZZLE_BYTES) unsigned char shared_memory[];
    ForwardSmem<CS> &s = *reinterpret_cast<ForwardSmem<CS> *>(shared_memory);
    set_up(p, s);
    if (threadIdx.x < cfg::CHAIN_THREADS) {
        if constexpr (cfg::MOVE_REGISTERS)
            registers_grow<cfg::CHAIN_REGISTERS>();
        run_chain(p, s, place_of_thread<CS>(0));
    } else {
        if constexpr (cfg::MOVE_REGISTERS)
            registers_shrink<cfg::OUTPUT_REGISTERS>();
        run_outputs(p, s, place_of_thread<CS>(cfg::CHAIN_THREADS));
    }
    /* No block's shared memory may go while another still sends to it. */
    cluster_arrive();
    cluster_wait();
}

template <int CS> static cudaError_t launch(const ForwardParams &p, int sequences, cudaStream_t stream)
{
    const int bytes = (int)sizeof(ForwardSmem<CS>);
    const cudaError_t error =
        cudaFuncSetAttribute(forward_kernel<CS>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    if (error != cudaSuccess)
        return error;
    forward_kernel<CS><<<(unsigned)(sequences * CS), Config<CS>::THREADS, bytes, stream>>>(p);
    return cudaGetLastError();
}

cudaError_t forward_launch(const ForwardParams &p, int cluster_size, int sequences, cudaStream_t stream)
{
    return cluster_size == 4 ? launch<4>(p, sequences, stream) : launch<2>(p, sequences, stream);
}

int forward_norm_rows(int cluster_size)
{
    return C / cluster_size;
}

template <int CS> static cudaError_t resident_clusters(int *clusters)
{
    const int bytes = (int)sizeof(ForwardSmem<CS>);
    const cudaError_t error =
        cudaFuncSetAttribute(forward_kernel<CS>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    if (error != cudaSuccess)
        return error;
    cudaLaunchAttribute shape = {};
    shape.id = cudaLaunchAttributeClusterDimension;
    shape.val.clusterDim = {CS, 1, 1};
    cudaLaunchConfig_t config = {};
    config.gridDim = {CS, 1, 1};
    config.blockDim = {Config<CS>::THREADS, 1, 1};
    config.dynamicSmemBytes = bytes;
    config.attrs = &shape;
    config.numAttrs = 1;
    return cudaOccupancyMaxActiveClusters(clusters, forward_kernel<CS>, &config);
}

cudaError_t forward_resident_clusters(int cluster_size, int *clusters)
{
    return cluster_size == 4 ? resident_clusters<4>(clusters) : resident_clusters<2>(clusters);
}

} // namespace ttt_gpu
