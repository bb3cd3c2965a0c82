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

/* One operand of struct ttt_mlp_forward_args or ttt_mlp_backward_args. */
struct operand {
    enum ttt_tensor tensor;
    size_t offset; /* of its pointer in the struct */
};

/* All of a direction. */
struct operands {
    const struct operand *list;
    int count;
    enum ttt_role output; /* the role of those that the pass writes */
};

#define FORWARD(tensor, field)                                                                                         \
    {                                                                                                                  \
        tensor, offsetof(struct ttt_mlp_forward_args, field)                                                           \
    }
#define BACKWARD(tensor, field)                                                                                        \
    {                                                                                                                  \
        tensor, offsetof(struct ttt_mlp_backward_args, field)                                                          \
    }

static const struct operand forward_list[] = {
    FORWARD(TTT_XQ, XQ),
    FORWARD(TTT_XK, XK),
    FORWARD(TTT_XV, XV),
    FORWARD(TTT_LAST_ETA, last_eta),
    FORWARD(TTT_NORM_WEIGHT, ttt_norm_weight),
    FORWARD(TTT_NORM_BIAS, ttt_norm_bias),
    FORWARD(TTT_W1_INIT, W1_init),
    FORWARD(TTT_B1_INIT, b1_init),
    FORWARD(TTT_W2_INIT, W2_init),
    FORWARD(TTT_B2_INIT, b2_init),
    FORWARD(TTT_XQW, XQW),
    FORWARD(TTT_W1_CHECKPOINTS, W1_checkpoints),
    FORWARD(TTT_B1_CHECKPOINTS, b1_checkpoints),
    FORWARD(TTT_W2_CHECKPOINTS, W2_checkpoints),
    FORWARD(TTT_B2_CHECKPOINTS, b2_checkpoints),
    FORWARD(TTT_W1_LAST, W1_last),
    FORWARD(TTT_B1_LAST, b1_last),
    FORWARD(TTT_W2_LAST, W2_last),
    FORWARD(TTT_B2_LAST, b2_last),
};

static const struct operand backward_list[] = {
    BACKWARD(TTT_XQ, XQ),
    BACKWARD(TTT_XK, XK),
    BACKWARD(TTT_XV, XV),
    BACKWARD(TTT_LAST_ETA, last_eta),
    BACKWARD(TTT_NORM_WEIGHT, ttt_norm_weight),
    BACKWARD(TTT_NORM_BIAS, ttt_norm_bias),
    BACKWARD(TTT_W1_CHECKPOINTS, W1_checkpoints),
    BACKWARD(TTT_B1_CHECKPOINTS, b1_checkpoints),
    BACKWARD(TTT_W2_CHECKPOINTS, W2_checkpoints),
    BACKWARD(TTT_B2_CHECKPOINTS, b2_checkpoints),
    BACKWARD(TTT_GRAD_XQW, grad_L_XQW),
    BACKWARD(TTT_GRAD_W1_LAST, grad_L_W1_last),
    BACKWARD(TTT_GRAD_B1_LAST, grad_L_b1_last),
    BACKWARD(TTT_GRAD_W2_LAST, grad_L_W2_last),
    BACKWARD(TTT_GRAD_B2_LAST, grad_L_b2_last),
    BACKWARD(TTT_GRAD_XQ, grad_L_XQ),
    BACKWARD(TTT_GRAD_XK, grad_L_XK),
    BACKWARD(TTT_GRAD_XV, grad_L_XV),
    BACKWARD(TTT_GRAD_LAST_ETA, grad_L_last_eta),
    BACKWARD(TTT_GRAD_NORM_WEIGHT, grad_L_ttt_norm_weight),
    BACKWARD(TTT_GRAD_NORM_BIAS, grad_L_ttt_norm_bias),
    BACKWARD(TTT_GRAD_W1_INIT, grad_L_W1_init),
    BACKWARD(TTT_GRAD_B1_INIT, grad_L_b1_init),
    BACKWARD(TTT_GRAD_W2_INIT, grad_L_W2_init),
    BACKWARD(TTT_GRAD_B2_INIT, grad_L_b2_init),
};

static const struct operands forward_operands = {forward_list, sizeof forward_list / sizeof forward_list[0],
                                                 TTT_ROLE_FORWARD_OUTPUT};
static const struct operands backward_operands = {backward_list, sizeof backward_list / sizeof backward_list[0],
                                                  TTT_ROLE_BACKWARD_OUTPUT};

/* The pointer of an operand in its struct of arguments. */
static void *get_pointer(const void *args, const struct operand *o)
{
    void *pointer;
    memcpy(&pointer, (const char *)args + o->offset, sizeof pointer);
    return pointer;
}

static void set_pointer(void *args, const struct operand *o, void *pointer)
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

