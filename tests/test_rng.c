/* SPDX-License-Identifier: MIT
 *
 * Statistics are of fixed seeds, so they either hold or not; bounds are five standard deviations of the statistic
 * unless they say otherwise.
 */
#include "harness/rng.h"
#include "run.h"
#include <math.h>
#include <stdlib.h>

enum { SAMPLES = 1000000 };

START_TEST(philox_gives_the_published_answers)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t out[4];
        ttt_rng_philox(known[i].counter, known[i].key, out);
        ck_assert_mem_eq(out, known[i].out, sizeof out);
    }
}
END_TEST

/* What a seed means must never change: dumps, reports and failing cases refer to it.  (Values from an independent
 * implementation.) */
START_TEST(values_are_pinned)
{
    static const struct {
        uint64_t seed, stream, index, bits;
        double uniform, normal;
    } known[] = {
        {7, 2, 0, 0xd9d7eb45f123d759, 0.8509509130245897, 0.08381898998971767},
        {7, 2, 1, 0x38ee8d71ee0d0091, 0.2223900225781571, -1.2208892419360249},
        {0x123456789abcdef0, 0xfedcba9876543210, 0x0f1e2d3c4b5a6978, 0x5a43fe6eb248a1c2, 0.35260000422047943,
         1.0416855581247113},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const uint64_t seed = known[i].seed, stream = known[i].stream, index = known[i].index;
        ck_assert_uint_eq(ttt_rng_bits(seed, stream, index), known[i].bits);
        ck_assert_double_eq(ttt_rng_uniform(seed, stream, index), known[i].uniform);
        ck_assert_double_eq_tol(ttt_rng_normal(seed, stream, index), known[i].normal, 1e-15);
    }
}
END_TEST

/* Each of the 192 bits of (seed, stream, index) matters, and no two of them do the same. */
START_TEST(every_input_bit_matters)
{
    uint64_t seen[193] = {ttt_rng_bits(0, 0, 0)};
    for (unsigned bit = 0; bit < 192; bit++) {
        const uint64_t one = 1ull << bit % 64;
        seen[bit + 1] = ttt_rng_bits(bit / 64 == 0 ? one : 0, bit / 64 == 1 ? one : 0, bit / 64 == 2 ? one : 0);
        for (unsigned other = 0; other <= bit; other++)
            ck_assert_uint_ne(seen[bit + 1], seen[other]);
    }
}
END_TEST

START_TEST(each_bit_is_fair)
{
    int64_t ones[64] = {0};
    for (uint64_t i = 0; i < SAMPLES; i++) {
        const uint64_t bits = ttt_rng_bits(1, 1, i);
        for (int b = 0; b < 64; b++)
            ones[b] += (int64_t)(bits >> b & 1);
    }
    for (int b = 0; b < 64; b++)
        ck_assert_double_le(fabs((double)ones[b] - SAMPLES / 2.0), 5 * sqrt(SAMPLES / 4.0));
}
END_TEST

START_TEST(uniform_is_uniform_inside_the_open_interval)
{
    enum { BINS = 100 };
    int64_t count[BINS] = {0};
    double sum = 0;
    for (uint64_t i = 0; i < SAMPLES; i++) {
        const double u = ttt_rng_uniform(2, 3, i);
        if (!(u > 0 && u < 1))
            ck_abort_msg("%a at index %d", u, (int)i);
        count[(int)(u * BINS)]++;
        sum += u;
    }
    const double expected = (double)SAMPLES / BINS;
    double chi2 = 0;
    for (int b = 0; b < BINS; b++)
        chi2 += pow((double)count[b] - expected, 2) / expected;
    ck_assert_double_le(fabs(sum / SAMPLES - 0.5), 5 / sqrt(12.0 * SAMPLES));
    ck_assert_double_le(fabs(chi2 - (BINS - 1)), 5 * sqrt(2.0 * (BINS - 1)));
}
END_TEST

START_TEST(normal_has_the_moments)
{
    double m[5] = {0};
    for (uint64_t i = 0; i < SAMPLES; i++) {
        const double z = ttt_rng_normal(4, 5, i);
        if (!isfinite(z))
            ck_abort_msg("%a at index %d", z, (int)i);
        double power = 1;
        for (int p = 1; p <= 4; p++)
            m[p] += (power *= z) / SAMPLES;
    }
    /* Standard deviations of the sample moments: sqrt((E z^2p - (E z^p)^2) / n). */
    ck_assert_double_le(fabs(m[1]), 5 * sqrt(1.0 / SAMPLES));
    ck_assert_double_le(fabs(m[2] - 1), 5 * sqrt(2.0 / SAMPLES));
    ck_assert_double_le(fabs(m[3]), 5 * sqrt(15.0 / SAMPLES));
    ck_assert_double_le(fabs(m[4] - 3), 5 * sqrt(96.0 / SAMPLES));
}
END_TEST

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Kolmogorov-Smirnov: sqrt(n) D > 2.2 has a probability of about 1e-4. */
START_TEST(normal_has_the_distribution)
{
    enum { N = 200000 };
    double *z = malloc(N * sizeof *z), worst = 0;
    ck_assert_ptr_nonnull(z);
    for (uint64_t i = 0; i < N; i++)
        z[i] = ttt_rng_normal(6, 7, i);
    qsort(z, N, sizeof *z, ascending);
    for (int i = 0; i < N; i++) {
        const double p = 0.5 * erfc(-z[i] / sqrt(2.0));
        worst = fmax(worst, fmax(fabs(p - (double)i / N), fabs(p - (double)(i + 1) / N)));
    }
    free(z);
    ck_assert_double_le(worst * sqrt(N), 2.2);
}
END_TEST

/* Neighbours in index, stream and seed are uncorrelated, and so are their magnitudes. */
START_TEST(neighbours_are_independent)
{
    double product[3] = {0}, squares[3] = {0};
    for (uint64_t i = 0; i < SAMPLES; i++) {
        const double z = ttt_rng_normal(8, 9, i);
        const double next[3] = {ttt_rng_normal(8, 9, i + 1), ttt_rng_normal(8, 10, i), ttt_rng_normal(9, 9, i)};
        for (int k = 0; k < 3; k++) {
            product[k] += z * next[k] / SAMPLES;
            squares[k] += (z * z - 1) * (next[k] * next[k] - 1) / SAMPLES;
        }
    }
    for (int k = 0; k < 3; k++) {
        ck_assert_double_le(fabs(product[k]), 5 / sqrt(SAMPLES));
        ck_assert_double_le(fabs(squares[k]), 5 * 2 / sqrt(SAMPLES));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rng");
    TCase *tests = tcase_create("rng");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, philox_gives_the_published_answers);
    tcase_add_test(tests, values_are_pinned);
    tcase_add_test(tests, every_input_bit_matters);
    tcase_add_test(tests, each_bit_is_fair);
    tcase_add_test(tests, uniform_is_uniform_inside_the_open_interval);
    tcase_add_test(tests, normal_has_the_moments);
    tcase_add_test(tests, normal_has_the_distribution);
    tcase_add_test(tests, neighbours_are_independent);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
