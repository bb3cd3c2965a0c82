/* SPDX-License-Identifier: MIT */
#include "coarse.h"
#include "ref/round.h"
#include <stdlib.h>

enum { OUTPUTS = 10, TOKENS = 4 }; /* the token gradients come first */

/* Where the gradients of a pass go. */
static void **output_of(struct ttt_mlp_backward_args *a, int i)
{
    void **const list[OUTPUTS] = {&a->grad_L_XQ,
                                  &a->grad_L_XK,
                                  &a->grad_L_XV,
                                  &a->grad_L_last_eta,
                                  &a->grad_L_ttt_norm_weight,
                                  &a->grad_L_ttt_norm_bias,
                                  &a->grad_L_W1_init,
                                  &a->grad_L_b1_init,
                                  &a->grad_L_W2_init,
                                  &a->grad_L_b2_init};
    return list[i];
}

static int64_t elements_of(const struct ttt_mlp_shape *s, int i)
{
    const int64_t heads = s->batch * s->heads, F = s->head_dim, D = s->hidden_dim;
    const int64_t list[OUTPUTS] = {heads * s->seq_len * F, heads * s->seq_len * F,
                                   heads * s->seq_len * F, heads * s->seq_len,
                                   s->heads * F,           s->heads * F,
                                   heads * F * D,          heads * D,
                                   heads * D * F,          heads * F};
    return list[i];
}

/* The gradients, as float, before any is rounded.  Freed by the caller. */
static enum ttt_status exact(unsigned points, const struct ttt_mlp_shape *shape, struct ttt_mlp_backward_args *args,
                             const struct ttt_candidate_call *call)
{
    const struct ttt_candidate *contract = ttt_candidate_replica(0, points);
    const size_t bytes = contract->workspace(contract->self, shape, TTT_BACKWARD, call->threads);
    struct ttt_candidate_call mine = *call;
    mine.workspace = aligned_alloc(64, (bytes + 63) / 64 * 64);
    mine.workspace_bytes = bytes;
    for (int i = 0; i < OUTPUTS; i++)
        *output_of(args, i) = malloc((size_t)elements_of(shape, i) * sizeof(float));
    const enum ttt_status status = contract->backward(contract->self, shape, args, &mine);
    free(mine.workspace);
    return status;
}

static enum ttt_status coarse_backward(void *self, const struct ttt_mlp_shape *shape,
                                       const struct ttt_mlp_backward_args *args, const struct ttt_candidate_call *call)
{
    const struct coarse *c = self;
    struct ttt_mlp_backward_args out = *args, plain = *args, declared = *args;
    enum ttt_status status = exact(0, shape, &plain, call);
    if (status == TTT_OK)
        status = exact(c->points, shape, &declared, call);
    for (int i = 0; i < OUTPUTS; i++) {
        const float *from = *output_of(&plain, i), *to = *output_of(&declared, i);
        for (int64_t e = 0; status == TTT_OK && e < elements_of(shape, i); e++) {
            const float x = (float)((double)from[e] + c->scale * ((double)to[e] - (double)from[e]));
            if (i < TOKENS)
                ((uint16_t *)*output_of(&out, i))[e] = ttt_bf16_store(x);
            else
                ((float *)*output_of(&out, i))[e] = x;
        }
        free(*output_of(&plain, i));
        free(*output_of(&declared, i));
    }
    return status;
}

static enum ttt_status coarse_supports(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction)
{
    (void)self;
    return direction == TTT_FORWARD ? TTT_ERROR_UNSUPPORTED
                                    : ttt_candidate_ref_bf16.supports(ttt_candidate_ref_bf16.self, shape, direction);
}

void coarse_make(struct coarse *c, unsigned points, double scale)
{
    *c = (struct coarse){.candidate = {.abi = TTT_CANDIDATE_ABI,
                                       .name = "coarse",
                                       .about = "rounds more than it declares",
                                       .types = TTT_TYPES_BF16,
                                       .forms = TTT_CAN_NON_CAUSAL,
                                       .directions = TTT_CAN_BACKWARD,
                                       .deterministic = 1,
                                       .self = c,
                                       .supports = coarse_supports,
                                       .backward = coarse_backward},
                         .points = points,
                         .scale = scale};
}
