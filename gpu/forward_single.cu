/* SPDX-License-Identifier: MIT
 *
 * The forward pass on one thread block for each (batch, head): any number of them at once, and nothing is summed over
 * blocks, so nothing is exchanged in half precision.  What is computed, and the transposed form: forward.cu.
 *
 * The roles are those of clusters of 2.  Two warpgroups are the chain, each with 128 hidden units in two tiles that
 * follow each other, so that one tile's products run under the other's arithmetic.  Each sums Z2 over its own hidden
 * units and normalises half of the rows, in registers: what they tell each other in a step is the other's half of that
 * sum, in fp32 through shared memory, and A2.  One warpgroup computes the outputs, a step behind, from the only copy of
 * the state: it is done with it before the chain has the next.  Its tiles are not transposed, tokens are their rows, so
 * that gelu(Z1b) is the next product's operand in registers, and Z2b is normalised where it is.
 *
 * Registers of the chain, of 200: W1 64; Z1 64, of which each tile becomes gelu' in half precision (declared: `slope`)
 * 16; Z2 32, or W2 of one tile 32.  W2 lies in shared memory between its updates, b1 always.  With so few to spare,
 * what is cheap to compute again is (look_up, forget): kept over the loop it would spill.
 *
 * TIMELINE of mini-batch i, in cycles: measured primitives, and instructions as they stand in the machine code, for the
 * two warps of the chain on a scheduler without those of the outputs.  Not measured yet (reports/perf/NOTES.md).
 * | is a barrier of the chain.
 *
 *   chain, tiles a and b                                                         outputs of i - 1 (state i)
 *   X2 = gelu(Z1) of a, gelu'                                             1200   four times, a tile each:
 *   X2 of b, gelu'                  under it F2 a, Z2 = X2 W2              800     F6   Z1b = Q W1
 *   F2 b                                                                   250     X2b = gelu(Z1b), and
 *        Z2's other half; the target                                       300     F7   Z2b += X2b W2
 *   |    A2 = -eta gZ2                                                     900   XQW = Q + w normalize(Z2b) + b
 *   |    F3   gX2 = A2 W2^T         under it sums for b2                   400
 *   A1 = gX2 gelu'                  under it F4 a, W1 += K^T A1; F4 b      550
 *   sums for b1; state free; F5 a   W2 += X2^T A2                          400
 *   F1 a, Z1 = K W1 of i + 1        under it W2 of a put away              400
 *   F5 b, then W2 of b put away                                            500
 *   F1 b                            under it W1's copy; state ready        350
 *
 * SHARED MEMORY (bytes; field by field in smem.cuh)
 *   K, V, Q                   32768
 *   X2                        32768
 *   W1, W2 rounded; W2       131072
 *   A2                         8192
 *   parts of Z2               16384
 *   biases, norm, mbarriers    about 5 KB
 */
#include "forward.h"
#include "roles.cuh"
#include "rooms/gelu.cuh"
#include "rooms/load.cuh"
#include "rooms/matmul.cuh"
#include "rooms/norm.cuh"
#include "rooms/quad.cuh"
#include "rooms/store.cuh"
#include "rooms/update.cuh"
#include "smem.cuh"

