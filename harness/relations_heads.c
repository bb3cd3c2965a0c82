/* SPDX-License-Identifier: MIT
 *
 * Relations between heads: their order, and what one has to do with another.
 */
#include "trial.h"
#include <string.h>

/* A sum over heads adds in another order where heads change places; a sum over the batch, too. */
static int is_sum(const struct ttt_trial *trial, enum ttt_tensor t)
{
    const struct ttt_mlp_shape *shape = &trial->base.c.shape;
    const char *dims = ttt_tensor_info[t].dims;
    return (!strchr(dims, 'B') && shape->batch > 1) || (!strchr(dims, 'H') && shape->heads > 1);
}

/* permutation: all heads in reverse order, in each batch entry and the batch entries themselves. */

static int64_t mirrored(const struct ttt_split *split, int64_t slab)
{
    return split->batches * split->heads - 1 - slab;
}

static void copy_slab(struct ttt_buffer *to, int64_t to_slab, const struct ttt_buffer *from, int64_t from_slab,
                      int64_t inner)
{
    const size_t bytes = (size_t)inner * ttt_dtype_size(from->dtype);
    memcpy((char *)to->data + (size_t)to_slab * bytes, (const char *)from->data + (size_t)from_slab * bytes, bytes);
}

static int try_permutation(const struct ttt_trial *trial, const struct ttt_relation *self)
{
    struct ttt_tensors t;
    int status = ttt_trial_copy(trial, &t);
    for (enum ttt_tensor i = TTT_XQ; i <= TTT_GRAD_B2_LAST && status == 0; i++) {
        const struct ttt_split split = ttt_tensor_split(i, &t.c.shape);
        for (int64_t slab = 0; slab < split.batches * split.heads && t.buffer[i].data; slab++)
            copy_slab(&t.buffer[i], mirrored(&split, slab), &trial->base.buffer[i], slab, split.inner);
    }
    if (status == 0 && ttt_trial_pass(trial, &t, TTT_FORWARD, self->name) == 0 &&
        ttt_trial_pass(trial, &t, TTT_BACKWARD, self->name) == 0)
        for (enum ttt_tensor i = TTT_XQW; i < TTT_TENSOR_COUNT; i++) {
            const struct ttt_split split = ttt_tensor_split(i, &t.c.shape);
            for (int64_t slab = 0; slab < split.batches * split.heads; slab++) {
                const struct ttt_trial_range range = {i, mirrored(&split, slab) * split.inner, slab * split.inner,
                                                      split.inner, 1};
                if (ttt_trial_has_output(trial, i) && !is_sum(trial, i))
                    ttt_trial_compare(trial, &t, &range, self->name);
            }
        }
    ttt_tensors_free(&t);
    return status;
}

const struct ttt_relation ttt_relation_permutation = {"permutation", ttt_trial_one_head, try_permutation};

/* other-heads: every second head (where there is one head: every second batch entry) gets other values. */

static int is_changed(const struct ttt_mlp_shape *shape, enum ttt_tensor t, int64_t slab)
{
    const char *dims = ttt_tensor_info[t].dims;
    if (shape->heads > 1)
        return strchr(dims, 'H') && slab % shape->heads % 2 == 1;
    return strchr(dims, 'B') && slab % 2 == 1;
}

/* Its own values in reverse order: they stay what the distribution gives. */
static void reverse(struct ttt_buffer *b, int64_t first, int64_t n)
{
    for (int64_t i = first, j = first + n - 1; i < j; i++, j--) {
        const double x = ttt_buffer_get(b, i);
        ttt_buffer_set(b, i, ttt_buffer_get(b, j));
        ttt_buffer_set(b, j, x);
    }
}

/* A tensor without heads sums over them; one without batch sums over the changed entries where these are changed. */
static int is_untouched(const struct ttt_mlp_shape *shape, enum ttt_tensor t, int64_t slab)
{
    const char *dims = ttt_tensor_info[t].dims;
    return strchr(dims, shape->heads > 1 ? 'H' : 'B') && !is_changed(shape, t, slab);
}

static int try_other_heads(const struct ttt_trial *trial, const struct ttt_relation *self)
{
    struct ttt_tensors t;
    const int status = ttt_trial_copy(trial, &t);
    for (enum ttt_tensor i = TTT_XQ; i <= TTT_GRAD_B2_LAST && status == 0; i++) {
        const struct ttt_split split = ttt_tensor_split(i, &t.c.shape);
        for (int64_t slab = 0; slab < split.batches * split.heads && t.buffer[i].data; slab++)
            if (is_changed(&t.c.shape, i, slab))
                reverse(&t.buffer[i], slab * split.inner, split.inner);
    }
    if (status == 0 && ttt_trial_pass(trial, &t, TTT_FORWARD, self->name) == 0 &&
        ttt_trial_pass(trial, &t, TTT_BACKWARD, self->name) == 0)
        for (enum ttt_tensor i = TTT_XQW; i < TTT_TENSOR_COUNT; i++) {
            const struct ttt_split split = ttt_tensor_split(i, &t.c.shape);
            for (int64_t slab = 0; slab < split.batches * split.heads; slab++) {
                const struct ttt_trial_range range = {i, slab * split.inner, slab * split.inner, split.inner, 1};
                if (ttt_trial_has_output(trial, i) && is_untouched(&t.c.shape, i, slab))
                    ttt_trial_compare(trial, &t, &range, self->name);
            }
        }
    ttt_tensors_free(&t);
    return status;
}

const struct ttt_relation ttt_relation_other_heads = {"other-heads", ttt_trial_one_head, try_other_heads};
