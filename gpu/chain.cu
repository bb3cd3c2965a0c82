/* SPDX-License-Identifier: MIT
 *
 * The second kernel of the backward pass: the gradient of the state, carried backwards in time through a window of
 * mini-batches, and the gradients of XK, XV and last_eta that it leaves on the way; and the last kernel, which sums the
 * gradients of the norm.
 *
 * One cluster of CS thread blocks works on one (batch, head), and keeps G = dL/d(updated state) in registers as fp32
 * accumulators, tiles transposed as in the forward kernel: G.W1 is of W1 transposed, rows are hidden units.
 *
 * Signs: A2 = -eta gZ2 and A1 = -eta gZ1 as everywhere in gpu/, so that all products are added.  With U = K G1 + g1:
 *
 *   dB = U gelu'(Z1)              = -(dL/d(eta gZ1)) gelu'
 *   t  = -(dB W2 + X2 G2 + g2)    = dL/d(eta gZ2); dZ2 = eta H t by the room `hessian`
 *   dX2 = dZ2 W2^T + A2 G2^T      dZ1 = U Bx gelu''(Z1) + dX2 gelu'(Z1),  Bx = A2 W2^T
 *   G1' = G1 + K^T dZ1            G2' = G2 + dB^T A2 + X2^T dZ2           (g1, g2: column sums)
 *   dXK = w da + dZ1 W1^T + A1 G1^T      dXV = -w da
 * and then the output of the mini-batch before adds its dW1, dW2, db1, db2, which replay has left.
 *
 * TIMELINE of a mini-batch, for each layer a role of its own, with a warpgroup for every 64 hidden units:
 *   first layer, G1: Z1, Bx · gelu and its derivatives -> tiles X2, A1 · U -> tile dB · (second) · dX2 · dZ1 · G1
 *   second layer, G2: (first) · parts of dB W2 + X2 G2 · exchange, to the row's rank · t, dZ2 · exchange, to all ranks
 *     · G2 · parts of dXK, whose exchange ends under the next one of t
 * In clusters of 4 one more warpgroup, the side, computes Z1, Bx and gelu's curves ahead.
 */
#include "backward.h"
#include "roles.cuh"
#include "rooms/gelu.cuh"
#include "rooms/hessian.cuh"
#include "rooms/load.cuh"
#include "rooms/matmul.cuh"
#include "rooms/reduce.cuh"
#include "rooms/store.cuh"
#include "rooms/update.cuh"
#include <type_traits>

