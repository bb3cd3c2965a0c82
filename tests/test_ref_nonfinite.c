/* SPDX-License-Identifier: MIT
 *
 * What the contract says of values that are not finite: how far they reach, forward and backward, and how far not.
 */
#include "tests/ref_run.h"
#include "tests/run.h"
#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* Each test runs for three precisions in both forms; _i says which. */
#define TYPES(i)  ((enum ttt_types)((i) / 2))
#define CAUSAL(i) ((i) % 2)
#define EVERY     6

/* Two batches of two heads, mini-batches of 6 6 6 4 rows, a checkpoint before each. */
enum { B = 2, H = 2, N = 22, C = 6, F = 5 };
static const char sizes[] = "b2h2n22c6f5d10g1";

/* The head that gets something bad. */
enum { BAD_B = 1, BAD_H = 0 };

static const double bad_values[] = {NAN, INFINITY, -INFINITY};

static void make(struct ttt_tensors *t, int i, const char *eps)
{
    char text[200];
    snprintf(text, sizeof text, "%s dist=strong seed=5 eps=%s causal=%d", sizes, eps, CAUSAL(i));
    ref_make_text(t, text, TYPES(i));
}

static int64_t slab(enum ttt_tensor t, const struct ttt_tensors *x, int64_t b, int64_t h)
{
    const struct ttt_split s = ttt_tensor_split(t, &x->c.shape);
    return ((s.batches > 1 ? b : 0) * s.heads + (s.heads > 1 ? h : 0)) * s.inner;
}

/* An element of the bad head: its second, or the second of a token's row where there is one. */
static void plant(struct ttt_tensors *x, enum ttt_tensor t, int64_t token, double value)
{
    const int64_t width = ttt_tensor_split(t, &x->c.shape).inner / N;
    const int64_t inside = ttt_tensor_info[t].token ? token * width + (width > 1) : 1;
    ttt_buffer_set(&x->buffer[t], slab(t, x, BAD_B, BAD_H) + inside, value);
}

static void assert_same_part(const struct ttt_tensors *x, const struct ttt_tensors *y, enum ttt_tensor t, int64_t first,
                             int64_t n, const char *what)
{
    ck_assert_msg(ref_same_part(&x->buffer[t], first, &y->buffer[t], first, n),
                  "%s (%s): %s changed somewhere in %" PRId64 " + %" PRId64, what, ref_types_name[x->types],
                  ttt_tensor_info[t].name, first, n);
}

static void assert_no_finite(const struct ttt_tensors *x, enum ttt_tensor t, int64_t first, int64_t n, const char *what)
{
    for (int64_t i = first; i < first + n; i++)
        if (isfinite(ttt_buffer_get(&x->buffer[t], i)))
            ck_abort_msg("%s (%s): %s is finite at %" PRId64, what, ref_types_name[x->types], ttt_tensor_info[t].name,
                         i);
}

/* Nothing of the other heads has changed.  With `whole_batch` the bad value served head BAD_H of both batches. */
static void assert_other_heads_same(const struct ttt_tensors *clean, const struct ttt_tensors *x, int whole_batch,
                                    const char *what)
{
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++) {
        const struct ttt_split s = ttt_tensor_split(t, &x->c.shape);
        for (int64_t b = 0; t != TTT_GRAD_TOKEN_ETA && b < s.batches; b++)
            for (int64_t h = 0; h < s.heads; h++)
                if (h != BAD_H || (!whole_batch && s.batches > 1 && b != BAD_B))
                    assert_same_part(clean, x, t, slab(t, x, b, h), s.inner, what);
    }
}

/* ---------------------------------------------------------------------------------------------- forward */

/* The forward outputs of the bad head: as before up to token `first`, nothing finite from there on; so too the state,
 * where `first` lies in mini-batch m. */