namespace ttt_gpu
{

using cfg = Config<1>;
constexpr int TILES = cfg::TILES;

/* The same place, looked up again: what is computed from it need not stay in registers meanwhile. */
TTT_DEVICE Place look_up(const Place &at)
{
    Place again = at;
    const int thread = thread_by_warp();
    again.thread = thread;
    again.sequence = block_now();
    again.lane = thread % WARP;
    again.group = again.lane / 4;
    again.quad = again.lane % 4;
    again.warp = thread / WARP % 4;
    return again;
}

/* Where a thread of the chain would stand if each of its tiles had a warpgroup of its own. */
TTT_DEVICE Place place_in_tile(const Place &at, int tile)
{
    Place in_tile = at;
    in_tile.warpgroup = at.warpgroup * TILES + tile;
    in_tile.thread = in_tile.warpgroup * WARPGROUP + at.thread % WARPGROUP;
    return in_tile;
}

/* The first of the thread's two hidden units there; the other is 8 further. */
TTT_DEVICE int first_hidden(const Place &in_tile)
{
    return in_tile.warpgroup * 64 + in_tile.warp * 16 + in_tile.group;
}

/* One thread starts the copy of the keys of mini-batch i (number `mini_batches`, past the end, reads as zeros), of its
 * values or queries. */
TTT_DEVICE void fetch_tokens(const CUtensorMap &map, __nv_bfloat16 *to, uint64_t *full, int i, const Place &at)
{
    mbarrier_arrive_expect(full, TILE_BYTES);
    tensor_copy(to, &map, 0, i * C, at.sequence, full);
}

/* What the chain keeps of a mini-batch between its first half, which needs the state before it, and its second, which
 * changes the state. */
struct Opened {
    uint32_t slope[TILES][16]; /* gelu', half precision */
    float Z2[TILE_REGISTERS];  /* this warpgroup's part; b2 is in the first's */
};

/* The row that a thread of the chain normalises: the first warpgroup does one row of each thread's two, the second the
 * other. */
TTT_DEVICE int row_of_chain(const Place &at)
{
    return 16 * at.warp + 8 * at.warpgroup + at.group;
}

/* W2 of a tile between its updates. */
TTT_DEVICE void put_away_W2(const State &w, SingleSmem &s, const Place &at)
{
#pragma unroll
    for (int k = 0; k < TILE_REGISTERS; k += 4)
        s.W2_state[at.warpgroup][k / 4][at.thread % WARPGROUP] =
            make_float4(w.W2[k], w.W2[k + 1], w.W2[k + 2], w.W2[k + 3]);
    uint32_t packed[16];
    pack_tile(packed, w.W2);
    store_tile(s.W2 + at.warpgroup * TILE, packed, at);
}

TTT_DEVICE void take_W2(State &w, const SingleSmem &s, const Place &at)
{
#pragma unroll
    for (int k = 0; k < TILE_REGISTERS; k += 4) {
        const float4 v = s.W2_state[at.warpgroup][k / 4][at.thread % WARPGROUP];
        w.W2[k] = v.x, w.W2[k + 1] = v.y, w.W2[k + 2] = v.z, w.W2[k + 3] = v.w;
    }
}

/* F1, issued and committed: Z1 = K W1 + b1 of a tile of mini-batch i; W1, rounded, stays in `packed` meanwhile. */
TTT_DEVICE void start_Z1(float (&Z1)[TILE_REGISTERS], uint32_t (&packed)[16], const State &w, const SingleSmem &s,
                         int i)
{
    pack_tile(packed, w.W1);
    start_with_bias(Z1, w.b1);
    wgmma_fence();
    multiply<K_ALONG>(Z1, packed, s.K[i % cfg::STAGES]);
    wgmma_commit();
}

/* The first half of mini-batch i, from Z1. */
TTT_DEVICE void open_mini_batch(Opened &o, float (&Z1)[TILES][TILE_REGISTERS], const ForwardParams &p, SingleSmem &s,
                                const Place &from, int i)
{
    const Place at = look_up(from);
#pragma unroll
    for (int tile = 0; tile < TILES; tile++)
        clear_past_end(Z1[tile], p, i, at.quad);
#pragma unroll
    for (int tile = 0; tile < TILES; tile++) {
        const Place in_tile = place_in_tile(at, tile);
        __nv_bfloat16 *const X2 = s.X2 + in_tile.warpgroup * TILE;
        uint32_t packed[16];
        float S[TILE_REGISTERS];
#pragma unroll
        for (int step = 0; step < 4; step++) {
            gelu_step(packed, Z1[tile], S, step);
            store_step(X2, packed, step, at);
        }
        proxy_fence();
        bar_sync_one<BARRIER_WARPGROUP, WARPGROUP, cfg::CHAIN_WARPGROUPS>(at.warpgroup);

        /* F2, this tile's share of Z2 = X2 W2 + b2. */
        if (tile == 0)
            start_with_row(o.Z2, s.b2[i % 2][at.warpgroup], at);
        wgmma_fence();
        multiply<K_DOWN, K_DOWN, 4>(o.Z2, X2, s.W2 + in_tile.warpgroup * TILE, true);
        wgmma_commit();
#pragma unroll
        for (int step = 0; step < 4; step++)
            gelu_grad_step(o.slope[tile], Z1[tile], S, step);
    }
    wgmma_wait<0>();
    settle(o.Z2);
}

/* A thread's row of this warpgroup's part of Z2; the other row to the warpgroup that normalises it. */
TTT_DEVICE void share_rows(float (&row)[QUAD_SPAN], const float (&Z2)[TILE_REGISTERS], SingleSmem &s, const Place &at)
{
    const bool second = at.warpgroup > 0;
    float theirs[QUAD_SPAN];
    take_row(row, Z2, 0);
    take_row(theirs, Z2, 1);
#pragma unroll
    for (int k = 0; k < QUAD_SPAN; k++) {
        const float upper = theirs[k];
        theirs[k] = second ? row[k] : upper;
        row[k] = second ? upper : row[k];
    }
#pragma unroll
    for (int k = 0; k < QUAD_SPAN; k += 4)
        s.Z2_parts[1 - at.warpgroup][k / 4][at.thread % WARPGROUP] =
            make_float4(theirs[k], theirs[k + 1], theirs[k + 2], theirs[k + 3]);
}

/* A2 = -eta gZ2 of the thread's row of mini-batch i, 0 past the end, there for all products. */
TTT_DEVICE void inner_gradient(float (&A2)[QUAD_SPAN], const Opened &o, const ForwardParams &p, SingleSmem &s,
                               const Place &from, int i)
{
    const Place at = look_up(from);
    const int row = row_of_chain(at);
    float wt[QUAD_SPAN], K[QUAD_SPAN], V[QUAD_SPAN], w[QUAD_SPAN], b[QUAD_SPAN];
    share_rows(A2, o.Z2, s, at);
    mbarrier_wait(&s.v_full, i % 2);
    load_quad(K, s.K[i % cfg::STAGES], row, at);
    load_quad(V, s.V, row, at);
    load_quad(w, s.norm_weight, at);
    load_quad(b, s.norm_bias, at);
    target(wt, K, V, w, b);
    const __nv_bfloat16 eta = load_eta(p, at, (int64_t)i * C + row); /* in the L2 since K was fetched */
#pragma unroll
    for (int k = 0; k < QUAD_SPAN; k++)
        w[k] *= w[k];
    bar_sync<BARRIER_CHAIN, cfg::CHAIN_THREADS>();
#pragma unroll
    for (int k = 0; k < QUAD_SPAN; k += 4) {
        const float4 v = s.Z2_parts[at.warpgroup][k / 4][at.thread % WARPGROUP];
        A2[k] += v.x, A2[k + 1] += v.y, A2[k + 2] += v.z, A2[k + 3] += v.w;
    }
    norm_l2_grad(A2, wt, w, p.eps, __bfloat162float(eta));
    const bool exists = (int64_t)i * C + row < p.seq_len;
#pragma unroll
    for (int k = 0; k < QUAD_SPAN; k++)
        A2[k] = exists ? A2[k] : 0.0f;
    store_quad(s.A2, A2, 16 * at.warp + 8 * at.warpgroup, at);
    proxy_fence();
    bar_sync<BARRIER_CHAIN, cfg::CHAIN_THREADS>();
}

/* F3 and F4: W1 += K^T (gX2 gelu'), in flight; b1. */
TTT_DEVICE void update_first_layer(State (&w)[TILES], uint32_t (&packed)[TILES][16], const Opened &o,
                                   float (&A2)[QUAD_SPAN], const ForwardParams &p, SingleSmem &s, const Place &from,
                                   int i)
{
    const Place at = look_up(from);
    float A1[TILES][TILE_REGISTERS];
    wgmma_fence();
#pragma unroll
    for (int tile = 0; tile < TILES; tile++) { /* gX2 = A2 W2^T, still times -eta */
        multiply<K_ALONG, K_ALONG, 4>(A1[tile], s.W2 + place_in_tile(at, tile).warpgroup * TILE, s.A2, false);
        wgmma_commit();
    }
    int column;
    const float2 sums = sum_quad_rows(A2, column, at);
    *reinterpret_cast<float2 *>(&s.b2_parts[at.thread / WARP][column]) = sums;
    if (at.thread == 0 && i + 1 < p.mini_batches) /* nobody reads V of i any more */
        fetch_tokens(p.XV, s.V, &s.v_full, i + 1, at);
#pragma unroll
    for (int tile = 0; tile < TILES; tile++) {
        wgmma_wait<1>(); /* not for the last: the second tile's gX2, then the first one's W1 */
        settle(A1[tile]);
        multiply_slope(A1[tile], o.slope[tile]);
        pack_tile(packed[tile], A1[tile]);
        wgmma_fence();
        multiply<K_DOWN>(w[tile].W1, packed[tile], s.K[i % cfg::STAGES]);
        wgmma_commit();
    }
#pragma unroll
    for (int tile = 0; tile < TILES; tile++) {
        const float *b1 = s.b1 + first_hidden(place_in_tile(at, tile));
        w[tile].b1[0] = b1[0];
        w[tile].b1[1] = b1[8];
        settle(A1[tile]);
        update_b1(w[tile].b1, A1[tile]);
    }
}

/* b2 of state i + 1, from the sums that the chain's warps have left. */
TTT_DEVICE void update_b2(SingleSmem &s, const Place &at, int i)
{
    if (at.thread < F)
        s.b2[(i + 1) % 2][0][at.thread] =
            s.b2[i % 2][0][at.thread] + total_of_column<cfg::CHAIN_WARPS>(s.b2_parts, at.thread);
}

/* F5, issued and committed: W2 += X2^T A2 of a tile. */
TTT_DEVICE void start_W2(State &w, const SingleSmem &s, const Place &in_tile)
{
    take_W2(w, s, in_tile);
    wgmma_fence();
    multiply<K_ALONG, K_DOWN, 4>(w.W2, s.X2 + in_tile.warpgroup * TILE, s.A2, true);
    wgmma_commit();
}

/* W1, rounded, and b1 of a tile for the outputs; b1 for the chain too. */
TTT_DEVICE void copy_first_layer(const State &w, const uint32_t (&packed)[16], SingleSmem &s, const Place &in_tile)
{
    store_tile(s.W1 + in_tile.warpgroup * TILE, packed, in_tile);
    if (in_tile.quad == 0) {
        float *b1 = s.b1 + first_hidden(in_tile);
        b1[0] = w.b1[0];
        b1[8] = w.b1[1];
    }
}

/* Writes a tile of state i. */
TTT_DEVICE void write_tile(const StateOut &to, int64_t index, State &w, const SingleSmem &s, const Place &in_tile,
                           int i)
{
    w.b2 = in_tile.thread < F ? s.b2[i % 2][0][in_tile.thread] : 0.0f;
    write_first_layer<1>(to, w, index, in_tile);
    write_second_layer<1>(to, w, index, in_tile);
}

/* Writes a tile of state i where a checkpoint is due. */
TTT_DEVICE void write_checkpoint(const ForwardParams &p, State &w, const SingleSmem &s, const Place &in_tile, int i)
{
    if (i % p.checkpoint_group_size || i >= p.mini_batches || !p.checkpoints.W1)
        return;
    const int64_t index = (int64_t)in_tile.sequence * p.checkpoints_per_sequence + i / p.checkpoint_group_size;
    write_tile(p.checkpoints, index, w, s, in_tile, i);
}

/* W2 of both tiles and F1 of the next mini-batch, that of the second tile in flight; on the way state i + 1 gets its
 * copies, for the outputs, and leaves its checkpoint.  One tile of W2 at a time: registers are short. */
TTT_DEVICE void update_second_layer(float (&Z1)[TILES][TILE_REGISTERS], State (&w)[TILES],
                                    uint32_t (&packed)[TILES][16], const ForwardParams &p, SingleSmem &s,
                                    const Place &from, int i)
{
    const Place at = look_up(from), first = place_in_tile(at, 0), second = place_in_tile(at, 1);
    start_W2(w[0], s, first);
    mbarrier_wait(&s.k_full[(i + 1) % cfg::STAGES], (i + 1) / cfg::STAGES % 2);
    wgmma_wait<1>();
    settle(w[0].W1);
    settle(w[1].W1);
    start_Z1(Z1[0], packed[0], w[0], s, i + 1);
    copy_first_layer(w[0], packed[0], s, first);
    wgmma_wait<1>();
    settle(w[0].W2);
    put_away_W2(w[0], s, first);
    write_checkpoint(p, w[0], s, first, i + 1);

    start_W2(w[1], s, second);
    wgmma_wait<0>();
    settle(Z1[0]);
    settle(w[1].W2);
    put_away_W2(w[1], s, second);
    write_checkpoint(p, w[1], s, second, i + 1);
    start_Z1(Z1[1], packed[1], w[1], s, i + 1);
    copy_first_layer(w[1], packed[1], s, second);
    proxy_fence();
}

/* State 0 as the chain keeps it, and its checkpoint. */
TTT_DEVICE void begin_chain(State (&w)[TILES], const ForwardParams &p, SingleSmem &s, const Place &at)
{
#pragma unroll
    for (int tile = 0; tile < TILES; tile++) {
        const Place in_tile = place_in_tile(at, tile);
        load_state<1>(w[tile], p.init, at.sequence, in_tile);
        put_away_W2(w[tile], s, in_tile);
        if (in_tile.thread < F)
            s.b2[0][0][in_tile.thread] = w[tile].b2;
        write_checkpoint(p, w[tile], s, in_tile, 0);
    }
}

/* The recurrence. */
TTT_DEVICE void run_chain(const ForwardParams &p, SingleSmem &s, const Place &at)
{
    State w[TILES];
    begin_chain(w, p, s, at);
    float Z1[TILES][TILE_REGISTERS];
    uint32_t packed[TILES][16];
    mbarrier_wait(&s.k_full[0], 0);
#pragma unroll
    for (int tile = 0; tile < TILES; tile++) {
        start_Z1(Z1[tile], packed[tile], w[tile], s, 0);
        copy_first_layer(w[tile], packed[tile], s, place_in_tile(at, tile));
        wgmma_wait<0>();
        settle(Z1[tile]);
    }
    for (int i = 0; i < p.mini_batches; i++) {
        Opened o;
        open_mini_batch(o, Z1, p, s, at, i);
        float A2[QUAD_SPAN];
        inner_gradient(A2, o, p, s, at, i);
        update_first_layer(w, packed, o, A2, p, s, at, i);
        bar_sync<BARRIER_STATE_FREE, cfg::THREADS>(); /* the outputs have read state i */
        update_b2(s, look_up(at), i);
        update_second_layer(Z1, w, packed, p, s, at, i); /* past the end, Z1 of zeros */
        mbarrier_arrive(&s.state_ready);
        wgmma_wait<0>();
        settle(Z1[1]);
    }
    if (!p.last.W1)
        return;
    __syncwarp(); /* b1 is read by whole quads, one lane of which wrote it */
    const Place again = look_up(at);
#pragma unroll
    for (int tile = 0; tile < TILES; tile++) {
        const Place in_tile = place_in_tile(again, tile);
        take_W2(w[tile], s, in_tile);
        w[tile].b1[0] = s.b1[first_hidden(in_tile)];
        w[tile].b1[1] = s.b1[first_hidden(in_tile) + 8];
        write_tile(p.last, again.sequence, w[tile], s, in_tile, p.mini_batches);
    }
}

/* F6, issued and committed: Z1b = Q W1 + b1 of a tile of hidden units, here its columns. */
TTT_DEVICE void start_Z1b(float (&Z1b)[TILE_REGISTERS], const SingleSmem &s, const Place &from, int tile)
{
    start_with_row(Z1b, s.b1 + tile * 64, look_up(from));
    wgmma_fence();
    multiply<K_ALONG, K_ALONG, 4>(Z1b, forget(s.Q), forget(s.W1) + tile * TILE, true);
    wgmma_commit();
}

/* XQW = Q + w normalize(Z2b) + b of mini-batch i: a thread's two rows, then through shared memory in whole rows. */
TTT_DEVICE void finish_output(const ForwardParams &p, SingleSmem &s, const float (&Z2b)[TILE_REGISTERS],
                              const Place &from, int i)
{
    const Place at = look_up(from);
    uint32_t packed[16];
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float x[QUAD_SPAN], w[QUAD_SPAN], b[QUAD_SPAN], Q[QUAD_SPAN];
        take_row(x, Z2b, r);
        normalize(x, p.eps);
        load_quad(w, s.norm_weight, at);
        load_quad(b, s.norm_bias, at);
        load_quad(Q, s.Q, 16 * at.warp + 8 * r + at.group, at);
        output(x, w, b, Q);
#pragma unroll
        for (int j = 0; j < QUAD_SPAN / 2; j++)
            packed[2 * j + r] = pack_bf16(x[2 * j], x[2 * j + 1]);
    }
    bar_sync<BARRIER_OUTPUT, cfg::OUTPUT_THREADS>();
    store_tile(s.Q, packed, at);
    __syncwarp();
    const int chunk = at.lane % 8;
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const int row = 16 * at.warp + 4 * k + at.lane / 8;
        const int64_t token = (int64_t)i * C + row;
        if (token < p.seq_len)
            *reinterpret_cast<uint4 *>(p.XQW + (at.sequence * p.seq_len + token) * F + chunk * 8) =
                *reinterpret_cast<const uint4 *>(s.Q + row * F + (chunk ^ (row % 8)) * 8);
    }
}

