/* SPDX-License-Identifier: MIT */
#include "tensors.h"
#include "distributions.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const enum ttt_tensor inputs_end = TTT_XQW; /* inputs and upstream gradients come before outputs */

static int is_wanted(enum ttt_tensor t, const struct ttt_case *c, unsigned roles)
{
    return (roles & 1u << ttt_tensor_info[t].role) && ttt_tensor_present(t, c);
}

int ttt_tensors_begin(struct ttt_tensors *t, const struct ttt_case *c, int64_t head0, int64_t heads,
                      enum ttt_types types, char *error, size_t error_size)
{
    *t = (struct ttt_tensors){.c = *c, .head0 = head0, .heads_total = c->shape.heads, .types = types};
    t->c.shape.heads = heads;
    if (ttt_case_check(c, error, error_size))
        return -1;
    if (head0 >= 0 && heads >= 1 && heads <= c->shape.heads && head0 <= c->shape.heads - heads)
        return 0;
    snprintf(error, error_size, "no block of %" PRId64 " heads from head %" PRId64 " (the case has %" PRId64 ")", heads,
             head0, c->shape.heads);
    return -1;
}

int ttt_tensors_add(struct ttt_tensors *t, enum ttt_tensor which, enum ttt_dtype dtype, char *error, size_t error_size)
{
    const int64_t elements = ttt_tensor_elements(which, &t->c.shape);
    if (ttt_buffer_alloc(&t->buffer[which], dtype, elements) == 0)
        return 0;
    snprintf(error, error_size, "out of memory: %s of this case takes %" PRId64 " bytes", ttt_tensor_info[which].name,
             elements * (int64_t)ttt_dtype_size(dtype));
    return -1;
}

int ttt_tensors_alloc(struct ttt_tensors *t, const struct ttt_case *c, int64_t head0, int64_t heads,
                      enum ttt_types types, unsigned roles, char *error, size_t error_size)
{
    if (ttt_tensors_begin(t, c, head0, heads, types, error, error_size))
        return -1;
    for (enum ttt_tensor which = TTT_XQ; which < TTT_TENSOR_COUNT; which++)
        if (is_wanted(which, c, roles) && ttt_tensors_add(t, which, ttt_tensor_dtype(which, types), error, error_size))
            return -1;
    return 0;
}

int ttt_tensors_make(struct ttt_tensors *t, const struct ttt_case *c, int64_t head0, int64_t heads,
                     enum ttt_types types, unsigned roles, char *error, size_t error_size)
{
    if (ttt_tensors_alloc(t, c, head0, heads, types, roles, error, error_size))
        return -1;
    for (enum ttt_tensor which = TTT_XQ; which < inputs_end; which++)
        if (t->buffer[which].data)
            ttt_tensor_fill(&t->buffer[which], which, c, head0, heads);
    return 0;
}

void ttt_tensors_free(struct ttt_tensors *t)
{
    for (int i = 0; i < TTT_TENSOR_COUNT; i++)
        ttt_buffer_free(&t->buffer[i]);
}

void ttt_tensors_convert_inputs(struct ttt_tensors *to, const struct ttt_tensors *from)
{
    for (enum ttt_tensor t = TTT_XQ; t < inputs_end; t++) {
        if (!to->buffer[t].data || !from->buffer[t].data)
            continue;
#pragma omp parallel for schedule(static) if (to->buffer[t].elements > TTT_PARALLEL_ELEMENTS)
        for (int64_t i = 0; i < to->buffer[t].elements; i++)
            ttt_buffer_set(&to->buffer[t], i, ttt_buffer_get(&from->buffer[t], i));
    }
}

int64_t ttt_tensors_bytes(const struct ttt_case *c, int64_t heads, enum ttt_types types, unsigned roles)
{
    struct ttt_mlp_shape block = c->shape;
    block.heads = heads;
    int64_t bytes = 0;
    for (enum ttt_tensor which = TTT_XQ; which < TTT_TENSOR_COUNT; which++) {
        if (!is_wanted(which, c, roles))
            continue;
        const int64_t size = (int64_t)ttt_dtype_size(ttt_tensor_dtype(which, types));
        const int64_t elements = ttt_tensor_elements(which, &block);
        if (elements < 0 || elements > (INT64_MAX - bytes) / size)
            return INT64_MAX;
        bytes += elements * size;
    }
    return bytes;
}

/* The finalizer of MurmurHash3: every bit of x reaches every bit of the result. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 33) * 0xFF51AFD7ED558CCDu;
    x = (x ^ x >> 33) * 0xC4CEB9FE1A85EC53u;
    return x ^ x >> 33;
}

static uint64_t value_bits(double x)
{
    uint64_t bits;
    if (isnan(x))
        return UINT64_MAX; /* one NaN: payloads do not survive a change of type */
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* Sum over the elements of a hash of (tensor, index in the whole case, value). */
static uint64_t tensor_hash(const struct ttt_tensors *t, enum ttt_tensor which)
{
    const struct ttt_buffer *b = &t->buffer[which];
    struct ttt_mlp_shape shape = t->c.shape;
    const struct ttt_split part = ttt_tensor_split(which, &shape);
    shape.heads = t->heads_total;
    const struct ttt_split whole = ttt_tensor_split(which, &shape);
    const int per_head = strchr(ttt_tensor_info[which].dims, 'H') != NULL;
    if (!b->data || (!per_head && t->head0 > 0))
        return 0;
    uint64_t sum = 0;
    for (int64_t slab = 0; slab < part.batches * part.heads; slab++) {
        const int64_t head = slab / part.heads * whole.heads + (per_head ? t->head0 : 0) + slab % part.heads;
        const uint64_t first = mix((uint64_t)which + 1) + (uint64_t)(head * part.inner);
#pragma omp parallel for schedule(static) reduction(+ : sum) if (part.inner > TTT_PARALLEL_ELEMENTS)
        for (int64_t i = 0; i < part.inner; i++)
            sum += mix(value_bits(ttt_buffer_get(b, slab * part.inner + i)) + mix(first + (uint64_t)i));
    }
    return sum;
}

