/* SPDX-License-Identifier: MIT
 *
 * Shared memory of the forward kernel, one typed struct.  For each field: [shape], what it holds, writer -> readers,
 * lifetime.  "Tiles" are 64 x 64 and swizzled (config.h); [2] is indexed by the parity of the mini-batch or state.
 * State i is the state before mini-batch i.
 */
#ifndef TTT_GPU_SMEM_CUH
#define TTT_GPU_SMEM_CUH

#include "config.h"
#include "ptx/device.cuh"

namespace ttt_gpu
{

template <int CS> struct alignas(SWIZZLE_BYTES) ForwardSmem {
    using cfg = Config<CS>;

    /* [token, F] rows of mini-batch i; tensor copies -> chain; from kv_full until A2 (V) or W1 (K) of i is finished. */
    __nv_bfloat16 K[KV_STAGES][TILE];
    __nv_bfloat16 V[KV_STAGES][cfg::ROWS * F]; /* this rank's rows only */
    /* [token, F]; tensor copies -> outputs; from q_full until XQW of i is written. */
    __nv_bfloat16 Q[Q_STAGES][TILE];

    /* Tiles [hidden, token]; chain -> products Z2 and W2 of the chain; until the W2 update of i is finished. */
    __nv_bfloat16 X2[cfg::HIDDEN_TILES * TILE];
    /* The same of the query rows; outputs -> product Z2b; until Z2b of i is finished. */
    __nv_bfloat16 X2b[cfg::HIDDEN_TILES * TILE];

    /* Tiles [hidden, F] of state i, rounded: W1 transposed and W2; chain -> chain (Z2, gX2) and outputs (Z1b, Z2b),
     * which use state i + 1 for mini-batch i; until STATE_FREE of that parity. */
    __nv_bfloat16 W1[2][cfg::HIDDEN_TILES * TILE];
    __nv_bfloat16 W2[2][cfg::HIDDEN_TILES * TILE];

    /* [token, F] -eta gZ2, rounded; chain (of all ranks, if they share the rows) -> products gX2 and W2; until the W2
     * update of i is finished. */
    __nv_bfloat16 A2[TILE];

    /* [rank, row, F] partial sums of Z2 (Z2b), half precision, chunks permuted (rooms/reduce.cuh); chain (outputs) of
     * each rank -> those threads that normalise the row; from z2_full (z2b_full) on, until mini-batch i + 2. */
    __half Z2_parts[2][CS][cfg::ROWS * F];
    __half Z2b_parts[2][CS][cfg::ROWS * F];

    /* [part, F] sums of A2 over the rows of a warp; chain of each rank -> the 64 threads that keep b2, which read them
     * while other warps of the cluster may be a step ahead: two copies. */
    float b2_parts[2][cfg::B2_PARTS][F];

    /* Biases of state i, as W1 and W2. */
    float b1[2][cfg::HIDDEN];
    float b2[B2_COPIES][F]; /* by state % B2_COPIES */

    /* [F] of this head; written once -> chain and outputs; always. */
    float norm_weight[F];
    float norm_weight_squared[F];
    float norm_bias[F];

    uint64_t kv_full[KV_STAGES]; /* bytes of K and V */
    uint64_t q_full[Q_STAGES];   /* bytes of Q */
    uint64_t z2_full[2];         /* a thread each of this rank's chain, bytes of the other ranks */
    uint64_t z2b_full[2];        /* a thread each of this rank's outputs, bytes of the other ranks */
    uint64_t a2_full;            /* as z2_full */
    uint64_t b2_full;            /* as z2_full */
    uint64_t state_ready[2];     /* a thread each of the chain, which has written that copy; the outputs wait */
};

/* Of the kernel of one block. */
struct alignas(SWIZZLE_BYTES) SingleSmem {
    using cfg = Config<1>;

    /* [token, F]; tensor copies -> chain; from k_full until state i + 1 is complete, from v_full until A2 of i is. */
    __nv_bfloat16 K[cfg::STAGES][TILE];
    __nv_bfloat16 V[TILE];
    /* [token, F]; tensor copies -> outputs, which put XQW of i there in the end; from q_full until that is written. */
    __nv_bfloat16 Q[TILE];

    /* Tiles [hidden, token]; each warpgroup of the chain its own -> its products Z2 and W2; until the W2 update. */
    __nv_bfloat16 X2[cfg::HIDDEN_TILES * TILE];

    /* Tiles [hidden, F] of a state, rounded: W1 transposed and W2; each warpgroup of the chain its own -> its products
     * Z2 and gX2 (W2) and the outputs; until STATE_FREE. */
    __nv_bfloat16 W1[cfg::HIDDEN_TILES * TILE];
    __nv_bfloat16 W2[cfg::HIDDEN_TILES * TILE];
    /* W2 itself: accumulators 4 k .. 4 k + 3 of each thread and tile; it alone reads them; between two updates. */
    float4 W2_state[cfg::HIDDEN_TILES][TILE_REGISTERS / 4][WARPGROUP];

    /* [token, F] -eta gZ2, rounded; chain -> products gX2 and W2; until the W2 update. */
    __nv_bfloat16 A2[TILE];

    /* Of the two parts of Z2 that the warpgroups of the chain have, the rows that the other one normalises: numbers
     * 4 k .. 4 k + 3 of each of its threads; until A2. */
    float4 Z2_parts[cfg::CHAIN_WARPGROUPS][QUAD_SPAN / 4][WARPGROUP];

    /* [warp, F] sums of A2 over the rows of a warp -> the 64 threads that keep b2; until the next A2. */
    float b2_parts[cfg::CHAIN_WARPS][F];

    /* Biases of a state, as W1 and W2; b2 by parity of the state, and beside it zeros: what the warpgroups of the chain
     * add their parts of Z2 onto. */
    float b1[cfg::HIDDEN];
    float b2[2][cfg::CHAIN_WARPGROUPS][F];

    /* [F] of this head; written once -> everybody; always. */
    float norm_weight[F];
    float norm_bias[F];

    uint64_t k_full[cfg::STAGES]; /* bytes of K */
    uint64_t v_full;              /* of V */
    uint64_t q_full;              /* of Q */
    uint64_t state_ready;         /* a thread each of the chain, which has written the state; the outputs wait */
};

static_assert(sizeof(SingleSmem) <= SHARED_LIMIT, "one block per SM must fit");
static_assert(sizeof(ForwardSmem<2>) <= SHARED_LIMIT && sizeof(ForwardSmem<4>) <= SHARED_LIMIT,
              "one block per SM must fit");

} // namespace ttt_gpu

#endif