static void assert_spreads_from(const struct ttt_tensors *clean, const struct ttt_tensors *x, int64_t first, int64_t m,
                                const char *what)
{
    const int64_t row = slab(TTT_XQW, x, BAD_B, BAD_H);
    assert_same_part(clean, x, TTT_XQW, row, first * F, what);
    assert_no_finite(x, TTT_XQW, row + first * F, (N - first) * F, what);
    for (int k = 0; k < 4; k++) {
        const enum ttt_tensor all = (enum ttt_tensor)(TTT_W1_CHECKPOINTS + k);
        const enum ttt_tensor last = (enum ttt_tensor)(TTT_W1_LAST + k);
        const int64_t n = ttt_tensor_split(last, &x->c.shape).inner, here = slab(all, x, BAD_B, BAD_H);
        assert_same_part(clean, x, all, here, (m + 1) * n, what);
        assert_no_finite(x, all, here + (m + 1) * n, (ttt_shape_checkpoints(&x->c.shape) - m - 1) * n, what);
        assert_no_finite(x, last, slab(last, x, BAD_B, BAD_H), n, what);
    }
}

/* A bad query reaches its own row of the output, and nothing else of the forward pass. */
static void assert_only_row(const struct ttt_tensors *clean, const struct ttt_tensors *x, int64_t token,
                            const char *what)
{
    const int64_t row = slab(TTT_XQW, x, BAD_B, BAD_H) + token * F;
    const int64_t rest = x->buffer[TTT_XQW].elements - row - F;
    assert_same_part(clean, x, TTT_XQW, 0, row, what);
    assert_no_finite(x, TTT_XQW, row, F, what);
    assert_same_part(clean, x, TTT_XQW, row + F, rest, what);
    ref_assert_same(clean, x, TTT_W1_CHECKPOINTS, TTT_GRAD_XQ, what);
}

START_TEST(a_bad_token_reaches_only_later_ones)
{
    static const int64_t place[][2] = {{0, 0}, {1, 0}, {2, 3}, {1, 5}, {3, 2}}; /* mini-batch, row */
    struct ttt_tensors clean, x;
    make(&clean, _i, "1e-6");
    ref_run(&clean, 1);
    for (enum ttt_tensor t = TTT_XQ; t <= TTT_LAST_ETA; t++)
        for (int v = 0; v < 3; v++)
            for (size_t p = 0; p < sizeof place / sizeof place[0]; p++) {
                const int64_t m = place[p][0], token = m * C + place[p][1];
                ref_copy(&x, &clean);
                plant(&x, t, token, bad_values[v]);
                ref_run(&x, 1);
                if (t == TTT_XQ)
                    assert_only_row(&clean, &x, token, "XQ");
                else
                    assert_spreads_from(&clean, &x, CAUSAL(_i) ? token : m * C, m, ttt_tensor_info[t].name);
                assert_other_heads_same(&clean, &x, 0, ttt_tensor_info[t].name);
                ttt_tensors_free(&x);
            }
    ttt_tensors_free(&clean);
}
END_TEST

START_TEST(a_bad_state_or_norm_reaches_its_heads)
{
    struct ttt_tensors clean, x;
    make(&clean, _i, "1e-6");
    ref_run(&clean, 1);
    for (enum ttt_tensor t = TTT_NORM_WEIGHT; t <= TTT_B2_INIT; t++)
        for (int v = 0; v < 3; v++) {
            const int norm = t <= TTT_NORM_BIAS;
            ref_copy(&x, &clean);
            plant(&x, t, 0, bad_values[v]);
            ref_run(&x, 1);
            assert_other_heads_same(&clean, &x, norm, ttt_tensor_info[t].name);
            for (int64_t b = 0; v == 0 && b < B; b++) /* infinite hidden units may rest at gelu(-inf) = 0 */
                if (norm || b == BAD_B)
                    assert_no_finite(&x, TTT_XQW, slab(TTT_XQW, &x, b, BAD_H), N * F, ttt_tensor_info[t].name);
            ttt_tensors_free(&x);
        }
    ttt_tensors_free(&clean);
}
END_TEST

