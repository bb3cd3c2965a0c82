/* SPDX-License-Identifier: MIT */
#include "harness/metrics.h"
#include "harness/rng.h"
#include "run.h"
#include <float.h>
#include <math.h>
#include <string.h>

static struct ttt_buffer make(enum ttt_dtype dtype, const double *x, int64_t n)
{
    struct ttt_buffer b;
    ck_assert_int_eq(ttt_buffer_alloc(&b, dtype, n), 0);
    for (int64_t i = 0; i < n; i++)
        ttt_buffer_set(&b, i, x[i]);
    return b;
}

static struct ttt_metrics compare(enum ttt_dtype dtype, const double *k, const double *r, int64_t n)
{
    struct ttt_buffer kb = make(dtype, k, n), rb = make(TTT_F64, r, n);
    struct ttt_metrics m;
    ttt_metrics_init(&m);
    ttt_metrics_add(&m, &kb, &rb, 0);
    ttt_buffer_free(&kb);
    ttt_buffer_free(&rb);
    return m;
}

#define COMPARE(dtype, k, r) compare(dtype, k, r, (int64_t)(sizeof(r) / sizeof *(r)))

START_TEST(plain_numbers)
{
    const double r[] = {3, -4, 0, 12}, k[] = {3, -4.5, 0.25, 12};
    const struct ttt_metrics m = COMPARE(TTT_F64, k, r);
    ck_assert_int_eq(m.elements, 4);
    ck_assert_int_eq(m.non_finite, 0);
    ck_assert_int_eq(m.mismatched, 0);
    ck_assert_double_eq_tol(ttt_metrics_rel_l2(&m), sqrt(0.3125) / 13, 1e-16);
    ck_assert_double_eq_tol(ttt_metrics_bias(&m), -0.25 / 19, 1e-16);
    ck_assert_double_eq(m.max_abs, 0.5);
    ck_assert_int_eq(m.worst, 1);
    ck_assert_double_eq(m.worst_k, -4.5);
    ck_assert_double_eq(m.worst_r, -4);
}
END_TEST

/* Bins are those of powers of two; what is not finite is in none; a cut does not matter. */
START_TEST(ulps_are_counted)
{
    const double one = 0x1p-52; /* an ulp of 1 in double */
    const double r[] = {1, 1, 1, 1, 1, 1, INFINITY, 1}, k[] = {1, 1, 1 + one, 1 - one, 1 + 3 * one, 2, INFINITY, NAN};
    const struct ttt_metrics m = COMPARE(TTT_F64, k, r);
    int64_t all = 0;
    for (int i = 0; i < TTT_METRICS_ULP_BINS; i++)
        all += m.ulps[i];
    ck_assert_int_eq(all, 6);
    ck_assert_int_eq(m.ulps[0], 2);
    ck_assert_int_eq(m.ulps[1 - TTT_METRICS_ULP_FIRST], 2); /* 1 is below 2^1 */
    ck_assert_int_eq(m.ulps[2 - TTT_METRICS_ULP_FIRST], 1); /* 3 is below 2^2 */
    ck_assert_int_eq(m.ulps[TTT_METRICS_ULP_BINS - 1], 1);
}
END_TEST

START_TEST(nothing_seen)
{
    struct ttt_metrics m;
    ttt_metrics_init(&m);
    for (int round = 0; round < 2; round++) { /* before anything, and after a tensor without elements */
        ck_assert_int_eq(m.elements, 0);
        ck_assert_int_eq(m.worst, -1);
        ck_assert_double_eq(m.max_abs, 0);
        ck_assert_double_eq(ttt_metrics_rel_l2(&m), 0);
        ck_assert_double_eq(ttt_metrics_bias(&m), 0);
        struct ttt_buffer empty = make(TTT_BF16, NULL, 0), truth = make(TTT_F64, NULL, 0);
        ttt_metrics_add(&m, &empty, &truth, 0);
        ttt_metrics_add_rounding(&m, &truth, TTT_F32, 0);
        ttt_buffer_free(&empty);
        ttt_buffer_free(&truth);
    }
}
END_TEST

