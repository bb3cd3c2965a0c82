/* SPDX-License-Identifier: MIT */
#include "range.h"
#include "blocks.h"
#include "judge.h"
#include "reference.h"
#include "result.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Far from the end of float's range, and far beyond it: a factor that no sum of a pass makes up for, and one that is
 * more than the errors of correct kernels. */
static const double far_below = 0x1p-20, far_beyond = 4;

/* What is known of a block: runs of the reference, and where replicas do not do as it does. */
struct witness {
    const struct ttt_range_question *q;
    struct ttt_tensors plain, declared; /* the second only where points are declared */
    const struct ttt_tensors *reference;
    unsigned char *differs[TTT_TENSOR_COUNT]; /* by element: bits as below */
    char *is_far; /* [B, H]: are inputs of the head, and all that the truth computes of them, far from the end of the
                     range? */
    char *error;
    size_t error_size;
};

enum { OTHER_KIND = 1, OTHER_FINITENESS = 2 }; /* of one of the replicas */

static int fail(const struct witness *w, const char *what)
{
    snprintf(w->error, w->error_size, "%s", what);
    return -1;
}

static int is_output(enum ttt_tensor t, unsigned directions)
{
    return (ttt_tensor_info[t].role == TTT_ROLE_FORWARD_OUTPUT && directions & TTT_DIRECTION_FORWARD) ||
           (ttt_tensor_info[t].role == TTT_ROLE_BACKWARD_OUTPUT && directions & TTT_DIRECTION_BACKWARD);
}

static int all_finite(const struct ttt_buffer *b)
{
    int finite = 1;
    for (int64_t i = 0; i < b->elements && finite; i++)
        finite = isfinite(ttt_buffer_get(b, i)) != 0;
    return finite;
}

int ttt_range_is_finite(const struct ttt_tensors *t, unsigned directions)
{
    int finite = 1;
    for (enum ttt_tensor i = TTT_XQW; i < TTT_TENSOR_COUNT && finite; i++)
        if (is_output(i, directions) && t->buffer[i].data)
            finite = all_finite(&t->buffer[i]);
    return finite;
}

/* Runs. */

static int run_reference(const struct witness *w, unsigned points, struct ttt_tensors *t)
{
    const struct ttt_range_question *q = w->q;
    if (ttt_reference_block(t, q->truth, q->k->types, q->directions, w->error, w->error_size) != 0)
        return -1;
    return ttt_reference_run(ttt_candidate_contract(t->types, points), t, q->truth, q->directions, q->threads, w->error,
                             w->error_size);
}

/* Finite, +Inf, -Inf, NaN. */
static int kind_of(double x)
{
    return isfinite(x) ? 0 : isnan(x) ? 3 : x > 0 ? 1 : 2;
}

static void note_replica(struct witness *w, const struct ttt_tensors *replica)
{
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++)
        for (int64_t i = 0; w->differs[t] && i < replica->buffer[t].elements; i++) {
            const int a = kind_of(ttt_buffer_get(&replica->buffer[t], i)),
                      b = kind_of(ttt_buffer_get(&w->reference->buffer[t], i));
            w->differs[t][i] |= (unsigned char)((a != b ? OTHER_KIND : 0) | (!a != !b ? OTHER_FINITENESS : 0));
        }
}

static int run_replicas(struct witness *w)
{
    const struct ttt_range_question *q = w->q;
    struct ttt_tensors t = {.head0 = 0};
    int status = ttt_reference_replica_block(&t, q->truth, q->directions, w->error, w->error_size);
    for (uint64_t seed = 1; seed <= TTT_REPLICAS && status == 0; seed++) {
        status = ttt_reference_run(ttt_candidate_replica(seed, q->points), &t, q->truth, q->directions, q->threads,
                                   w->error, w->error_size);
        if (status == 0)
            note_replica(w, &t);
    }
    ttt_tensors_free(&t);
    return status;
}

/* Places. */

/* Elements of head h of batch entry b: `inner` from the first; a tensor without such dimensions has one of each. */
static int64_t first_of(const struct ttt_split *split, int64_t b, int64_t h)
{
    return ((split->batches > 1 ? b : 0) * split->heads + (split->heads > 1 ? h : 0)) * split->inner;
}

/* Are all finite elements of these far from the end of float's range? */
static int is_far(const struct ttt_buffer *b, int64_t first, int64_t n)
{
    int far = 1;
    for (int64_t i = first; i < first + n && far; i++) {
        const double x = fabs(ttt_buffer_get(b, i));
        far = !(isfinite(x) && x > far_below * (double)FLT_MAX);
    }
    return far;
}

static void note_stage(void *context, const struct ttt_mlp_stage *stage)
{
    const struct witness *w = context;
    const double *values = stage->values;
    for (int64_t i = 0; i < stage->rows * stage->columns; i++)
        if (isfinite(values[i]) && fabs(values[i]) > far_below * (double)FLT_MAX)
            w->is_far[stage->head] = 0;
}

/* What the equations compute in double: of values near the end of the range some sums are beyond it in one order and
 * not in another. */
static int look_at_stages(struct witness *w)
{
    const struct ttt_range_question *q = w->q;
    struct ttt_tensors t = {.head0 = 0};
    int status = ttt_reference_block(&t, q->truth, TTT_TYPES_F64, q->directions, w->error, w->error_size);
    ttt_candidate_ref_probe(note_stage, w);
    if (status == 0)
        status =
            ttt_reference_run(&ttt_candidate_ref_f64, &t, q->truth, q->directions, q->threads, w->error, w->error_size);
    ttt_candidate_ref_probe(NULL, NULL);
    ttt_tensors_free(&t);
    return status;
}