/* token_eta[r] scales what row r of each output sees; the update takes that of the last existing row. */
START_TEST(a_bad_token_eta_reaches_its_rows)
{
    struct ttt_tensors clean, x;
    make(&clean, 2 * _i + 1, "1e-6");
    ref_run(&clean, 1);
    for (int64_t r = 0; r < C; r++) {
        ref_copy(&x, &clean);
        ttt_buffer_set(&x.buffer[TTT_TOKEN_ETA], r, NAN);
        ref_run(&x, 1);
        for (int64_t token = 0; token < B * H * N; token++) {
            const int64_t n = token % N;
            if (n % C == r || (r == C - 1 && n >= C))
                assert_no_finite(&x, TTT_XQW, token * F, F, "token_eta");
            else
                assert_same_part(&clean, &x, TTT_XQW, token * F, F, "token_eta");
        }
        for (enum ttt_tensor t = TTT_W1_LAST; t <= TTT_B2_LAST; t++) {
            if (r == C - 1 || r == (N - 1) % C)
                assert_no_finite(&x, t, 0, x.buffer[t].elements, "token_eta");
            else
                assert_same_part(&clean, &x, t, 0, x.buffer[t].elements, "token_eta");
        }
        ttt_tensors_free(&x);
    }
    ttt_tensors_free(&clean);
}
END_TEST

/* ---------------------------------------------------------------------------------------------- backward */

/* A bad upstream gradient or query leaves the forward pass' state alone, so it only spreads backwards in time. */
START_TEST(a_bad_upstream_gradient_reaches_only_earlier_tokens)
{
    const int64_t m = 1, token = m * C + 2, later = (m + 1) * C;
    struct ttt_tensors clean, x;
    make(&clean, _i, "1e-6");
    ref_run(&clean, 1);
    for (int k = 0; k < 2; k++)
        for (int v = 0; v < 3; v++) {
            const enum ttt_tensor from = k ? TTT_XQ : TTT_GRAD_XQW;
            ref_copy(&x, &clean);
            plant(&x, from, token, bad_values[v]);
            ref_run(&x, 1);
            assert_other_heads_same(&clean, &x, 0, ttt_tensor_info[from].name);
            for (enum ttt_tensor t = TTT_GRAD_XQ; t <= TTT_GRAD_LAST_ETA; t++) {
                const int64_t width = ttt_tensor_split(t, &x.c.shape).inner / N;
                const int64_t first = slab(t, &x, BAD_B, BAD_H) + later * width;
                assert_same_part(&clean, &x, t, first, (N - later) * width, ttt_tensor_info[from].name);
            }
            assert_no_finite(&x, TTT_GRAD_XQ, slab(TTT_GRAD_XQ, &x, BAD_B, BAD_H) + token * F, F, "its own row");
            for (enum ttt_tensor t = TTT_GRAD_W1_INIT; t <= TTT_GRAD_B2_INIT; t++)
                assert_no_finite(&x, t, slab(t, &x, BAD_B, BAD_H), ttt_tensor_split(t, &x.c.shape).inner, "init");
            ttt_tensors_free(&x);
        }
    ttt_tensors_free(&clean);
}
END_TEST

START_TEST(a_bad_last_gradient_stays_in_its_head)
{
    struct ttt_tensors clean, x;
    make(&clean, _i, "1e-6");
    ref_run(&clean, 1);
    for (enum ttt_tensor t = TTT_GRAD_W1_LAST; t <= TTT_GRAD_B2_LAST; t++) {
        ref_copy(&x, &clean);
        plant(&x, t, 0, NAN);
        ref_run(&x, 1);
        assert_other_heads_same(&clean, &x, 0, ttt_tensor_info[t].name);
        const enum ttt_tensor back = (enum ttt_tensor)(TTT_GRAD_W1_INIT + (t - TTT_GRAD_W1_LAST));
        assert_no_finite(&x, back, slab(back, &x, BAD_B, BAD_H) + 1, 1, ttt_tensor_info[t].name);
        ttt_tensors_free(&x);
    }
    ttt_tensors_free(&clean);
}
END_TEST

/* ---------------------------------------------------------------------------------------------- gelu, eps */

