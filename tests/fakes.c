/* SPDX-License-Identifier: MIT */
#include "fakes.h"
#include <math.h>
#include <string.h>

static size_t token_size(const struct fake *f)
{
    return f->base->types == TTT_TYPES_F64 ? 8 : f->base->types == TTT_TYPES_F32 ? 4 : 2;
}

static size_t state_size(const struct fake *f)
{
    return f->base->types == TTT_TYPES_F64 ? 8 : 4;
}

static size_t tokens_of(const struct ttt_mlp_shape *s)
{
    return (size_t)(s->batch * s->heads * s->seq_len * s->head_dim);
}

/* Flip the lowest bit of an element of `size` bytes. */
static void flip(void *element)
{
    unsigned char *byte = element;
    *byte ^= 1;
}

/* What violates an exact relation. */
static void plant_forward(const struct fake *f, const struct ttt_mlp_shape *s, const struct ttt_mlp_forward_args *args)
{
    const size_t tokens = tokens_of(s), token = token_size(f), state = state_size(f);
    const size_t head = (size_t)(s->seq_len * s->head_dim) * token;
    const char *last_value = (const char *)args->XV + head - token, *other_key = (const char *)args->XK + head;
    const size_t states = (size_t)(s->batch * s->heads * s->head_dim * s->hidden_dim);
    const int64_t mini_batches = (s->seq_len - 1) / s->mini_batch_size + 1;
    const size_t checkpoints = (size_t)((mini_batches - 1) / s->checkpoint_group_size + 1);
    if (f->fault == FAULT_OTHER_HEAD && tokens * token > head)
        *(unsigned char *)args->XQW ^= (unsigned char)other_key[token - 2];
    if (f->fault == FAULT_LATER_TOKEN)
        *(unsigned char *)args->XQW ^= (unsigned char)last_value[token - 2];
    if (f->fault == FAULT_LATER_STATE)
        *(unsigned char *)args->b2_checkpoints ^= (unsigned char)last_value[token - 2];
    if (f->fault == FAULT_STATE)
        flip(args->W1_last);
    if (f->fault == FAULT_CHECKPOINT_STATE)
        flip((char *)args->W2_checkpoints + (states * checkpoints - 1) * state);
}

static void plant_backward(const struct fake *f, const struct ttt_mlp_shape *s,
                           const struct ttt_mlp_backward_args *args)
{
    const size_t tokens = tokens_of(s), token = token_size(f), state = state_size(f);
    if (f->fault == FAULT_PLACE)
        flip(args->grad_L_ttt_norm_weight);
    for (size_t i = 0; f->fault == FAULT_SIGN && i < tokens; i++) {
        unsigned char *x = (unsigned char *)args->grad_L_XQ + i * token;
        if (!(x[token - 1] & 0x80))
            x[0] |= 1;
    }
    if (f->fault == FAULT_EPSILON && state == 4)
        *(float *)args->grad_L_b1_init += 1e-3F;
    else if (f->fault == FAULT_EPSILON)
        *(double *)args->grad_L_b1_init += 1e-3;
}

static enum ttt_status fake_supports(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction)
{
    const struct fake *f = self;
    if (f->fault == FAULT_NOTHING || (f->fault == FAULT_NO_BACKWARD && direction == TTT_BACKWARD) ||
        (f->fault == FAULT_NO_FORWARD && direction == TTT_FORWARD))
        return TTT_ERROR_UNSUPPORTED;
    return f->base->supports(f->base->self, shape, direction);
}

static size_t fake_workspace(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction, int threads)
{
    const struct fake *f = self;
    return f->base->workspace(f->base->self, shape, direction, threads);
}

static enum ttt_status fake_forward(void *self, const struct ttt_mlp_shape *shape,
                                    const struct ttt_mlp_forward_args *args, const struct ttt_candidate_call *call)
{
    struct fake *f = self;
    const size_t size = token_size(f), tokens = tokens_of(shape);
    const size_t state = (size_t)(shape->batch * shape->heads * shape->head_dim * shape->hidden_dim);
    char *last = (char *)args->XQW + (tokens - 1) * size, before[8];
    memcpy(before, last, size);
    f->forward_calls++;
    if (shape->heads > f->max_heads)
        f->max_heads = (int)shape->heads;
    const enum ttt_status status = f->base->forward(f->base->self, shape, args, call);
    if (f->fault == FAULT_UNWRITTEN)
        memcpy(last, before, size);
    if (f->fault == FAULT_OVERRUN)
        memset((char *)args->W1_last + state * state_size(f), 0, 1);
    if (f->fault == FAULT_INPUT)
        flip((char *)(uintptr_t)args->XK);
    if (f->fault == FAULT_NAN)
        memset((char *)args->W1_last + 5 * state_size(f), 0xFF, state_size(f));
    if ((f->fault == FAULT_RANDOM || f->fault == FAULT_RANDOM_DECLARED) && f->forward_calls % 2 == 0)
        flip(args->XQW);
    if (f->fault == FAULT_BAD_CHECKPOINTS)
        memset(args->b1_checkpoints, 0x3F, (size_t)shape->hidden_dim * state_size(f));
    if (f->fault == FAULT_LENGTH && shape->seq_len % 2 == 0)
        flip(args->XQW);
    plant_forward(f, shape, args);
    return status;
}

/* grad_L_XK of head 1 of each sequence. */
static void scale_head(const struct fake *f, const struct ttt_mlp_shape *shape, void *tensor)
{
    const int64_t head = shape->seq_len * shape->head_dim;
    for (int64_t b = 0; b < shape->batch && shape->heads > 1; b++)
        for (int64_t i = (b * shape->heads + 1) * head; i < (b * shape->heads + 2) * head; i++) {
            if (f->base->types == TTT_TYPES_F64)
                ((double *)tensor)[i] *= 1.2;
            else
                ((float *)tensor)[i] *= 1.2F;
        }
}

static enum ttt_status fake_backward(void *self, const struct ttt_mlp_shape *shape,
                                     const struct ttt_mlp_backward_args *args, const struct ttt_candidate_call *call)
{
    struct fake *f = self;
    const size_t size = token_size(f), tokens = tokens_of(shape);
    char *last = (char *)args->grad_L_XV + (tokens - 1) * size, before[8];
    memcpy(before, last, size);
    f->backward_calls++;
    if (f->fault == FAULT_STATUS)
        return TTT_ERROR_DEVICE;
    const enum ttt_status status = f->base->backward(f->base->self, shape, args, call);
    if (f->fault == FAULT_UNWRITTEN_GRADIENT)
        memcpy(last, before, size);
    if (f->fault == FAULT_UNDERRUN)
        memset((char *)args->grad_L_XK - 1, 0, 1);
    if (f->fault == FAULT_CHECKPOINT)
        flip((char *)(uintptr_t)args->b2_checkpoints);
    if (f->fault == FAULT_SCALE)
        scale_head(f, shape, args->grad_L_XK);
    plant_backward(f, shape, args);
    return status;
}

void fake_make(struct fake *f, const struct ttt_candidate *base, enum fault fault)
{
    *f = (struct fake){
        .candidate =
            {
                .abi = TTT_CANDIDATE_ABI,
                .name = "fake",
                .about = "a reference with a fault",
                .types = base->types,
                .deterministic = fault != FAULT_RANDOM_DECLARED,
                .self = f,
                .supports = fake_supports,
                .workspace = fake_workspace,
                .forward = fake_forward,
                .backward = fake_backward,
            },
        .base = base,
        .fault = fault,
    };
}
