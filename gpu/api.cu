/* SPDX-License-Identifier: MIT
 *
 * The functions of <ttt/ttt_gpu.h>: every check, the choice of the cluster size and of the window, the launches.
 */
#include "backward.h"
#include "config.h"
#include "forward.h"
#include "tensor_map.h"
#include <algorithm>
#include <cmath>
#include <ttt/ttt_gpu.h>

using namespace ttt_gpu;

/* Limits of the kernels' 32-bit block and row numbers; rows are looked up to three mini-batches past the end. */
static constexpr int64_t MAX_SEQUENCES = (int64_t)1 << 29;
static constexpr int64_t MAX_ROWS = INT32_MAX - (KV_STAGES + 1) * C;

static constexpr uintptr_t ALIGNMENT = 16;

static constexpr int64_t MAX_WINDOW = 65535; /* groups: blockIdx.y */

/* Groups that a window may have in all, if the caller leaves it to us: eight for each multiprocessor. */
static constexpr int64_t WINDOW_BLOCKS = 8 * 132;

/* What a mini-batch takes in a block of replay, over what it takes in the chain: on one H200 2.4 (clusters of 2)
 * and 3.5 (of 4, where it cuts the same windows).  It decides only how windows are cut: no bit depends on it. */
static constexpr double REPLAY_OVER_CHAIN = 2.4;

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a - 1) / b + 1;
}

/* ---------------------------------------------------------------------------------------------- shape */

static int64_t checkpoints_of(const ttt_mlp_shape *s)
{
    return ceil_div(ceil_div(s->seq_len, s->mini_batch_size), s->checkpoint_group_size);
}

/* Whether a product of sizes, all >= 1, fits in half of size_t. */
static bool fits(size_t element, const int64_t *sizes, int count)
{
    size_t bytes = element;
    for (int i = 0; i < count; i++)
        if (__builtin_mul_overflow(bytes, (size_t)sizes[i], &bytes) || bytes > SIZE_MAX / 2)
            return false;
    return true;
}

/* What forward and backward pass refuse alike. */
static ttt_status check_shape(const ttt_mlp_shape *s, const ttt_gpu_options *options)
{
    if (!s)
        return TTT_ERROR_NULL;
    if (s->batch < 1 || s->heads < 1 || s->seq_len < 1 || s->mini_batch_size < 1 || s->head_dim < 1 ||
        s->hidden_dim < 1 || s->checkpoint_group_size < 1 || s->mini_batch_size > INT32_MAX ||
        s->head_dim > INT32_MAX || s->hidden_dim > INT32_MAX)
        return TTT_ERROR_SIZE;
    if (!(s->ln_eps >= 0) || std::isinf(s->ln_eps))
        return TTT_ERROR_EPS;
    if (s->causal != 0 && s->causal != 1)
        return TTT_ERROR_FORM;
    const int64_t tokens[] = {s->batch, s->heads, s->seq_len, s->head_dim};
    const int64_t state[] = {s->batch, s->heads, checkpoints_of(s), s->head_dim, s->hidden_dim};
    if (!fits(2, tokens, 4) || !fits(4, state, 5))
        return TTT_ERROR_OVERFLOW;
    if (s->causal || s->mini_batch_size != C || s->head_dim != F || s->hidden_dim != D || s->seq_len > MAX_ROWS ||
        s->batch * s->heads > MAX_SEQUENCES)
        return TTT_ERROR_UNSUPPORTED;
    const int cluster_size = options ? options->cluster_size : 0;
    const bool known = cluster_size == 0 || cluster_size == 1 || cluster_size == 2 || cluster_size == 4;
    return known && (!options || options->window_groups >= 0) ? TTT_OK : TTT_ERROR_UNSUPPORTED;
}

/* ---------------------------------------------------------------------------------------------- operands */

/* What an operand has one piece for. */
enum Unit { TOKEN, HEAD, SEQUENCE, CHECKPOINT, CALL, UNITS };

struct Operand {
    const void *data;
    Unit unit;
    int64_t bytes; /* of a piece */
    bool output;
};

/* All operands of a call; those not given are NULL. */
struct Operands {
    Operand list[27];
    int count;
    bool missing; /* one that the call needs, or a part of a state */

    void add(const void *data, Unit unit, int64_t bytes, bool output)
    {
        missing = missing || !data;
        list[count++] = {data, unit, bytes, output};
    }

