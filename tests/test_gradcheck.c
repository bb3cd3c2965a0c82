/* SPDX-License-Identifier: MIT
 *
 * The proof of the gradients, small: the gradients of ref-f64 hold, and a gradient that is wrong does not.
 */
#include "harness/gradproof.h"
#include "tests/run.h"
#include <math.h>

static struct ttt_case parse(const char *text)
{
    struct ttt_case c;
    char error[512] = "";
    ck_assert_msg(ttt_case_parse(text, &c, error, sizeof error) == 0, "%s", error);
    return c;
}

static struct ttt_gradcheck open_check(const char *text)
{
    struct ttt_gradcheck g;
    char error[512] = "";
    const struct ttt_case c = parse(text);
    ck_assert_msg(ttt_gradcheck_open(&g, &c, error, sizeof error) == 0, "%s", error);
    return g;
}

static struct ttt_gradcheck_result check(struct ttt_gradcheck *g, enum ttt_tensor input)
{
    struct ttt_gradcheck_result result;
    char error[512] = "";
    ck_assert_msg(ttt_gradcheck_input(g, input, &result, error, sizeof error) == 0, "%s", error);
    return result;
}

static const char *const proven[] = {
    "b1h1n22c8f8d12g1 eps=1e-6 dist=unit seed=1 causal=0",
    "b1h2n11c4f8d32g2 eps=1e-8 dist=model seed=2 causal=0 state_grads=0",
    "b2h1n9c4f5d7g1 eps=1e-6 dist=strong seed=3 causal=0",
    "b1h1n14c6f8d20g1 eps=1e-6 dist=unit seed=4 causal=1 state_grads=0",
    "b2h1n11c4f8d32g2 eps=1e-8 dist=model seed=5 causal=1",
    "b1h2n5c8f6d11g1 eps=1e-6 dist=strong seed=6 causal=1",
};
enum { PROVEN = sizeof proven / sizeof proven[0] };

START_TEST(every_gradient_is_proven)
{
    struct ttt_gradproof proof = {.count = 0};
    char error[512] = "";
    for (int i = 0; i < PROVEN; i++) {
        const struct ttt_case c = parse(proven[i]);
        ck_assert_msg(ttt_gradproof_add(&proof, &c, error, sizeof error) == 0, "%s", error);
    }
    ttt_gradproof_judge(&proof);
    ck_assert_int_eq(proof.cases, PROVEN);
    ck_assert_int_eq(proof.count, 3 * 10 + 3 * 11); /* token_eta in the causal form only */
    for (int i = 0; i < proof.count; i++) {
        const struct ttt_gradproof_row *row = &proof.rows[i];
        ck_assert_msg(row->verdict == TTT_PASS, "%s, causal=%d dist=%s: ratio %g, slope %g",
                      ttt_tensor_info[row->input].name, row->causal, ttt_distribution_name[row->distribution],
                      row->found.ratio, row->found.slope);
        ck_assert_int_eq(row->found.checked, TTT_GRADCHECK_DIRECTIONS + TTT_GRADCHECK_COORDINATES);
        ck_assert_int_ge(row->found.slopes, 1);
        ck_assert(row->found.ratio <= proof.ratio);
    }
    ck_assert_uint_eq(proof.by_verdict[TTT_PASS], (size_t)proof.count);
    ck_assert_uint_eq(proof.by_verdict[TTT_FAIL], 0);
    ck_assert(proof.ratio > 0 && proof.ratio <= TTT_GRADPROOF_RATIO);
}
END_TEST

