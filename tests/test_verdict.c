/* SPDX-License-Identifier: MIT
 *
 * The verdict: its bounds, on which side of them a value passes, and that NaN never does.
 */
#include "harness/calibration.h"
#include "harness/verdict.h"
#include "run.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GROUP = 64 }; /* elements of every group here */

/* Metrics of a tensor of one element: truth 1, error `error`. */
static struct ttt_tensor_result tensor_with(double error)
{
    double k = 1 + error, r = 1;
    const struct ttt_buffer kb = {.dtype = TTT_F64, .elements = 1, .data = &k};
    const struct ttt_buffer rb = {.dtype = TTT_F64, .elements = 1, .data = &r};
    struct ttt_tensor_result t = {.tensor = TTT_XQW};
    ttt_metrics_init(&t.metrics);
    ttt_metrics_add(&t.metrics, &kb, &rb, 0);
    t.range.wrong = t.metrics.mismatched; /* a reference of any range is 1 there, too */
    return t;
}

static struct ttt_case any_case(void)
{
    struct ttt_case c;
    char error[256];
    ck_assert_int_eq(ttt_case_parse("b1h1n128c64f64d256g1", &c, error, sizeof error), 0);
    return c;
}

/* One tensor of which every gate reads `reading`. */
static enum ttt_verdict judge(struct ttt_tensor_result t, enum ttt_types types, double reading, int ill_conditioned)
{
    const struct ttt_case c = any_case();
    struct ttt_reading readings[TTT_GATES];
    for (int gate = 0; gate < TTT_GATES; gate++)
        readings[gate] = (struct ttt_reading){.value = reading, .place = {.elements = GROUP}};
    const struct ttt_evidence evidence = {
        .types = types, .c = &c, .readings = readings, .ill_conditioned = ill_conditioned};
    ttt_verdict_tensor(&t, &evidence);
    struct ttt_result *r = calloc(1, sizeof *r);
    ck_assert_ptr_nonnull(r);
    r->tensor_count = 1;
    r->tensors[0] = t;
    const enum ttt_verdict verdict = ttt_verdict_result(r);
    free(r);
    return verdict;
}

/* The least threshold of any gate of XQW for that case. */
static double least_threshold(enum ttt_types types)
{
    const struct ttt_case c = any_case();
    double least = INFINITY;
    for (int gate = 0; gate < TTT_GATES; gate++)
        least = fmin(least, ttt_calibration_threshold(&ttt_calibration_table, types, &c, 0, TTT_XQW, gate, GROUP));
    return least;
}

START_TEST(double_bound_is_1e_12)
{
    ck_assert_int_eq(judge(tensor_with(0), TTT_TYPES_F64, 0, 0), TTT_PASS);
    ck_assert_int_eq(judge(tensor_with(0.99e-12), TTT_TYPES_F64, 0, 0), TTT_PASS);
    ck_assert_int_eq(judge(tensor_with(1.01e-12), TTT_TYPES_F64, 0, 0), TTT_FAIL);
    ck_assert_int_eq(judge(tensor_with(-1.01e-12), TTT_TYPES_F64, 0, 0), TTT_FAIL);
}
END_TEST

START_TEST(a_gate_passes_up_to_its_threshold)
{
    for (int types = TTT_TYPES_F32; types <= TTT_TYPES_BF16; types++) {
        const double least = least_threshold((enum ttt_types)types);
        ck_assert_double_gt(least, 0);
        ck_assert_int_eq(judge(tensor_with(0.1), (enum ttt_types)types, least * 0.999, 0), TTT_PASS);
        ck_assert_int_eq(judge(tensor_with(0.1), (enum ttt_types)types, least * 1.001, 0), TTT_FAIL);
    }
}
END_TEST

START_TEST(nan_never_passes)
{
    for (int types = TTT_TYPES_F64; types <= TTT_TYPES_BF16; types++) {
        ck_assert_int_eq(judge(tensor_with(NAN), (enum ttt_types)types, 0, 0), TTT_FAIL);
        ck_assert_int_eq(judge(tensor_with(INFINITY), (enum ttt_types)types, 0, 0), TTT_FAIL);
        if (types != TTT_TYPES_F64)
            ck_assert_int_eq(judge(tensor_with(0), (enum ttt_types)types, NAN, 0), TTT_FAIL);
    }
}
END_TEST

START_TEST(ill_conditioned_is_neither)
{
    ck_assert_int_eq(judge(tensor_with(0.1), TTT_TYPES_BF16, 1e9, 1), TTT_ILL_CONDITIONED);
    ck_assert_int_eq(judge(tensor_with(NAN), TTT_TYPES_BF16, 0, 1), TTT_FAIL);
}
END_TEST

START_TEST(blind_data_is_vacuous)
{
    struct ttt_result *r = calloc(1, sizeof *r);
    ck_assert_ptr_nonnull(r);
    r->tensor_count = 1;
    r->tensors[0] = tensor_with(0);
    ck_assert_int_eq(ttt_verdict_result(r), TTT_PASS);
    r->blind[TTT_XV] = 1;
    ck_assert_int_eq(ttt_verdict_result(r), TTT_VACUOUS);
    r->blind[TTT_XV] = 0;
    r->one_mini_batch = 1;
    ck_assert_int_eq(ttt_verdict_result(r), TTT_VACUOUS);
    ttt_result_note(r, "inputs", TTT_FAIL, "XK was changed");
    ck_assert_int_eq(ttt_verdict_result(r), TTT_FAIL);
    free(r);
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
    ttt_verdict_tensor(&r->tensors[0], &(struct ttt_evidence){.types = TTT_TYPES_F64});
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
    ttt_verdict_tensor(&r->tensors[0], &(struct ttt_evidence){.types = TTT_TYPES_F64});
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

int main(void)
{
    Suite *suite = suite_create("verdict");
    TCase *tests = tcase_create("verdict");
    tcase_add_test(tests, double_bound_is_1e_12);
    tcase_add_test(tests, a_gate_passes_up_to_its_threshold);
    tcase_add_test(tests, nan_never_passes);
    tcase_add_test(tests, ill_conditioned_is_neither);
    tcase_add_test(tests, blind_data_is_vacuous);
    tcase_add_test(tests, result_needs_something_judged);
    tcase_add_test(tests, failed_check_fails_the_result);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
