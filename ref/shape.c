/* SPDX-License-Identifier: MIT */
#include "shape.h"
#include <limits.h>
#include <math.h>
#include <omp.h>

int64_t ttt_ref_mini_batches(const struct ttt_mlp_shape *shape)
{
    return (shape->seq_len - 1) / shape->mini_batch_size + 1;
}

int64_t ttt_ref_checkpoints(const struct ttt_mlp_shape *shape)
{
    return (ttt_ref_mini_batches(shape) - 1) / shape->checkpoint_group_size + 1;
}

/* ---------------------------------------------------------------------------------------------- threads */

int ttt_ref_threads(const struct ttt_ref_options *options)
{
    if (options && options->probe)
        return 1;
    const int threads = options && options->threads ? options->threads : omp_get_max_threads();
    return threads < TTT_REF_MAX_THREADS ? threads : TTT_REF_MAX_THREADS;
}

/* Small parts make small products; they pay only where there are few heads to share out. */
int ttt_ref_parts(const struct ttt_mlp_shape *shape)
{
    const double heads = (double)shape->batch * (double)shape->heads;
    return heads >= 32 ? 1 : heads >= 8 ? 2 : 4;
}

int ttt_ref_teams(const struct ttt_mlp_shape *shape, int threads)
{
    const double heads = (double)shape->batch * (double)shape->heads;
    return heads < threads ? (int)heads : threads;
}

/* ---------------------------------------------------------------------------------------------- operands */

/* One operand of a call: its bytes as an interval, and the rules for it. */
struct operand {
    const void *data;
    size_t bytes;
    size_t element;
    int output;
};

struct operands {
    struct operand list[40];
    int count;
    int overflow;
};

/* a b, or SIZE_MAX / 2 + 1 and the flag where that is too much. */
static size_t product(size_t a, size_t b, int *overflow)
{
    size_t c;
    if (!__builtin_mul_overflow(a, b, &c) && c <= SIZE_MAX / 2)
        return c;
    *overflow = 1;
    return SIZE_MAX / 2 + 1;
}

static void add(struct operands *o, const void *data, int output, size_t element, const int64_t *dims, int ndim)
{
    size_t bytes = element;
    for (int i = 0; i < ndim; i++)
        bytes = product(bytes, (size_t)dims[i], &o->overflow);
    o->list[o->count++] = (struct operand){data, bytes, element, output};
}

/* Four tensors of a state: [B, H, (K,) F, D], [.., D], [.., D, F], [.., F]. */
static void add_state(struct operands *o, const struct ttt_mlp_shape *s, int64_t K, const void *const data[4],
                      int output, size_t element)
{
    const int64_t dims[4][5] = {{s->batch, s->heads, K, s->head_dim, s->hidden_dim},
                                {s->batch, s->heads, K, s->hidden_dim, 1},
                                {s->batch, s->heads, K, s->hidden_dim, s->head_dim},
                                {s->batch, s->heads, K, s->head_dim, 1}};
    for (int i = 0; i < 4; i++)
        add(o, data[i], output, element, dims[i], 5);
}

static void add_tokens(struct operands *o, const struct ttt_mlp_shape *s, const void *data, int output, size_t element,
                       int64_t width)
{
    add(o, data, output, element, (const int64_t[]){s->batch, s->heads, s->seq_len, width}, 4);
}

/* The inputs that both passes share. */
static void add_inputs(struct operands *o, const struct ttt_mlp_shape *s, struct ttt_ref_sizes z,
                       const void *const tokens[3], const void *last_eta, const void *token_eta, const void *weight,
                       const void *bias)
{
    for (int i = 0; i < 3; i++)
        add_tokens(o, s, tokens[i], 0, z.token_in, s->head_dim);
    add_tokens(o, s, last_eta, 0, z.token_in, 1);
    add(o, token_eta, 0, z.state, &s->mini_batch_size, 1);
    add(o, weight, 0, z.state, (const int64_t[]){s->heads, s->head_dim}, 2);
    add(o, bias, 0, z.state, (const int64_t[]){s->heads, s->head_dim}, 2);
}

