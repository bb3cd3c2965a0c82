/* SPDX-License-Identifier: MIT
 *
 * Between api.cu and the kernels of the backward pass: what they are given, what one leaves for the next, their
 * launches.
 *
 * The pass walks backwards over WINDOWS of checkpoint groups.  For each window, `replay` recomputes the states of all
 * its groups at once, forwards from their checkpoints, with the gradients of the outputs; then `chain` carries the
 * gradient of the state back through the window, while the next window's replay runs on the SMs that it leaves.
 * `norm_sums` comes last.
 */
#ifndef TTT_GPU_BACKWARD_H
#define TTT_GPU_BACKWARD_H

#include "config.h"
#include "forward.h"

namespace ttt_gpu
{

/* What replay leaves of one mini-batch of one (batch, head).  "Tiles" as in shared memory, swizzled; "fragments" as the
 * threads of a warpgroup hold an accumulator tile: four times 16 bytes of each thread. */
struct alignas(16) Saved {
    __nv_bfloat16 W1[D / 64][TILE];  /* tiles [hidden, F] of the state before it, rounded: W1 transposed */
    __nv_bfloat16 W2[D / 64][TILE];  /* and W2 */
    __nv_bfloat16 A2[TILE];          /* tile [token, F]: -eta gZ2, rounded */
    __half xhat[C][F];               /* normalize(Z2) */
    __nv_bfloat16 dW1[D / 64][TILE]; /* fragments [hidden, F]: what its output adds to the gradient of the state */
    __nv_bfloat16 dW2[D / 64][TILE];
    float db1[D], db2[F];
    float dnorm[2][F]; /* what its output adds to the gradients of the norm's weight and bias */
    float b1[D];
    float rstd[C], mean_a[C], mean_ax[C]; /* NormMeans of each row */
    float mean_wwx[C], mean_wwxx[C];      /* mean(w^2 xhat), mean(w^2 xhat^2) */
};

struct BackwardParams {
    CUtensorMap XQ, XK, XV, dXQW; /* [B H, N, F], boxes of one sequence, C rows, F */
    const __nv_bfloat16 *V, *last_eta;
    const float *ttt_norm_weight, *ttt_norm_bias;
    StateIn checkpoints;
    StateIn upstream;  /* gradient of the last state; none: zero */
    StateOut gradient; /* of the initial state; carries the gradient from window to window */
    __nv_bfloat16 *dXQ, *dXK, *dXV, *dlast_eta;
    float *dweight, *dbias; /* [H, F] */
    Saved *saved;           /* [B H, window_groups, checkpoint_group_size] */
    float *norm;            /* [B H, MAX_CLUSTER, 2, F]: gradients of norm weight and bias so far */
    int64_t seq_len;
    int batch, heads;
    int mini_batches;
    int checkpoints_per_sequence;
    int checkpoint_group_size; /* at most mini_batches */
    int first_group, groups;   /* of this window, which has room for window_groups */
    int window_groups;
    float eps;
};

constexpr int MAX_CLUSTER = 4;

/* Each enqueues a kernel on all sequences = batch * heads; cluster_size: 2 or 4.  beside_chain: replay may begin while
 * the chain enqueued before it still runs. */
cudaError_t replay_launch(const BackwardParams &p, bool beside_chain, cudaStream_t stream);
cudaError_t chain_launch(const BackwardParams &p, int cluster_size, cudaStream_t stream);
cudaError_t norm_sums_launch(const BackwardParams &p, int cluster_size, cudaStream_t stream);

/* How many clusters of the chain, of that size, the current device runs at once. */
cudaError_t chain_resident_clusters(int cluster_size, int *clusters);

} // namespace ttt_gpu

#endif
