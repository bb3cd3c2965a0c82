/* SPDX-License-Identifier: MIT
 *
 * The Hopper kernels as a candidate.  Beside timer_gpu.c the only file of the harness that knows <ttt/ttt_gpu.h> and
 * CUDA.
 *
 * A call copies every operand to the device, outputs with their poison too (so that what a kernel leaves unwritten is
 * seen), runs the pass, and copies the outputs back.
 */
#include "candidates.h"
#include "tensors.h"
#include <cuda_runtime_api.h>
#include <stddef.h>
#include <string.h>
#include <ttt/ttt_gpu.h>

/* One operand of struct ttt_mlp_forward_args. */
struct operand {
    enum ttt_tensor tensor;
    size_t offset; /* of its pointer in the struct */
};

#define OPERAND(tensor, field)                                                                                         \
    {                                                                                                                  \
        tensor, offsetof(struct ttt_mlp_forward_args, field)                                                           \
    }

static const struct operand forward_operands[] = {
    OPERAND(TTT_XQ, XQ),
    OPERAND(TTT_XK, XK),
    OPERAND(TTT_XV, XV),
    OPERAND(TTT_LAST_ETA, last_eta),
    OPERAND(TTT_NORM_WEIGHT, ttt_norm_weight),
    OPERAND(TTT_NORM_BIAS, ttt_norm_bias),
    OPERAND(TTT_W1_INIT, W1_init),
    OPERAND(TTT_B1_INIT, b1_init),
    OPERAND(TTT_W2_INIT, W2_init),
    OPERAND(TTT_B2_INIT, b2_init),
    OPERAND(TTT_XQW, XQW),
    OPERAND(TTT_W1_CHECKPOINTS, W1_checkpoints),
    OPERAND(TTT_B1_CHECKPOINTS, b1_checkpoints),
    OPERAND(TTT_W2_CHECKPOINTS, W2_checkpoints),
    OPERAND(TTT_B2_CHECKPOINTS, b2_checkpoints),
    OPERAND(TTT_W1_LAST, W1_last),
    OPERAND(TTT_B1_LAST, b1_last),
    OPERAND(TTT_W2_LAST, W2_last),
    OPERAND(TTT_B2_LAST, b2_last),
};
enum { FORWARD_OPERANDS = sizeof forward_operands / sizeof forward_operands[0] };

static void *get_pointer(const struct ttt_mlp_forward_args *args, const struct operand *o)
{
    void *pointer;
    memcpy(&pointer, (const char *)args + o->offset, sizeof pointer);
    return pointer;
}

static void set_pointer(struct ttt_mlp_forward_args *args, const struct operand *o, void *pointer)
{
    memcpy((char *)args + o->offset, &pointer, sizeof pointer);
}

static size_t bytes_of(const struct operand *o, const struct ttt_mlp_shape *shape)
{
    return (size_t)ttt_tensor_elements(o->tensor, shape) * ttt_dtype_size(ttt_tensor_dtype(o->tensor, TTT_TYPES_BF16));
}

int ttt_candidate_gpu_present(void)
{
    int devices = 0, device = 0, major = 0, minor = 0;
    return cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0 && cudaGetDevice(&device) == cudaSuccess &&
           cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess &&
           cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) == cudaSuccess && major == 9 &&
           minor == 0;
}

static enum ttt_status gpu_supports(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction)
{
    size_t bytes;
    (void)self;
    if (direction != TTT_FORWARD)
        return TTT_ERROR_UNSUPPORTED;
    const enum ttt_status status = ttt_gpu_mlp_forward_workspace(shape, NULL, &bytes);
    return status != TTT_OK ? status : ttt_candidate_gpu_present() ? TTT_OK : TTT_ERROR_DEVICE;
}

/* Device copies of all operands that are there.  What was allocated before a failure is in `device` all the same. */
static enum ttt_status to_device(const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *host,
                                 struct ttt_mlp_forward_args *device)
{
    for (int i = 0; i < FORWARD_OPERANDS; i++) {
        const struct operand *o = &forward_operands[i];
        const void *from = get_pointer(host, o);
        void *to = NULL;
        if (from && cudaMalloc(&to, bytes_of(o, shape)) != cudaSuccess)
            return TTT_ERROR_MEMORY;
        set_pointer(device, o, to);
        if (from && cudaMemcpy(to, from, bytes_of(o, shape), cudaMemcpyHostToDevice) != cudaSuccess)
            return TTT_ERROR_DEVICE;
    }
    return TTT_OK;
}

static enum ttt_status outputs_back(const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *host,
                                    const struct ttt_mlp_forward_args *device)
{
    for (int i = 0; i < FORWARD_OPERANDS; i++) {
        const struct operand *o = &forward_operands[i];
        void *to = get_pointer(host, o);
        if (to && ttt_tensor_info[o->tensor].role == TTT_ROLE_FORWARD_OUTPUT &&
            cudaMemcpy(to, get_pointer(device, o), bytes_of(o, shape), cudaMemcpyDeviceToHost) != cudaSuccess)
            return TTT_ERROR_DEVICE;
    }
    return TTT_OK;
}

static enum ttt_status gpu_forward(void *self, const struct ttt_mlp_shape *shape,
                                   const struct ttt_mlp_forward_args *args, const struct ttt_candidate_call *call)
{
    struct ttt_mlp_forward_args device = {.XQ = NULL};
    size_t bytes = 0;
    void *workspace = NULL;
    (void)self, (void)call;
    if (args->token_eta)
        return TTT_ERROR_UNSUPPORTED;
    enum ttt_status status = ttt_gpu_mlp_forward_workspace(shape, NULL, &bytes);
    if (status == TTT_OK)
        status = to_device(shape, args, &device);
    if (status == TTT_OK && bytes > 0 && cudaMalloc(&workspace, bytes) != cudaSuccess)
        status = TTT_ERROR_MEMORY;
    if (status == TTT_OK)
        status = ttt_gpu_mlp_forward(shape, &device, NULL, workspace, bytes, NULL);
    if (status == TTT_OK && cudaDeviceSynchronize() != cudaSuccess)
        status = TTT_ERROR_DEVICE;
    if (status == TTT_OK)
        status = outputs_back(shape, args, &device);
    cudaFree(workspace);
    for (int i = 0; i < FORWARD_OPERANDS; i++)
        cudaFree(get_pointer(&device, &forward_operands[i]));
    return status;
}

static enum ttt_status gpu_backward(void *self, const struct ttt_mlp_shape *shape,
                                    const struct ttt_mlp_backward_args *args, const struct ttt_candidate_call *call)
{
    (void)self, (void)shape, (void)args, (void)call;
    return TTT_ERROR_UNSUPPORTED;
}

static size_t gpu_workspace(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction, int threads)
{
    size_t bytes = 0;
    (void)self, (void)direction, (void)threads;
    return ttt_gpu_mlp_forward_workspace(shape, NULL, &bytes) == TTT_OK ? bytes : 0;
}

const struct ttt_candidate ttt_candidate_gpu_bf16 = {
    .abi = TTT_CANDIDATE_ABI,
    .name = "gpu-bf16",
    .about = "Hopper kernels, forward; rounding points beyond the contract: eta, exchange, tanh",
    .rounding_points = "eta+exchange+tanh",
    .forms = TTT_CAN_NON_CAUSAL,
    .directions = TTT_CAN_FORWARD,
    .types = TTT_TYPES_BF16,
    .deterministic = 1,
    .supports = gpu_supports,
    .forward = gpu_forward,
    .backward = gpu_backward,
    .workspace = gpu_workspace,
};