static enum ttt_status workspace_of(const struct ttt_mlp_shape *shape, enum ttt_direction direction, size_t *bytes)
{
    return direction == TTT_FORWARD ? ttt_gpu_mlp_forward_workspace(shape, NULL, bytes)
                                    : ttt_gpu_mlp_backward_workspace(shape, NULL, bytes);
}

static enum ttt_status gpu_supports(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction)
{
    size_t bytes;
    (void)self;
    const enum ttt_status status = workspace_of(shape, direction, &bytes);
    return status != TTT_OK ? status : ttt_candidate_gpu_present() ? TTT_OK : TTT_ERROR_DEVICE;
}

/* Device copies of all operands that are there.  What was allocated before a failure is in `device` all the same. */
static enum ttt_status to_device(const struct operands *all, const struct ttt_mlp_shape *shape, const void *host,
                                 void *device)
{
    for (int i = 0; i < all->count; i++) {
        const struct operand *o = &all->list[i];
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

static enum ttt_status outputs_back(const struct operands *all, const struct ttt_mlp_shape *shape, const void *host,
                                    const void *device)
{
    for (int i = 0; i < all->count; i++) {
        const struct operand *o = &all->list[i];
        void *to = get_pointer(host, o);
        if (to && ttt_tensor_info[o->tensor].role == all->output &&
            cudaMemcpy(to, get_pointer(device, o), bytes_of(o, shape), cudaMemcpyDeviceToHost) != cudaSuccess)
            return TTT_ERROR_DEVICE;
    }
    return TTT_OK;
}

/* A pass on copies of all operands; `device` is an empty struct of arguments. */
static enum ttt_status run(enum ttt_direction direction, const struct ttt_mlp_shape *shape, const void *host,
                           void *device)
{
    const struct operands *all = direction == TTT_FORWARD ? &forward_operands : &backward_operands;
    size_t bytes = 0;
    void *workspace = NULL;
    enum ttt_status status = workspace_of(shape, direction, &bytes);
    if (status == TTT_OK)
        status = to_device(all, shape, host, device);
    if (status == TTT_OK && bytes > 0 && cudaMalloc(&workspace, bytes) != cudaSuccess)
        status = TTT_ERROR_MEMORY;
    if (status == TTT_OK)
        status =
            direction == TTT_FORWARD
                ? ttt_gpu_mlp_forward(shape, (struct ttt_mlp_forward_args *)device, NULL, workspace, bytes, NULL)
                : ttt_gpu_mlp_backward(shape, (struct ttt_mlp_backward_args *)device, NULL, workspace, bytes, NULL);
    if (status == TTT_OK && cudaDeviceSynchronize() != cudaSuccess)
        status = TTT_ERROR_DEVICE;
    if (status == TTT_OK)
        status = outputs_back(all, shape, host, device);
    cudaFree(workspace);
    for (int i = 0; i < all->count; i++)
        cudaFree(get_pointer(device, &all->list[i]));
    return status;
}

static enum ttt_status gpu_forward(void *self, const struct ttt_mlp_shape *shape,
                                   const struct ttt_mlp_forward_args *args, const struct ttt_candidate_call *call)
{
    struct ttt_mlp_forward_args device = {.XQ = NULL};
    (void)self, (void)call;
    if (!args)
        return TTT_ERROR_NULL;
    return args->token_eta ? TTT_ERROR_UNSUPPORTED : run(TTT_FORWARD, shape, args, &device);
}

static enum ttt_status gpu_backward(void *self, const struct ttt_mlp_shape *shape,
                                    const struct ttt_mlp_backward_args *args, const struct ttt_candidate_call *call)
{
    struct ttt_mlp_backward_args device = {.XQ = NULL};
    (void)self, (void)call;
    if (!args)
        return TTT_ERROR_NULL;
    return args->token_eta || args->grad_L_token_eta ? TTT_ERROR_UNSUPPORTED : run(TTT_BACKWARD, shape, args, &device);
}

static size_t gpu_workspace(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction, int threads)
{
    size_t bytes = 0;
    (void)self, (void)threads;
    return workspace_of(shape, direction, &bytes) == TTT_OK ? bytes : 0;
}

const struct ttt_candidate ttt_candidate_gpu_bf16 = {
    .abi = TTT_CANDIDATE_ABI,
    .name = "gpu-bf16",
    .about = "Hopper kernels: non-causal, C = F = 64, D = 256",
    .types = TTT_TYPES_BF16,
    .forms = TTT_CAN_NON_CAUSAL,
    .directions = TTT_CAN_FORWARD | TTT_CAN_BACKWARD,
    .deterministic = 1,
    .rounding_points = "eta+exchange+tanh+xhat+gelu1+dWout",
    .supports = gpu_supports,
    .workspace = gpu_workspace,
    .forward = gpu_forward,
    .backward = gpu_backward,
};