static struct operands forward_operands(const struct ttt_mlp_shape *s, const struct ttt_mlp_forward_args *a,
                                        struct ttt_ref_sizes z)
{
    struct operands o = {.count = 0};
    add_inputs(&o, s, z, (const void *const[]){a->XQ, a->XK, a->XV}, a->last_eta, a->token_eta, a->ttt_norm_weight,
               a->ttt_norm_bias);
    add_state(&o, s, 1, (const void *const[]){a->W1_init, a->b1_init, a->W2_init, a->b2_init}, 0, z.state);
    add_tokens(&o, s, a->XQW, 1, z.token_out, s->head_dim);
    add_state(&o, s, ttt_ref_checkpoints(s),
              (const void *const[]){a->W1_checkpoints, a->b1_checkpoints, a->W2_checkpoints, a->b2_checkpoints}, 1,
              z.state);
    add_state(&o, s, 1, (const void *const[]){a->W1_last, a->b1_last, a->W2_last, a->b2_last}, 1, z.state);
    return o;
}

static struct operands backward_operands(const struct ttt_mlp_shape *s, const struct ttt_mlp_backward_args *a,
                                         struct ttt_ref_sizes z)
{
    struct operands o = {.count = 0};
    add_inputs(&o, s, z, (const void *const[]){a->XQ, a->XK, a->XV}, a->last_eta, a->token_eta, a->ttt_norm_weight,
               a->ttt_norm_bias);
    add_state(&o, s, ttt_ref_checkpoints(s),
              (const void *const[]){a->W1_checkpoints, a->b1_checkpoints, a->W2_checkpoints, a->b2_checkpoints}, 0,
              z.state);
    add_tokens(&o, s, a->grad_L_XQW, 0, z.token_in, s->head_dim);
    add_state(&o, s, 1,
              (const void *const[]){a->grad_L_W1_last, a->grad_L_b1_last, a->grad_L_W2_last, a->grad_L_b2_last}, 0,
              z.state);
    add_tokens(&o, s, a->grad_L_XQ, 1, z.token_out, s->head_dim);
    add_tokens(&o, s, a->grad_L_XK, 1, z.token_out, s->head_dim);
    add_tokens(&o, s, a->grad_L_XV, 1, z.token_out, s->head_dim);
    add_tokens(&o, s, a->grad_L_last_eta, 1, z.token_out, 1);
    add(&o, a->grad_L_token_eta, 1, z.state, &s->mini_batch_size, 1);
    add(&o, a->grad_L_ttt_norm_weight, 1, z.state, (const int64_t[]){s->heads, s->head_dim}, 2);
    add(&o, a->grad_L_ttt_norm_bias, 1, z.state, (const int64_t[]){s->heads, s->head_dim}, 2);
    add_state(&o, s, 1,
              (const void *const[]){a->grad_L_W1_init, a->grad_L_b1_init, a->grad_L_W2_init, a->grad_L_b2_init}, 1,
              z.state);
    return o;
}

/* Two intervals of addresses that share a byte. */
static int overlap(const struct operand *a, const struct operand *b)
{
    const uintptr_t x = (uintptr_t)a->data, y = (uintptr_t)b->data;
    return a->data && b->data && (x <= y ? y - x < a->bytes : x - y < b->bytes);
}

static enum ttt_status check_operands(struct operands *o, const void *workspace, size_t bytes)
{
    o->list[o->count++] = (struct operand){workspace, bytes, TTT_REF_ALIGNMENT, 1};
    for (int i = 0; i < o->count; i++)
        if ((uintptr_t)o->list[i].data % o->list[i].element)
            return TTT_ERROR_ALIGNMENT;
    for (int i = 0; i < o->count; i++)
        for (int j = 0; j < i; j++)
            if ((o->list[i].output || o->list[j].output) && overlap(&o->list[i], &o->list[j]))
                return TTT_ERROR_ALIAS;
    return TTT_OK;
}

/* ---------------------------------------------------------------------------------------------- checks */

/* Whether an option is out of range, or not for these types or this form. */
static int unsupported(const struct ttt_mlp_shape *s, const struct ttt_ref_options *o, struct ttt_ref_sizes z)
{
    const int rounds = z.token_in != z.state;
    if (o->threads < 0 || o->threads > TTT_REF_MAX_THREADS || o->exact_outputs < 0 || o->exact_outputs > 1)
        return 1;
    if (!rounds && (o->exact_outputs || o->stochastic_seed || o->points))
        return 1;
    if (o->points && s->causal)
        return 1;
    return o->points & TTT_REF_POINT_EXCHANGE ? o->exchange_parts < 1 || o->exchange_parts > s->hidden_dim
                                              : o->exchange_parts != 0;
}

