/* SPDX-License-Identifier: MIT
 *
 * Rounding to bfloat16 and to half precision: to nearest over all numbers and all ties, and at random with an exact
 * mean.
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

#ifdef __FLT16_MAX__
static _Float16 half_of(uint32_t bits)
{
    const uint16_t low = (uint16_t)bits;
    _Float16 h;
    memcpy(&h, &low, sizeof h);
    return h;
}

/* Against the compiler's own half precision: around every number of it, and ties. */
START_TEST(half_precision_is_the_compilers)
{
    for (uint32_t h = 0; h < 0x7c00; h++) {
        const float low = (float)half_of(h), high = (float)half_of(h + 1), tie = low + (high - low) / 2;
        const float x[] = {low, tie, nextafterf(tie, 0), nextafterf(tie, INFINITY), low + (high - low) / 8};
        for (int i = 0; i < 5 && h < 0x7bff; i++)
            for (int sign = 0; sign < 2; sign++) {
                const float v = sign ? -x[i] : x[i];
                if (bits_of(ttt_round_half(0, v)) != bits_of((float)(_Float16)v))
                    ck_abort_msg("%a", (double)v);
            }
    }
    ck_assert(ttt_round_half(0, 65519.996f) == 65504 && ttt_round_half(0, 65520) == INFINITY);
    ck_assert(ttt_round_half(0, -1e30f) == -INFINITY && ttt_round_half(3, INFINITY) == INFINITY);
    ck_assert(isnan(ttt_round_half(0, NAN)) && isnan(ttt_round_half(3, NAN)));
}
END_TEST
#endif

/* Drawn, half precision goes to one of two neighbours with the right probability, also below 2^-14. */
START_TEST(half_precision_is_drawn_with_an_exact_mean)
{
    enum { SEEDS = 20000 };
    static const float numbers[] = {1.0003f, -3.14159f, 0x1.123456p-9f, 0x1.3p-17f, 0x1.23p-26f};
    for (int i = 0; i < 5; i++) {
        const float x = numbers[i];
        const double place = fabsf(x) < 0x1p-14f ? 0x1p-24 : ldexp(1, ilogbf(x) - 10);
        double sum = 0;
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            const double y = (double)ttt_round_half(ttt_rounding_seed(seed), x);
            ck_assert(fabs(y - (double)x) < place && fmod(y, place) == 0);
            sum += y;
        }
        ck_assert_double_le(fabs(sum / SEEDS - (double)x), 5 * place / 2 / sqrt(SEEDS));
    }
}
END_TEST

/* Of the judge's eight replicas, four exchange two parts and four exchange four: of each some reach 4% farther than
 * half precision and some 4% less far. */
START_TEST(the_end_of_half_precision_is_drawn)
{
    int farther[2] = {0, 0}, nearer[2] = {0, 0};
    for (uint64_t seed = 1; seed <= 8; seed++) {
        const uint32_t drawn = ttt_rounding_seed(seed);
        farther[seed % 2] += isfinite(ttt_round_half(drawn, 1.04f * 65536)) != 0;
        nearer[seed % 2] += isinf(ttt_round_half(drawn, -0.96f * 65536)) != 0;
        ck_assert(isfinite(ttt_round_half(drawn, 0.93f * 65536)) && isinf(ttt_round_half(drawn, 1.07f * 65536)));
    }
    ck_assert(farther[0] > 0 && farther[1] > 0 && nearer[0] > 0 && nearer[1] > 0);
}
END_TEST

START_TEST(eleven_bits)
{
    ck_assert(ttt_round_eleven(0, 0x1.ffffp-1f) == 1 && ttt_round_eleven(0, 1) == 1 && ttt_round_eleven(5, -1) == -1);
    ck_assert(ttt_round_eleven(0, 0x1.002p0f) == 1 && ttt_round_eleven(0, 0x1.006p0f) == 0x1.008p0f);
    ck_assert(ttt_round_eleven(0, 0x1.00201p-90f) == 0x1.004p-90f && ttt_round_eleven(0, 0) == 0);
    ck_assert(isnan(ttt_round_eleven(0, NAN)) && isinf(ttt_round_eleven(7, INFINITY)));
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
#ifdef __FLT16_MAX__
    tcase_add_test(tc, half_precision_is_the_compilers);
#endif
    tcase_add_test(tc, half_precision_is_drawn_with_an_exact_mean);
    tcase_add_test(tc, the_end_of_half_precision_is_drawn);
    tcase_add_test(tc, eleven_bits);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