START_TEST(equal_tensors_have_no_worst_element)
{
    const double r[] = {1, -2, HUGE_VAL, (double)NAN, 0};
    const struct ttt_metrics m = COMPARE(TTT_F32, r, r);
    ck_assert_int_eq(m.worst, -1);
    ck_assert_double_eq(m.max_abs, 0);
    ck_assert_double_eq(m.max_ulp, 0);
    ck_assert_int_eq(m.non_finite, 2);
    ck_assert_double_eq(ttt_metrics_rel_l2(&m), 0);
    ck_assert_double_eq(ttt_metrics_bias(&m), 0);
}
END_TEST

START_TEST(signed_zeros_are_equal)
{
    const double r[] = {0.0, -0.0}, k[] = {-0.0, 0.0};
    const struct ttt_metrics m = COMPARE(TTT_BF16, k, r);
    ck_assert_int_eq(m.mismatched, 0);
    ck_assert_int_eq(m.worst, -1);
    ck_assert_double_eq(ttt_metrics_rel_l2(&m), 0);
}
END_TEST

START_TEST(zero_truth)
{
    const double r[] = {0, 0, 0}, k[] = {0, -1e-30, 0};
    const struct ttt_metrics m = COMPARE(TTT_F64, k, r);
    ck_assert_double_infinite(ttt_metrics_rel_l2(&m));
    ck_assert(isinf(ttt_metrics_bias(&m)) && ttt_metrics_bias(&m) < 0);
    ck_assert_int_eq(m.worst, 1);
}
END_TEST

/* Every pair of kinds, on every element type and at every place of a block, is either the same or a mismatch. */
START_TEST(non_finite_kinds)
{
    static const double kinds[] = {1.5, HUGE_VAL, -HUGE_VAL, (double)NAN};
    const enum ttt_dtype dtype = (enum ttt_dtype)_i;
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++)
            for (int64_t at = 0; at < 1030; at += 103) {
                double k[1030], r[1030];
                for (int i = 0; i < 1030; i++)
                    k[i] = r[i] = i % 7 + 0.5;
                k[at] = kinds[a];
                r[at] = kinds[b];
                const struct ttt_metrics m = COMPARE(dtype, k, r);
                ck_assert_int_eq(m.elements, 1030);
                ck_assert_int_eq(m.mismatched, a != b);
                ck_assert_int_eq(m.non_finite, a == b && a > 0);
                ck_assert(isnan(ttt_metrics_rel_l2(&m)) == (a != b));
                ck_assert(isnan(ttt_metrics_bias(&m)) == (a != b));
                ck_assert_int_eq(m.worst, a != b ? at : -1);
                ck_assert_msg(!(ttt_metrics_rel_l2(&m) <= 1e300) == (a != b), "kind %d against %d", a, b);
            }
}
END_TEST

START_TEST(nan_is_nan_whatever_its_sign)
{
    const double r[] = {(double)NAN, -(double)NAN}, k[] = {-(double)NAN, (double)NAN};
    const struct ttt_metrics m = COMPARE(TTT_F64, k, r);
    ck_assert_int_eq(m.mismatched, 0);
    ck_assert_int_eq(m.non_finite, 2);
}
END_TEST

START_TEST(first_mismatch_is_the_worst_and_stays)
{
    const double r[] = {1, 1, 1, 1, 1}, k[] = {3, 1, (double)NAN, HUGE_VAL, 9};
    struct ttt_metrics m = COMPARE(TTT_F64, k, r);
    ck_assert_int_eq(m.worst, 2);
    ck_assert(isnan(m.worst_k));
    ck_assert_double_eq(m.worst_r, 1);
    ck_assert_int_eq(m.mismatched, 2);
    ck_assert_double_eq(m.max_abs, 8);
    const double far_r[] = {0}, far_k[] = {100};
    struct ttt_buffer kb = make(TTT_F64, far_k, 1), rb = make(TTT_F64, far_r, 1);
    ttt_metrics_add(&m, &kb, &rb, 5);
    ck_assert_int_eq(m.worst, 2);
    ck_assert_double_eq(m.max_abs, 100);
    ttt_buffer_free(&kb);
    ttt_buffer_free(&rb);
}
END_TEST

/* The finite part is judged as if the others were not there. */
START_TEST(matching_infinities_do_not_enter_the_sums)
{
    const double r[] = {3, HUGE_VAL, 4, (double)NAN, -HUGE_VAL}, k[] = {3.5, HUGE_VAL, 4, (double)NAN, -HUGE_VAL};
    const struct ttt_metrics m = COMPARE(TTT_F32, k, r);
    ck_assert_double_eq_tol(ttt_metrics_rel_l2(&m), 0.1, 1e-16);
    ck_assert_double_eq_tol(ttt_metrics_bias(&m), 0.5 / 7, 1e-16);
    ck_assert_int_eq(m.worst, 0);
}
END_TEST

