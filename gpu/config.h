/* SPDX-License-Identifier: MIT
 *
 * Every constant of the Hopper kernels, with its reason.  Nothing here depends on data.
 *
 * "Rank" is a thread block's place in its cluster; a cluster of CS blocks works on one (batch, head), and each rank
 * holds HIDDEN = D / CS hidden units of the state.
 */
#ifndef TTT_GPU_CONFIG_H
#define TTT_GPU_CONFIG_H

namespace ttt_gpu
{

/* The shape that the kernels are built for (SPEC: the video model). */
constexpr int C = 64;  /* mini_batch_size: one tile of the tensor cores has 64 rows */
constexpr int F = 64;  /* head_dim: 64 bfloat16 are the 128 bytes of one swizzled row */
constexpr int D = 256; /* hidden_dim */

constexpr int WARP = 32;
constexpr int WARPGROUP = 128;

/* A tile is 64 rows of 64 sixteen-bit elements; row r's 16-byte chunk c lies at chunk c ^ (r % 8): the 128-byte swizzle
 * of the tensor cores and of the tensor copies, which repeats every 1024 bytes. */
constexpr int TILE = 64 * 64;
constexpr int TILE_BYTES = TILE * 2;
constexpr int SWIZZLE_BYTES = 1024;

/* Accumulators of a 64 x 64 fp32 tile that one thread of a warpgroup holds.  Register 4 j + 2 r + e of the thread with
 * group g = lane / 4 and quad q = lane % 4 in warp w is element (16 w + g + 8 r, 8 j + 2 q + e). */
constexpr int TILE_REGISTERS = TILE / WARPGROUP;

/* What a thread has of one row of it, shared by the four lanes of a quad: elements 2 j + e are columns 8 j + 2 q + e.
 */
constexpr int QUAD_SPAN = F / 4;

/* XK and XV are fetched two mini-batches ahead of the chain (about 4 us: several times the latency of memory), XQ one
 * ahead of the outputs, which run a step behind the chain and so never wait for it. */
constexpr int KV_STAGES = 3;
constexpr int Q_STAGES = 2;

/* Copies of b2: state i + 1 is written while mini-batch i - 3, which reads state i - 2, may not yet be finished; and
 * its number shall be cheap to reduce. */
constexpr int B2_COPIES = 4;

/* Below -GELU_REACH gelu is 0 and gelu' 0, above it gelu is z and gelu' 1, all to the last bit of fp32 arithmetic
 * (tanh of an argument beyond 43 is +-1).  The chain clamps z there, so that no limit is ever computed as 0 * inf. */
constexpr float GELU_REACH = 10.0f;
constexpr float SQRT_2_OVER_PI = 0.797884560802865356f;
constexpr float GELU_CUBIC = 0.044715f;

/* What a thread block may use of an SM's shared memory (compute capability 9.0). */
constexpr int SHARED_LIMIT = 232448;
constexpr int REGISTER_FILE = 65536;

template <int CS> struct Config {
    static_assert(CS == 2 || CS == 4, "a single block has a kernel of its own, clusters of 8 would leave half tiles");

    static constexpr int HIDDEN = D / CS;
    static constexpr int HIDDEN_TILES = HIDDEN / 64;

    /* One warpgroup of the chain per 64 hidden units: a warpgroup's two 64 x 64 fp32 states take 64 registers of each
     * thread.  One warpgroup computes the outputs. */
    static constexpr int CHAIN_WARPGROUPS = HIDDEN_TILES;
    static constexpr int CHAIN_THREADS = CHAIN_WARPGROUPS * WARPGROUP;
    static constexpr int CHAIN_WARPS = CHAIN_THREADS / WARP;
    static constexpr int OUTPUT_THREADS = WARPGROUP;
    static constexpr int THREADS = CHAIN_THREADS + OUTPUT_THREADS;

    /* Three warpgroups start with 168 registers a thread, the most that the register file has for them; the outputs
     * give some to the chain (what a block moves stays what it started with).  Two have 255 each without asking. */
    static constexpr bool MOVE_REGISTERS = THREADS > 256;
    static constexpr int START_REGISTERS = REGISTER_FILE / THREADS / 8 * 8;
    static constexpr int CHAIN_REGISTERS = 200;
    static constexpr int OUTPUT_REGISTERS = 104;
    static_assert(!MOVE_REGISTERS ||
                      CHAIN_THREADS * CHAIN_REGISTERS + OUTPUT_THREADS * OUTPUT_REGISTERS <= THREADS * START_REGISTERS,
                  "the chain would wait for registers for ever");

    /* Each rank normalises its share of the rows of Z2 and sends the result round.  (In a cluster of 2 both ranks could
     * do all rows instead, which saves a hop of about 430 cycles but doubles the arithmetic of the norm, and the chain
     * is short of issue slots.) */
    static constexpr int ROWS = C / CS;

    /* Elements of a row that one thread normalises. */
    static constexpr int CHAIN_SPAN = ROWS * F / CHAIN_THREADS;
    static constexpr int OUTPUT_SPAN = ROWS * F / OUTPUT_THREADS;

    /* Whether the outputs begin a mini-batch only when the chain has sent A2, and finish it under the next one's first
     * product.  Measured: with two tiles of hidden units this takes up to 3% off (0.3% since checkpoints are written in
     * two windows); with one, finishing late costs 8%. */
    static constexpr bool LATE_OUTPUTS = HIDDEN_TILES > 1;

    /* Columns of Z2 that one warpgroup of the chain computes: they share the tile, so all threads send. */
    static constexpr int Z2_COLUMNS = F / CHAIN_WARPGROUPS;
    static constexpr int Z2_REGISTERS = C * Z2_COLUMNS / WARPGROUP;

    /* Partial column sums of A2 (for b2): a row of F from each warp of each rank's chain. */
    static constexpr int B2_PARTS = CS * CHAIN_WARPS;
};

/* One block for a (batch, head): forward_single.cu. */
template <> struct Config<1> {
    static constexpr int HIDDEN = D;
    static constexpr int HIDDEN_TILES = HIDDEN / 64;

    /* Roles and registers as in clusters of 2, but each warpgroup of the chain has two tiles of hidden units, one after
     * the other.  Both tiles' W1 and W2 would take 128 registers, so W2 lies in shared memory between its updates. */
    static constexpr int CHAIN_WARPGROUPS = 2;
    static constexpr int TILES = HIDDEN_TILES / CHAIN_WARPGROUPS;
    static constexpr int CHAIN_THREADS = CHAIN_WARPGROUPS * WARPGROUP;
    static constexpr int CHAIN_WARPS = CHAIN_THREADS / WARP;
    static constexpr int OUTPUT_THREADS = WARPGROUP;
    static constexpr int THREADS = CHAIN_THREADS + OUTPUT_THREADS;
    static constexpr int CHAIN_REGISTERS = Config<2>::CHAIN_REGISTERS;
    static constexpr int OUTPUT_REGISTERS = Config<2>::OUTPUT_REGISTERS;
    static_assert(THREADS == Config<2>::THREADS, "the registers are shared out as in clusters of 2");

    static constexpr int STAGES = 2; /* of K */
};

} // namespace ttt_gpu

#endif
