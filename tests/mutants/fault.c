/* SPDX-License-Identifier: MIT
 *
 * ref-bf16 with a fault of a chosen size in a chosen place of one output, or with another rounding: a plug-in that
 * measures how small a fault a judge still finds.
 *
 *     fault.so:tensor=grad_L_XK,scope=tile,size=0.0625    that part of the tensor is larger by 1/16
 *     fault.so:seed=7                                     operands round stochastically: a correct kernel
 *
 * scope: whole (the tensor), head, batch (one mini-batch of one head), row, tile (16x16).  The place is fixed: the last
 * head, the second mini-batch, the fourth row, tiles from the middle on.  Token tensors are scaled before they are
 * rounded.
 */
#include "harness/tensors.h"
#include "ref/round.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ttt/ttt_candidate.h>
#include <ttt/ttt_ref.h>

enum scope { SCOPE_WHOLE, SCOPE_HEAD, SCOPE_BATCH, SCOPE_ROW, SCOPE_TILE, SCOPE_COUNT };
static const char *const scope_name[SCOPE_COUNT] = {"whole", "head", "batch", "row", "tile"};

struct fault {
    struct ttt_candidate candidate;
    char name[64];
    enum ttt_tensor tensor; /* TTT_TENSOR_COUNT: none */
    enum scope scope;
    float size;
    uint64_t seed;
};

#define TILE 16

/* A part of a tensor: rows [row0, row1) times columns [column0, column1) of heads [head0, head1). */
struct part {
    int64_t head0, head1, row0, row1, column0, column1;
    int64_t rows, columns; /* of a head */
};

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Each head as a matrix: [N, F] of tokens, [F, D] of weights, [1, n] of vectors; last_eta as [N, 1]. */
static struct part whole(enum ttt_tensor t, const struct ttt_mlp_shape *shape)
{
    const char *letters = ttt_tensor_info[t].dims;
    const struct ttt_split split = ttt_tensor_split(t, shape);
    int64_t dims[TTT_MAX_DIMS];
    const int n = ttt_tensor_dims(t, shape, dims);
    struct part p = {.head1 = split.batches * split.heads, .columns = letters[n - 1] == 'N' ? 1 : dims[n - 1]};
    p.rows = split.inner / p.columns;
    p.row1 = p.rows;
    p.column1 = p.columns;
    return p;
}

static struct part part_of(const struct fault *f, const struct ttt_mlp_shape *shape)
{
    const int tokens = strchr(ttt_tensor_info[f->tensor].dims, 'N') != NULL;
    const int64_t C = shape->mini_batch_size;
    struct part p = whole(f->tensor, shape);
    if (f->scope != SCOPE_WHOLE)
        p.head0 = p.head1 - 1;
    const int64_t first = tokens ? smaller(C, p.rows - 1) : p.rows / 2;
    if (f->scope == SCOPE_BATCH && tokens) {
        p.row0 = first;
        p.row1 = smaller(first + C, p.rows);
    } else if (f->scope == SCOPE_ROW) {
        p.row0 = smaller(first + 3, p.rows - 1);
        p.row1 = p.row0 + 1;
    } else if (f->scope == SCOPE_TILE) {
        p.row0 = first / TILE * TILE;
        p.row1 = smaller(p.row0 + TILE, p.rows);
        p.column0 = p.columns / 2 / TILE * TILE;
        p.column1 = smaller(p.column0 + TILE, p.columns);
    }
    return p;
}

static void inject(const struct fault *f, const struct ttt_mlp_shape *shape, float *x)
{
    const struct part p = part_of(f, shape);
    for (int64_t h = p.head0; h < p.head1; h++)
        for (int64_t r = p.row0; r < p.row1; r++)
            for (int64_t c = p.column0; c < p.column1; c++)
                x[(h * p.rows + r) * p.columns + c] *= 1 + f->size;
}

/* A pass with exact outputs, one after the other put where the caller wants them. */
struct output {
    enum ttt_tensor tensor;
    void *target;
    float *exact; /* of a token tensor */
};