START_TEST(offset_counts_in_the_whole_tensor)
{
    double r[3000], k[3000];
    for (int i = 0; i < 3000; i++)
        k[i] = r[i] = i;
    k[2500] += 0.5;
    struct ttt_buffer kb = make(TTT_F64, k, 3000), rb = make(TTT_F64, r, 3000);
    struct ttt_metrics m;
    ttt_metrics_init(&m);
    ttt_metrics_add(&m, &kb, &rb, INT64_C(5000000000));
    ck_assert_int_eq(m.worst, INT64_C(5000002500));
    ttt_buffer_free(&kb);
    ttt_buffer_free(&rb);
}
END_TEST

/* Ties keep the first. */
START_TEST(worst_is_the_first_of_the_largest)
{
    const double r[] = {1, 1, 1, 1}, k[] = {1.25, 1.5, 0.5, 1.5};
    ck_assert_int_eq(COMPARE(TTT_F64, k, r).worst, 1);
}
END_TEST

START_TEST(ulps_are_of_the_candidates_type)
{
    static const double ulp_of_one[TTT_DTYPE_COUNT] = {[TTT_BF16] = 0x1p-7, [TTT_F32] = 0x1p-23, [TTT_F64] = 0x1p-52};
    const enum ttt_dtype dtype = (enum ttt_dtype)_i;
    const double ulp = ulp_of_one[dtype];
    const double r[] = {1, 1024, -1.5, 0x1p-60}, k[] = {1 + ulp, 1024 * (1 + 3 * ulp), -1.5, 0x1p-60 * (1 + 2 * ulp)};
    ck_assert_double_eq(COMPARE(dtype, k, r).max_ulp, 3);
    /* The truth need not be representable: half an ulp is half an ulp. */
    const double between[] = {1 + (dtype == TTT_F64 ? 0 : ulp / 2)}, one[] = {1};
    ck_assert_double_eq(COMPARE(dtype, one, between).max_ulp, dtype == TTT_F64 ? 0 : 0.5);
}
END_TEST

/* Below the normal range each step counts 1, and so it does at a truth of 0. */
START_TEST(ulps_of_denormals)
{
    static const double smallest[TTT_DTYPE_COUNT] = {
        [TTT_BF16] = 0x1p-133, [TTT_F32] = 0x1p-149, [TTT_F64] = 0x1p-1074};
    const double step = smallest[_i];
    const double r[] = {0, 5 * step}, k[] = {2 * step, 9 * step};
    const struct ttt_metrics m = COMPARE((enum ttt_dtype)_i, k, r);
    ck_assert_double_eq(m.max_ulp, 4);
    ck_assert_int_eq(m.worst, 1);
    ck_assert_double_eq(m.max_abs, 4 * step);
}
END_TEST

/* Squares of these values under- or overflow a double; the ratio does not. */
START_TEST(tiny_and_huge_values_keep_their_ratio)
{
    const double scales[] = {0x1p-1070, 0x1p-600, 0x1p-481, 0x1p-480, 0x1p-479, 1, 0x1p479, 0x1p480, 0x1p481, 0x1p1000};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        const double s = scales[i], r[] = {3 * s, 4 * s, 0}, k[] = {3 * s, 4 * s, 5 * s};
        const struct ttt_metrics m = COMPARE(TTT_F64, k, r);
        ck_assert_double_eq_tol(ttt_metrics_rel_l2(&m), 1, 1e-15);
    }
    const double smallest[] = {0x1p-1074}, zero[] = {0};
    const struct ttt_metrics lost = COMPARE(TTT_F64, zero, smallest);
    ck_assert_double_eq(ttt_metrics_rel_l2(&lost), 1);
}
END_TEST

