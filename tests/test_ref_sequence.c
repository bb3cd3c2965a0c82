/* SPDX-License-Identifier: MIT
 *
 * Relations between whole passes of the reference, most of them exact: cutting a sequence, optional operands, other
 * heads, order of heads, scaling, odd shapes, threads, replicas.
 */
#include "harness/metrics.h"
#include "tests/ref_run.h"
#include "tests/run.h"
#include <cblas.h>
#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Each test runs for three precisions in both forms; _i says which. */
#define TYPES(i)  ((enum ttt_types)((i) / 2))
#define CAUSAL(i) ((i) % 2)
#define EVERY     6

static void make(struct ttt_tensors *t, int i, const char *sizes)
{
    char text[200];
    snprintf(text, sizeof text, "%s dist=strong seed=11 causal=%d", sizes, CAUSAL(i));
    ref_make_text(t, text, TYPES(i));
}

/* What rounding may move, relative to the 2-norm, where sums are taken in another order. */
static double rounding(enum ttt_types types)
{
    return types == TTT_TYPES_F64 ? 1e-13 : types == TTT_TYPES_F32 ? 1e-5 : 4e-2;
}

static void assert_close(const struct ttt_tensors *a, const struct ttt_tensors *b, enum ttt_tensor which, double bound)
{
    struct ttt_metrics m;
    ttt_metrics_init(&m);
    ttt_metrics_add(&m, &a->buffer[which], &b->buffer[which], 0);
    ck_assert_msg(ttt_metrics_rel_l2(&m) <= bound, "%s (%s): %g", ttt_tensor_info[which].name, ref_types_name[a->types],
                  ttt_metrics_rel_l2(&m));
}

/* Is the slab of head (b, h) the same in both?  A tensor without batches has one per head. */
static int same_head(const struct ttt_tensors *x, const struct ttt_tensors *y, enum ttt_tensor which, int64_t b,
                     int64_t h)
{
    const struct ttt_split s = ttt_tensor_split(which, &x->c.shape);
    const int64_t first = ((s.batches > 1 ? b : 0) * s.heads + (s.heads > 1 ? h : 0)) * s.inner;
    return ref_same_part(&x->buffer[which], first, &y->buffer[which], first, s.inner);
}

static int is_summed(enum ttt_tensor t)
{
    return t == TTT_GRAD_TOKEN_ETA || t == TTT_GRAD_NORM_WEIGHT || t == TTT_GRAD_NORM_BIAS;
}

/* ---------------------------------------------------------------------------------------------- cutting */

/* Tokens [first, first + n of `part`) of each head of `whole` go to `part`, or are compared with it. */
static void cut_tokens(struct ttt_tensors *part, const struct ttt_tensors *whole, enum ttt_tensor which, int64_t first,
                       int compare)
{
    const struct ttt_split s = ttt_tensor_split(which, &part->c.shape),
                           long_s = ttt_tensor_split(which, &whole->c.shape);
    const int64_t width = s.inner / part->c.shape.seq_len;
    const size_t size = ttt_dtype_size(whole->buffer[which].dtype);
    for (int64_t bh = 0; bh < s.batches * s.heads; bh++) {
        const int64_t from = bh * long_s.inner + first * width;
        if (compare)
            ck_assert_msg(ref_same_part(&part->buffer[which], bh * s.inner, &whole->buffer[which], from, s.inner),
                          "%s from token %" PRId64, ttt_tensor_info[which].name, first);
        else
            memcpy((char *)part->buffer[which].data + (size_t)(bh * s.inner) * size,
                   (const char *)whole->buffer[which].data + (size_t)from * size, (size_t)s.inner * size);
    }
}

static void copy_tensor(struct ttt_tensors *to, enum ttt_tensor a, const struct ttt_tensors *from, enum ttt_tensor b)
{
    ck_assert_int_eq(to->buffer[a].elements, from->buffer[b].elements);
    memcpy(to->buffer[a].data, from->buffer[b].data,
           (size_t)to->buffer[a].elements * ttt_dtype_size(to->buffer[a].dtype));
}

