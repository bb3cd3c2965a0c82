/* SPDX-License-Identifier: MIT
 *
 * What every cheat starts from: the float reference as a plug-in.  A cheat replaces one function of it.
 */
#ifndef TESTS_CHEATS_HONEST_H
#define TESTS_CHEATS_HONEST_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ttt/ttt_candidate.h>
#include <ttt/ttt_ref.h>

static inline size_t honest_workspace(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction,
                                      int threads)
{
    const struct ttt_ref_options options = {.threads = threads};
    size_t bytes = 0;
    (void)self;
    if (direction == TTT_FORWARD)
        ttt_ref_mlp_forward_workspace_f32(shape, &options, &bytes);
    else
        ttt_ref_mlp_backward_workspace_f32(shape, &options, &bytes);
    return bytes;
}

static inline enum ttt_status honest_supports(void *self, const struct ttt_mlp_shape *shape,
                                              enum ttt_direction direction)
{
    return honest_workspace(self, shape, direction, 1) > 0 ? TTT_OK : TTT_ERROR_UNSUPPORTED;
}

static inline enum ttt_status honest_forward(void *self, const struct ttt_mlp_shape *shape,
                                             const struct ttt_mlp_forward_args *args,
                                             const struct ttt_candidate_call *call)
{
    const struct ttt_ref_options options = {.threads = call->threads};
    (void)self;
    return ttt_ref_mlp_forward_f32(shape, args, &options, call->workspace, call->workspace_bytes);
}

static inline enum ttt_status honest_backward(void *self, const struct ttt_mlp_shape *shape,
                                              const struct ttt_mlp_backward_args *args,
                                              const struct ttt_candidate_call *call)
{
    const struct ttt_ref_options options = {.threads = call->threads};
    (void)self;
    return ttt_ref_mlp_backward_f32(shape, args, &options, call->workspace, call->workspace_bytes);
}

static inline struct ttt_candidate honest(void)
{
    return (struct ttt_candidate){.abi = TTT_CANDIDATE_ABI,
                                  .name = "cheat",
                                  .about = "the float reference with a cheat",
                                  .types = TTT_TYPES_F32,
                                  .forms = TTT_CAN_NON_CAUSAL | TTT_CAN_CAUSAL,
                                  .directions = TTT_CAN_FORWARD | TTT_CAN_BACKWARD,
                                  .deterministic = 1,
                                  .supports = honest_supports,
                                  .workspace = honest_workspace,
                                  .forward = honest_forward,
                                  .backward = honest_backward};
}

/* Elements of a token tensor, and of W1. */
static inline size_t token_elements(const struct ttt_mlp_shape *s)
{
    return (size_t)(s->batch * s->heads * s->seq_len * s->head_dim);
}

static inline size_t weight_elements(const struct ttt_mlp_shape *s)
{
    return (size_t)(s->batch * s->heads * s->head_dim * s->hidden_dim);
}

/* The end of each cheat: open it with these functions replaced. */
#define CHEAT(...)                                                                                                     \
    const struct ttt_candidate *ttt_candidate_open(int abi, const char *args)                                          \
    {                                                                                                                  \
        static struct ttt_candidate cheat;                                                                             \
        (void)abi, (void)args;                                                                                         \
        cheat = honest();                                                                                              \
        __VA_ARGS__;                                                                                                   \
        return &cheat;                                                                                                 \
    }

#define FORWARD_PARAMETERS                                                                                             \
    void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,                            \
        const struct ttt_candidate_call *call
#define BACKWARD_PARAMETERS                                                                                            \
    void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_backward_args *args,                           \
        const struct ttt_candidate_call *call

#endif
