/* SPDX-License-Identifier: MIT
 *
 * The timer of the Hopper kernels: CUDA events around passes over device memory.  Beside candidate_gpu.c the only file
 * of the harness that knows <ttt/ttt_gpu.h> and CUDA.
 */
#include "candidates.h"
#include "timer.h"
#include <cuda_runtime_api.h>
#include <stdlib.h>
#include <ttt/ttt_gpu.h>

/* Copies take this much memory together, as a multiple of the L2 cache, where one does not; and are not more than. */
enum { CACHES = 2, COPIES_MAX = 64 };

struct session {
    enum ttt_direction direction;
    struct ttt_tensors *copies; /* blocks whose data lie on the device */
    int count, next;
    void *workspace;
    size_t workspace_bytes;
    cudaEvent_t begin, end;
};

static size_t bytes_of(const struct ttt_buffer *b)
{
    return b->data ? (size_t)b->elements * ttt_dtype_size(b->dtype) : 0;
}

static int copies_of(const struct ttt_tensors *block)
{
    int device = 0, cache = 0;
    size_t bytes = 0;
    for (int t = 0; t < TTT_TENSOR_COUNT; t++)
        bytes += bytes_of(&block->buffer[t]);
    if (cudaGetDevice(&device) != cudaSuccess ||
        cudaDeviceGetAttribute(&cache, cudaDevAttrL2CacheSize, device) != cudaSuccess)
        return 1;
    const size_t wanted = (size_t)CACHES * (size_t)cache / (bytes + 1) + 1;
    return wanted < COPIES_MAX ? (int)wanted : COPIES_MAX;
}

/* What was allocated before a failure is in `copy` all the same. */
static enum ttt_status to_device(const struct ttt_tensors *block, struct ttt_tensors *copy)
{
    *copy = *block;
    for (int t = 0; t < TTT_TENSOR_COUNT; t++)
        copy->buffer[t].data = NULL;
    for (int t = 0; t < TTT_TENSOR_COUNT; t++) {
        const size_t bytes = bytes_of(&block->buffer[t]);
        if (bytes == 0)
            continue;
        if (cudaMalloc(&copy->buffer[t].data, bytes) != cudaSuccess)
            return TTT_ERROR_MEMORY;
        if (cudaMemcpy(copy->buffer[t].data, block->buffer[t].data, bytes, cudaMemcpyHostToDevice) != cudaSuccess)
            return TTT_ERROR_DEVICE;
    }
    return TTT_OK;
}

static void gpu_close(void *opaque)
{
    struct session *s = opaque;
    if (!s)
        return;
    for (int i = 0; i < s->count; i++)
        for (int t = 0; t < TTT_TENSOR_COUNT; t++)
            cudaFree(s->copies[i].buffer[t].data);
    cudaFree(s->workspace);
    if (s->begin)
        cudaEventDestroy(s->begin);
    if (s->end)
        cudaEventDestroy(s->end);
    free(s->copies);
    free(s);
}

static enum ttt_status gpu_open(void **opaque, const struct ttt_tensors *block, enum ttt_direction direction,
                                int *copies)
{
    struct session *s = *opaque = calloc(1, sizeof *s);
    if (!s)
        return TTT_ERROR_MEMORY;
    s->direction = direction;
    *copies = copies_of(block);
    s->copies = calloc((size_t)*copies, sizeof *s->copies);
    if (!s->copies)
        return TTT_ERROR_MEMORY;
    enum ttt_status status = direction == TTT_FORWARD
                                 ? ttt_gpu_mlp_forward_workspace(&block->c.shape, NULL, &s->workspace_bytes)
                                 : ttt_gpu_mlp_backward_workspace(&block->c.shape, NULL, &s->workspace_bytes);
    while (status == TTT_OK && s->count < *copies)
        status = to_device(block, &s->copies[s->count++]);
    if (status == TTT_OK && s->workspace_bytes > 0 && cudaMalloc(&s->workspace, s->workspace_bytes) != cudaSuccess)
        status = TTT_ERROR_MEMORY;
    if (status == TTT_OK && (cudaEventCreate(&s->begin) != cudaSuccess || cudaEventCreate(&s->end) != cudaSuccess))
        status = TTT_ERROR_DEVICE;
    return status;
}

/* The time between the events that were recorded, once the device is there. */
static enum ttt_status elapsed(const struct session *s, double *seconds)
{
    float milliseconds = 0;
    if (cudaEventRecord(s->end, NULL) != cudaSuccess || cudaEventSynchronize(s->end) != cudaSuccess ||
        cudaEventElapsedTime(&milliseconds, s->begin, s->end) != cudaSuccess)
        return TTT_ERROR_DEVICE;
    *seconds = 1e-3 * (double)milliseconds;
    return TTT_OK;
}

static enum ttt_status enqueue(const struct session *s, struct ttt_tensors *copy)
{
    const struct ttt_mlp_shape *shape = &copy->c.shape;
    if (s->direction == TTT_FORWARD) {
        const struct ttt_mlp_forward_args args = ttt_tensors_forward_args(copy);
        return ttt_gpu_mlp_forward(shape, &args, NULL, s->workspace, s->workspace_bytes, NULL);
    }
    const struct ttt_mlp_backward_args args = ttt_tensors_backward_args(copy);
    return ttt_gpu_mlp_backward(shape, &args, NULL, s->workspace, s->workspace_bytes, NULL);
}

static enum ttt_status gpu_passes(void *opaque, int calls, double *seconds)
{
    struct session *s = opaque;
    enum ttt_status status = cudaEventRecord(s->begin, NULL) == cudaSuccess ? TTT_OK : TTT_ERROR_DEVICE;
    for (int i = 0; i < calls && status == TTT_OK; i++)
        status = enqueue(s, &s->copies[s->next++ % s->count]);
    return status == TTT_OK ? elapsed(s, seconds) : status;
}

static enum ttt_status gpu_products(void *opaque, double *flops, double *seconds)
{
    const struct session *s = opaque;
    if (cudaEventRecord(s->begin, NULL) != cudaSuccess)
        return TTT_ERROR_DEVICE;
    const enum ttt_status status = ttt_gpu_peak(flops, NULL);
    return status == TTT_OK ? elapsed(s, seconds) : status;
}

const struct ttt_timer ttt_timer_gpu = {
    .clock = "cuda events",
    .peak = "wgmma",
    .open = gpu_open,
    .passes = gpu_passes,
    .products = gpu_products,
    .close = gpu_close,
};