/* Blocks of very different size add up: a tiny part does not count beside a huge one, whatever their order. */
START_TEST(blocks_of_every_scale_add_up)
{
    static const int orders[2][3] = {{0, 1, 2}, {2, 1, 0}};
    for (int o = 0; o < 2; o++) {
        struct ttt_metrics m;
        ttt_metrics_init(&m);
        for (int part = 0; part < 3; part++) {
            const double scale = (const double[]){0x1p-700, 1, 0x1p700}[orders[o][part]];
            const double r[] = {2 * scale}, k[] = {3 * scale};
            struct ttt_buffer kb = make(TTT_F64, k, 1), rb = make(TTT_F64, r, 1);
            ttt_metrics_add(&m, &kb, &rb, part);
            ttt_buffer_free(&kb);
            ttt_buffer_free(&rb);
        }
        ck_assert_double_eq_tol(ttt_metrics_rel_l2(&m), 0.5, 1e-15);
    }
}
END_TEST

START_TEST(overflow_of_the_difference_fails)
{
    const double r[] = {-DBL_MAX, 1}, k[] = {DBL_MAX, 1};
    const struct ttt_metrics m = COMPARE(TTT_F64, k, r);
    ck_assert_int_eq(m.mismatched, 0);
    ck_assert(!(ttt_metrics_rel_l2(&m) <= 1e300));
    ck_assert_int_eq(m.worst, 0);
}
END_TEST

/* The sum over 2^22 elements of exact values that a plain running sum would lose. */
START_TEST(sums_do_not_drift)
{
    enum { N = 1 << 22 };
    struct ttt_buffer k, r;
    ck_assert_int_eq(ttt_buffer_alloc(&k, TTT_F64, N), 0);
    ck_assert_int_eq(ttt_buffer_alloc(&r, TTT_F64, N), 0);
    for (int64_t i = 0; i < N; i++) {
        ttt_buffer_set(&r, i, 1.0);
        ttt_buffer_set(&k, i, i == 0 ? 1 + 0x1p60 : 1.1);
    }
    struct ttt_metrics m;
    ttt_metrics_init(&m);
    ttt_metrics_add(&m, &k, &r, 0);
    ck_assert_double_eq(m.error.value + m.error.carry, 0x1p60 + round((N - 1) * (1.1 - 1.0)));
    ttt_buffer_set(&k, 0, 1.1);
    ttt_metrics_init(&m);
    ttt_metrics_add(&m, &k, &r, 0);
    ck_assert_double_eq_tol(ttt_metrics_rel_l2(&m), 1.1 - 1.0, 1e-15);
    ck_assert_double_eq_tol(ttt_metrics_bias(&m), 1.1 - 1.0, 1e-15);
    ttt_buffer_free(&k);
    ttt_buffer_free(&r);
}
END_TEST

/* Random data in random cuts: the same as a plain long double computation, and everything else bitwise the same. */
START_TEST(cuts_do_not_matter)
{
    enum { N = 5000 };
    static double k[N], r[N];
    long double error = 0, truth = 0;
    for (uint64_t i = 0; i < N; i++) {
        r[i] = ttt_rng_normal(1, 1, i);
        k[i] = r[i] + 1e-3 * ttt_rng_normal(1, 2, i);
        error += (long double)(k[i] - r[i]) * (long double)(k[i] - r[i]);
        truth += (long double)r[i] * (long double)r[i];
    }
    const struct ttt_metrics whole = compare(TTT_F64, k, r, N);
    ck_assert_double_eq_tol(ttt_metrics_rel_l2(&whole), (double)sqrtl(error / truth), 1e-17);
    struct ttt_metrics cut;
    ttt_metrics_init(&cut);
    for (int64_t first = 0, n; first < N; first += n) {
        n = 1 + (int64_t)(ttt_rng_bits(1, 3, (uint64_t)first) % 1500);
        n = n < N - first ? n : N - first;
        struct ttt_buffer kb = make(TTT_F64, k + first, n), rb = make(TTT_F64, r + first, n);
        ttt_metrics_add(&cut, &kb, &rb, first);
        ttt_buffer_free(&kb);
        ttt_buffer_free(&rb);
    }
    ck_assert_double_eq_tol(ttt_metrics_rel_l2(&cut), ttt_metrics_rel_l2(&whole), 1e-17);
    ck_assert_double_eq_tol(ttt_metrics_bias(&cut), ttt_metrics_bias(&whole), 1e-17);
    ck_assert_int_eq(cut.elements, N);
    ck_assert_int_eq(cut.worst, whole.worst);
    ck_assert_double_eq(cut.max_abs, whole.max_abs);
    ck_assert_double_eq(cut.max_ulp, whole.max_ulp);
}
END_TEST

/* Rounding uniform values in [1, 2) to p bits makes errors of a uniform +-half ulp: ulp / sqrt(12) against sqrt(7/3).
 */