enum ttt_status ttt_ref_check_shape(const struct ttt_mlp_shape *s, const struct ttt_ref_options *options,
                                    struct ttt_ref_sizes z)
{
    if (!s)
        return TTT_ERROR_NULL;
    if (s->batch < 1 || s->heads < 1 || s->seq_len < 1 || s->mini_batch_size < 1 || s->head_dim < 1 ||
        s->hidden_dim < 1 || s->checkpoint_group_size < 1)
        return TTT_ERROR_SIZE;
    if (s->mini_batch_size > INT_MAX || s->head_dim > INT_MAX || s->hidden_dim > INT_MAX)
        return TTT_ERROR_SIZE;
    if (!(s->ln_eps >= 0) || isinf(s->ln_eps))
        return TTT_ERROR_EPS;
    if (s->causal != 0 && s->causal != 1)
        return TTT_ERROR_FORM;
    if (options && unsupported(s, options, z))
        return TTT_ERROR_UNSUPPORTED;
    const struct ttt_mlp_forward_args none = {.XQ = NULL};
    return forward_operands(s, &none, z).overflow ? TTT_ERROR_OVERFLOW : TTT_OK;
}

/* All four or none. */
static int partial(const void *a, const void *b, const void *c, const void *d)
{
    const int given = !!a + !!b + !!c + !!d;
    return given != 0 && given != 4;
}

enum ttt_status ttt_ref_check_forward(const struct ttt_mlp_shape *s, const struct ttt_mlp_forward_args *a,
                                      struct ttt_ref_sizes z, const void *workspace, size_t bytes)
{
    if (!a || !workspace || !a->XQ || !a->XK || !a->XV || !a->last_eta || !a->ttt_norm_weight || !a->ttt_norm_bias ||
        !a->W1_init || !a->b1_init || !a->W2_init || !a->b2_init || !a->XQW)
        return TTT_ERROR_NULL;
    if (partial(a->W1_checkpoints, a->b1_checkpoints, a->W2_checkpoints, a->b2_checkpoints) ||
        partial(a->W1_last, a->b1_last, a->W2_last, a->b2_last))
        return TTT_ERROR_NULL;
    if (a->token_eta && !s->causal)
        return TTT_ERROR_FORM;
    struct operands o = forward_operands(s, a, z);
    return check_operands(&o, workspace, bytes);
}

enum ttt_status ttt_ref_check_backward(const struct ttt_mlp_shape *s, const struct ttt_mlp_backward_args *a,
                                       struct ttt_ref_sizes z, const void *workspace, size_t bytes)
{
    if (!a || !workspace || !a->XQ || !a->XK || !a->XV || !a->last_eta || !a->ttt_norm_weight || !a->ttt_norm_bias ||
        !a->W1_checkpoints || !a->b1_checkpoints || !a->W2_checkpoints || !a->b2_checkpoints || !a->grad_L_XQW ||
        !a->grad_L_XQ || !a->grad_L_XK || !a->grad_L_XV || !a->grad_L_last_eta || !a->grad_L_ttt_norm_weight ||
        !a->grad_L_ttt_norm_bias || !a->grad_L_W1_init || !a->grad_L_b1_init || !a->grad_L_W2_init ||
        !a->grad_L_b2_init)
        return TTT_ERROR_NULL;
    if (partial(a->grad_L_W1_last, a->grad_L_b1_last, a->grad_L_W2_last, a->grad_L_b2_last))
        return TTT_ERROR_NULL;
    if ((a->token_eta || a->grad_L_token_eta) && !s->causal)
        return TTT_ERROR_FORM;
    struct operands o = backward_operands(s, a, z);
    return check_operands(&o, workspace, bytes);
}

/* ---------------------------------------------------------------------------------------------- workspace */

void *ttt_ref_arena_take(struct ttt_ref_arena *arena, int64_t rows, int64_t width, size_t size)
{
    const size_t bytes = product(product((size_t)rows, (size_t)width, &arena->overflow), size, &arena->overflow);
    const size_t padded = (bytes + TTT_REF_ALIGNMENT - 1) / TTT_REF_ALIGNMENT * TTT_REF_ALIGNMENT;
    char *here = arena->base ? arena->base + arena->used : NULL;
    if (padded > SIZE_MAX / 2 - arena->used)
        arena->overflow = 1;
    else
        arena->used += padded;
    return here;
}