namespace ttt_gpu
{

template <int CS> struct ChainConfig {
    static constexpr int HIDDEN = D / CS;
    static constexpr int HIDDEN_TILES = HIDDEN / 64;
    /* Of a layer's role. */
    static constexpr int THREADS = HIDDEN_TILES * WARPGROUP;
    static constexpr int WARPS = THREADS / WARP;

    /* Whether one more warpgroup computes gelu and what comes before it a step ahead: where there are few heads, time
     * is what counts, and there is room for its results.  With two tiles of hidden units there are no registers for it.
     */
    static constexpr bool SIDE = HIDDEN_TILES == 1;
    static constexpr int COPIES = SIDE ? 2 : 1;
    static constexpr int BLOCK = 2 * THREADS + (SIDE ? WARPGROUP : 0);

    /* Four warpgroups start with 128 registers a thread; the second layer's give some to the first's. */
    static constexpr bool MOVE_REGISTERS = !SIDE;
    static constexpr int FIRST_REGISTERS = 152;
    static constexpr int SECOND_REGISTERS = 104;
    static_assert(!MOVE_REGISTERS || THREADS * (FIRST_REGISTERS + SECOND_REGISTERS) <= REGISTER_FILE,
                  "the first layer would wait for registers for ever");

    static constexpr int ROWS = C / CS;
    static constexpr int SPAN = ROWS * F / THREADS;
    /* Of a product whose sums run over all hidden units of a rank. */
    static constexpr int COLUMNS = F / HIDDEN_TILES;
    static constexpr int REGISTERS = C * COLUMNS / WARPGROUP;
    static_assert(SPAN == 8, "a thread's piece of a row is one chunk of 16 bytes");
};

/* Hardware barriers of a block. */
enum ChainBarrier {
    BARRIER_SIDE_READY = 2, /* + parity of the step: the side arrives when its results are written, the first waits */
    BARRIER_SIDE_FREE = 4,  /* + parity: the second arrives when neither needs them any more, the side waits */
    BARRIER_DB = 6,         /* the first arrives when X2, A1, G1 and dB are written, the second waits */
    BARRIER_G2 = 7,         /* the second arrives when G2 is written, the first waits */
    BARRIER_DZ1 = 8,        /* the first arrives when dZ1 is written, the second waits */
    BARRIER_FREE = 9,       /* the second arrives when it needs X2, A1, G1, dB and dZ1 no more, the first waits */
    BARRIER_G1 = 10         /* + warpgroup of the first: what it wrote for its own product */
};

/* What the side hands over beside tiles, in the order of fragments: gelu' in half precision, Bx gelu''. */
struct Curves {
    uint4 slope[4][WARPGROUP];
    float4 bend[8][WARPGROUP];
};

struct alignas(16) NoCurves {
};

/* For each field: what it holds, and until when.  [2] is indexed by the parity of the step. */
template <int CS> struct alignas(SWIZZLE_BYTES) ChainSmem {
    using cfg = ChainConfig<CS>;
    /* Copies of what replay saved (state before the mini-batch, A2) and of K; until the step is over. */
    __nv_bfloat16 W1[2][cfg::HIDDEN_TILES * TILE];
    __nv_bfloat16 W2[2][cfg::HIDDEN_TILES * TILE];
    __nv_bfloat16 A2[2][TILE];
    __nv_bfloat16 K[2][TILE];
    /* Tiles [hidden, token]; until the products of the step that read them are finished. */
    __nv_bfloat16 X2[cfg::COPIES][cfg::HIDDEN_TILES * TILE]; /* [n % COPIES] */
    __nv_bfloat16 A1[cfg::COPIES][cfg::HIDDEN_TILES * TILE];
    __nv_bfloat16 dB[cfg::HIDDEN_TILES * TILE];
    __nv_bfloat16 dZ1[cfg::HIDDEN_TILES * TILE];
    /* Tiles [hidden, F] of G, rounded, outputs included. */
    __nv_bfloat16 G1[cfg::HIDDEN_TILES * TILE];
    __nv_bfloat16 G2[cfg::HIDDEN_TILES * TILE];
    __nv_bfloat16 dZ2[TILE]; /* [token, F], from all ranks */
    typename std::conditional<cfg::SIDE, Curves, NoCurves>::type curves[2];
    /* Partial sums of -t and of dXK, from all ranks.  One copy: who sends the next has seen dZ2 of all ranks, and they
     * sent that after they had read this. */
    __nv_bfloat16 t_parts[1][CS][cfg::ROWS * F];
    __nv_bfloat16 dK_parts[1][CS][cfg::ROWS * F];
    float g2_parts[CS * cfg::WARPS][F]; /* column sums of dZ2, from all ranks; read before the next step's BARRIER_DB */
    float norm_parts[2][cfg::WARPS][F]; /* gradients of weight and bias since the last flush, by warp */
    alignas(16) float b1[2][cfg::HIDDEN]; /* as W1 */
    float g1[cfg::HIDDEN];                /* of its own hidden units, each warp's its own */
    float g2[F];                          /* G.b2 of this mini-batch */
    float norm_weight[F];
    float norm_bias[F];
    float mean_ww;    /* mean(w^2) */
    uint64_t full[2]; /* bytes of W1, b1, W2, A2, K */
    uint64_t t_full, dK_full, dZ2_full, g2_full;
};
static_assert(sizeof(ChainSmem<2>) <= SHARED_LIMIT && sizeof(ChainSmem<4>) <= SHARED_LIMIT, "one block per SM");

/* Mini-batches of a window, in the order of the chain. */
struct Window {
    int first, end; /* mini-batches [first, end) */
    Saved *saved;   /* of `first` */
};

static TTT_DEVICE Window window_of(const BackwardParams &p, int sequence)
{
    Window window;
    window.first = p.first_group * p.checkpoint_group_size;
    window.end = min(p.mini_batches, (p.first_group + p.groups) * p.checkpoint_group_size);
    window.saved = p.saved + (int64_t)sequence * p.window_groups * p.checkpoint_group_size;
    return window;
}

/* Brings to the L2 what threads will read of mini-batch i themselves. */
template <int CS>
static TTT_DEVICE void prefetch_step(const BackwardParams &p, const Window &window, int i, const Place &at)
{
    using cfg = ChainConfig<CS>;
    constexpr int LINE = 128, FRAGMENT_LINES = cfg::HIDDEN_TILES * TILE_BYTES / LINE;
    static_assert(cfg::THREADS == 2 * FRAGMENT_LINES && cfg::THREADS >= 2 * cfg::ROWS, "a line for each thread");
    if (i < window.first)
        return;
    const Saved &m = window.saved[i - window.first];
    const int line = at.thread % FRAGMENT_LINES;
    const __nv_bfloat16 *fragments =
        at.thread < FRAGMENT_LINES ? m.dW1[at.rank * cfg::HIDDEN_TILES] : m.dW2[at.rank * cfg::HIDDEN_TILES];
    prefetch_l2(fragments + line * (LINE / 2));
    const int row = at.rank * cfg::ROWS + at.thread % cfg::ROWS;
    const int64_t token = (int64_t)i * C + row;
    if (at.thread < cfg::ROWS)
        prefetch_l2(m.xhat[row]);
    else if (at.thread < 2 * cfg::ROWS && token < p.seq_len)
        prefetch_l2(p.V + (at.sequence * p.seq_len + token) * F);
    if (at.thread % cfg::ROWS == 0 && at.thread < 2 * cfg::ROWS)
        prefetch_l2(at.thread == 0 ? m.rstd : m.mean_ax);
}

/* What the output of a mini-batch adds to one layer, from global memory to registers. */
struct Arriving {
    uint4 dW[4]; /* fragments */
    float db[2]; /* of the two hidden units; or the first, of column `thread` in the first 64 threads */
};

static TTT_DEVICE void load_fragments(uint4 (&dW)[4], const __nv_bfloat16 *fragments, const Place &at)
{
#pragma unroll
    for (int k = 0; k < 4; k++)
        dW[k] = reinterpret_cast<const uint4 *>(fragments)[k * WARPGROUP + at.thread % WARPGROUP];
}

template <int CS> static TTT_DEVICE void load_first_output(Arriving &a, const Saved &m, const Place &at)
{
    const int tile = at.rank * ChainConfig<CS>::HIDDEN_TILES + at.warpgroup;
    const int hidden = tile * 64 + at.warp * 16 + at.group;
    load_fragments(a.dW, m.dW1[tile], at);
#pragma unroll
    for (int k = 0; k < 2; k++)
        a.db[k] = m.db1[hidden + 8 * k];
}

template <int CS> static TTT_DEVICE void load_second_output(Arriving &a, const Saved &m, const Place &at)
{
    load_fragments(a.dW, m.dW2[at.rank * ChainConfig<CS>::HIDDEN_TILES + at.warpgroup], at);
    a.db[0] = at.thread < F ? m.db2[at.thread] : 0.0f;
}

static TTT_DEVICE void add_fragments(float (&d)[TILE_REGISTERS], const uint4 (&fragments)[4])
{
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const uint32_t pair[4] = {fragments[k].x, fragments[k].y, fragments[k].z, fragments[k].w};
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const float2 v = unpack_pair(pair[j], __nv_bfloat16());
            d[8 * k + 2 * j] += v.x;
            d[8 * k + 2 * j + 1] += v.y;
        }
    }
}