/* The case of tokens [first, first + n) of `whole`, with the state and upstream gradients of the whole. */
static void make_part(struct ttt_tensors *part, const struct ttt_tensors *whole, int64_t first, int64_t n)
{
    struct ttt_case c = whole->c;
    c.shape.seq_len = n;
    ref_make(part, &c, whole->types, 0);
    for (enum ttt_tensor t = TTT_XQ; t < TTT_XQW; t++) {
        if (ttt_tensor_info[t].token)
            cut_tokens(part, whole, t, first, 0);
        else if (part->buffer[t].data)
            copy_tensor(part, t, whole, t);
    }
}

static const struct ttt_ref_options one_thread = {.threads = 1};

/* The two that sum over the sequence: the whole is the sum of the halves to rounding. */
static void assert_halves_add_up(const struct ttt_tensors *whole, struct ttt_tensors *a, const struct ttt_tensors *b)
{
    for (enum ttt_tensor t = TTT_GRAD_TOKEN_ETA; t <= TTT_GRAD_NORM_BIAS; t++) {
        for (int64_t i = 0; i < a->buffer[t].elements; i++)
            ttt_buffer_set(&a->buffer[t], i, ttt_buffer_get(&a->buffer[t], i) + ttt_buffer_get(&b->buffer[t], i));
        if (a->buffer[t].data)
            assert_close(a, whole, t, whole->types == TTT_TYPES_F64 ? 1e-14 : 1e-6);
    }
}

START_TEST(a_run_is_its_two_halves)
{
    struct ttt_tensors whole, a, b;
    make(&whole, _i, "b2h3n19c4f6d10g2"); /* mini-batches of 4 4 | 4 4 3 */
    ref_run(&whole, 1);
    make_part(&a, &whole, 0, 8);
    make_part(&b, &whole, 8, 11);
    ref_forward(&a, one_thread);
    for (int k = 0; k < 4; k++)
        copy_tensor(&b, (enum ttt_tensor)(TTT_W1_INIT + k), &a, (enum ttt_tensor)(TTT_W1_LAST + k));
    ref_forward(&b, one_thread);
    ref_backward(&b, one_thread);
    for (int k = 0; k < 4; k++)
        copy_tensor(&a, (enum ttt_tensor)(TTT_GRAD_W1_LAST + k), &b, (enum ttt_tensor)(TTT_GRAD_W1_INIT + k));
    ref_backward(&a, one_thread);
    cut_tokens(&a, &whole, TTT_XQW, 0, 1);
    cut_tokens(&b, &whole, TTT_XQW, 8, 1);
    ref_assert_same(&b, &whole, TTT_W1_LAST, TTT_GRAD_XQ, "second half");
    for (enum ttt_tensor t = TTT_GRAD_XQ; t <= TTT_GRAD_LAST_ETA; t++) {
        cut_tokens(&a, &whole, t, 0, 1);
        cut_tokens(&b, &whole, t, 8, 1);
    }
    ref_assert_same(&a, &whole, TTT_GRAD_W1_INIT, TTT_TENSOR_COUNT, "first half");
    assert_halves_add_up(&whole, &a, &b);
    ttt_tensors_free(&whole);
    ttt_tensors_free(&a);
    ttt_tensors_free(&b);
}
END_TEST

/* Checkpoint k of every head of `t` against the last state of `shorter`. */
static void assert_checkpoint(const struct ttt_tensors *t, int64_t k, const struct ttt_tensors *shorter,
                              enum ttt_tensor state)
{
    const int64_t K = ttt_shape_checkpoints(&t->c.shape);
    for (int i = 0; i < 4; i++) {
        const struct ttt_buffer *all = &t->buffer[TTT_W1_CHECKPOINTS + i], *one = &shorter->buffer[(int)state + i];
        const struct ttt_split s = ttt_tensor_split((enum ttt_tensor)((int)state + i), &t->c.shape);
        for (int64_t bh = 0; bh < s.batches * s.heads; bh++)
            ck_assert_msg(ref_same_part(all, (bh * K + k) * s.inner, one, bh * s.inner, s.inner),
                          "checkpoint %" PRId64 " of head %" PRId64, k, bh);
    }
}