/* XQW = Q + w normalize(gelu(Q W1 + b1) W2 + b2) + b of every mini-batch, with the state that it left. */
TTT_DEVICE void run_outputs(const ForwardParams &p, SingleSmem &s, const Place &at)
{
    bar_arrive<BARRIER_STATE_FREE, cfg::THREADS>(); /* nobody needs state 0 */
    for (int i = 0; i < p.mini_batches; i++) {
        mbarrier_wait(&s.q_full, i % 2);
        mbarrier_wait(&s.state_ready, i % 2);
        if (at.thread == 0 && i + 2 <= p.mini_batches) { /* the chain is done with K of i */
            fetch_tokens(p.XK, s.K[i % cfg::STAGES], &s.k_full[i % cfg::STAGES], i + 2, at);
            prefetch_l2(p.last_eta + at.sequence * p.seq_len + (int64_t)min(i + 2, p.mini_batches - 1) * C);
        }
        float Z1b[TILE_REGISTERS], Z2b[TILE_REGISTERS];
        uint32_t X2b[16];
        start_Z1b(Z1b, s, at, 0);
        start_with_row(Z2b, s.b2[(i + 1) % 2][0], look_up(at));
#pragma unroll
        for (int tile = 0; tile < cfg::HIDDEN_TILES; tile++) {
            wgmma_wait<0>();
            settle(Z1b);
            /* F7, this tile's share of Z2b = X2b W2, 16 hidden units at a time as they come. */
            const uint64_t W2 = tile_descriptor(forget(s.W2) + tile * TILE);
            float S[TILE_REGISTERS];
#pragma unroll
            for (int step = 0; step < 4; step++) {
                gelu_step(X2b, Z1b, S, step);
                wgmma_fence();
                wgmma_k16<K_DOWN>(Z2b, X2b + 4 * step, W2 + step * STEP<K_DOWN>, true);
            }
            wgmma_commit();
            wgmma_wait<0>(); /* the next tile's product beside this would take too many registers */
            settle(Z2b);
            if (tile + 1 < cfg::HIDDEN_TILES)
                start_Z1b(Z1b, s, at, tile + 1);
        }
        if (i + 1 < p.mini_batches)
            bar_arrive<BARRIER_STATE_FREE, cfg::THREADS>();
        finish_output(p, s, Z2b, at, i);
        proxy_fence();
        bar_sync<BARRIER_OUTPUT, cfg::OUTPUT_THREADS>();
        if (at.thread == 0 && i + 1 < p.mini_batches)
            fetch_tokens(p.XQ, s.Q, &s.q_full, i + 1, at);
    }
}