/* The output of a mini-batch adds its share to the gradient of the state that it used: the first layer's. */
template <int CS>
static TTT_DEVICE void add_first_output(State &G, ChainSmem<CS> &s, const Arriving &a, const Place &at)
{
    add_fragments(G.W1, a.dW);
    float *g1 = s.g1 + at.warpgroup * 64 + at.warp * 16 + at.group;
    if (at.quad == 0) {
        g1[0] += a.db[0];
        g1[8] += a.db[1];
    }
    __syncwarp();
}

static TTT_DEVICE void add_second_output(State &G, const Arriving &a)
{
    add_fragments(G.W2, a.dW);
    G.b2 += a.db[0];
}

/* One thread starts the copies of mini-batch i, if the window has it, for the step of that parity. */
template <int CS>
static TTT_DEVICE void fetch_step(const BackwardParams &p, ChainSmem<CS> &s, const Window &window, int i, int now,
                                  const Place &at)
{
    if (at.thread != 0 || i < window.first)
        return;
    const Saved &m = window.saved[i - window.first];
    using cfg = ChainConfig<CS>;
    constexpr int BYTES = cfg::HIDDEN_TILES * TILE_BYTES;
    mbarrier_arrive_expect(&s.full[now], 2 * BYTES + 2 * TILE_BYTES + cfg::HIDDEN * 4);
    bulk_copy(s.W1[now], m.W1[at.rank * cfg::HIDDEN_TILES], BYTES, &s.full[now]);
    bulk_copy(s.W2[now], m.W2[at.rank * cfg::HIDDEN_TILES], BYTES, &s.full[now]);
    bulk_copy(s.A2[now], m.A2, TILE_BYTES, &s.full[now]);
    bulk_copy(s.b1[now], m.b1 + at.rank * cfg::HIDDEN, cfg::HIDDEN * 4, &s.full[now]);
    tensor_copy(s.K[now], &p.XK, 0, i * C, at.sequence, &s.full[now]);
}

/* dXK of mini-batch i, step n, once its parts are there; wda = w da of the thread's piece of a row. */
template <int CS>
static TTT_DEVICE void finish_dXK(const BackwardParams &p, ChainSmem<CS> &s, const float (&wda)[8], int i, int n,
                                  const Place &at)
{
    const Span span = span_of_thread<8>(at);
    float x[8];
    mbarrier_wait(&s.dK_full, n % 2);
    sum_parts<CS>(x, s.dK_parts[0][0], span);
#pragma unroll
    for (int k = 0; k < 8; k++)
        x[k] += wda[k];
    uint4 packed[1];
    pack_span(packed, x);
    const int64_t token = (int64_t)i * C + at.rank * ChainConfig<CS>::ROWS + span.row;
    if (token < p.seq_len)
        *reinterpret_cast<uint4 *>(p.dXK + (at.sequence * p.seq_len + token) * F + span.column) = packed[0];
}

/* What the row's rank needs of a row before t arrives. */
struct RowInput {
    uint4 xhat, V;
    RowScalars scalars;
    bool exists;
};

template <int CS> static TTT_DEVICE RowInput load_row(const BackwardParams &p, const Saved &m, int i, const Place &at)
{
    const Span span = span_of_thread<8>(at);
    const int row = at.rank * ChainConfig<CS>::ROWS + span.row, column = span.column;
    const int64_t token = (int64_t)i * C + row;
    RowInput in;
    in.exists = token < p.seq_len;
    in.xhat = *reinterpret_cast<const uint4 *>(&m.xhat[row][column]);
    in.V = in.exists ? *reinterpret_cast<const uint4 *>(p.V + (at.sequence * p.seq_len + token) * F + column)
                     : make_uint4(0, 0, 0, 0);
    in.scalars = {{{m.rstd[row], m.mean_a[row], m.mean_ax[row]}, m.mean_wwx[row], m.mean_wwxx[row]},
                  in.exists ? __bfloat162float(p.last_eta[at.sequence * p.seq_len + token]) : 0.0f};
    return in;
}

template <class Part> static TTT_DEVICE void unpack_chunk(float (&x)[8], const uint4 &v)
{
    const uint32_t pair[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const float2 y = unpack_pair(pair[k], Part());
        x[2 * k] = y.x;
        x[2 * k + 1] = y.y;
    }
}

/* Adds the sums over a warp's rows to its part of the norm's gradients; each lane owns two columns. */
static TTT_DEVICE void add_to_norm(float *part, float (&x)[8], const Span &span, const Place &at)
{
    int column = span.column;
    sum_rows<4, F / 8>(x, column, at.lane);
    float2 *to = reinterpret_cast<float2 *>(part + column);
    *to = make_float2(to->x + x[0], to->y + x[1]);
}