    void add_state(const void *W1, const void *b1, const void *W2, const void *b2, Unit unit, bool output, bool needed)
    {
        const int given = !!W1 + !!b1 + !!W2 + !!b2;
        const bool before = missing;
        add(W1, unit, F * D * 4, output);
        add(b1, unit, D * 4, output);
        add(W2, unit, D * F * 4, output);
        add(b2, unit, F * 4, output);
        missing = before || (given != 4 && (given != 0 || needed));
    }

    /* What both passes are given. */
    template <class Args> void add_inputs(const Args &a)
    {
        add(a.XQ, TOKEN, F * 2, false);
        add(a.XK, TOKEN, F * 2, false);
        add(a.XV, TOKEN, F * 2, false);
        add(a.last_eta, TOKEN, 2, false);
        add(a.ttt_norm_weight, HEAD, F * 4, false);
        add(a.ttt_norm_bias, HEAD, F * 4, false);
    }
};

static Operands operands_of(const ttt_mlp_forward_args &a)
{
    Operands o = {};
    o.add_inputs(a);
    o.add_state(a.W1_init, a.b1_init, a.W2_init, a.b2_init, SEQUENCE, false, true);
    o.add(a.XQW, TOKEN, F * 2, true);
    o.add_state(a.W1_checkpoints, a.b1_checkpoints, a.W2_checkpoints, a.b2_checkpoints, CHECKPOINT, true, false);
    o.add_state(a.W1_last, a.b1_last, a.W2_last, a.b2_last, SEQUENCE, true, false);
    return o;
}

static Operands operands_of(const ttt_mlp_backward_args &a)
{
    Operands o = {};
    o.add_inputs(a);
    o.add_state(a.W1_checkpoints, a.b1_checkpoints, a.W2_checkpoints, a.b2_checkpoints, CHECKPOINT, false, true);
    o.add(a.grad_L_XQW, TOKEN, F * 2, false);
    o.add_state(a.grad_L_W1_last, a.grad_L_b1_last, a.grad_L_W2_last, a.grad_L_b2_last, SEQUENCE, false, false);
    o.add(a.grad_L_XQ, TOKEN, F * 2, true);
    o.add(a.grad_L_XK, TOKEN, F * 2, true);
    o.add(a.grad_L_XV, TOKEN, F * 2, true);
    o.add(a.grad_L_last_eta, TOKEN, 2, true);
    o.add(a.grad_L_ttt_norm_weight, HEAD, F * 4, true);
    o.add(a.grad_L_ttt_norm_bias, HEAD, F * 4, true);
    o.add_state(a.grad_L_W1_init, a.grad_L_b1_init, a.grad_L_W2_init, a.grad_L_b2_init, SEQUENCE, true, true);
    return o;
}

static bool overlap(const Operand &a, int64_t a_bytes, const Operand &b, int64_t b_bytes)
{
    const uintptr_t x = (uintptr_t)a.data, y = (uintptr_t)b.data;
    return x <= y ? y - x < (uintptr_t)a_bytes : x - y < (uintptr_t)b_bytes;
}

static ttt_status check_operands(const Operands &o, const ttt_mlp_shape *s)
{
    const int64_t sequences = s->batch * s->heads;
    const int64_t pieces[UNITS] = {sequences * s->seq_len, s->heads, sequences, sequences * checkpoints_of(s), 1};
    for (int i = 0; i < o.count; i++)
        if ((uintptr_t)o.list[i].data % ALIGNMENT)
            return TTT_ERROR_ALIGNMENT;
    for (int i = 0; i < o.count; i++)
        for (int j = 0; j < i; j++) {
            const Operand &a = o.list[i], &b = o.list[j];
            if (a.data && b.data && (a.output || b.output) &&
                overlap(a, pieces[a.unit] * a.bytes, b, pieces[b.unit] * b.bytes))
                return TTT_ERROR_ALIAS;
        }
    return TTT_OK;
}

/* ---------------------------------------------------------------------------------------------- device */

static bool device_is_hopper(int *device)
{
    int major = 0, minor = 0;
    return cudaGetDevice(device) == cudaSuccess &&
           cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, *device) == cudaSuccess &&
           cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, *device) == cudaSuccess && major == 9 &&
           minor == 0;
}

