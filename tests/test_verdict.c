/* SPDX-License-Identifier: MIT
 *
 * The interim verdict: its bounds, on which side of them a value passes, and that NaN never does.
 */
#include "harness/verdict.h"
#include "run.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Metrics of a tensor of one element: truth 1, error `error`. */
static struct ttt_tensor_result tensor_with(double error)
{
    double k = 1 + error, r = 1;
    const struct ttt_buffer kb = {.dtype = TTT_F64, .elements = 1, .data = &k};
    const struct ttt_buffer rb = {.dtype = TTT_F64, .elements = 1, .data = &r};
    struct ttt_tensor_result t = {.tensor = TTT_XQW};
    ttt_metrics_init(&t.metrics);
    ttt_metrics_add(&t.metrics, &kb, &rb, 0);
    return t;
}

static enum ttt_verdict judge(struct ttt_tensor_result t, enum ttt_types types, int64_t mini_batches)
{
    ttt_verdict_tensor(&t, types, mini_batches);
    struct ttt_result r = {.tensor_count = 1};
    r.tensors[0] = t;
    return ttt_verdict_result(&r);
}

START_TEST(double_bound_is_1e_12)
{
    ck_assert_int_eq(judge(tensor_with(0), TTT_TYPES_F64, 1000), TTT_PASS);
    ck_assert_int_eq(judge(tensor_with(0.99e-12), TTT_TYPES_F64, 1000), TTT_PASS);
    ck_assert_int_eq(judge(tensor_with(1.01e-12), TTT_TYPES_F64, 1000), TTT_FAIL);
    ck_assert_int_eq(judge(tensor_with(-1.01e-12), TTT_TYPES_F64, 1000), TTT_FAIL);
}
END_TEST

START_TEST(float_bound_grows_with_mini_batches)
{
    static const struct {
        int64_t mini_batches;
        double bound;
    } table[] = {{1, 2e-6}, {4, 2e-6}, {16, 4e-6}, {5400, 2e-6 * 36.742346141747674}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct ttt_tensor_result t = tensor_with(0);
        ttt_verdict_tensor(&t, TTT_TYPES_F32, table[i].mini_batches);
        ck_assert_double_eq_tol(t.gates[TTT_GATE_REL_L2].bound, table[i].bound, 1e-15);
        const double at = table[i].bound;
        ck_assert_int_eq(judge(tensor_with(0.999 * at), TTT_TYPES_F32, table[i].mini_batches), TTT_PASS);
        ck_assert_int_eq(judge(tensor_with(1.001 * at), TTT_TYPES_F32, table[i].mini_batches), TTT_FAIL);
    }
}
END_TEST

START_TEST(bf16_bound_is_contract_and_rounding)
{
    struct ttt_tensor_result t = tensor_with(0);
    t.contract = 1e-3;
    t.rounding = 5e-4;
    ttt_verdict_tensor(&t, TTT_TYPES_BF16, 4);
    ck_assert_double_eq_tol(t.gates[TTT_GATE_REL_L2].bound, 2.1e-3, 1e-15);
    ck_assert_str_eq(t.gates[TTT_GATE_REL_L2].formula, "1.6 x contract 0.001 + rounding 0.0005");
    static const struct {
        double error;
        enum ttt_verdict verdict;
    } table[] = {{2.09e-3, TTT_PASS}, {2.11e-3, TTT_FAIL}, {-2.11e-3, TTT_FAIL}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        t = tensor_with(table[i].error);
        t.contract = 1e-3;
        t.rounding = 5e-4;
        ck_assert_int_eq(judge(t, TTT_TYPES_BF16, 4), table[i].verdict);
    }
}
END_TEST

START_TEST(exact_tensor_passes_a_bound_of_zero)
{
    ck_assert_int_eq(judge(tensor_with(0), TTT_TYPES_BF16, 4), TTT_PASS);
    ck_assert_int_eq(judge(tensor_with(DBL_EPSILON), TTT_TYPES_BF16, 4), TTT_FAIL);
}
END_TEST

START_TEST(nan_never_passes)
{
    for (int types = TTT_TYPES_F64; types <= TTT_TYPES_BF16; types++) {
        struct ttt_tensor_result t = tensor_with(NAN);
        t.contract = t.rounding = 1;
        ttt_verdict_tensor(&t, (enum ttt_types)types, 4);
        ck_assert_int_eq(t.gates[TTT_GATE_FINITE].verdict, TTT_FAIL);
        ck_assert_int_eq(t.gates[TTT_GATE_REL_L2].verdict, TTT_FAIL);
        ck_assert_int_eq(judge(tensor_with(INFINITY), (enum ttt_types)types, 4), TTT_FAIL);
    }
}
END_TEST

START_TEST(nan_of_the_contract_fails)
{
    struct ttt_tensor_result t = tensor_with(0);
    t.contract = NAN;
    ck_assert_int_eq(judge(t, TTT_TYPES_BF16, 4), TTT_FAIL);
}
END_TEST

START_TEST(result_needs_something_judged)
{
    struct ttt_result *r = calloc(1, sizeof *r);
    ck_assert_ptr_nonnull(r);
    ck_assert_int_eq(ttt_verdict_result(r), TTT_SKIPPED);
    ttt_result_check(r, "status");
    ck_assert_int_eq(ttt_verdict_result(r), TTT_SKIPPED);
    r->tensor_count = 2;
    r->tensors[0] = tensor_with(0);
    ttt_verdict_tensor(&r->tensors[0], TTT_TYPES_F64, 1);
    strcpy(r->tensors[1].skipped, "not in the file");
    ck_assert_int_eq(ttt_verdict_result(r), TTT_PASS);
    strcpy(r->tensors[0].skipped, "not in the file");
    ck_assert_int_eq(ttt_verdict_result(r), TTT_SKIPPED);
    free(r);
}
END_TEST

START_TEST(failed_check_fails_the_result)
{
    struct ttt_result *r = calloc(1, sizeof *r);
    ck_assert_ptr_nonnull(r);
    r->tensor_count = 1;
    r->tensors[0] = tensor_with(0);
    ttt_verdict_tensor(&r->tensors[0], TTT_TYPES_F64, 1);
    ttt_result_note(r, "deterministic", TTT_SKIPPED, "declared");
    ck_assert_int_eq(ttt_verdict_result(r), TTT_PASS);
    ttt_result_note(r, "red-zones", TTT_FAIL, "first %d", 1);
    ttt_result_note(r, "red-zones", TTT_FAIL, "second");
    ck_assert_int_eq(ttt_verdict_result(r), TTT_FAIL);
    ck_assert_int_eq(r->check_count, 2);
    ck_assert_str_eq(ttt_result_check(r, "red-zones")->detail, "first 1");
    free(r);
}
END_TEST

START_TEST(notice_says_interim)
{
    ck_assert_ptr_nonnull(strstr(ttt_verdict_notice, "interim"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verdict");
    TCase *tests = tcase_create("verdict");
    tcase_add_test(tests, double_bound_is_1e_12);
    tcase_add_test(tests, float_bound_grows_with_mini_batches);
    tcase_add_test(tests, bf16_bound_is_contract_and_rounding);
    tcase_add_test(tests, exact_tensor_passes_a_bound_of_zero);
    tcase_add_test(tests, nan_never_passes);
    tcase_add_test(tests, nan_of_the_contract_fails);
    tcase_add_test(tests, result_needs_something_judged);
    tcase_add_test(tests, failed_check_fails_the_result);
    tcase_add_test(tests, notice_says_interim);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