static int find_far_heads(struct witness *w)
{
    const struct ttt_mlp_shape *shape = &w->plain.c.shape;
    w->is_far = malloc((size_t)(shape->batch * shape->heads));
    if (!w->is_far)
        return fail(w, "out of memory");
    for (int64_t bh = 0; bh < shape->batch * shape->heads; bh++) {
        w->is_far[bh] = 1;
        for (enum ttt_tensor t = 0; t < TTT_XQW; t++) {
            const struct ttt_split split = ttt_tensor_split(t, shape);
            const int64_t first = first_of(&split, bh / shape->heads, bh % shape->heads);
            if (w->plain.buffer[t].data && !is_far(&w->plain.buffer[t], first, split.inner))
                w->is_far[bh] = 0;
        }
    }
    return look_at_stages(w);
}

/* Is slice (b, h) of output t far from the end of the range, with all heads that it is made of? */
static int slice_is_far(const struct witness *w, enum ttt_tensor t, const struct ttt_split *split, int64_t b, int64_t h)
{
    const struct ttt_mlp_shape *shape = &w->plain.c.shape;
    int far = is_far(&w->plain.buffer[t], first_of(split, b, h), split->inner);
    for (int64_t bh = 0; bh < shape->batch * shape->heads; bh++)
        if ((split->batches == 1 || bh / shape->heads == b) && (split->heads == 1 || bh % shape->heads == h))
            far &= w->is_far[bh];
    return far;
}

/* Verdicts. */

enum { SAME, WRONG, OPEN };

static int judge(const struct witness *w, enum ttt_tensor t, int64_t i, int far)
{
    const double k = ttt_buffer_get(&w->q->k->buffer[t], i), r = ttt_buffer_get(&w->reference->buffer[t], i);
    const double truth = ttt_buffer_get(&w->q->truth->buffer[t], i);
    const int plain_is_finite = isfinite(ttt_buffer_get(&w->plain.buffer[t], i)) != 0;
    const int differs = w->differs[t][i];
    int settled = !(differs & OTHER_FINITENESS);
    if (kind_of(k) == kind_of(r))
        return SAME;
    if (!isfinite(k) && !isfinite(r))
        return differs || kind_of(truth) != kind_of(r) ? SAME : WRONG;
    if (isfinite(r) || plain_is_finite)
        settled &= plain_is_finite && far;
    else
        settled &= !(fabs(truth) <= far_beyond * (double)FLT_MAX);
    return settled ? WRONG : OPEN;
}

/* Index in the whole tensor of element i of the block's. */
static int64_t index_of(const struct ttt_tensors *block, enum ttt_tensor t, int64_t i)
{
    const struct ttt_runs runs = ttt_block_runs(block, t);
    return runs.first + i / runs.length * runs.stride + i % runs.length;
}

static void count_slice(const struct witness *w, enum ttt_tensor t, int64_t first, int64_t n, int far,
                        struct ttt_range *count)
{
    for (int64_t i = first; i < first + n; i++) {
        const double r = ttt_buffer_get(&w->reference->buffer[t], i);
        const int found = judge(w, t, i, far);
        count->non_finite += !isfinite(r);
        count->open += found == OPEN;
        if (found == WRONG && count->wrong++ == 0) {
            count->first = index_of(w->q->truth, t, i);
            count->k = ttt_buffer_get(&w->q->k->buffer[t], i);
            count->r = r;
        }
    }
}

static void count_tensor(const struct witness *w, enum ttt_tensor t, struct ttt_range *count)
{
    const struct ttt_split split = ttt_tensor_split(t, &w->plain.c.shape);
    for (int64_t s = 0; s < split.batches * split.heads; s++) {
        const int64_t b = s / split.heads, h = s % split.heads;
        count_slice(w, t, first_of(&split, b, h), split.inner, slice_is_far(w, t, &split, b, h), count);
    }
}

/* Tensors that the question is about. */
static int open_differences(struct witness *w)
{
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++) {
        const struct ttt_buffer *k = &w->q->k->buffer[t];
        if (!is_output(t, w->q->directions) || !k->data)
            continue;
        w->differs[t] = calloc((size_t)k->elements, 1);
        if (!w->differs[t])
            return fail(w, "out of memory");
    }
    return 0;
}

int ttt_range_count(const struct ttt_range_question *question, struct ttt_range *counts, char *error, size_t error_size)
{
    struct witness w = {.q = question, .error = error, .error_size = error_size};
    int status = open_differences(&w);
    w.reference = question->points ? &w.declared : &w.plain;
    if (status == 0)
        status = run_reference(&w, 0, &w.plain);
    if (status == 0 && question->points)
        status = run_reference(&w, question->points, &w.declared);
    if (status == 0)
        status = run_replicas(&w);
    if (status == 0)
        status = find_far_heads(&w);
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++) {
        if (status == 0 && w.differs[t])
            count_tensor(&w, t, &counts[t]);
        free(w.differs[t]);
    }
    free(w.is_far);
    ttt_tensors_free(&w.plain);
    ttt_tensors_free(&w.declared);
    return status;
}