/* Barriers, the constants of the head, the first tokens. */
TTT_DEVICE void set_up(const ForwardParams &p, SingleSmem &s, const Place &at)
{
    const int head = at.sequence % p.heads;
    if (at.thread == 0) {
        for (int i = 0; i < cfg::STAGES; i++)
            mbarrier_init(&s.k_full[i], 1);
        mbarrier_init(&s.v_full, 1);
        mbarrier_init(&s.q_full, 1);
        mbarrier_init(&s.state_ready, cfg::CHAIN_THREADS);
        mbarrier_init_fence();
        tensor_map_prefetch(&p.XQ);
        tensor_map_prefetch(&p.XK);
        tensor_map_prefetch(&p.XV);
        for (int i = 0; i < cfg::STAGES; i++)
            fetch_tokens(p.XK, s.K[i], &s.k_full[i], i, at);
        fetch_tokens(p.XV, s.V, &s.v_full, 0, at);
        fetch_tokens(p.XQ, s.Q, &s.q_full, 0, at);
    }
    if (at.thread < F) {
        s.norm_weight[at.thread] = p.ttt_norm_weight[head * F + at.thread];
        s.norm_bias[at.thread] = p.ttt_norm_bias[head * F + at.thread];
        s.b2[0][1][at.thread] = s.b2[1][1][at.thread] = 0.0f;
    }
    __syncthreads();
}

__global__ void __launch_bounds__(cfg::THREADS, 1) forward_single_kernel(const __grid_constant__ ForwardParams p)
{
    extern __shared__ __align__(SWIZZLE_BYTES) unsigned char shared_memory[];
    SingleSmem &s = *reinterpret_cast<SingleSmem *>(shared_memory);
    set_up(p, s, place_of_thread<1>(0));
    if (threadIdx.x < cfg::CHAIN_THREADS) {
        registers_grow<cfg::CHAIN_REGISTERS>();
        run_chain(p, s, place_of_thread<1>(0));
    } else {
        registers_shrink<cfg::OUTPUT_REGISTERS>();
        run_outputs(p, s, place_of_thread<1>(cfg::CHAIN_THREADS));
    }
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