START_TEST(a_checkpoint_is_the_last_state_of_a_shorter_run)
{
    struct ttt_tensors whole, part;
    make(&whole, _i, "b2h2n19c4f6d10g1");
    ref_forward(&whole, one_thread);
    assert_checkpoint(&whole, 0, &whole, TTT_W1_INIT);
    for (int64_t k = 1; k < 5; k++) {
        make_part(&part, &whole, 0, 4 * k);
        ref_forward(&part, one_thread);
        assert_checkpoint(&whole, k, &part, TTT_W1_LAST);
        ttt_tensors_free(&part);
    }
    ttt_tensors_free(&whole);
}
END_TEST

START_TEST(group_size_changes_no_bit)
{
    static const int64_t group[] = {1, 2, 3, 4, 5, 6, 1000};
    struct ttt_tensors plain, t;
    make(&plain, _i, "b1h2n19c4f6d10g1");
    ref_run(&plain, 1);
    for (int i = 1; i < 7; i++) {
        struct ttt_case c = plain.c;
        c.shape.checkpoint_group_size = group[i];
        ref_make(&t, &c, plain.types, 0);
        ref_run(&t, 1);
        ref_assert_same(&t, &plain, TTT_XQW, TTT_W1_CHECKPOINTS, "G");
        ref_assert_same(&t, &plain, TTT_W1_LAST, TTT_TENSOR_COUNT, "G");
        ttt_tensors_free(&t);
    }
    ttt_tensors_free(&plain);
}
END_TEST

/* ---------------------------------------------------------------------------------------------- optional operands */

START_TEST(absent_outputs_change_no_other_bit)
{
    struct ttt_tensors all, t;
    make(&all, _i, "b2h2n19c4f6d10g2");
    ref_forward(&all, one_thread);
    for (int pattern = 0; pattern < 3; pattern++) { /* bit 0: checkpoints, bit 1: last state */
        ref_copy(&t, &all);
        for (int k = 0; k < 4; k++) {
            if (!(pattern & 1))
                ttt_buffer_free(&t.buffer[TTT_W1_CHECKPOINTS + k]);
            if (!(pattern & 2))
                ttt_buffer_free(&t.buffer[TTT_W1_LAST + k]);
        }
        ref_forward(&t, one_thread);
        ref_assert_same(&t, &all, TTT_XQW, TTT_GRAD_XQ, "absent output");
        ttt_tensors_free(&t);
    }
    ttt_tensors_free(&all);
}
END_TEST

START_TEST(absent_upstream_gradients_are_zero)
{
    struct ttt_tensors zeros, t;
    make(&zeros, _i, "b2h2n19c4f6d10g2");
    for (int k = 0; k < 4; k++)
        for (int64_t i = 0; i < zeros.buffer[TTT_GRAD_W1_LAST + k].elements; i++)
            ttt_buffer_set(&zeros.buffer[TTT_GRAD_W1_LAST + k], i, 0);
    ref_run(&zeros, 1);
    ref_copy(&t, &zeros);
    for (int k = 0; k < 4; k++)
        ttt_buffer_free(&t.buffer[TTT_GRAD_W1_LAST + k]);
    ref_run(&t, 1);
    ref_assert_same(&t, &zeros, TTT_XQW, TTT_TENSOR_COUNT, "no upstream gradient");
    ttt_tensors_free(&t);
    ttt_tensors_free(&zeros);
}
END_TEST

START_TEST(absent_token_eta_is_one)
{
    struct ttt_tensors ones, t;
    make(&ones, 2 * _i + 1, "b2h2n19c4f6d10g2");
    for (int64_t i = 0; i < ones.buffer[TTT_TOKEN_ETA].elements; i++)
        ttt_buffer_set(&ones.buffer[TTT_TOKEN_ETA], i, 1);
    ref_run(&ones, 1);
    ref_copy(&t, &ones);
    ttt_buffer_free(&t.buffer[TTT_TOKEN_ETA]);
    ref_run(&t, 1);
    ref_assert_same(&t, &ones, TTT_XQW, TTT_TENSOR_COUNT, "no token_eta");
    ttt_buffer_free(&t.buffer[TTT_GRAD_TOKEN_ETA]);
    ref_run(&t, 1);
    ref_assert_same(&t, &ones, TTT_XQW, TTT_TENSOR_COUNT, "no grad_L_token_eta");
    ttt_tensors_free(&t);
    ttt_tensors_free(&ones);
}
END_TEST

