/* SPDX-License-Identifier: MIT
 *
 * Relations between what goes in and what comes out of one head: time, the learning rate, upstream gradients.
 */
#include "trial.h"
#include <string.h>

/* later-tokens: values from a token on change no output and no state before it. */

/* The first token that gets another value: that of a mini-batch in the middle; in the causal form, where earlier rows
 * of the same mini-batch are safe too, one in the middle of it.  0: there is none. */
static int64_t first_changed(const struct ttt_mlp_shape *shape)
{
    const int64_t N = shape->seq_len, C = shape->mini_batch_size, first = ttt_shape_mini_batches(shape) / 2 * C;
    const int64_t rows = N - first < C ? N - first : C;
    return shape->causal ? first + rows / 2 : first;
}

static const char *excuse_later_tokens(const struct ttt_trial *trial)
{
    return first_changed(&trial->run->c.shape) == 0 ? "there is one mini-batch only" : NULL;
}

/* Tokens [first, N) of each head of a tensor [B, H, N(, F)] change places with each other. */
static void shuffle_tokens(struct ttt_tensors *t, enum ttt_tensor i, int64_t first)
{
    const struct ttt_split split = ttt_tensor_split(i, &t->c.shape);
    const int64_t width = split.inner / t->c.shape.seq_len;
    for (int64_t slab = 0; slab < split.batches * split.heads; slab++)
        for (int64_t a = slab * split.inner + first * width, b = (slab + 1) * split.inner - 1; a < b; a++, b--) {
            const double x = ttt_buffer_get(&t->buffer[i], a);
            ttt_buffer_set(&t->buffer[i], a, ttt_buffer_get(&t->buffer[i], b));
            ttt_buffer_set(&t->buffer[i], b, x);
        }
}

static int try_later_tokens(const struct ttt_trial *trial, const struct ttt_relation *self)
{
    const struct ttt_mlp_shape *shape = &trial->base.c.shape;
    const int64_t first = first_changed(shape), K = ttt_shape_checkpoints(shape);
    const int64_t kept = (first / shape->mini_batch_size) / shape->checkpoint_group_size + 1; /* checkpoints */
    struct ttt_tensors t;
    const int status = ttt_trial_copy(trial, &t);
    for (enum ttt_tensor i = TTT_XQ; i <= TTT_LAST_ETA && status == 0; i++)
        shuffle_tokens(&t, i, first);
    if (status == 0 && ttt_trial_pass(trial, &t, TTT_FORWARD, self->name) == 0)
        for (enum ttt_tensor i = TTT_XQW; i <= TTT_B2_CHECKPOINTS; i++) {
            const struct ttt_split split = ttt_tensor_split(i, shape);
            const int64_t n = i == TTT_XQW ? split.inner / shape->seq_len * first : split.inner / K * kept;
            for (int64_t slab = 0; slab < split.batches * split.heads; slab++) {
                const struct ttt_trial_range range = {i, slab * split.inner, slab * split.inner, n, 1};
                ttt_trial_compare(trial, &t, &range, self->name);
            }
        }
    ttt_tensors_free(&t);
    return status;
}

const struct ttt_relation ttt_relation_later_tokens = {"later-tokens", excuse_later_tokens, try_later_tokens};

/* eta-zero: with a learning rate of 0, every state is the first one. */

static const char *excuse_nothing(const struct ttt_trial *trial)
{
    (void)trial;
    return NULL;
}

/* `which` is one of the four tensors of a saved state, `count` states per head; `init` the same of the first state. */
static void compare_states(const struct ttt_trial *trial, const struct ttt_tensors *t, enum ttt_tensor which,
                           int64_t count, enum ttt_tensor init, const char *relation)
{
    const struct ttt_split split = ttt_tensor_split(which, &t->c.shape);
    const int64_t n = split.inner / count;
    for (int64_t state = 0; state < split.batches * split.heads * count; state++)
        for (int64_t i = 0; i < n; i++) {
            const double x = ttt_buffer_get(&t->buffer[which], state * n + i);
            const double x0 = ttt_buffer_get(&t->buffer[init], state / count * n + i);
            if (x == x0)
                continue;
            char place[TTT_DETAIL_TEXT];
            ttt_tensor_place(which, &t->c.shape, state * n + i, place);
            ttt_result_note(trial->result, relation, TTT_FAIL, "%s %s is %.17g; with last_eta = 0 it must stay %.17g",
                            ttt_tensor_info[which].name, place, x, x0);
            return;
        }
}

static int try_eta_zero(const struct ttt_trial *trial, const struct ttt_relation *self)
{
    struct ttt_tensors t;
    const int status = ttt_trial_copy(trial, &t);
    if (status == 0) {
        struct ttt_buffer *eta = &t.buffer[TTT_LAST_ETA];
        memset(eta->data, 0, (size_t)eta->elements * ttt_dtype_size(eta->dtype));
    }
    if (status == 0 && ttt_trial_pass(trial, &t, TTT_FORWARD, self->name) == 0)
        for (unsigned i = 0; i < 4; i++) {
            compare_states(trial, &t, TTT_W1_CHECKPOINTS + i, ttt_shape_checkpoints(&t.c.shape), TTT_W1_INIT + i,
                           self->name);
            compare_states(trial, &t, TTT_W1_LAST + i, 1, TTT_W1_INIT + i, self->name);
        }
    ttt_tensors_free(&t);
    return status;
}

const struct ttt_relation ttt_relation_eta_zero = {"eta-zero", excuse_nothing, try_eta_zero};

/* upstream-sign, upstream-scale: the backward pass is linear in the upstream gradients.  Roundings to nearest are
 * symmetric and do not know of a power of two, so these factors go through every one of them.  The factor of scale is
 * above 1: what underflows without it is below 2^-126, and next to any other term of a sum it is nothing. */

static int try_upstream(const struct ttt_trial *trial, const struct ttt_relation *self, double factor)
{
    struct ttt_tensors t;
    const int status = ttt_trial_copy(trial, &t);
    for (enum ttt_tensor i = TTT_GRAD_XQW; i <= TTT_GRAD_B2_LAST && status == 0; i++)
        for (int64_t e = 0; e < t.buffer[i].elements; e++)
            ttt_buffer_set(&t.buffer[i], e, factor * ttt_buffer_get(&t.buffer[i], e));
    if (status == 0 && ttt_trial_pass(trial, &t, TTT_FORWARD, self->name) == 0 &&
        ttt_trial_pass(trial, &t, TTT_BACKWARD, self->name) == 0)
        for (enum ttt_tensor i = TTT_GRAD_XQ; i < TTT_TENSOR_COUNT; i++) {
            const struct ttt_trial_range range = {i, 0, 0, t.buffer[i].elements, factor};
            if (ttt_trial_has_output(trial, i))
                ttt_trial_compare(trial, &t, &range, self->name);
        }
    ttt_tensors_free(&t);
    return status;
}

static int try_upstream_sign(const struct ttt_trial *trial, const struct ttt_relation *self)
{
    return try_upstream(trial, self, -1);
}

static int try_upstream_scale(const struct ttt_trial *trial, const struct ttt_relation *self)
{
    return try_upstream(trial, self, 1024);
}

const struct ttt_relation ttt_relation_upstream_sign = {"upstream-sign", ttt_trial_forward_only, try_upstream_sign};
const struct ttt_relation ttt_relation_upstream_scale = {"upstream-scale", ttt_trial_forward_only, try_upstream_scale};