/* A row from -t to dZ2, which goes to all ranks, and everything that needs no more than a row. */
template <int CS>
static TTT_DEVICE void inner_row(const BackwardParams &p, ChainSmem<CS> &s, float (&wda)[8], const RowInput &in, int i,
                                 int n, const Place &at)
{
    using cfg = ChainConfig<CS>;
    const Span span = span_of_thread<8>(at);
    const int row = at.rank * cfg::ROWS + span.row;
    const int64_t token = (int64_t)i * C + row;
    float w[8], ww[8], xhat[8], e[8], q[8], t[8], g2[8];
    load_span(w, s.norm_weight + span.column);
    load_span(e, s.norm_bias + span.column);
    unpack_chunk<__half>(xhat, in.xhat);
    unpack_chunk<__nv_bfloat16>(q, in.V);
    load_span(t, s.K[n % 2], row, span.column);
#pragma unroll
    for (int k = 0; k < 8; k++) {
        ww[k] = w[k] * w[k];
        e[k] = fmaf(w[k], xhat[k], e[k] - (q[k] - t[k]));
        q[k] = fmaf(w[k], e[k], -in.scalars.saved.norm.mean_a) - in.scalars.saved.norm.mean_ax * xhat[k]; /* p */
    }
    settle(e);
    settle(q);
    mbarrier_wait(&s.t_full, n % 2);
    load_span(g2, s.g2 + span.column);
    sum_parts<CS>(t, s.t_parts[0][0], span);
#pragma unroll
    for (int k = 0; k < 8; k++)
        t[k] = -(t[k] + g2[k]);
    const float deta = hessian(t, q, xhat, ww, in.scalars, s.mean_ww);
#pragma unroll
    for (int k = 0; k < 8; k++)
        t[k] = in.exists ? t[k] : 0.0f;
    uint4 packed[1];
    pack_span(packed, t);
    send_row<CS, cfg::WARPS>(s.dZ2, &s.dZ2_full, packed, row, span.column, at);
    settle(t);
    int column = span.column;
    sum_rows<4, F / 8>(t, column, at.lane);
    send_sums<CS, cfg::WARPS>(s.g2_parts, &s.g2_full, {t[0], t[1]}, column, at);

    /* While dZ2 travels (do_here: not before it is sent). */
    float dV[8];
    do_here(p.batch < 1, [&] {
#pragma unroll
        for (int k = 0; k < 8; k++) {
            const float da = in.exists ? q[k] : 0.0f;
            wda[k] = w[k] * da;
            dV[k] = -wda[k];
            e[k] = in.exists ? da * fmaf(w[k], xhat[k], e[k]) : 0.0f;
        }
        float sums[8];
#pragma unroll
        for (int k = 0; k < 8; k++)
            sums[k] = wda[k];
        add_to_norm(s.norm_parts[0][at.thread / WARP], e, span, at);
        add_to_norm(s.norm_parts[1][at.thread / WARP], sums, span, at);
    });
    pack_span(packed, dV);
    if (in.exists) {
        *reinterpret_cast<uint4 *>(p.dXV + (at.sequence * p.seq_len + token) * F + span.column) = packed[0];
        if (span.column == 0)
            p.dlast_eta[at.sequence * p.seq_len + token] = __float2bfloat16(deta);
    }
}

template <int CS> static TTT_DEVICE void clear_norm(ChainSmem<CS> &s, const Place &at)
{
    float *parts = &s.norm_parts[0][0][0];
    for (int k = at.thread; k < 2 * ChainConfig<CS>::WARPS * F; k += ChainConfig<CS>::THREADS)
        parts[k] = 0.0f;
}

/* At the end (in the chain's order) of a group: the sums of the norm's gradients go to this rank's slot, with what the
 * group's outputs have left. */
template <int CS>
static TTT_DEVICE void flush_norm(const BackwardParams &p, ChainSmem<CS> &s, const Saved *group, int count,
                                  const Place &at)
{
    using cfg = ChainConfig<CS>;
    bar_sync<BARRIER_CHAIN, cfg::THREADS>();
    if (at.thread < 2 * F) {
        float sum = total_of_column<cfg::WARPS>(s.norm_parts[at.thread / F], at.thread % F);
        for (int k = 0; k < count && at.rank == 0; k++)
            sum += group[k].dnorm[at.thread / F][at.thread % F];
        p.norm[((int64_t)at.sequence * MAX_CLUSTER + at.rank) * 2 * F + at.thread] += sum;
    }
    bar_sync<BARRIER_CHAIN, cfg::THREADS>();
    clear_norm(s, at);
}

/* b1, which Z1 starts with. */
template <int CS>
static TTT_DEVICE void bias_curves(float (&Z1)[TILE_REGISTERS], const ChainSmem<CS> &s, int now, const Place &at)
{
    const float *b1 = s.b1[now] + at.warpgroup * 64 + at.warp * 16 + at.group;
    start_with_bias(Z1, {b1[0], b1[8]});
    settle(Z1);
}

/* Z1 += K W1 and Bx = A2 W2^T; issued, not waited for. */
template <int CS>
static TTT_DEVICE void multiply_curves(float (&Z1)[TILE_REGISTERS], float (&Bx)[TILE_REGISTERS], const ChainSmem<CS> &s,
                                       int now, const Place &at)
{
    const int tile = at.warpgroup * TILE;
    multiply<K_ALONG, K_ALONG, 4>(Z1, s.W1[now] + tile, s.K[now], true);
    multiply<K_ALONG, K_ALONG, 4>(Bx, s.W2[now] + tile, s.A2[now], false);
}

/* From Z1 and Bx the tiles X2 and A1; gelu' in half precision; Bx <- Bx gelu''.  One step at a time (`again`: do_here),
 * or the registers would not do. */
static TTT_DEVICE void make_curves(uint32_t (&slope)[16], float (&Bx)[TILE_REGISTERS],
                                   const float (&Z1)[TILE_REGISTERS], __nv_bfloat16 *X2_tile, __nv_bfloat16 *A1_tile,
                                   bool again, const Place &at)
{
#pragma unroll
    for (int step = 0; step < 4; step++)
        do_here(again, [&] {
            uint32_t X2[16], A1[16];
#pragma unroll
            for (int k = 8 * step; k < 8 * step + 8; k += 2) {
                const GeluCurve a = gelu_curve(Z1[k]), b = gelu_curve(Z1[k + 1]);
                X2[k / 2] = pack_bf16(a.value, b.value);
                A1[k / 2] = pack_bf16(Bx[k] * a.slope, Bx[k + 1] * b.slope);
                slope[k / 2] = pack_f16(a.slope, b.slope);
                Bx[k] *= a.bend;
                Bx[k + 1] *= b.bend;
            }
            store_step(X2_tile, X2, step, at);
            store_step(A1_tile, A1, step, at);
        });
}