/* ---------------------------------------------------------------------------------------------- values */

START_TEST(causal_form_with_one_token_is_the_other_form)
{
    struct ttt_tensors causal, plain;
    make(&causal, 2 * _i + 1, "b1h2n9c1f16d24g2");
    make(&plain, 2 * _i, "b1h2n9c1f16d24g2");
    ttt_buffer_free(&causal.buffer[TTT_TOKEN_ETA]);
    ttt_buffer_free(&causal.buffer[TTT_GRAD_TOKEN_ETA]);
    ref_run(&causal, 1);
    ref_run(&plain, 1);
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++)
        if (plain.buffer[t].data)
            assert_close(&causal, &plain, t, rounding(plain.types));
    ttt_tensors_free(&causal);
    ttt_tensors_free(&plain);
}
END_TEST

START_TEST(learning_rate_zero_leaves_the_state_alone)
{
    struct ttt_tensors t;
    make(&t, _i, "b2h2n19c4f6d10g2");
    for (int64_t i = 0; i < t.buffer[TTT_LAST_ETA].elements; i++)
        ttt_buffer_set(&t.buffer[TTT_LAST_ETA], i, 0);
    ref_forward(&t, one_thread);
    for (int k = 0; k < 4; k++)
        ck_assert(ref_same(&t.buffer[TTT_W1_LAST + k], &t.buffer[TTT_W1_INIT + k]));
    for (int64_t k = 0; k < ttt_shape_checkpoints(&t.c.shape); k++)
        assert_checkpoint(&t, k, &t, TTT_W1_INIT);
    ttt_tensors_free(&t);
}
END_TEST

/* Other values for one head of the inputs and upstream gradients whose batches (or the lack of them) are as given. */
static void change_head(struct ttt_tensors *t, int per_batch, int64_t b, int64_t h)
{
    for (enum ttt_tensor i = TTT_XQ; i < TTT_XQW; i++) {
        const struct ttt_split s = ttt_tensor_split(i, &t->c.shape);
        const int64_t first = ((per_batch ? b : 0) * s.heads + h) * s.inner;
        if (t->buffer[i].data && s.heads > 1 && per_batch == (s.batches > 1))
            for (int64_t k = first; k < first + s.inner; k++)
                ttt_buffer_set(&t->buffer[i], k, 0.75 * ttt_buffer_get(&t->buffer[i], k) + 0.01);
    }
}

START_TEST(another_head_changes_nothing_here)
{
    const int64_t changed_b = 1, changed_h = 2;
    for (int per_batch = 0; per_batch < 2; per_batch++) { /* 0: norm weight and bias, which serve all batches */
        struct ttt_tensors before, after;
        make(&before, _i, "b2h3n19c4f6d10g2");
        ref_copy(&after, &before);
        change_head(&after, per_batch, changed_b, changed_h);
        ref_run(&before, 1);
        ref_run(&after, 1);
        for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++)
            for (int64_t b = 0; b < 2 && t != TTT_GRAD_TOKEN_ETA; b++)
                for (int64_t h = 0; h < 3; h++) {
                    const int touched = h == changed_h && (!per_batch || b == changed_b || is_summed(t));
                    if (!touched)
                        ck_assert_msg(same_head(&before, &after, t, b, h), "%s of head %" PRId64 ",%" PRId64,
                                      ttt_tensor_info[t].name, b, h);
                    else if (t == TTT_XQW)
                        ck_assert(!same_head(&before, &after, t, b, h));
                }
        ttt_tensors_free(&before);
        ttt_tensors_free(&after);
    }
}
END_TEST

