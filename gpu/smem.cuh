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
};

/* Of the kernel of one block.  Q of mini-batch i is read with K of i + 1. */
struct alignas(SWIZZLE_BYTES) SingleSmem {
    using cfg = Config<1>;

    /* [token, F]; tensor copies -> everybody; from k_full, v_full, q_full until W1 (K), A2 (V), Z1b (Q) of that
     * mini-batch are done. */
    __nv_bfloat16 K[cfg::STAGES][TILE];
    __nv_bfloat16 V[TILE];
    __nv_bfloat16 Q[TILE];

    /* Tiles [hidden, token]; each warpgroup its own -> products Z2 (all) and W2 (its own); until the W2 update. */
    __nv_bfloat16 X2[cfg::WARPGROUPS * TILE];
    /* Tiles [hidden, F]: W1 transposed, rounded; each warpgroup its own -> its product Z1b.  Then, in the same place,
     * tiles [hidden, token] of the query rows -> product Z2b; until that is finished. */
    __nv_bfloat16 X2b[cfg::WARPGROUPS * TILE];

    /* Tiles [hidden, F] of the state's W2, rounded; each warpgroup its own -> products Z2, Z2b (all), gX2 (its own);
     * until the next W2. */
    __nv_bfloat16 W2[cfg::WARPGROUPS * TILE];
    /* W2 itself: accumulators 4 k .. 4 k + 3 of each thread, which alone reads them; from one update to the next. */
    float4 W2_state[TILE_REGISTERS / 4][cfg::THREADS];

    /* [token, F] -eta gZ2, rounded; everybody -> products gX2 and W2; until the W2 update. */
    __nv_bfloat16 A2[TILE];

    /* [token, F] Z2, then Z2b, chunks permuted (rooms/reduce.cuh); two warpgroups -> the threads that normalise. */
    float Z2[C * F];

    /* [warp, F] sums of A2 over the rows of a warp -> the 64 threads that keep b2. */
    float b2_parts[cfg::WARPS][F];
    float b2[2][F]; /* by parity of the state; those threads -> everybody; until XQW of the mini-batch before is done */

    /* [F] of this head; written once -> everybody; always. */
    float norm_weight[F];
    float norm_weight_squared[F];
    float norm_bias[F];

    uint64_t k_full[cfg::STAGES]; /* bytes of K */
    uint64_t v_full;              /* of V */
    uint64_t q_full;              /* of Q */
};

static_assert(sizeof(SingleSmem) <= SHARED_LIMIT, "one block per SM must fit");
static_assert(sizeof(ForwardSmem<2>) <= SHARED_LIMIT && sizeof(ForwardSmem<4>) <= SHARED_LIMIT,
              "one block per SM must fit");

} // namespace ttt_gpu

#endif
