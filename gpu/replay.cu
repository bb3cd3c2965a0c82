/* SPDX-License-Identifier: MIT
 *
 * The first kernel of the backward pass: the states inside a checkpoint group again, forwards from its checkpoint, and
 * for each of its mini-batches the gradients that its output sends to XQ and into the updated state.
 *
 * One thread block works through one group of one (batch, head); groups are independent, so it is the number of blocks
 * that hides what a step waits for, and a step is written plainly, phase after phase.  Each of the four warpgroups
 * holds 64 hidden units, as a rank of a cluster of 4 does in the forward kernel: tiles are transposed, W1 stays in
 * registers as fp32 accumulators, W2 in shared memory in the same order.  Products whose sums run over all hidden units
 * (Z2, Z2b, dXQ) are done by two warpgroups, 32 columns each, and pass to the rows through shared memory.
 *
 * Signs: A2 = -eta gZ2 and A1 = -eta gZ1, as in the forward kernel (declared: `eta`).
 *
 * PHASES of mini-batch i; a line is a __syncthreads
 *   save state i; Z1 = K W1 + b1, X2 = gelu, gelu'
 *   Z2 = X2 W2
 *   rows: xhat, A2 and what the chain needs of the norm
 *   gX2 = A2 W2^T, A1 = gX2 gelu', W1 += K^T A1, W2 += X2^T A2;  Z1b = Q W1 + b1, X2b = gelu, gelu'
 *   Z2b = X2b W2, b2
 *   rows: dZ2b = norm backward of dXQW
 *   dX2b = dZ2b W2^T, dZ1b = dX2b gelu';  saved: dW2 = X2b^T dZ2b, dW1 = Q^T dZ1b
 *   dXQ = dXQW + dZ1b W1^T
 */
#include "backward.h"
#include "roles.cuh"
#include "rooms/gelu.cuh"
#include "rooms/load.cuh"
#include "rooms/matmul.cuh"
#include "rooms/norm.cuh"
#include "rooms/reduce.cuh"
#include "rooms/store.cuh"
#include "rooms/update.cuh"