/* Whether the current device's kernels can use every operand. */
static bool operands_on_device(const Operands &o, int device)
{
    for (int i = 0; i < o.count; i++) {
        cudaPointerAttributes where;
        if (!o.list[i].data)
            continue;
        if (cudaPointerGetAttributes(&where, o.list[i].data) != cudaSuccess) {
            (void)cudaGetLastError(); /* ours to report, not the caller's next call's */
            return false;
        }
        if (where.devicePointer != o.list[i].data ||
            (where.type != cudaMemoryTypeDevice && where.type != cudaMemoryTypeManaged) ||
            (where.type == cudaMemoryTypeDevice && where.device != device))
            return false;
    }
    return true;
}

/* What both passes refuse of a call whose shape is good, the last of it what the device cannot do. */
static ttt_status check_call(Operands &o, const ttt_mlp_shape *s, const void *workspace, size_t bytes, int *device)
{
    o.add(workspace, CALL, (int64_t)bytes, true);
    const ttt_status status = check_operands(o, s);
    if (status != TTT_OK)
        return status;
    return device_is_hopper(device) && operands_on_device(o, *device) ? TTT_OK : TTT_ERROR_DEVICE;
}

/* The caller's cluster size, or the largest of which the device runs all sequences at once, else the smallest that the
 * pass has; 0 if the device cannot say. */
static int choose_cluster_size(const ttt_mlp_shape *s, const ttt_gpu_options *options,
                               cudaError_t (*resident_clusters)(int, int *), int smallest)
{
    if (options && options->cluster_size)
        return options->cluster_size;
    for (int size = 4; size > smallest; size /= 2) {
        int clusters = 0;
        if (resident_clusters(size, &clusters) != cudaSuccess)
            return 0;
        if (s->batch * s->heads <= clusters)
            return size;
    }
    return smallest;
}

/* ---------------------------------------------------------------------------------------------- forward */

static StateIn state_in(const void *W1, const void *b1, const void *W2, const void *b2)
{
    return {static_cast<const float *>(W1), static_cast<const float *>(b1), static_cast<const float *>(W2),
            static_cast<const float *>(b2)};
}

static StateOut state_out(void *W1, void *b1, void *W2, void *b2)
{
    return {static_cast<float *>(W1), static_cast<float *>(b1), static_cast<float *>(W2), static_cast<float *>(b2)};
}

/* What the kernels of both passes are told. */
template <class Params, class Args> static void fill_common(Params &p, const ttt_mlp_shape *s, const Args *a)
{
    p.last_eta = static_cast<const __nv_bfloat16 *>(a->last_eta);
    p.ttt_norm_weight = static_cast<const float *>(a->ttt_norm_weight);
    p.ttt_norm_bias = static_cast<const float *>(a->ttt_norm_bias);
    p.seq_len = s->seq_len;
    p.heads = (int)s->heads;
    p.mini_batches = (int)ceil_div(s->seq_len, C);
    p.checkpoint_group_size = (int)std::min<int64_t>(s->checkpoint_group_size, p.mini_batches);
    p.checkpoints_per_sequence = (int)checkpoints_of(s);
    p.eps = (float)s->ln_eps;
}

static bool fill_params(ForwardParams &p, const ttt_mlp_shape *s, const ttt_mlp_forward_args *a, int cluster_size)
{
    const int64_t sequences = s->batch * s->heads;
    fill_common(p, s, a);
    p.init = state_in(a->W1_init, a->b1_init, a->W2_init, a->b2_init);
    p.XQW = static_cast<__nv_bfloat16 *>(a->XQW);
    p.checkpoints = state_out(a->W1_checkpoints, a->b1_checkpoints, a->W2_checkpoints, a->b2_checkpoints);
    p.last = state_out(a->W1_last, a->b1_last, a->W2_last, a->b2_last);
    return tensor_map_make(&p.XQ, a->XQ, sequences, s->seq_len, C) &&
           tensor_map_make(&p.XK, a->XK, sequences, s->seq_len, C) &&
           tensor_map_make(&p.XV, a->XV, sequences, s->seq_len, forward_norm_rows(cluster_size));
}

extern "C" ttt_status ttt_gpu_mlp_forward_workspace(const ttt_mlp_shape *shape, const ttt_gpu_options *options,
                                                    size_t *bytes)
{
    if (!bytes)
        return TTT_ERROR_NULL;
    const ttt_status status = check_shape(shape, options);
    if (status == TTT_OK)
        *bytes = 0;
    return status;
}

