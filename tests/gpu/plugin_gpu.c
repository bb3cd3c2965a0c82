/* SPDX-License-Identifier: MIT
 *
 * The Hopper kernels as anybody's device kernel: a plug-in in device memory over libttt_gpu.so, whose path is its
 * argument.  A pass that the library does not have is one that the plug-in does not have.
 *
 *     ttt-verify --candidate tests/gpu/plugin_gpu.so:./libttt_gpu.so
 */
#include <dlfcn.h>
#include <string.h>
#include <ttt/ttt_candidate.h>
#include <ttt/ttt_gpu.h>

typedef enum ttt_status query_fn(const struct ttt_mlp_shape *, const struct ttt_gpu_options *, size_t *);

static struct {
    query_fn *query[2]; /* by enum ttt_direction */
    enum ttt_status (*forward)(const struct ttt_mlp_shape *, const struct ttt_mlp_forward_args *,
                               const struct ttt_gpu_options *, void *, size_t, struct CUstream_st *);
    enum ttt_status (*backward)(const struct ttt_mlp_shape *, const struct ttt_mlp_backward_args *,
                                const struct ttt_gpu_options *, void *, size_t, struct CUstream_st *);
} gpu;

static enum ttt_status supports(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction)
{
    size_t bytes;
    (void)self;
    return gpu.query[direction](shape, NULL, &bytes);
}

static size_t workspace(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction, int threads)
{
    size_t bytes = 0;
    (void)self, (void)threads;
    gpu.query[direction](shape, NULL, &bytes);
    return bytes;
}

static enum ttt_status forward(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                               const struct ttt_candidate_call *call)
{
    (void)self;
    return gpu.forward(shape, args, NULL, call->workspace, call->workspace_bytes, call->stream);
}

static enum ttt_status backward(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_backward_args *args,
                                const struct ttt_candidate_call *call)
{
    (void)self;
    return gpu.backward(shape, args, NULL, call->workspace, call->workspace_bytes, call->stream);
}

/* The function of this name, into a pointer of its type. */
static int find(void *library, const char *name, void *slot)
{
    void *symbol = dlsym(library, name);
    memcpy(slot, &symbol, sizeof symbol);
    return symbol != NULL;
}

const struct ttt_candidate *ttt_candidate_open(int abi, const char *args)
{
    static struct ttt_candidate candidate = {.abi = TTT_CANDIDATE_ABI,
                                             .name = "gpu-plugin",
                                             .about = "the Hopper kernels as a plug-in in device memory",
                                             .types = TTT_TYPES_BF16,
                                             .forms = TTT_CAN_NON_CAUSAL,
                                             .directions = TTT_CAN_FORWARD,
                                             .deterministic = 1,
                                             .rounding_points = "eta+exchange+tanh",
                                             .memory = TTT_MEMORY_CUDA,
                                             .supports = supports,
                                             .workspace = workspace,
                                             .forward = forward,
                                             .backward = backward};
    void *library = dlopen(args, RTLD_NOW);
    if (abi != TTT_CANDIDATE_ABI || !library || !find(library, "ttt_gpu_mlp_forward", &gpu.forward) ||
        !find(library, "ttt_gpu_mlp_forward_workspace", &gpu.query[TTT_FORWARD]))
        return NULL;
    if (find(library, "ttt_gpu_mlp_backward", &gpu.backward) &&
        find(library, "ttt_gpu_mlp_backward_workspace", &gpu.query[TTT_BACKWARD]))
        candidate.directions |= TTT_CAN_BACKWARD;
    return &candidate;
}