uint64_t ttt_tensors_inputs_hash(const struct ttt_tensors *t)
{
    uint64_t sum = 0;
    for (enum ttt_tensor which = TTT_XQ; which < inputs_end; which++)
        sum += tensor_hash(t, which);
    return sum;
}

struct ttt_mlp_forward_args ttt_tensors_forward_args(struct ttt_tensors *t)
{
    return (struct ttt_mlp_forward_args){
        .XQ = t->buffer[TTT_XQ].data,
        .XK = t->buffer[TTT_XK].data,
        .XV = t->buffer[TTT_XV].data,
        .last_eta = t->buffer[TTT_LAST_ETA].data,
        .token_eta = t->buffer[TTT_TOKEN_ETA].data,
        .ttt_norm_weight = t->buffer[TTT_NORM_WEIGHT].data,
        .ttt_norm_bias = t->buffer[TTT_NORM_BIAS].data,
        .W1_init = t->buffer[TTT_W1_INIT].data,
        .b1_init = t->buffer[TTT_B1_INIT].data,
        .W2_init = t->buffer[TTT_W2_INIT].data,
        .b2_init = t->buffer[TTT_B2_INIT].data,
        .XQW = t->buffer[TTT_XQW].data,
        .W1_checkpoints = t->buffer[TTT_W1_CHECKPOINTS].data,
        .b1_checkpoints = t->buffer[TTT_B1_CHECKPOINTS].data,
        .W2_checkpoints = t->buffer[TTT_W2_CHECKPOINTS].data,
        .b2_checkpoints = t->buffer[TTT_B2_CHECKPOINTS].data,
        .W1_last = t->buffer[TTT_W1_LAST].data,
        .b1_last = t->buffer[TTT_B1_LAST].data,
        .W2_last = t->buffer[TTT_W2_LAST].data,
        .b2_last = t->buffer[TTT_B2_LAST].data,
    };
}

struct ttt_mlp_backward_args ttt_tensors_backward_args(struct ttt_tensors *t)
{
    return (struct ttt_mlp_backward_args){
        .XQ = t->buffer[TTT_XQ].data,
        .XK = t->buffer[TTT_XK].data,
        .XV = t->buffer[TTT_XV].data,
        .last_eta = t->buffer[TTT_LAST_ETA].data,
        .token_eta = t->buffer[TTT_TOKEN_ETA].data,
        .ttt_norm_weight = t->buffer[TTT_NORM_WEIGHT].data,
        .ttt_norm_bias = t->buffer[TTT_NORM_BIAS].data,
        .W1_checkpoints = t->buffer[TTT_W1_CHECKPOINTS].data,
        .b1_checkpoints = t->buffer[TTT_B1_CHECKPOINTS].data,
        .W2_checkpoints = t->buffer[TTT_W2_CHECKPOINTS].data,
        .b2_checkpoints = t->buffer[TTT_B2_CHECKPOINTS].data,
        .grad_L_XQW = t->buffer[TTT_GRAD_XQW].data,
        .grad_L_W1_last = t->buffer[TTT_GRAD_W1_LAST].data,
        .grad_L_b1_last = t->buffer[TTT_GRAD_B1_LAST].data,
        .grad_L_W2_last = t->buffer[TTT_GRAD_W2_LAST].data,
        .grad_L_b2_last = t->buffer[TTT_GRAD_B2_LAST].data,
        .grad_L_XQ = t->buffer[TTT_GRAD_XQ].data,
        .grad_L_XK = t->buffer[TTT_GRAD_XK].data,
        .grad_L_XV = t->buffer[TTT_GRAD_XV].data,
        .grad_L_last_eta = t->buffer[TTT_GRAD_LAST_ETA].data,
        .grad_L_token_eta = t->buffer[TTT_GRAD_TOKEN_ETA].data,
        .grad_L_ttt_norm_weight = t->buffer[TTT_GRAD_NORM_WEIGHT].data,
        .grad_L_ttt_norm_bias = t->buffer[TTT_GRAD_NORM_BIAS].data,
        .grad_L_W1_init = t->buffer[TTT_GRAD_W1_INIT].data,
        .grad_L_b1_init = t->buffer[TTT_GRAD_B1_INIT].data,
        .grad_L_W2_init = t->buffer[TTT_GRAD_W2_INIT].data,
        .grad_L_b2_init = t->buffer[TTT_GRAD_B2_INIT].data,
    };
}