START_TEST(saturated_hidden_units_stay_finite)
{
    struct ttt_tensors t;
    make(&t, _i, "1e-6");
    for (int64_t i = 0; i < t.buffer[TTT_W1_INIT].elements; i++)
        ttt_buffer_set(&t.buffer[TTT_W1_INIT], i, 1e4 * ttt_buffer_get(&t.buffer[TTT_W1_INIT], i));
    ttt_buffer_set(&t.buffer[TTT_B1_INIT], 1, -1e30); /* a unit at rest, whose square is no float */
    ref_run(&t, 1);
    for (enum ttt_tensor i = TTT_XQW; i < TTT_TENSOR_COUNT; i++)
        for (int64_t k = 0; k < t.buffer[i].elements; k++)
            if (!isfinite(ttt_buffer_get(&t.buffer[i], k)))
                ck_abort_msg("%s at %" PRId64, ttt_tensor_info[i].name, k);
    ttt_tensors_free(&t);
}
END_TEST

static void set_all(struct ttt_tensors *x, enum ttt_tensor t, double value)
{
    for (int64_t i = 0; i < x->buffer[t].elements; i++)
        ttt_buffer_set(&x->buffer[t], i, value);
}

/* Row `token` of XQ or XK of the bad head becomes 0, so that with b1 = 0 and b2 constant its Z2 is constant. */
static void clear_row(struct ttt_tensors *x, enum ttt_tensor t, int64_t token)
{
    set_all(x, TTT_B1_INIT, 0);
    set_all(x, TTT_B2_INIT, 0.25);
    for (int64_t f = 0; f < F; f++)
        ttt_buffer_set(&x->buffer[t], slab(t, x, BAD_B, BAD_H) + token * F + f, 0);
}

START_TEST(a_constant_row_is_nan_where_eps_is_zero)
{
    const int64_t token = 9;
    for (int zero = 0; zero < 2; zero++) {
        struct ttt_tensors x;
        make(&x, _i, zero ? "0" : "1e-6");
        set_all(&x, TTT_LAST_ETA, 0);
        clear_row(&x, TTT_XQ, token);
        ref_run(&x, 1);
        const int64_t row = slab(TTT_XQW, &x, BAD_B, BAD_H) + token * F;
        for (int64_t i = 0; i < x.buffer[TTT_XQW].elements; i++) {
            const double y = ttt_buffer_get(&x.buffer[TTT_XQW], i);
            if (!(zero && i >= row && i < row + F ? isnan(y) : isfinite(y)))
                ck_abort_msg("XQW is %g at %" PRId64, y, i);
        }
        ttt_tensors_free(&x);
    }
}
END_TEST

START_TEST(a_constant_inner_row_spreads_like_a_bad_token)
{
    const int64_t token = 3;
    struct ttt_tensors clean, x;
    make(&clean, _i, "0");
    clear_row(&clean, TTT_XV, token); /* another tensor: the state is the same, and no row is constant */
    ref_copy(&x, &clean);
    clear_row(&x, TTT_XK, token);
    ref_run(&clean, 1);
    ref_run(&x, 1);
    assert_spreads_from(&clean, &x, CAUSAL(_i) ? token : 0, 0, "constant row");
    assert_other_heads_same(&clean, &x, 0, "constant row");
    ttt_tensors_free(&x);
    ttt_tensors_free(&clean);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ref_nonfinite");
    TCase *tc = tcase_create("not finite");
    tcase_add_loop_test(tc, a_bad_token_reaches_only_later_ones, 0, EVERY);
    tcase_add_loop_test(tc, a_bad_state_or_norm_reaches_its_heads, 0, EVERY);
    tcase_add_loop_test(tc, a_bad_token_eta_reaches_its_rows, 0, EVERY / 2);
    tcase_add_loop_test(tc, a_bad_upstream_gradient_reaches_only_earlier_tokens, 0, EVERY);
    tcase_add_loop_test(tc, a_bad_last_gradient_stays_in_its_head, 0, EVERY);
    tcase_add_loop_test(tc, saturated_hidden_units_stay_finite, 0, EVERY);
    tcase_add_loop_test(tc, a_constant_row_is_nan_where_eps_is_zero, 0, EVERY);
    tcase_add_loop_test(tc, a_constant_inner_row_spreads_like_a_bad_token, 0, EVERY);
    tcase_set_timeout(tc, 120);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
