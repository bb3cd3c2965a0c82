/* SPDX-License-Identifier: MIT
 *
 * Rounding to bfloat16: to nearest over all numbers and all ties, and at random with an exact mean.
 */
#include "harness/rng.h"
#include "ref/round.h"
#include "tests/run.h"
#include <check.h>
#include <float.h>
#include <math.h>

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* (Check writes a line for each assertion that it passes: loops over all numbers look first, then assert.) */

START_TEST(every_bfloat16_is_kept)
{
    for (uint32_t h = 0; h <= 0xffff; h++) {
        const float x = ttt_bf16_load((uint16_t)h);
        const uint32_t kept = isnan(x) ? h | 0x40u : h; /* a NaN is made quiet; its sign and payload stay */
        if (bits_of(x) != h << 16 || ttt_bf16_store(x) != kept || bits_of(ttt_round_bf16(x)) != kept << 16)
            ck_abort_msg("bfloat16 0x%04x", h);
    }
}
END_TEST

/* Between a bfloat16 and the next in magnitude (the largest one's is infinity): the tie goes to the even one. */
START_TEST(ties_go_to_even_and_all_else_to_the_nearest)
{
    for (uint32_t h = 0; h <= 0xffff; h++) {
        if ((h & 0x7fff) >= 0x7f80)
            continue;
        const uint32_t low = h << 16, high = low + 0x10000, tie = low + 0x8000, even = h % 2 ? high : low;
        const uint32_t from[] = {tie, tie - 1, tie + 1, low + 1, high - 1}, to[] = {even, low, high, low, high};
        for (int i = 0; i < 5; i++)
            if (bits_of(ttt_round_bf16(float_of(from[i]))) != to[i] || ttt_bf16_store(float_of(from[i])) != to[i] >> 16)
                ck_abort_msg("0x%08x", from[i]);
    }
}
END_TEST

START_TEST(ends_of_the_range)
{
    ck_assert(ttt_round_bf16(FLT_MAX) == INFINITY && ttt_round_bf16(-FLT_MAX) == -INFINITY);
    ck_assert(ttt_round_bf16(INFINITY) == INFINITY && ttt_round_bf16(-INFINITY) == -INFINITY);
    ck_assert(ttt_round_bf16(0x1.fep127f) == 0x1.fep127f); /* the largest; half a place more is infinity */
    ck_assert(ttt_round_bf16(0x1.fefffep127f) == 0x1.fep127f && ttt_round_bf16(0x1.ffp127f) == INFINITY);
    ck_assert(ttt_round_bf16(0x1p-133f) == 0x1p-133f);                                     /* the smallest */
    ck_assert(ttt_round_bf16(0x1p-134f) == 0 && ttt_round_bf16(0x1.8p-134f) == 0x1p-133f); /* a tie, and more */
    ck_assert(signbit(ttt_round_bf16(-0.0f)) && signbit(ttt_round_bf16(-0x1p-149f)));
    /* NaNs whose payload lies in the lost bits, or which the rounding would carry into another number. */
    static const uint32_t nans[] = {0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff, 0x7fbfffff};
    for (int i = 0; i < 5; i++) {
        ck_assert(isnan(ttt_round_bf16(float_of(nans[i]))) && isnan(ttt_round_operand(5, float_of(nans[i]))));
        ck_assert_uint_eq(ttt_bf16_store(float_of(nans[i])) >> 15, nans[i] >> 31);
    }
}
END_TEST

/* The mean over seeds of the rounded number is the number: within five standard deviations. */
static void try_stochastic(float x)
{
    enum { SEEDS = 20000 };
    const float low = float_of(bits_of(x) & 0xffff0000u), high = float_of((bits_of(x) & 0xffff0000u) + 0x10000);
    const double probability = (bits_of(x) & 0xffff) / 65536.0;
    int ups = 0, elsewhere = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const float y = ttt_round_operand(ttt_rounding_seed(seed), x);
        elsewhere += y != low && y != high;
        ups += y == high;
    }
    ck_assert_int_eq(elsewhere, 0);
    ck_assert_msg(fabs(ups - SEEDS * probability) <= 5 * sqrt(SEEDS * probability * (1 - probability)) + 1e-9,
                  "%a goes up %d times of %d, not %g", (double)x, ups, SEEDS, SEEDS * probability);
}

START_TEST(stochastic_rounding_has_an_exact_mean)
{
    static const uint32_t low_bits[] = {0, 1, 0x100, 0x4000, 0x8000, 0xc000, 0xffff};
    for (uint64_t i = 0; i < 40; i++)
        for (int k = 0; k < 7; k++) {
            const float x = (float)ttt_rng_normal(1, 2, i);
            try_stochastic(float_of((bits_of(x) & 0xffff0000u) | low_bits[k]));
        }
}
END_TEST

/* One seed over many values: errors without bias, and not those of the next seed. */
START_TEST(stochastic_rounding_has_no_bias_over_values)
{
    enum { VALUES = 100000 };
    double sum = 0, squares = 0, product = 0;
    for (uint64_t i = 0; i < VALUES; i++) {
        const float x = (float)(1 + ttt_rng_uniform(3, 4, i)); /* one binade: places of 2^-7 */
        const double e = (double)ttt_round_operand(ttt_rounding_seed(1), x) - (double)x;
        sum += e;
        squares += e * e;
        product += e * ((double)ttt_round_operand(ttt_rounding_seed(2), x) - (double)x);
    }
    const double sigma = sqrt(squares / VALUES);
    ck_assert_double_eq_tol(sigma, 0x1p-7 / sqrt(6), 0.02 * 0x1p-7); /* of p (1 - p), p uniform */
    ck_assert_double_le(fabs(sum), 5 * sigma * sqrt(VALUES));
    ck_assert_double_le(fabs(product), 5 * sigma * sigma * sqrt(VALUES));
}
END_TEST

START_TEST(seed_zero_is_to_nearest)
{
    ck_assert_uint_eq(ttt_rounding_seed(0), 0);
    for (uint64_t seed = 1; seed < 1000; seed++) {
        ck_assert_uint_ne(ttt_rounding_seed(seed), 0);
        ck_assert_uint_ne(ttt_rounding_seed(seed << 32), 0);
        const float x = (float)ttt_rng_normal(5, 6, seed);
        ck_assert(ttt_round_operand(0, x) == ttt_round_bf16(x));
    }
    ck_assert(ttt_round_operand(9, INFINITY) == INFINITY && ttt_round_operand(9, -INFINITY) == -INFINITY);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ref_round");
    TCase *tc = tcase_create("bfloat16");
    tcase_add_test(tc, every_bfloat16_is_kept);
    tcase_add_test(tc, ties_go_to_even_and_all_else_to_the_nearest);
    tcase_add_test(tc, ends_of_the_range);
    tcase_add_test(tc, stochastic_rounding_has_an_exact_mean);
    tcase_add_test(tc, stochastic_rounding_has_no_bias_over_values);
    tcase_add_test(tc, seed_zero_is_to_nearest);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