extern "C" ttt_status ttt_gpu_mlp_forward(const ttt_mlp_shape *shape, const ttt_mlp_forward_args *args,
                                          const ttt_gpu_options *options, void *workspace, size_t bytes,
                                          CUstream_st *stream)
{
    Operands operands = args ? operands_of(*args) : Operands{};
    if (!shape || !args || operands.missing)
        return TTT_ERROR_NULL;
    ttt_status status = check_shape(shape, options);
    if (status != TTT_OK)
        return status;
    if (args->token_eta)
        return TTT_ERROR_FORM;
    int device = 0;
    status = check_call(operands, shape, workspace, bytes, &device);
    if (status != TTT_OK)
        return status;

    const int cluster_size = choose_cluster_size(shape, options, forward_resident_clusters, 1);
    ForwardParams p = {};
    if (cluster_size == 0 || !fill_params(p, shape, args, cluster_size))
        return TTT_ERROR_DEVICE;
    const int sequences = (int)(shape->batch * shape->heads);
    const cudaError_t error = cluster_size == 1 ? forward_single_launch(p, sequences, stream)
                                                : forward_launch(p, cluster_size, sequences, stream);
    return error == cudaSuccess ? TTT_OK : TTT_ERROR_DEVICE;
}

/* ---------------------------------------------------------------------------------------------- backward */

static ttt_status check_backward_shape(const ttt_mlp_shape *s, const ttt_gpu_options *options)
{
    const ttt_status status = check_shape(s, options);
    return status == TTT_OK && options && options->cluster_size == 1 ? TTT_ERROR_UNSUPPORTED : status;
}

/* The workspace of a backward pass: how many groups a window has, how large it is.  Where there are two windows or
 * more, the workspace holds two, in turns, if the caller allows for two groups. */
struct Window {
    int64_t groups;       /* at most this many */
    int64_t mini_batches; /* of a group */
    int copies;
    size_t bytes;
};

/* False: it does not fit in size_t / 2. */
static bool lay_out(Window *window, const ttt_mlp_shape *s, const ttt_gpu_options *options)
{
    const int64_t sequences = s->batch * s->heads, checkpoints = checkpoints_of(s), all = ceil_div(s->seq_len, C);
    const int64_t allowed = options ? options->window_groups : 0, most = ceil_div(checkpoints, 2);
    const int64_t groups = allowed == 0 ? ceil_div(WINDOW_BLOCKS, sequences) : std::max(allowed / 2, (int64_t)1);
    window->groups = std::min({groups, most, MAX_WINDOW});
    window->copies = window->groups < checkpoints && allowed != 1 ? 2 : 1;
    window->mini_batches = s->checkpoint_group_size < all ? s->checkpoint_group_size : all;
    const int64_t sizes[] = {sequences, window->groups * window->copies, window->mini_batches};
    if (!fits(2 * sizeof(Saved), sizes, 3))
        return false;
    window->bytes =
        (size_t)sequences * ((size_t)(window->copies * window->groups * window->mini_batches) * sizeof(Saved) +
                             MAX_CLUSTER * 2 * F * sizeof(float));
    return true;
}

static bool fill_params(BackwardParams &p, const ttt_mlp_shape *s, const ttt_mlp_backward_args *a, const Window &window,
                        void *workspace)
{
    const int64_t sequences = s->batch * s->heads;
    fill_common(p, s, a);
    p.V = static_cast<const __nv_bfloat16 *>(a->XV);
    p.checkpoints = state_in(a->W1_checkpoints, a->b1_checkpoints, a->W2_checkpoints, a->b2_checkpoints);
    p.upstream = state_in(a->grad_L_W1_last, a->grad_L_b1_last, a->grad_L_W2_last, a->grad_L_b2_last);
    p.gradient = state_out(a->grad_L_W1_init, a->grad_L_b1_init, a->grad_L_W2_init, a->grad_L_b2_init);
    p.dXQ = static_cast<__nv_bfloat16 *>(a->grad_L_XQ);
    p.dXK = static_cast<__nv_bfloat16 *>(a->grad_L_XK);
    p.dXV = static_cast<__nv_bfloat16 *>(a->grad_L_XV);
    p.dlast_eta = static_cast<__nv_bfloat16 *>(a->grad_L_last_eta);
    p.dweight = static_cast<float *>(a->grad_L_ttt_norm_weight);
    p.dbias = static_cast<float *>(a->grad_L_ttt_norm_bias);
    p.saved = static_cast<Saved *>(workspace);
    p.norm = reinterpret_cast<float *>(p.saved + sequences * window.copies * window.groups * window.mini_batches);
    p.batch = (int)s->batch;
    p.window_groups = (int)window.groups;
    return tensor_map_make(&p.XQ, a->XQ, sequences, s->seq_len, C) &&
           tensor_map_make(&p.XK, a->XK, sequences, s->seq_len, C) &&
           tensor_map_make(&p.XV, a->XV, sequences, s->seq_len, C) &&
           tensor_map_make(&p.dXQW, a->grad_L_XQW, sequences, s->seq_len, C);
}

