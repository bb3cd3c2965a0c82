/* SPDX-License-Identifier: MIT
 *
 * A plug-in as anybody could write one: it hands every call to the bfloat16 reference.  With the argument "scale" its
 * grad_L_XK of the second head is 1.2 times too large, with "forward" it has no backward pass, with "epsilons" its
 * forward pass has ln_eps 1e-6 and its backward pass 1e-8, whatever the shape says.  With "points" its passes have
 * rounding points beyond the contract (not in the causal form), and it declares them; with "undeclared" it does not;
 * with "boasting" it declares them and has none.
 */
#include <stdlib.h>
#include <string.h>
#include <ttt/ttt_candidate.h>
#include <ttt/ttt_ref.h>

static int scale, forward_only, epsilons, points, boasting;

enum { POINTS = TTT_REF_POINT_ETA | TTT_REF_POINT_EXCHANGE | TTT_REF_POINT_TANH, PARTS = 2 };

static enum ttt_status supports(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction)
{
    const struct ttt_ref_options options = {.threads = 1};
    size_t bytes;
    (void)self;
    if (direction == TTT_FORWARD)
        return ttt_ref_mlp_forward_workspace_bf16(shape, &options, &bytes);
    return forward_only ? TTT_ERROR_UNSUPPORTED : ttt_ref_mlp_backward_workspace_bf16(shape, &options, &bytes);
}

static struct ttt_ref_options options_of(const struct ttt_mlp_shape *shape, int threads)
{
    struct ttt_ref_options options = {.threads = threads};
    if (points && !shape->causal) {
        options.points = POINTS;
        options.exchange_parts = shape->hidden_dim < PARTS ? 1 : PARTS;
    }
    return options;
}

static void *reserve(size_t bytes)
{
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static enum ttt_status forward(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                               const struct ttt_candidate_call *call)
{
    const struct ttt_ref_options options = options_of(shape, call->threads);
    struct ttt_mlp_shape other = *shape;
    size_t bytes;
    (void)self;
    if (epsilons)
        other.ln_eps = 1e-6;
    enum ttt_status status = ttt_ref_mlp_forward_workspace_bf16(shape, &options, &bytes);
    if (status != TTT_OK)
        return status;
    void *workspace = reserve(bytes);
    status = workspace ? ttt_ref_mlp_forward_bf16(&other, args, &options, workspace, bytes) : TTT_ERROR_MEMORY;
    free(workspace);
    return status;
}

/* Multiply a bfloat16 by 1.2, truncating. */
static void scale_element(uint16_t *element)
{
    const uint32_t wide = (uint32_t)*element << 16;
    float x;
    uint32_t bits;
    memcpy(&x, &wide, sizeof x);
    x *= 1.2F;
    memcpy(&bits, &x, sizeof bits);
    *element = (uint16_t)(bits >> 16);
}

static enum ttt_status backward(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_backward_args *args,
                                const struct ttt_candidate_call *call)
{
    const struct ttt_ref_options options = options_of(shape, call->threads);
    struct ttt_mlp_shape other = *shape;
    size_t bytes;
    (void)self;
    if (epsilons)
        other.ln_eps = 1e-8;
    enum ttt_status status = ttt_ref_mlp_backward_workspace_bf16(shape, &options, &bytes);
    if (status != TTT_OK)
        return status;
    void *workspace = reserve(bytes);
    status = workspace ? ttt_ref_mlp_backward_bf16(&other, args, &options, workspace, bytes) : TTT_ERROR_MEMORY;
    free(workspace);
    const int64_t head = shape->seq_len * shape->head_dim;
    uint16_t *grad = args->grad_L_XK;
    for (int64_t i = head; status == TTT_OK && scale && shape->heads > 1 && i < 2 * head; i++)
        scale_element(&grad[i]);
    return status;
}

static struct ttt_candidate candidate = {
    .abi = TTT_CANDIDATE_ABI,
    .name = "plugin-ref",
    .about = "the bfloat16 reference as a plug-in",
    .types = TTT_TYPES_BF16,
    .forms = TTT_CAN_NON_CAUSAL | TTT_CAN_CAUSAL,
    .directions = TTT_CAN_FORWARD | TTT_CAN_BACKWARD,
    .deterministic = 1,
    .supports = supports,
    .forward = forward,
    .backward = backward,
};

const struct ttt_candidate *ttt_candidate_open(int abi, const char *args)
{
    scale = strcmp(args, "scale") == 0;
    forward_only = strcmp(args, "forward") == 0;
    epsilons = strcmp(args, "epsilons") == 0;
    boasting = strcmp(args, "boasting") == 0;
    points = strcmp(args, "points") == 0 || strcmp(args, "undeclared") == 0;
    if (boasting || strcmp(args, "points") == 0)
        candidate.rounding_points = "eta+exchange+tanh";
    const int known = scale || forward_only || epsilons || points || boasting || !args[0];
    return abi == TTT_CANDIDATE_ABI && known ? &candidate : NULL;
}