static TTT_DEVICE void put_curves(Curves &to, const uint32_t (&slope)[16], const float (&bend)[TILE_REGISTERS],
                                  const Place &at)
{
#pragma unroll
    for (int k = 0; k < 4; k++)
        to.slope[k][at.thread] = {slope[4 * k], slope[4 * k + 1], slope[4 * k + 2], slope[4 * k + 3]};
#pragma unroll
    for (int k = 0; k < 8; k++)
        to.bend[k][at.thread] = make_float4(bend[4 * k], bend[4 * k + 1], bend[4 * k + 2], bend[4 * k + 3]);
}

static TTT_DEVICE void get_curves(uint32_t (&slope)[16], float (&bend)[TILE_REGISTERS], const Curves &from,
                                  const Place &at)
{
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const uint4 v = from.slope[k][at.thread];
        slope[4 * k] = v.x, slope[4 * k + 1] = v.y, slope[4 * k + 2] = v.z, slope[4 * k + 3] = v.w;
    }
#pragma unroll
    for (int k = 0; k < 8; k++) {
        const float4 v = from.bend[k][at.thread];
        bend[4 * k] = v.x, bend[4 * k + 1] = v.y, bend[4 * k + 2] = v.z, bend[4 * k + 3] = v.w;
    }
}

/* g1, which U starts with. */
template <int CS> static TTT_DEVICE void bias_U(float (&U)[TILE_REGISTERS], const ChainSmem<CS> &s, const Place &at)
{
    const float *g1 = s.g1 + at.warpgroup * 64 + at.warp * 16 + at.group;
    start_with_bias(U, {g1[0], g1[8]});
    settle(U);
}

/* The second layer needs the tiles of the step before no more. */
template <int CS> static TTT_DEVICE void wait_for_tiles(int n)
{
    if (n > 0)
        bar_sync<BARRIER_FREE, 2 * ChainConfig<CS>::THREADS>();
}

/* The beginning of step n, mini-batch i: U, and what gelu's curves make of it: dB's tile, bent = U Bx gelu''. */
template <int CS>
static TTT_DEVICE void open_step(const BackwardParams &p, ChainSmem<CS> &s, uint32_t (&slope)[16],
                                 float (&bent)[TILE_REGISTERS], const State &G, int i, int n, const Place &at)
{
    using cfg = ChainConfig<CS>;
    const int now = n % 2, tile = at.warpgroup * TILE;
    float U[TILE_REGISTERS];
    uint32_t packed[16];
    if constexpr (cfg::SIDE) {
        pack_tile(packed, G.W1);
        bias_U(U, s, at);
        wgmma_fence();
        multiply<K_ALONG>(U, packed, s.K[now]);
        wgmma_commit();
        wait_for_tiles<CS>(n);
        store_tile(s.G1 + tile, packed, at);
        bar_sync_one<BARRIER_SIDE_READY, cfg::THREADS + WARPGROUP>(now);
        get_curves(slope, bent, s.curves[now], at);
    } else {
        float Z1[TILE_REGISTERS];
        bias_curves(Z1, s, now, at);
        wgmma_fence();
        multiply_curves(Z1, bent, s, now, at);
        wgmma_commit();
        wait_for_tiles<CS>(n);
        pack_tile(packed, G.W1);
        store_tile(s.G1 + tile, packed, at);
        proxy_fence();
        bar_sync_one<BARRIER_G1, WARPGROUP, cfg::HIDDEN_TILES>(at.warpgroup);
        wgmma_wait<0>();
        settle(Z1);
        settle(bent);
        clear_past_end(Z1, p, i, at.quad);
        make_curves(slope, bent, Z1, s.X2[0] + tile, s.A1[0] + tile, p.heads < 1, at);
        bias_U(U, s, at);
        wgmma_fence();
        multiply<K_ALONG, K_ALONG, 4>(U, s.G1 + tile, s.K[now], true);
        wgmma_commit();
    }
    wgmma_wait<0>();
    settle(U);
    uint32_t dB[16];
#pragma unroll
    for (int k = 0; k < 16; k++) {
        const float2 v = unpack_pair(slope[k], __half());
        dB[k] = pack_bf16(U[2 * k] * v.x, U[2 * k + 1] * v.y);
        bent[2 * k] *= U[2 * k];
        bent[2 * k + 1] *= U[2 * k + 1];
    }
    store_tile(s.dB + tile, dB, at);
}

/* The side: gelu's curves of each step, up to two ahead of the chain. */
template <int CS> static TTT_DEVICE void run_side(const BackwardParams &p, ChainSmem<CS> &s)
{
    using cfg = ChainConfig<CS>;
    const Place at = place_at<CS>((int)threadIdx.x - 2 * cfg::THREADS);
    const Window window = window_of(p, at.sequence);
    for (int n = 0; n < window.end - window.first; n++) {
        const int now = n % 2;
        float Z1[TILE_REGISTERS], Bx[TILE_REGISTERS];
        uint32_t slope[16];
        mbarrier_wait(&s.full[now], n / 2 % 2);
        bias_curves(Z1, s, now, at);
        wgmma_fence();
        multiply_curves(Z1, Bx, s, now, at);
        wgmma_commit();
        if (n >= 2)
            bar_sync_one<BARRIER_SIDE_FREE, cfg::THREADS + WARPGROUP>(now);
        wgmma_wait<0>();
        settle(Z1);
        settle(Bx);
        clear_past_end(Z1, p, window.end - 1 - n, at.quad);
        make_curves(slope, Bx, Z1, s.X2[now], s.A1[now], p.heads < 1, at);
        put_curves(s.curves[now], slope, Bx, at);
        proxy_fence();
        bar_arrive_one<BARRIER_SIDE_READY, cfg::THREADS + WARPGROUP>(now);
    }
}