START_TEST(rounding_costs_what_it_must)
{
    enum { N = 200000 };
    struct ttt_buffer r;
    ck_assert_int_eq(ttt_buffer_alloc(&r, TTT_F64, N), 0);
    for (uint64_t i = 0; i < N; i++)
        ttt_buffer_set(&r, (int64_t)i, 1 + ttt_rng_uniform(1, 1, i));
    static const double ulp[TTT_DTYPE_COUNT] = {[TTT_BF16] = 0x1p-7, [TTT_F32] = 0x1p-23, [TTT_F64] = 0};
    for (enum ttt_dtype dtype = TTT_BF16; dtype < TTT_DTYPE_COUNT; dtype++) {
        struct ttt_metrics m;
        ttt_metrics_init(&m);
        ttt_metrics_add_rounding(&m, &r, dtype, 0);
        const double expected = ulp[dtype] / sqrt(12.0) / sqrt(7.0 / 3);
        ck_assert_double_le(fabs(ttt_metrics_rel_l2(&m) - expected), 0.005 * expected);
        ck_assert_double_le(m.max_ulp, 0.5);
        ck_assert_int_eq(m.elements, N);
    }
    ttt_buffer_free(&r);
}
END_TEST

/* A truth that the type cannot hold is not "rounded": the comparison says so. */
START_TEST(rounding_that_overflows_is_a_mismatch)
{
    const double x[] = {1e39};
    struct ttt_buffer r = make(TTT_F64, x, 1);
    struct ttt_metrics m;
    ttt_metrics_init(&m);
    ttt_metrics_add_rounding(&m, &r, TTT_BF16, 0);
    ck_assert_int_eq(m.mismatched, 1);
    ck_assert(isnan(ttt_metrics_rel_l2(&m)));
    ttt_buffer_free(&r);
}
END_TEST

START_TEST(truth_may_have_any_type)
{
    const double x[] = {1, 2, 3}, y[] = {1, 2, 3.5};
    for (enum ttt_dtype truth = TTT_BF16; truth < TTT_DTYPE_COUNT; truth++)
        for (enum ttt_dtype dtype = TTT_BF16; dtype < TTT_DTYPE_COUNT; dtype++) {
            struct ttt_buffer k = make(dtype, y, 3), r = make(truth, x, 3);
            struct ttt_metrics m;
            ttt_metrics_init(&m);
            ttt_metrics_add(&m, &k, &r, 0);
            ck_assert_double_eq(m.max_abs, 0.5);
            ck_assert_double_eq_tol(ttt_metrics_rel_l2(&m), 0.5 / sqrt(14.0), 1e-16);
            ttt_buffer_free(&k);
            ttt_buffer_free(&r);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tests = tcase_create("metrics");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, plain_numbers);
    tcase_add_test(tests, ulps_are_counted);
    tcase_add_test(tests, nothing_seen);
    tcase_add_test(tests, equal_tensors_have_no_worst_element);
    tcase_add_test(tests, signed_zeros_are_equal);
    tcase_add_test(tests, zero_truth);
    tcase_add_loop_test(tests, non_finite_kinds, 0, TTT_DTYPE_COUNT);
    tcase_add_test(tests, nan_is_nan_whatever_its_sign);
    tcase_add_test(tests, first_mismatch_is_the_worst_and_stays);
    tcase_add_test(tests, matching_infinities_do_not_enter_the_sums);
    tcase_add_test(tests, offset_counts_in_the_whole_tensor);
    tcase_add_test(tests, worst_is_the_first_of_the_largest);
    tcase_add_loop_test(tests, ulps_are_of_the_candidates_type, 0, TTT_DTYPE_COUNT);
    tcase_add_loop_test(tests, ulps_of_denormals, 0, TTT_DTYPE_COUNT);
    tcase_add_test(tests, tiny_and_huge_values_keep_their_ratio);
    tcase_add_test(tests, blocks_of_every_scale_add_up);
    tcase_add_test(tests, overflow_of_the_difference_fails);
    tcase_add_test(tests, sums_do_not_drift);
    tcase_add_test(tests, cuts_do_not_matter);
    tcase_add_test(tests, rounding_costs_what_it_must);
    tcase_add_test(tests, rounding_that_overflows_is_a_mismatch);
    tcase_add_test(tests, truth_may_have_any_type);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
