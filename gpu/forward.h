/* SPDX-License-Identifier: MIT
 *
 * Between api.cu and forward.cu: what the kernel is given, and its launch.
 */
#ifndef TTT_GPU_FORWARD_H
#define TTT_GPU_FORWARD_H

#include <cstdint>
#include <cuda.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>

namespace ttt_gpu
{

struct StateIn {
    const float *W1, *b1, *W2, *b2;
};

struct StateOut {
    float *W1, *b1, *W2, *b2; /* all or none */
};

struct ForwardParams {
    CUtensorMap XQ, XK, XV; /* [B H, N, F], boxes of one sequence, as many rows as a rank reads, F */
    const __nv_bfloat16 *last_eta;
    const float *ttt_norm_weight, *ttt_norm_bias;
    StateIn init;
    __nv_bfloat16 *XQW;
    StateOut checkpoints, last;
    int64_t seq_len;
    int heads;
    int mini_batches;
    int checkpoints_per_sequence;
    int checkpoint_group_size; /* at most mini_batches */
    float eps;
};

/* Enqueues the kernel on `sequences` (batch, head)s.  cluster_size: 2 or 4. */
cudaError_t forward_launch(const ForwardParams &p, int cluster_size, int sequences, cudaStream_t stream);

/* The same on one thread block each. */
cudaError_t forward_single_launch(const ForwardParams &p, int sequences, cudaStream_t stream);

/* Rows of XV that one rank reads per mini-batch: the box of its tensor map. */
int forward_norm_rows(int cluster_size);

/* How many clusters of that size the current device runs at once. */
cudaError_t forward_resident_clusters(int cluster_size, int *clusters);

} // namespace ttt_gpu

#endif