/* Slab (b, h) of `to` is slab (batch[b], head[h]) of `from`; with `compare`, is it? */
static void permute(struct ttt_tensors *to, const struct ttt_tensors *from, enum ttt_tensor t, const int64_t *batch,
                    const int64_t *head, int compare)
{
    const struct ttt_split s = ttt_tensor_split(t, &to->c.shape);
    const size_t size = ttt_dtype_size(to->buffer[t].dtype), bytes = (size_t)s.inner * size;
    for (int64_t b = 0; b < s.batches; b++)
        for (int64_t h = 0; h < s.heads; h++) {
            const int64_t source = (s.batches > 1 ? batch[b] : 0) * s.heads + (s.heads > 1 ? head[h] : 0);
            char *x = (char *)to->buffer[t].data + (size_t)(b * s.heads + h) * bytes;
            const char *y = (const char *)from->buffer[t].data + (size_t)source * bytes;
            if (compare)
                ck_assert_msg(!memcmp(x, y, bytes), "%s", ttt_tensor_info[t].name);
            else
                memcpy(x, y, bytes);
        }
}

START_TEST(permuted_heads_permute_the_outputs)
{
    static const int64_t orders[2][2][3] = {{{0, 1, 2}, {2, 0, 1}}, {{1, 2, 0}, {0, 1, 2}}}; /* of batches, of heads */
    struct ttt_tensors straight, t;
    make(&straight, _i, "b3h3n19c4f6d10g2");
    ref_run(&straight, 1);
    for (int k = 0; k < 2; k++) {
        ref_copy(&t, &straight);
        for (enum ttt_tensor i = TTT_XQ; i < TTT_XQW; i++)
            if (t.buffer[i].data)
                permute(&t, &straight, i, orders[k][0], orders[k][1], 0);
        ref_run(&t, 1);
        for (enum ttt_tensor i = TTT_XQW; i < TTT_TENSOR_COUNT; i++) {
            if (t.buffer[i].data && i != TTT_GRAD_TOKEN_ETA && !(k == 1 && is_summed(i)))
                permute(&t, &straight, i, orders[k][0], orders[k][1], 1);
            else if (t.buffer[i].data) /* the order of a sum has changed */
                assert_close(&t, &straight, i, t.types == TTT_TYPES_F64 ? 1e-14 : 1e-6);
        }
        ttt_tensors_free(&t);
    }
    ttt_tensors_free(&straight);
}
END_TEST

/* Other values in mini-batch 2, from row `row` on. */
static void change_tokens(struct ttt_tensors *t, int64_t row)
{
    const int64_t N = t->c.shape.seq_len, first = 2 * t->c.shape.mini_batch_size + row;
    for (enum ttt_tensor i = TTT_XQ; i <= TTT_LAST_ETA; i++) {
        const struct ttt_split s = ttt_tensor_split(i, &t->c.shape);
        for (int64_t k = 0; k < t->buffer[i].elements; k++)
            if (k % s.inner / (s.inner / N) >= first)
                ttt_buffer_set(&t->buffer[i], k, 0.5 * ttt_buffer_get(&t->buffer[i], k) + 0.01);
    }
}

START_TEST(later_tokens_change_no_earlier_output)
{
    for (int64_t row = 0; row < (CAUSAL(_i) ? 6 : 1); row++) {
        struct ttt_tensors before, after;
        make(&before, _i, "b1h2n23c6f6d10g2");
        ref_copy(&after, &before);
        change_tokens(&after, row);
        ref_forward(&before, one_thread);
        ref_forward(&after, one_thread);
        for (int64_t bh = 0; bh < 2; bh++) {
            const int64_t same = (12 + row) * 6, first = bh * 23 * 6;
            ck_assert(ref_same_part(&before.buffer[TTT_XQW], first, &after.buffer[TTT_XQW], first, same));
            ck_assert(!ref_same_part(&before.buffer[TTT_XQW], first + same, &after.buffer[TTT_XQW], first + same, 6));
        }
        ttt_tensors_free(&before);
        ttt_tensors_free(&after);
    }
}
END_TEST