static int outputs_open(struct output *outputs, int count, const struct ttt_mlp_shape *shape)
{
    int status = 0;
    for (int i = 0; i < count; i++) {
        struct output *o = &outputs[i];
        if (ttt_tensor_info[o->tensor].token)
            o->exact = malloc((size_t)ttt_tensor_elements(o->tensor, shape) * sizeof *o->exact);
        status |= ttt_tensor_info[o->tensor].token && !o->exact;
    }
    return status ? -1 : 0;
}

static void outputs_close(const struct fault *f, struct output *outputs, int count, const struct ttt_mlp_shape *shape,
                          int computed)
{
    for (int i = 0; i < count; i++) {
        struct output *o = &outputs[i];
        if (computed && o->tensor == f->tensor && o->target)
            inject(f, shape, o->exact ? o->exact : o->target);
        for (int64_t e = 0; computed && o->exact && e < ttt_tensor_elements(o->tensor, shape); e++)
            ((uint16_t *)o->target)[e] = ttt_bf16_store(o->exact[e]);
        free(o->exact);
    }
}

static enum ttt_status supports(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction)
{
    (void)self;
    size_t bytes;
    return direction == TTT_FORWARD ? ttt_ref_mlp_forward_workspace_bf16(shape, NULL, &bytes)
                                    : ttt_ref_mlp_backward_workspace_bf16(shape, NULL, &bytes);
}

static void *take_workspace(size_t *bytes)
{
    *bytes = (*bytes + 63) / 64 * 64;
    return aligned_alloc(64, *bytes);
}

static enum ttt_status forward(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                               const struct ttt_candidate_call *call)
{
    const struct fault *f = self;
    const struct ttt_ref_options options = {.threads = call->threads, .exact_outputs = 1, .stochastic_seed = f->seed};
    struct output outputs[] = {{TTT_XQW, args->XQW, NULL},
                               {TTT_W1_CHECKPOINTS, args->W1_checkpoints, NULL},
                               {TTT_B1_CHECKPOINTS, args->b1_checkpoints, NULL},
                               {TTT_W2_CHECKPOINTS, args->W2_checkpoints, NULL},
                               {TTT_B2_CHECKPOINTS, args->b2_checkpoints, NULL},
                               {TTT_W1_LAST, args->W1_last, NULL},
                               {TTT_B1_LAST, args->b1_last, NULL},
                               {TTT_W2_LAST, args->W2_last, NULL},
                               {TTT_B2_LAST, args->b2_last, NULL}};
    enum { COUNT = sizeof outputs / sizeof outputs[0] };
    size_t bytes;
    enum ttt_status status = ttt_ref_mlp_forward_workspace_bf16(shape, &options, &bytes);
    if (status != TTT_OK)
        return status;
    void *workspace = take_workspace(&bytes);
    struct ttt_mlp_forward_args exact = *args;
    status = workspace && outputs_open(outputs, COUNT, shape) == 0 ? TTT_OK : TTT_ERROR_MEMORY;
    exact.XQW = outputs[0].exact;
    if (status == TTT_OK)
        status = ttt_ref_mlp_forward_bf16(shape, &exact, &options, workspace, bytes);
    outputs_close(f, outputs, COUNT, shape, status == TTT_OK);
    free(workspace);
    return status;
}