namespace ttt_gpu
{

static constexpr int WARPGROUPS = D / 64;
static constexpr int THREADS = WARPGROUPS * WARPGROUP;
static constexpr int WARPS = THREADS / WARP;
static constexpr int SPAN = C * F / THREADS;
static constexpr int ROW_PITCH = F + 4; /* floats: fewer bank conflicts where accumulators are stored */
static constexpr int SUM_COLUMNS = 32;  /* of a product whose sums run over all hidden units */
static constexpr int SUM_WARPGROUPS = F / SUM_COLUMNS;

/* For each field: what it holds, and until when. */
struct alignas(SWIZZLE_BYTES) ReplaySmem {
    __nv_bfloat16 K[TILE];    /* [token, F] of this mini-batch; until W1 is updated */
    __nv_bfloat16 V[TILE];    /* until A2 is made */
    __nv_bfloat16 Q[TILE];    /* until dW1 is made */
    __nv_bfloat16 dXQW[TILE]; /* until dXQ is made */
    /* Tiles [hidden, token]: X2 until W2 is updated, X2b until Z2b is made, dZ1b until dXQ is made. */
    __nv_bfloat16 X2[WARPGROUPS * TILE];
    __nv_bfloat16 W1[WARPGROUPS * TILE]; /* tiles [hidden, F]: the state, rounded */
    __nv_bfloat16 W2[WARPGROUPS * TILE];
    __nv_bfloat16 A2[TILE];                       /* [token, F]: A2 until W2 is updated, then dZ2b */
    float4 W2_exact[TILE_REGISTERS / 4][THREADS]; /* W2, each thread its accumulators */
    float rows[C][ROW_PITCH];                     /* Z2, Z2b, dXQ without what is added to them */
    float parts[2][WARPS][F];                     /* column sums of each warp's rows */
    float b1[D];                                  /* biases of the state */
    float b2[F];
    float norm_weight[F];
    float norm_bias[F];
    uint64_t k_full, v_full, q_full; /* bytes of K; of V; of Q and dXQW */
};
static_assert(sizeof(ReplaySmem) <= SHARED_LIMIT, "one block per SM must fit");

/* Where a thread stands: its warpgroup is its rank.  Asked anew in each phase (thread_by_warp): registers are short. */
static TTT_DEVICE Place here()
{
    const int thread = thread_by_warp();
    Place at;
    at.sequence = (int)blockIdx.x;
    at.rank = thread / WARPGROUP;
    at.thread = thread % WARPGROUP;
    at.warpgroup = 0;
    at.warp = at.thread / WARP;
    at.lane = at.thread % WARP;
    at.group = at.lane / 4;
    at.quad = at.lane % 4;
    return at;
}

/* A thread's number in its block. */
static TTT_DEVICE int in_block(const Place &at)
{
    return at.rank * WARPGROUP + at.thread;
}

/* The piece of a row that a thread works on. */
static TTT_DEVICE Span row_span(const Place &at)
{
    return {in_block(at) / (F / SPAN), in_block(at) % (F / SPAN) * SPAN};
}

/* Barrier of one warpgroup; 0 is __syncthreads. */
static TTT_DEVICE void sync_warpgroup(const Place &at)
{
    bar_sync_one<1, WARPGROUP, WARPGROUPS>(at.rank);
}

/* The mini-batches of this block's group are first_of .. end_of - 1. */
static TTT_DEVICE int first_of(const BackwardParams &p)
{
    return (p.first_group + (int)blockIdx.y) * p.checkpoint_group_size;
}

static TTT_DEVICE int end_of(const BackwardParams &p)
{
    return min(p.mini_batches, first_of(p) + p.checkpoint_group_size);
}

/* Which group of the window this block does, of all sequences'. */
static TTT_DEVICE int64_t window_slot(const BackwardParams &p)
{
    return (int64_t)blockIdx.x * p.window_groups + blockIdx.y;
}

/* One thread starts the copy of mini-batch i, if the group has one. */
static TTT_DEVICE void fetch(const BackwardParams &p, void *to, const CUtensorMap *map, int i, uint64_t *full,
                             const Place &at)
{
    if (i >= end_of(p) || in_block(at) != 0)
        return;
    mbarrier_arrive_expect(full, TILE_BYTES);
    tensor_copy(to, map, 0, i * C, at.sequence, full);
}

/* Q and dXQW count at one mbarrier. */
static TTT_DEVICE void fetch_output(const BackwardParams &p, ReplaySmem &s, int i, const Place &at)
{
    if (in_block(at) != 0)
        return;
    mbarrier_arrive_expect(&s.q_full, 2 * TILE_BYTES);
    tensor_copy(s.Q, &p.XQ, 0, i * C, at.sequence, &s.q_full);
    tensor_copy(s.dXQW, &p.dXQW, 0, i * C, at.sequence, &s.q_full);
}

/* The first of a thread's two hidden units; the other is 8 further. */
static TTT_DEVICE int hidden_unit(const Place &at)
{
    return at.rank * 64 + at.warp * 16 + at.group;
}

/* Sums over tokens of a tile [hidden, token], to where they are, or are not, added to. */
static TTT_DEVICE void put_token_sums(float *to, const float (&d)[TILE_REGISTERS], bool add, const Place &at)
{
    float *mine = to + hidden_unit(at);
    float sums[2] = {add ? mine[0] : 0.0f, add ? mine[8] : 0.0f};
    update_b1(sums, d);
    __syncwarp();
    if (at.quad == 0) {
        mine[0] = sums[0];
        mine[8] = sums[1];
    }
}

/* A thread's accumulators of W2, to and from shared memory. */
static TTT_DEVICE void put_exact(ReplaySmem &s, const float (&W2)[TILE_REGISTERS], const Place &at)
{
#pragma unroll
    for (int k = 0; k < TILE_REGISTERS / 4; k++)
        s.W2_exact[k][in_block(at)] = make_float4(W2[4 * k], W2[4 * k + 1], W2[4 * k + 2], W2[4 * k + 3]);
}

static TTT_DEVICE void get_exact(float (&W2)[TILE_REGISTERS], const ReplaySmem &s, const Place &at)
{
#pragma unroll
    for (int k = 0; k < TILE_REGISTERS / 4; k++) {
        const float4 v = s.W2_exact[k][in_block(at)];
        W2[4 * k] = v.x, W2[4 * k + 1] = v.y, W2[4 * k + 2] = v.z, W2[4 * k + 3] = v.w;
    }
}

/* Accumulators, rounded, as fragments. */
static TTT_DEVICE void save_fragments(__nv_bfloat16 *to, const float (&d)[TILE_REGISTERS], const Place &at)
{
    uint32_t packed[16];
    pack_tile(packed, d);
#pragma unroll
    for (int k = 0; k < 4; k++)
        reinterpret_cast<uint4 *>(to)[k * WARPGROUP + at.thread] = {packed[4 * k], packed[4 * k + 1], packed[4 * k + 2],
                                                                    packed[4 * k + 3]};
}

/* X2 = gelu(Z1) of mini-batch i as this warpgroup's tile; gelu' in half precision.  One step at a time (`again`:
 * do_here), or the registers would not do. */
static TTT_DEVICE void activate(uint32_t (&slope)[16], float (&Z1)[TILE_REGISTERS], const BackwardParams &p,
                                ReplaySmem &s, int i, bool again, const Place &at)
{
    uint32_t X2[16];
    clear_past_end(Z1, p, i, at.quad);
#pragma unroll
    for (int step = 0; step < 4; step++)
        do_here(again, [&] {
#pragma unroll
            for (int k = 4 * step; k < 4 * step + 4; k++) {
                const GeluCurve a = gelu_curve(Z1[2 * k]), b = gelu_curve(Z1[2 * k + 1]);
                X2[k] = pack_bf16(a.value, b.value);
                slope[k] = pack_f16(a.slope, b.slope);
            }
            store_step(s.X2 + at.rank * TILE, X2, step, at);
        });
}

static TTT_DEVICE void times_slope(float (&d)[TILE_REGISTERS], const uint32_t (&slope)[16])
{
#pragma unroll
    for (int k = 0; k < 16; k++) {
        const float2 v = unpack_pair(slope[k], __half());
        d[2 * k] *= v.x;
        d[2 * k + 1] *= v.y;
    }
}

/* rows = A^T B with A the tiles X2 [hidden, token] and B tiles [hidden, F]; 32 columns by each of two warpgroups. */
static TTT_DEVICE void sum_over_hidden(ReplaySmem &s, const __nv_bfloat16 *B, const Place &at)
{
    if (at.rank >= SUM_WARPGROUPS)
        return;
    float d[SUM_COLUMNS * C / WARPGROUP];
    wgmma_fence();
    multiply<K_DOWN, K_DOWN, D / 16>(d, s.X2, B + at.rank * SUM_COLUMNS, false);
    wgmma_commit();
    wgmma_wait<0>();
    settle(d);
    float *to = s.rows[16 * at.warp + at.group] + at.rank * SUM_COLUMNS + 2 * at.quad;
#pragma unroll
    for (int k = 0; k < SUM_COLUMNS * C / WARPGROUP; k += 2)
        *reinterpret_cast<float2 *>(to + k / 4 * 8 + k / 2 % 2 * 8 * ROW_PITCH) = make_float2(d[k], d[k + 1]);
}

/* A warp's column sums of its rows, to `parts`. */
static TTT_DEVICE void put_sums(float (*parts)[F], float (&x)[SPAN], int column, const Place &at)
{
    sum_rows<SPAN / 2, F / SPAN>(x, column, at.lane);
    *reinterpret_cast<float2 *>(&parts[in_block(at) / WARP][column]) = make_float2(x[0], x[1]);
}

/* The rows of Z2 and what the chain will want of them; leaves A2 and its column sums. */
static TTT_DEVICE void inner_rows(const BackwardParams &p, ReplaySmem &s, Saved &out, int i, const Place &at)
{
    const Span span = row_span(at);
    const int64_t token = (int64_t)i * C + span.row;
    const bool exists = token < p.seq_len;
    const float eta = exists ? __bfloat162float(p.last_eta[at.sequence * p.seq_len + token]) : 0.0f;
    float x[SPAN], a[SPAN], w[SPAN], y[SPAN];
    load_span(x, s.rows[span.row] + span.column);
    load_span(y, s.b2 + span.column);
    load_span(w, s.norm_weight + span.column);
#pragma unroll
    for (int k = 0; k < SPAN; k++)
        x[k] += y[k];
    load_span(a, s.norm_bias + span.column);
    load_span(y, s.V, span.row, span.column);
#pragma unroll
    for (int k = 0; k < SPAN; k++)
        a[k] -= y[k];
    load_span(y, s.K, span.row, span.column);
#pragma unroll
    for (int k = 0; k < SPAN; k++) {
        a[k] = w[k] * (a[k] + y[k]);
        w[k] *= w[k];
    }
    const NormCurvature m = norm_l2_curvature(x, a, w, p.eps);
    norm_l2_step(y, x, a, m.norm, eta);
#pragma unroll
    for (int k = 0; k < SPAN; k++)
        y[k] = exists ? y[k] : 0.0f;

    uint4 A2[SPAN / 8];
    pack_span(A2, y);
    const int offset = span.row * F + ((span.column / 8) ^ (span.row % 8)) * 8;
    *reinterpret_cast<uint4 *>(s.A2 + offset) = A2[0];
    *reinterpret_cast<uint4 *>(out.A2 + offset) = A2[0];
    put_sums(s.parts[0], y, span.column, at);
    *reinterpret_cast<uint4 *>(&out.xhat[span.row][span.column]) = {pack_f16(x[0], x[1]), pack_f16(x[2], x[3]),
                                                                    pack_f16(x[4], x[5]), pack_f16(x[6], x[7])};
    if (span.column == 0) {
        out.rstd[span.row] = m.norm.rstd;
        out.mean_a[span.row] = m.norm.mean_a;
        out.mean_ax[span.row] = m.norm.mean_ax;
        out.mean_wwx[span.row] = m.mean_wwx;
        out.mean_wwxx[span.row] = m.mean_wwxx;
    }
    if (at.thread == 0)
        bulk_store_wait(); /* the tiles of the state will be written again */
}
static_assert(SPAN == 8, "inner_rows and output_rows store one chunk of 16 bytes");

/* The rows of Z2b; leaves dZ2b, its column sums and those of dXQW normalize(Z2b). */
static TTT_DEVICE void output_rows(const BackwardParams &p, ReplaySmem &s, int i, const Place &at)
{
    const Span span = row_span(at);
    const bool exists = (int64_t)i * C + span.row < p.seq_len;
    float x[SPAN], d[SPAN], w[SPAN], y[SPAN];
    load_span(x, s.rows[span.row] + span.column);
    load_span(y, s.b2 + span.column);
#pragma unroll
    for (int k = 0; k < SPAN; k++)
        x[k] += y[k];
    const float rstd = normalize(x, p.eps);
    load_span(d, s.dXQW, span.row, span.column);
    load_span(w, s.norm_weight + span.column);
#pragma unroll
    for (int k = 0; k < SPAN; k++) {
        y[k] = exists ? d[k] * x[k] : 0.0f;
        d[k] *= w[k];
    }
    norm_output_grad(x, d, rstd);
#pragma unroll
    for (int k = 0; k < SPAN; k++)
        x[k] = exists ? x[k] : 0.0f;
    uint4 packed[SPAN / 8];
    pack_span(packed, x);
    *reinterpret_cast<uint4 *>(s.A2 + span.row * F + ((span.column / 8) ^ (span.row % 8)) * 8) = packed[0];
    put_sums(s.parts[0], x, span.column, at);
    put_sums(s.parts[1], y, span.column, at);
}

/* dXQ = dXQW + rows, to global memory. */
static TTT_DEVICE void query_rows(const BackwardParams &p, const ReplaySmem &s, int i, const Place &at)
{
    const Span span = row_span(at);
    const int64_t token = (int64_t)i * C + span.row;
    float x[SPAN], d[SPAN];
    load_span(x, s.rows[span.row] + span.column);
    load_span(d, s.dXQW, span.row, span.column);
#pragma unroll
    for (int k = 0; k < SPAN; k++)
        x[k] += d[k];
    uint4 packed[SPAN / 8];
    pack_span(packed, x);
    if (token < p.seq_len)
        *reinterpret_cast<uint4 *>(p.dXQ + (at.sequence * p.seq_len + token) * F + span.column) = packed[0];
}

/* The norm bias's gradient by this output: column sums of dXQW, two columns a lane, by one warp. */
static TTT_DEVICE void save_bias_gradient(Saved &out, const ReplaySmem &s, const Place &at)
{
    if (in_block(at) / WARP != WARPS - 1)
        return;
    float2 sum = make_float2(0.0f, 0.0f);
#pragma unroll 8
    for (int row = 0; row < C; row++) {
        const __nv_bfloat16 *pair = s.dXQW + row * F + (((at.lane / 4) ^ (row % 8)) * 8) + at.lane % 4 * 2;
        const float2 v = unpack_pair(*reinterpret_cast<const uint32_t *>(pair), __nv_bfloat16());
        sum.x += v.x;
        sum.y += v.y;
    }
    *reinterpret_cast<float2 *>(&out.dnorm[1][2 * at.lane]) = sum;
}

/* The sums that output_rows left: of dZ2b, and the norm weight's gradient by this output. */
static TTT_DEVICE void save_output_sums(Saved &out, const ReplaySmem &s, const Place &at)
{
    if (in_block(at) < F)
        out.db2[at.thread] = total_of_column<WARPS>(s.parts[0], at.thread);
    else if (in_block(at) < 2 * F)
        out.dnorm[0][at.thread - F] = total_of_column<WARPS>(s.parts[1], at.thread - F);
}

/* The state before mini-batch i: its tiles are in shared memory, its Z1 is being computed. */
static TTT_DEVICE void save_state(Saved &out, const ReplaySmem &s, const Place &at)
{
    if (at.thread == 0) {
        bulk_store(out.W1[at.rank], s.W1 + at.rank * TILE, TILE_BYTES);
        bulk_store(out.W2[at.rank], s.W2 + at.rank * TILE, TILE_BYTES);
        bulk_store_commit();
    }
    if (at.quad == 0) {
        out.b1[hidden_unit(at)] = s.b1[hidden_unit(at)];
        out.b1[hidden_unit(at) + 8] = s.b1[hidden_unit(at) + 8];
    }
}

/* Z1 = tokens W1 + b1 for this warpgroup's hidden units; issued, not waited for. */
static TTT_DEVICE void start_hidden(float (&Z1)[TILE_REGISTERS], const ReplaySmem &s, const __nv_bfloat16 *tokens,
                                    const Place &at)
{
    start_with_bias(Z1, {s.b1[hidden_unit(at)], s.b1[hidden_unit(at) + 8]});
    settle(Z1);
    wgmma_fence();
    multiply<K_ALONG, K_ALONG, 4>(Z1, s.W1 + at.rank * TILE, tokens, true);
    wgmma_commit();
}

/* W1 += K^T A1, W2 += X2^T A2, b1; the rounded tiles of the updated state. */
static TTT_DEVICE void update_state(float (&W1)[TILE_REGISTERS], ReplaySmem &s, const uint32_t (&slope)[16], bool again,
                                    const Place &at)
{
    float A1[TILE_REGISTERS], W2[TILE_REGISTERS];
    uint32_t packed[16];
    wgmma_fence();
    multiply<K_ALONG, K_ALONG, 4>(A1, s.W2 + at.rank * TILE, s.A2, false);
    wgmma_commit();
    wgmma_wait<0>();
    settle(A1);
    times_slope(A1, slope);
    put_token_sums(s.b1, A1, true, at);
    pack_tile(packed, A1);
    wgmma_fence();
    multiply<K_DOWN>(W1, packed, s.K);
    wgmma_commit();
    wgmma_wait<0>();
    settle(W1);
    do_here(again, [&] { get_exact(W2, s, at); });
    settle(W2);
    wgmma_fence();
    multiply<K_ALONG, K_DOWN, 4>(W2, s.X2 + at.rank * TILE, s.A2, true);
    wgmma_commit();
    wgmma_wait<0>();
    settle(W1);
    settle(W2);
    put_exact(s, W2, at);
    pack_tile(packed, W2);
    store_tile(s.W2 + at.rank * TILE, packed, at);
    pack_tile(packed, W1);
    store_tile(s.W1 + at.rank * TILE, packed, at);
    proxy_fence();
    sync_warpgroup(at);
}

/* dW = A tokens with A this warpgroup's tile in X2 [hidden, token]; saved. */
static TTT_DEVICE void save_product(__nv_bfloat16 *to, const ReplaySmem &s, const __nv_bfloat16 *tokens,
                                    const Place &at)
{
    float dW[TILE_REGISTERS];
    wgmma_fence();
    multiply<K_ALONG, K_DOWN, 4>(dW, s.X2 + at.rank * TILE, tokens, false);
    wgmma_commit();
    wgmma_wait<0>();
    settle(dW);
    save_fragments(to, dW, at);
}

/* dX2b = dZ2b W2^T, dZ1b = dX2b gelu', with dW1, dW2, db1; dZ1b's tile takes the place of X2b's.  One product after the
 * other: there are no registers for two. */
static TTT_DEVICE void output_gradients(Saved &out, ReplaySmem &s, const uint32_t (&slope)[16], const Place &at)
{
    float dZ1b[TILE_REGISTERS];
    uint32_t packed[16];
    save_product(out.dW2[at.rank], s, s.A2, at);
    wgmma_fence();
    multiply<K_ALONG, K_ALONG, 4>(dZ1b, s.W2 + at.rank * TILE, s.A2, false);
    wgmma_commit();
    wgmma_wait<0>();
    settle(dZ1b);
    times_slope(dZ1b, slope);
    put_token_sums(out.db1, dZ1b, false, at);
    pack_tile(packed, dZ1b);
    store_tile(s.X2 + at.rank * TILE, packed, at);
    proxy_fence();
    sync_warpgroup(at);
    save_product(out.dW1[at.rank], s, s.Q, at);
}

/* The state before mini-batch i is saved, its X2 made. */
static TTT_DEVICE void open_mini_batch(const BackwardParams &p, ReplaySmem &s, uint32_t (&slope)[16], Saved &out, int i,
                                       const Place &at)
{
    float Z1[TILE_REGISTERS];
    mbarrier_wait(&s.k_full, (i - first_of(p)) % 2);
    start_hidden(Z1, s, s.K, at);
    save_state(out, s, at);
    wgmma_wait<0>();
    settle(Z1);
    activate(slope, Z1, p, s, i, p.heads < 1, at);
    proxy_fence();
}

/* X2b of the output, from the updated state. */
static TTT_DEVICE void open_output(const BackwardParams &p, ReplaySmem &s, uint32_t (&slope)[16], int i,
                                   const Place &at)
{
    float Z1b[TILE_REGISTERS];
    if (in_block(at) < F)
        s.b2[in_block(at)] += total_of_column<WARPS>(s.parts[0], at.thread);
    mbarrier_wait(&s.q_full, (i - first_of(p)) % 2);
    start_hidden(Z1b, s, s.Q, at);
    wgmma_wait<0>();
    settle(Z1b);
    activate(slope, Z1b, p, s, i, p.batch < 1, at);
    proxy_fence();
}

/* Mini-batch i. */
static TTT_DEVICE void replay_mini_batch(const BackwardParams &p, ReplaySmem &s, float (&W1)[TILE_REGISTERS], int i)
{
    const int n = i - first_of(p);
    Saved &out = p.saved[window_slot(p) * p.checkpoint_group_size + n];
    uint32_t slope[16];
    open_mini_batch(p, s, slope, out, i, here());
    __syncthreads();
    fetch_output(p, s, i, here());
    sum_over_hidden(s, s.W2, here());
    mbarrier_wait(&s.v_full, n % 2);
    __syncthreads();
    inner_rows(p, s, out, i, here());
    proxy_fence();
    __syncthreads();
    fetch(p, s.V, &p.XV, i + 1, &s.v_full, here());
    update_state(W1, s, slope, p.heads < 1, here());
    open_output(p, s, slope, i, here());
    __syncthreads();
    fetch(p, s.K, &p.XK, i + 1, &s.k_full, here());
    sum_over_hidden(s, s.W2, here());
    save_bias_gradient(out, s, here());
    __syncthreads();
    output_rows(p, s, i, here());
    proxy_fence();
    __syncthreads();
    save_output_sums(out, s, here());
    output_gradients(out, s, slope, here());
    __syncthreads();
    sum_over_hidden(s, s.W1, here());
    __syncthreads();
    query_rows(p, s, i, here());
}

/* Barriers, the head's constants, the checkpoint; W1 is left in registers. */
static TTT_DEVICE void set_up_replay(const BackwardParams &p, ReplaySmem &s, float (&W1)[TILE_REGISTERS],
                                     const Place &at)
{
    const int head = at.sequence % p.heads, group = p.first_group + (int)blockIdx.y;
    if (threadIdx.x == 0) {
        mbarrier_init(&s.k_full, 1);
        mbarrier_init(&s.v_full, 1);
        mbarrier_init(&s.q_full, 1);
        mbarrier_init_fence();
    }
    State w;
    load_state<WARPGROUPS>(w, p.checkpoints, (int64_t)at.sequence * p.checkpoints_per_sequence + group, at);
    if (threadIdx.x < F) {
        s.norm_weight[threadIdx.x] = p.ttt_norm_weight[head * F + threadIdx.x];
        s.norm_bias[threadIdx.x] = p.ttt_norm_bias[head * F + threadIdx.x];
        s.b2[threadIdx.x] = w.b2;
    }
    if (at.quad == 0) {
        s.b1[hidden_unit(at)] = w.b1[0];
        s.b1[hidden_unit(at) + 8] = w.b1[1];
    }
    uint32_t packed[16];
    put_exact(s, w.W2, at);
    pack_tile(packed, w.W2);
    store_tile(s.W2 + at.rank * TILE, packed, at);
    pack_tile(packed, w.W1);
    store_tile(s.W1 + at.rank * TILE, packed, at);
#pragma unroll
    for (int k = 0; k < TILE_REGISTERS; k++)
        W1[k] = w.W1[k];
    proxy_fence();
    __syncthreads();
}

__global__ void __launch_bounds__(THREADS, 1) replay_kernel(const __grid_constant__ BackwardParams p)
{
    extern __shared__ __align__(SWIZZLE_BYTES) unsigned char shared_memory[];
    ReplaySmem &s = *reinterpret_cast<ReplaySmem *>(shared_memory);
    float W1[TILE_REGISTERS];
    set_up_replay(p, s, W1, here());
    fetch(p, s.K, &p.XK, first_of(p), &s.k_full, here());
    fetch(p, s.V, &p.XV, first_of(p), &s.v_full, here());
    for (int i = first_of(p); i < end_of(p); i++)
        replay_mini_batch(p, s, W1, i);
    /* For the chain of the window before, so that who waits for this kernel has waited for both.  One block, the last
     * to begin, is enough, and the others leave their multiprocessors to blocks that have not begun. */
    if (blockIdx.x == gridDim.x - 1 && blockIdx.y == gridDim.y - 1)
        grid_wait();
}

cudaError_t replay_launch(const BackwardParams &p, bool beside_chain, cudaStream_t stream)
{
    const int bytes = (int)sizeof(ReplaySmem);
    const cudaError_t error = cudaFuncSetAttribute(replay_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    if (error != cudaSuccess)
        return error;
    cudaLaunchAttribute beside = {};
    beside.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    beside.val.programmaticStreamSerializationAllowed = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = {(unsigned)(p.batch * p.heads), (unsigned)p.groups, 1};
    config.blockDim = {THREADS, 1, 1};
    config.dynamicSmemBytes = bytes;
    config.stream = stream;
    config.attrs = &beside;
    config.numAttrs = beside_chain ? 1 : 0;
    return cudaLaunchKernelEx(&config, replay_kernel, p);
}

} // namespace ttt_gpu