START_TEST(scaled_upstream_gradients_scale_the_gradients)
{
    static const double scale[] = {2, -1, 0.25};
    struct ttt_tensors one, t;
    make(&one, _i, "b2h2n19c4f6d10g2");
    ref_run(&one, 1);
    for (int k = 0; k < 3; k++) {
        ref_copy(&t, &one);
        for (enum ttt_tensor i = TTT_GRAD_XQW; i <= TTT_GRAD_B2_LAST; i++)
            for (int64_t j = 0; j < t.buffer[i].elements; j++)
                ttt_buffer_set(&t.buffer[i], j, scale[k] * ttt_buffer_get(&t.buffer[i], j));
        ref_run(&t, 1);
        for (enum ttt_tensor i = TTT_GRAD_XQ; i < TTT_TENSOR_COUNT; i++)
            for (int64_t j = 0; j < t.buffer[i].elements; j++)
                if (ttt_buffer_get(&t.buffer[i], j) != scale[k] * ttt_buffer_get(&one.buffer[i], j))
                    ck_abort_msg("%s times %g", ttt_tensor_info[i].name, scale[k]);
        ttt_tensors_free(&t);
    }
    ttt_tensors_free(&one);
}
END_TEST

/* ---------------------------------------------------------------------------------------------- odd shapes */

static const char *const odd_shapes[] = {
    "b1h1n5c8f4d6g1", /* C > N */
    "b2h1n1c1f3d5g1", /* one token */
    "b1h1n1c4f3d5g2", "b1h2n7c3f1d4g2", "b1h1n7c3f5d1g9", "b1h1n4c2f1d1g1", "b1h1n9c4f7d17g2", "b2h2n6c4f4d3g1",
};
#define ODD_SHAPES ((int)(sizeof odd_shapes / sizeof odd_shapes[0]))

START_TEST(odd_shapes_agree_between_precisions)
{
    struct ttt_tensors f64, t;
    make(&f64, CAUSAL(_i), odd_shapes[_i / 2]);
    ref_run(&f64, 1);
    for (int types = TTT_TYPES_F32; types <= TTT_TYPES_BF16; types++) {
        make(&t, 2 * types + CAUSAL(_i), odd_shapes[_i / 2]);
        ref_run(&t, 1);
        for (enum ttt_tensor i = TTT_XQW; i < TTT_TENSOR_COUNT; i++)
            if (t.buffer[i].data)
                assert_close(&t, &f64, i, rounding(t.types));
        ttt_tensors_free(&t);
    }
    ttt_tensors_free(&f64);
}
END_TEST

/* ---------------------------------------------------------------------------------------------- threads */

START_TEST(threads_change_no_bit)
{
    static const char *const sizes[] = {"b1h1n19c5f6d10g2", "b1h3n19c5f6d10g2", "b2h4n19c5f6d10g2", "b4h5n19c5f6d10g2",
                                        "b1h33n9c5f6d10g2"};
    static const int threads[] = {2, 3, 7, 32};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        struct ttt_tensors one, t;
        make(&one, _i, sizes[k]);
        ref_run(&one, 1);
        for (int j = 0; j < 4; j++) {
            ref_copy(&t, &one);
            ref_run(&t, threads[j]);
            ref_assert_same(&t, &one, TTT_XQW, TTT_TENSOR_COUNT, sizes[k]);
            ttt_tensors_free(&t);
        }
        ttt_tensors_free(&one);
    }
}
END_TEST

