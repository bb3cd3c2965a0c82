/* SPDX-License-Identifier: MIT
 *
 * Time of the forward kernel, us per mini-batch step of all heads: median and spread of CUDA-event times after warm-up.
 * Usage: speed MINI_BATCHES GROUP REPEATS CLUSTER:HEADS...
 */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <ttt/ttt_gpu.h>
#include <vector>

static void must(cudaError_t error)
{
    if (error != cudaSuccess) {
        fprintf(stderr, "%s\n", cudaGetErrorString(error));
        exit(1);
    }
}

/* Roughly normal numbers of a counter: data whose bits toggle as real tokens do. */
static __device__ float noise(uint64_t i, uint32_t seed)
{
    float sum = 0;
    for (uint32_t k = 0; k < 4; k++) {
        uint32_t x = (uint32_t)i * 4 + k + seed * 0x9e3779b9u;
        x ^= x >> 16, x *= 0x7feb352du, x ^= x >> 15, x *= 0x846ca68bu, x ^= x >> 16;
        sum += (float)(x >> 8) * (1.0f / 16777216) - 0.5f;
    }
    return sum * 1.7320508f;
}

template <class T> __global__ void fill(T *to, size_t count, float scale, float offset, bool positive, uint32_t seed)
{
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < count; i += (size_t)gridDim.x * blockDim.x) {
        const float x = scale * noise(i, seed);
        to[i] = (T)(offset + (positive ? fabsf(x) : x));
    }
}

template <class T> static T *make(size_t count, float scale, float offset = 0, bool positive = false)
{
    static uint32_t seed = 1;
    T *data;
    must(cudaMalloc(reinterpret_cast<void **>(&data), count * sizeof(T)));
    fill<<<1024, 256>>>(data, count, scale, offset, positive, seed++);
    must(cudaGetLastError());
    return data;
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    const int64_t mini_batches = atoi(argv[1]), group = atoi(argv[2]);
    const int repeats = atoi(argv[3]);
    int most = 1;
    for (int a = 4; a < argc; a++)
        most = std::max(most, atoi(strchr(argv[a], ':') + 1));
    const int64_t N = mini_batches * 64, K = group ? (mini_batches + group - 1) / group : 0, H = most;
    ttt_mlp_forward_args args = {};
    args.XQ = make<__nv_bfloat16>(H * N * 64, 1);
    args.XK = make<__nv_bfloat16>(H * N * 64, 1);
    args.XV = make<__nv_bfloat16>(H * N * 64, 1);
    args.last_eta = make<__nv_bfloat16>(H * N, 0.02f, 0, true);
    args.ttt_norm_weight = make<float>(H * 64, 0.1f, 1);
    args.ttt_norm_bias = make<float>(H * 64, 0.02f);
    args.W1_init = make<float>(H * 64 * 256, 0.02f);
    args.b1_init = make<float>(H * 256, 0.02f);
    args.W2_init = make<float>(H * 64 * 256, 0.02f);
    args.b2_init = make<float>(H * 64, 0.02f);
    args.XQW = make<__nv_bfloat16>(H * N * 64, 1);
    if (group) {
        args.W1_checkpoints = make<float>(H * K * 64 * 256, 1);
        args.b1_checkpoints = make<float>(H * K * 256, 1);
        args.W2_checkpoints = make<float>(H * K * 64 * 256, 1);
        args.b2_checkpoints = make<float>(H * K * 64, 1);
    }
    must(cudaDeviceSynchronize());
    cudaEvent_t begin, end;
    must(cudaEventCreate(&begin));
    must(cudaEventCreate(&end));
    for (int a = 4; a < argc; a++) {
        const ttt_gpu_options options = {atoi(argv[a])};
        const int heads = atoi(strchr(argv[a], ':') + 1);
        const ttt_mlp_shape shape = {1, heads, N, 64, 64, 256, group ? group : 1, 1e-6, 0};
        std::vector<float> times;
        for (int k = -2; k < repeats; k++) {
            must(cudaEventRecord(begin));
            const ttt_status status = ttt_gpu_mlp_forward(&shape, &args, &options, nullptr, 0, nullptr);
            must(cudaEventRecord(end));
            must(cudaDeviceSynchronize());
            if (status != TTT_OK) {
                fprintf(stderr, "status %d\n", (int)status);
                return 1;
            }
            float ms;
            must(cudaEventElapsedTime(&ms, begin, end));
            if (k >= 0)
                times.push_back(ms * 1e3f / (float)mini_batches);
        }
        std::sort(times.begin(), times.end());
        const double flops = 2.0 * 7 * 64 * 64 * 256 * heads;
        const double us = times[times.size() / 2];
        printf("heads %4d cluster %d: %7.3f us per mini-batch (%.3f .. %.3f), %.0f TFLOP/s\n", heads,
               options.cluster_size, us, times.front(), times.back(), flops / us * 1e-6);
        fflush(stdout);
    }
    return 0;
}