/* How many groups the next window shall have, of `left`: as many as keep the multiprocessors busiest.  Replay's blocks
 * run beside the chain of the window before, of `before` groups (0: none), on the multiprocessors that it leaves, and
 * what is not done when it ends runs in waves on all of them. */
static int next_window(const BackwardParams &p, int left, int before, int cluster_size, int multiprocessors)
{
    const int64_t sequences = (int64_t)p.batch * p.heads;
    const int64_t idle = std::max(multiprocessors - sequences * cluster_size, (int64_t)0);
    const int64_t beside = idle * (int64_t)(before / REPLAY_OVER_CHAIN);
    int best = 1;
    double best_share = 0;
    for (int groups = std::min(left, p.window_groups); groups > 0; groups--) {
        const int64_t blocks = sequences * groups,
                      waves = blocks > beside ? ceil_div(blocks - beside, multiprocessors) : 0;
        const double share = (double)blocks / (double)(beside + waves * multiprocessors);
        if (share > best_share + 0.02) { /* larger windows are fewer */
            best_share = share;
            best = groups;
        }
    }
    return best;
}

/* Window after window, the last in time first. */
static cudaError_t launch_windows(BackwardParams &p, const Window &window, int cluster_size, int device,
                                  cudaStream_t stream)
{
    Saved *const copies[2] = {p.saved, p.saved + (window.copies - 1) * (int64_t)p.batch * p.heads * p.window_groups *
                                                     p.checkpoint_group_size};
    int multiprocessors = 0, number = 0;
    cudaError_t error = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
    for (int end = p.checkpoints_per_sequence; end > 0 && error == cudaSuccess; end -= p.groups, number++) {
        p.groups = next_window(p, end, p.groups, cluster_size, multiprocessors);
        p.first_group = end - p.groups;
        p.saved = copies[number % 2];
        error = replay_launch(p, number > 0 && window.copies == 2, stream);
        if (error == cudaSuccess)
            error = chain_launch(p, cluster_size, stream);
    }
    return error == cudaSuccess ? norm_sums_launch(p, cluster_size, stream) : error;
}

extern "C" ttt_status ttt_gpu_mlp_backward_workspace(const ttt_mlp_shape *shape, const ttt_gpu_options *options,
                                                     size_t *bytes)
{
    Window window;
    if (!bytes)
        return TTT_ERROR_NULL;
    const ttt_status status = check_backward_shape(shape, options);
    if (status != TTT_OK)
        return status;
    if (!lay_out(&window, shape, options))
        return TTT_ERROR_OVERFLOW;
    *bytes = window.bytes;
    return TTT_OK;
}

extern "C" ttt_status ttt_gpu_mlp_backward(const ttt_mlp_shape *shape, const ttt_mlp_backward_args *args,
                                           const ttt_gpu_options *options, void *workspace, size_t bytes,
                                           CUstream_st *stream)
{
    Window window;
    Operands operands = args ? operands_of(*args) : Operands{};
    if (!shape || !args || operands.missing)
        return TTT_ERROR_NULL;
    ttt_status status = check_backward_shape(shape, options);
    if (status != TTT_OK)
        return status;
    if (!lay_out(&window, shape, options))
        return TTT_ERROR_OVERFLOW;
    if (args->token_eta || args->grad_L_token_eta)
        return TTT_ERROR_FORM;
    if (!workspace || bytes < window.bytes)
        return TTT_ERROR_WORKSPACE;
    int device = 0;
    status = check_call(operands, shape, workspace, bytes, &device);
    if (status != TTT_OK)
        return status;
    const int cluster_size = choose_cluster_size(shape, options, chain_resident_clusters, 2);
    BackwardParams p = {};
    if (cluster_size == 0 || !fill_params(p, shape, args, window, workspace))
        return TTT_ERROR_DEVICE;
    return launch_windows(p, window, cluster_size, device, stream) == cudaSuccess ? TTT_OK : TTT_ERROR_DEVICE;
}