static enum ttt_status backward(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_backward_args *args,
                                const struct ttt_candidate_call *call)
{
    const struct fault *f = self;
    const struct ttt_ref_options options = {.threads = call->threads, .exact_outputs = 1, .stochastic_seed = f->seed};
    struct output outputs[] = {{TTT_GRAD_XQ, args->grad_L_XQ, NULL},
                               {TTT_GRAD_XK, args->grad_L_XK, NULL},
                               {TTT_GRAD_XV, args->grad_L_XV, NULL},
                               {TTT_GRAD_LAST_ETA, args->grad_L_last_eta, NULL},
                               {TTT_GRAD_TOKEN_ETA, args->grad_L_token_eta, NULL},
                               {TTT_GRAD_NORM_WEIGHT, args->grad_L_ttt_norm_weight, NULL},
                               {TTT_GRAD_NORM_BIAS, args->grad_L_ttt_norm_bias, NULL},
                               {TTT_GRAD_W1_INIT, args->grad_L_W1_init, NULL},
                               {TTT_GRAD_B1_INIT, args->grad_L_b1_init, NULL},
                               {TTT_GRAD_W2_INIT, args->grad_L_W2_init, NULL},
                               {TTT_GRAD_B2_INIT, args->grad_L_b2_init, NULL}};
    enum { COUNT = sizeof outputs / sizeof outputs[0] };
    size_t bytes;
    enum ttt_status status = ttt_ref_mlp_backward_workspace_bf16(shape, &options, &bytes);
    if (status != TTT_OK)
        return status;
    void *workspace = take_workspace(&bytes);
    struct ttt_mlp_backward_args exact = *args;
    status = workspace && outputs_open(outputs, COUNT, shape) == 0 ? TTT_OK : TTT_ERROR_MEMORY;
    exact.grad_L_XQ = outputs[0].exact;
    exact.grad_L_XK = outputs[1].exact;
    exact.grad_L_XV = outputs[2].exact;
    exact.grad_L_last_eta = outputs[3].exact;
    if (status == TTT_OK)
        status = ttt_ref_mlp_backward_bf16(shape, &exact, &options, workspace, bytes);
    outputs_close(f, outputs, COUNT, shape, status == TTT_OK);
    free(workspace);
    return status;
}

/* One "key=value".  0, or -1 where it cannot be understood. */
static int take_word(struct fault *f, const char *word)
{
    char *end = "";
    if (strncmp(word, "tensor=", 7) == 0) {
        f->tensor = ttt_tensor_find(word + 7);
        return f->tensor < TTT_TENSOR_COUNT ? 0 : -1;
    }
    if (strncmp(word, "scope=", 6) == 0) {
        for (f->scope = SCOPE_WHOLE; f->scope < SCOPE_COUNT; f->scope++)
            if (strcmp(word + 6, scope_name[f->scope]) == 0)
                return 0;
        return -1;
    }
    if (strncmp(word, "size=", 5) == 0)
        f->size = strtof(word + 5, &end);
    else if (strncmp(word, "seed=", 5) == 0)
        f->seed = strtoull(word + 5, &end, 10);
    else
        return -1;
    return word[5] && !*end ? 0 : -1;
}

static void close_fault(void *self)
{
    free(self);
}

const struct ttt_candidate *ttt_candidate_open(int abi, const char *args)
{
    struct fault *f = abi == TTT_CANDIDATE_ABI ? calloc(1, sizeof *f) : NULL;
    char *words = f ? strdup(args) : NULL, *rest = NULL;
    int understood = words != NULL;
    if (f)
        f->tensor = TTT_TENSOR_COUNT;
    for (char *word = words ? strtok_r(words, ",", &rest) : NULL; word && understood; word = strtok_r(NULL, ",", &rest))
        understood = take_word(f, word) == 0;
    free(words);
    if (!understood) {
        free(f);
        return NULL;
    }
    snprintf(f->name, sizeof f->name, "fault:%.56s", args);
    f->candidate = (struct ttt_candidate){.abi = TTT_CANDIDATE_ABI,
                                          .name = f->name,
                                          .about = "ref-bf16 with a fault of a chosen size and place",
                                          .types = TTT_TYPES_BF16,
                                          .forms = TTT_CAN_NON_CAUSAL | TTT_CAN_CAUSAL,
                                          .directions = TTT_CAN_FORWARD | TTT_CAN_BACKWARD,
                                          .deterministic = 0, /* then no exact relation is tried */
                                          .self = f,
                                          .supports = supports,
                                          .forward = forward,
                                          .backward = backward,
                                          .close = close_fault};
    return &f->candidate;
}