/* The largest element of each gradient in turn, off by a part in 10^9. */
START_TEST(one_wrong_element_is_found)
{
    struct ttt_gradcheck g = open_check(proven[_i]);
    for (enum ttt_tensor input = TTT_XQ; input <= TTT_B2_INIT; input++) {
        if (!ttt_gradcheck_has(&g, input))
            continue;
        const struct ttt_buffer *b = &g.base.buffer[input + (TTT_GRAD_XQ - TTT_XQ)];
        double *gradient = b->data;
        int64_t largest = 0;
        for (int64_t i = 1; i < b->elements; i++)
            if (fabs(gradient[i]) > fabs(gradient[largest]))
                largest = i;
        const double right = gradient[largest];
        gradient[largest] = right * (1 + 1e-9);
        const double ratio = check(&g, input).ratio;
        ck_assert_msg(ratio > 10 * TTT_GRADPROOF_RATIO, "%s: ratio %g", ttt_tensor_info[input].name, ratio);
        gradient[largest] = right;
        ck_assert(check(&g, input).ratio <= TTT_GRADPROOF_RATIO);
    }
    ttt_gradcheck_close(&g);
}
END_TEST

/* A gradient that is a tenth off: the remainder falls no faster than t. */
START_TEST(a_wrong_gradient_has_slope_one)
{
    struct ttt_gradcheck g = open_check(proven[0]);
    double *gradient = g.base.buffer[TTT_GRAD_W2_INIT].data;
    for (int64_t i = 0; i < g.base.buffer[TTT_GRAD_W2_INIT].elements; i++)
        gradient[i] *= 0.9;
    const struct ttt_gradcheck_result result = check(&g, TTT_W2_INIT);
    ck_assert_int_eq(result.slopes, TTT_GRADCHECK_SLOPES);
    ck_assert_msg(fabs(result.slope - 1) < 0.1, "%g", result.slope);
    ttt_gradcheck_close(&g);
}
END_TEST

START_TEST(a_gradient_that_is_not_a_number_is_not_proven)
{
    struct ttt_gradcheck g = open_check(proven[0]);
    ((double *)g.base.buffer[TTT_GRAD_B1_INIT].data)[3] = NAN;
    ck_assert(isnan(check(&g, TTT_B1_INIT).ratio));

    struct ttt_gradproof proof = {.count = 2};
    for (int i = 0; i < proof.count; i++)
        proof.rows[i] = (struct ttt_gradproof_row){.found = {.ratio = i ? 0 : NAN, .slope = 2}};
    ttt_gradproof_judge(&proof);
    ck_assert_int_eq(proof.rows[0].verdict, TTT_FAIL);
    ck_assert_int_eq(proof.rows[1].verdict, TTT_PASS);
    ck_assert(isnan(proof.ratio));
    ttt_gradcheck_close(&g);
}
END_TEST

START_TEST(a_slope_out_of_bounds_is_not_proven)
{
    static const double slopes[] = {1.95, 2.05, 1.85, 2.15, NAN};
    struct ttt_gradproof proof = {.count = 5};
    for (int i = 0; i < proof.count; i++)
        proof.rows[i] = (struct ttt_gradproof_row){.found = {.slopes = 1, .slope = slopes[i]}};
    ttt_gradproof_judge(&proof);
    for (int i = 0; i < proof.count; i++)
        ck_assert_int_eq(proof.rows[i].verdict, i < 2 ? TTT_PASS : TTT_FAIL);
}
END_TEST

START_TEST(a_case_that_cannot_be_run_is_refused)
{
    struct ttt_gradcheck g;
    char error[512] = "";
    struct ttt_case c = parse(proven[0]);
    c.shape.ln_eps = -1;
    ck_assert_int_eq(ttt_gradcheck_open(&g, &c, error, sizeof error), -1);
    ck_assert_str_ne(error, "");
    ttt_gradcheck_close(&g);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("gradcheck");
    TCase *tc = tcase_create("gradcheck");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, every_gradient_is_proven);
    tcase_add_loop_test(tc, one_wrong_element_is_found, 0, PROVEN);
    tcase_add_test(tc, a_wrong_gradient_has_slope_one);
    tcase_add_test(tc, a_gradient_that_is_not_a_number_is_not_proven);
    tcase_add_test(tc, a_slope_out_of_bounds_is_not_proven);
    tcase_add_test(tc, a_case_that_cannot_be_run_is_refused);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