/* This rank's part of -t, to the rows' ranks; behind it, dB^T A2 of G2. */
template <int CS> static TTT_DEVICE void send_t(ChainSmem<CS> &s, State &G, int n, const Place &at)
{
    using cfg = ChainConfig<CS>;
    const int columns = at.warpgroup * cfg::COLUMNS;
    float t[cfg::REGISTERS];
    wgmma_fence();
    multiply<K_DOWN, K_DOWN, cfg::HIDDEN / 16>(t, s.dB, s.W2[n % 2] + columns, false);
    multiply<K_DOWN, K_DOWN, cfg::HIDDEN / 16>(t, s.X2[n % cfg::COPIES], s.G2 + columns, true);
    wgmma_commit();
    multiply<K_ALONG, K_DOWN, 4>(G.W2, s.dB + at.warpgroup * TILE, s.A2[n % 2], true);
    wgmma_commit();
    const Sender<__nv_bfloat16> sender = make_sender<CS>(s.t_parts, &s.t_full, at.warpgroup, at);
    wgmma_wait<1>();
    settle(t);
    send_parts<CS, cfg::WARPS>(t, sender, &s.t_full, 0, at);
    wgmma_wait<0>();
    settle(G.W2);
}

/* g1 += sums over tokens of dZ1, rows of its transposed tile. */
template <int CS>
static TTT_DEVICE void add_to_g1(ChainSmem<CS> &s, const float (&dZ1)[TILE_REGISTERS], const Place &at)
{
    float *g1 = s.g1 + at.warpgroup * 64 + at.warp * 16 + at.group;
    float sums[2] = {g1[0], g1[8]};
    update_b1(sums, dZ1);
    __syncwarp();
    if (at.quad == 0) {
        g1[0] = sums[0];
        g1[8] = sums[1];
    }
    __syncwarp();
}

/* From dZ2 of all ranks: dZ1 = U Bx gelu'' + (dZ2 W2^T + A2 G2^T) gelu', G1 += K^T dZ1, g1. */
template <int CS>
static TTT_DEVICE void update_first(ChainSmem<CS> &s, State &G, const uint32_t (&slope)[16],
                                    const float (&bent)[TILE_REGISTERS], int n, const Place &at)
{
    using cfg = ChainConfig<CS>;
    const int now = n % 2, tile = at.warpgroup * TILE;
    float dZ1[TILE_REGISTERS];
    bar_sync<BARRIER_G2, 2 * cfg::THREADS>();
    wgmma_fence();
    multiply<K_ALONG, K_ALONG, 4>(dZ1, s.G2 + tile, s.A2[now], false);
    wgmma_commit();
    mbarrier_wait(&s.dZ2_full, now);
    proxy_fence();
    wgmma_fence();
    multiply<K_ALONG, K_ALONG, 4>(dZ1, s.W2[now] + tile, s.dZ2, true);
    wgmma_commit();
    wgmma_wait<0>();
    settle(dZ1);
#pragma unroll
    for (int k = 0; k < 16; k++) {
        const float2 v = unpack_pair(slope[k], __half());
        dZ1[2 * k] = fmaf(dZ1[2 * k], v.x, bent[2 * k]);
        dZ1[2 * k + 1] = fmaf(dZ1[2 * k + 1], v.y, bent[2 * k + 1]);
    }
    uint32_t packed[16];
    pack_tile(packed, dZ1);
    wgmma_fence();
    multiply<K_DOWN>(G.W1, packed, s.K[now]);
    wgmma_commit();
    store_tile(s.dZ1 + tile, packed, at);
    proxy_fence();
    bar_arrive<BARRIER_DZ1, 2 * cfg::THREADS>();
    settle(dZ1);
    add_to_g1(s, dZ1, at);
    wgmma_wait<0>();
    settle(G.W1);
}

/* From dZ2 of all ranks: G2 += X2^T dZ2, g2; this rank's part of dXK = dZ1 W1^T + A1 G1^T (G1 from before its update),
 * to the rows' ranks.  The last step of all frees no tiles: nobody would wait. */
template <int CS> static TTT_DEVICE void update_second(ChainSmem<CS> &s, State &G, int n, int steps, const Place &at)
{
    using cfg = ChainConfig<CS>;
    const int now = n % 2, columns = at.warpgroup * cfg::COLUMNS;
    float dK[cfg::REGISTERS];
    wgmma_fence();
    multiply<K_DOWN, K_DOWN, cfg::HIDDEN / 16>(dK, s.A1[n % cfg::COPIES], s.G1 + columns, false);
    wgmma_commit();
    mbarrier_wait(&s.dZ2_full, now);
    proxy_fence();
    wgmma_fence();
    multiply<K_ALONG, K_DOWN, 4>(G.W2, s.X2[n % cfg::COPIES] + at.warpgroup * TILE, s.dZ2, true);
    wgmma_commit();
    mbarrier_wait(&s.g2_full, now);
    if (at.thread < F)
        G.b2 += total_of_column<CS * cfg::WARPS>(s.g2_parts, at.thread);
    bar_sync<BARRIER_DZ1, 2 * cfg::THREADS>();
    wgmma_fence();
    multiply<K_DOWN, K_DOWN, cfg::HIDDEN / 16>(dK, s.dZ1, s.W1[now] + columns, true);
    wgmma_commit();
    const Sender<__nv_bfloat16> sender = make_sender<CS>(s.dK_parts, &s.dK_full, at.warpgroup, at);
    wgmma_wait<0>();
    settle(dK);
    settle(G.W2);
    if (n + 1 < steps)
        bar_arrive<BARRIER_FREE, 2 * cfg::THREADS>();
    if constexpr (cfg::SIDE)
        if (n + 2 < steps)
            bar_arrive_one<BARRIER_SIDE_FREE, cfg::THREADS + WARPGROUP>(now);
    send_parts<CS, cfg::WARPS>(dK, sender, &s.dK_full, 0, at);
}