/* A replica of the contract is a function of its seed, however it is computed; no seed is the contract itself. */
START_TEST(stochastic_replicas_follow_their_seed)
{
    static const struct ttt_ref_options options[] = {
        {.threads = 1, .stochastic_seed = 7},
        {.threads = 3, .stochastic_seed = 7},
        {.threads = 1, .stochastic_seed = 8},
        {.threads = 1, .stochastic_seed = (uint64_t)7 << 40},
        {.threads = 1},
    };
    struct ttt_tensors t[5];
    for (int i = 0; i < 5; i++) {
        make(&t[i], 2 * TTT_TYPES_BF16 + _i, "b1h2n19c5f6d10g2");
        t[i].c.shape.checkpoint_group_size += i == 1; /* 4 mini-batches: two groups of 2, or of 3 and 1 */
        ref_forward(&t[i], options[i]);
        ref_backward(&t[i], options[i]);
    }
    ref_assert_same(&t[0], &t[1], TTT_W1_LAST, TTT_TENSOR_COUNT, "seed 7");
    for (int i = 2; i < 5; i++)
        for (enum ttt_tensor k = TTT_W1_LAST; k < TTT_TENSOR_COUNT; k++)
            if (t[i].buffer[k].data) {
                ck_assert(!ref_same(&t[0].buffer[k], &t[i].buffer[k]));
                assert_close(&t[0], &t[i], k, rounding(TTT_TYPES_BF16));
            }
    for (int i = 0; i < 5; i++)
        ttt_tensors_free(&t[i]);
}
END_TEST

START_TEST(blas_threads_are_put_back)
{
    struct ttt_tensors t;
    make(&t, _i, "b1h2n19c4f6d10g2");
    openblas_set_num_threads(2);
    const int before = openblas_get_num_threads();
    ref_run(&t, 2);
    ck_assert_int_eq(before, 2);
    ck_assert_int_eq(openblas_get_num_threads(), before);
    ttt_tensors_free(&t);
}
END_TEST

static void *run_in_thread(void *block)
{
    ref_run(block, 2);
    return NULL;
}

START_TEST(concurrent_calls_give_the_same_bits)
{
    enum { CALLS = 6 };
    struct ttt_tensors alone[CALLS], together[CALLS];
    pthread_t thread[CALLS];
    openblas_set_num_threads(2);
    for (int i = 0; i < CALLS; i++) {
        make(&alone[i], i, "b1h2n60c8f16d24g2");
        ref_copy(&together[i], &alone[i]);
        ref_run(&alone[i], 1);
    }
    for (int i = 0; i < CALLS; i++)
        ck_assert(!pthread_create(&thread[i], NULL, run_in_thread, &together[i]));
    for (int i = 0; i < CALLS; i++)
        ck_assert(!pthread_join(thread[i], NULL));
    ck_assert_int_eq(openblas_get_num_threads(), 2);
    for (int i = 0; i < CALLS; i++) {
        ref_assert_same(&together[i], &alone[i], TTT_XQW, TTT_TENSOR_COUNT, "concurrent");
        ttt_tensors_free(&alone[i]);
        ttt_tensors_free(&together[i]);
    }
}
END_TEST

static Suite *ref_sequence_suite(void)
{
    Suite *suite = suite_create("ref_sequence");
    TCase *tc = tcase_create("relations");
    const TTest *const every_form[] = {
        a_run_is_its_two_halves,
        a_checkpoint_is_the_last_state_of_a_shorter_run,
        group_size_changes_no_bit,
        absent_outputs_change_no_other_bit,
        absent_upstream_gradients_are_zero,
        learning_rate_zero_leaves_the_state_alone,
        another_head_changes_nothing_here,
        permuted_heads_permute_the_outputs,
        later_tokens_change_no_earlier_output,
        scaled_upstream_gradients_scale_the_gradients,
        threads_change_no_bit,
        blas_threads_are_put_back,
    };
    for (size_t i = 0; i < sizeof every_form / sizeof every_form[0]; i++)
        tcase_add_loop_test(tc, every_form[i], 0, EVERY);
    tcase_add_loop_test(tc, absent_token_eta_is_one, 0, 3);
    tcase_add_loop_test(tc, stochastic_replicas_follow_their_seed, 0, 2);
    tcase_add_loop_test(tc, causal_form_with_one_token_is_the_other_form, 0, 3);
    tcase_add_loop_test(tc, odd_shapes_agree_between_precisions, 0, 2 * ODD_SHAPES);
    tcase_add_test(tc, concurrent_calls_give_the_same_bits);
    tcase_set_timeout(tc, 300);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return run_suite(ref_sequence_suite());
}