/* The gradient of the state after the window: the caller's, or what the window after it has left. */
template <int CS>
static TTT_DEVICE void load_gradient(State &G, const BackwardParams &p, const Window &window, const Place &at)
{
    if (window.end < p.mini_batches) {
        load_state<CS>(G, {p.gradient.W1, p.gradient.b1, p.gradient.W2, p.gradient.b2}, at.sequence, at);
    } else if (p.upstream.W1) {
        load_state<CS>(G, p.upstream, at.sequence, at);
    } else {
#pragma unroll
        for (int k = 0; k < TILE_REGISTERS; k++)
            G.W1[k] = G.W2[k] = 0.0f;
        G.b1[0] = G.b1[1] = G.b2 = 0.0f;
    }
}

/* g1 lies in shared memory between the beginning and the end of a window. */
template <int CS> static TTT_DEVICE void put_g1(ChainSmem<CS> &s, const State &G, const Place &at)
{
    float *g1 = s.g1 + at.warpgroup * 64 + at.warp * 16 + at.group;
    if (at.quad == 0) {
        g1[0] = G.b1[0];
        g1[8] = G.b1[1];
    }
    __syncwarp();
}

template <int CS> static TTT_DEVICE void get_g1(State &G, const ChainSmem<CS> &s, const Place &at)
{
    const float *g1 = s.g1 + at.warpgroup * 64 + at.warp * 16 + at.group;
    G.b1[0] = g1[0];
    G.b1[1] = g1[8];
}

/* The window's chain in the first layer.  Each phase asks anew where its thread stands: registers are short. */
template <int CS> static TTT_DEVICE void run_first(const BackwardParams &p, ChainSmem<CS> &s)
{
    using cfg = ChainConfig<CS>;
    const auto here = [] { return place_at<CS>(thread_by_warp()); };
    const Window window = window_of(p, here().sequence);
    State G;
    load_gradient<CS>(G, p, window, here());
    put_g1(s, G, here());
    Arriving arriving;
    load_first_output<CS>(arriving, window.saved[window.end - 1 - window.first], here());
    for (int i = window.end - 1; i >= window.first; i--) {
        const int n = window.end - 1 - i;
        uint32_t slope[16];
        float bent[TILE_REGISTERS];
        add_first_output(G, s, arriving, here());
        mbarrier_wait(&s.full[n % 2], n / 2 % 2);
        open_step(p, s, slope, bent, G, i, n, here());
        proxy_fence();
        bar_arrive<BARRIER_DB, 2 * cfg::THREADS>();
        fetch_step(p, s, window, i - 1, 1 - n % 2, here());
        prefetch_step<CS>(p, window, i - 1, here());
        update_first(s, G, slope, bent, n, here());
        /* The next step's; there is none after the last, but values that stay would take registers all along. */
        load_first_output<CS>(arriving, window.saved[max(i - 1 - window.first, 0)], here());
    }
    get_g1(G, s, here());
    write_first_layer<CS>(p.gradient, G, here().sequence, here());
}

/* The rounded tile of G2, and g2. */
template <int CS> static TTT_DEVICE void put_second(ChainSmem<CS> &s, const State &G, const Place &at)
{
    uint32_t packed[16];
    if (at.thread < F)
        s.g2[at.thread] = G.b2;
    pack_tile(packed, G.W2);
    store_tile(s.G2 + at.warpgroup * TILE, packed, at);
}

/* The window's chain in the second layer. */
template <int CS> static TTT_DEVICE void run_second(const BackwardParams &p, ChainSmem<CS> &s)
{
    using cfg = ChainConfig<CS>;
    const auto here = [] { return place_at<CS>(thread_by_warp() - cfg::THREADS); };
    const Window window = window_of(p, here().sequence);
    State G;
    load_gradient<CS>(G, p, window, here());
    Arriving arriving;
    load_second_output<CS>(arriving, window.saved[window.end - 1 - window.first], here());
    float wda[8];
    for (int i = window.end - 1; i >= window.first; i--) {
        const int n = window.end - 1 - i;
        const Saved &m = window.saved[i - window.first];
        add_second_output(G, arriving);
        put_second(s, G, here());
        proxy_fence();
        bar_arrive<BARRIER_G2, 2 * cfg::THREADS>();
        const RowInput row = load_row<CS>(p, m, i, here());
        mbarrier_wait(&s.full[n % 2], n / 2 % 2);
        bar_sync<BARRIER_DB, 2 * cfg::THREADS>();
        send_t(s, G, n, here());
        if (n > 0)
            finish_dXK(p, s, wda, i + 1, n - 1, here());
        inner_row(p, s, wda, row, i, n, here());
        update_second(s, G, n, window.end - window.first, here());
        load_second_output<CS>(arriving, window.saved[max(i - 1 - window.first, 0)], here());
        if (i % p.checkpoint_group_size == 0)
            flush_norm(p, s, &m, min(p.checkpoint_group_size, p.mini_batches - i), here());
    }
    finish_dXK(p, s, wda, window.first, window.end - window.first - 1, here());
    write_second_layer<CS>(p.gradient, G, here().sequence, here());
}

/* Barriers, the head's constants; in the first window of a call the slots of the norm's gradients are cleared. */
template <int CS> static TTT_DEVICE void set_up_chain(const BackwardParams &p, ChainSmem<CS> &s, const Place &at)
{
    using cfg = ChainConfig<CS>;
    const int head = at.sequence % p.heads;
    const Window window = window_of(p, at.sequence);
    if (at.thread == 0) {
        mbarrier_init(&s.full[0], 1);
        mbarrier_init(&s.full[1], 1);
        mbarrier_init(&s.t_full, cfg::THREADS);
        mbarrier_init(&s.dK_full, cfg::THREADS);
        mbarrier_init(&s.dZ2_full, cfg::THREADS);
        mbarrier_init(&s.g2_full, cfg::THREADS);
        mbarrier_init_fence();
    }
    fetch_step(p, s, window, window.end - 1, 0, at);
    if (at.thread < F) {
        s.norm_weight[at.thread] = p.ttt_norm_weight[head * F + at.thread];
        s.norm_bias[at.thread] = p.ttt_norm_bias[head * F + at.thread];
    }
    if (at.thread == 0) {
        float sum = 0.0f;
        for (int f = 0; f < F; f++)
            sum += p.ttt_norm_weight[head * F + f] * p.ttt_norm_weight[head * F + f];
        s.mean_ww = sum * (1.0f / F);
    }
    if (at.thread < cfg::THREADS)
        clear_norm(s, at);
    if (window.end == p.mini_batches && at.thread < 2 * F)
        p.norm[((int64_t)at.sequence * MAX_CLUSTER + at.rank) * 2 * F + at.thread] = 0.0f;
    __syncthreads();
    grid_release(); /* the next window's replay may use the SMs that are left */
    cluster_arrive();
    cluster_wait();
}

template <int CS>
__global__ void __cluster_dims__(CS, 1, 1) __launch_bounds__(ChainConfig<CS>::BLOCK, 1)
    chain_kernel(const __grid_constant__ BackwardParams p)
{
    using cfg = ChainConfig<CS>;
    extern __shared__ __align__(SWIZZLE_BYTES) unsigned char shared_memory[];
    ChainSmem<CS> &s = *reinterpret_cast<ChainSmem<CS> *>(shared_memory);
    const Place at = place_of_thread<CS>(0);
    set_up_chain(p, s, at);
    if (threadIdx.x < cfg::THREADS) {
        if constexpr (cfg::MOVE_REGISTERS)
            registers_grow<cfg::FIRST_REGISTERS>();
        run_first(p, s);
    } else if (threadIdx.x < 2 * cfg::THREADS) {
        if constexpr (cfg::MOVE_REGISTERS)
            registers_shrink<cfg::SECOND_REGISTERS>();
        run_second(p, s);
    } else if constexpr (cfg::SIDE) {
        run_side(p, s);
    }
    /* No block's shared memory may go while another still sends to it. */
    cluster_arrive();
    cluster_wait();
}

template <int CS> static cudaError_t launch(const BackwardParams &p, cudaStream_t stream)
{
    const int bytes = (int)sizeof(ChainSmem<CS>);
    const cudaError_t error =
        cudaFuncSetAttribute(chain_kernel<CS>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    if (error != cudaSuccess)
        return error;
    chain_kernel<CS><<<(unsigned)(p.batch * p.heads * CS), ChainConfig<CS>::BLOCK, bytes, stream>>>(p);
    return cudaGetLastError();
}

cudaError_t chain_launch(const BackwardParams &p, int cluster_size, cudaStream_t stream)
{
    return cluster_size == 4 ? launch<4>(p, stream) : launch<2>(p, stream);
}

template <int CS> static cudaError_t resident_clusters(int *clusters)
{
    const int bytes = (int)sizeof(ChainSmem<CS>);
    const cudaError_t error =
        cudaFuncSetAttribute(chain_kernel<CS>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    if (error != cudaSuccess)
        return error;
    cudaLaunchAttribute shape = {};
    shape.id = cudaLaunchAttributeClusterDimension;
    shape.val.clusterDim = {CS, 1, 1};
    cudaLaunchConfig_t config = {};
    config.gridDim = {CS, 1, 1};
    config.blockDim = {ChainConfig<CS>::BLOCK, 1, 1};
    config.dynamicSmemBytes = bytes;
    config.attrs = &shape;
    config.numAttrs = 1;
    return cudaOccupancyMaxActiveClusters(clusters, chain_kernel<CS>, &config);
}

cudaError_t chain_resident_clusters(int cluster_size, int *clusters)
{
    return cluster_size == 4 ? resident_clusters<4>(clusters) : resident_clusters<2>(clusters);
}

/* One block per head, a thread per element of the two gradients: sums over the batch and over ranks, in that order. */
__global__ void __launch_bounds__(2 * F) norm_sums_kernel(const __grid_constant__ BackwardParams p, int cluster_size)
{
    float sum = 0.0f;
    for (int b = 0; b < p.batch; b++)
        for (int rank = 0; rank < cluster_size; rank++)
            sum += p.norm[(((int64_t)b * p.heads + blockIdx.x) * MAX_CLUSTER + rank) * 2 * F + threadIdx.x];
    float *to = threadIdx.x < F ? p.dweight : p.dbias;
    to[(int64_t)blockIdx.x * F + threadIdx.x % F] = sum;
}

cudaError_t norm_sums_launch(const BackwardParams &p, int cluster_size, cudaStream_t stream)
{
    norm_sums_kernel<<<(unsigned)p.heads, 2 * F, 0, stream>>>(p, cluster_size);
    return cudaGetLastError();
}

} // namespace ttt_gpu
