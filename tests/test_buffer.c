/* SPDX-License-Identifier: MIT */
#include "harness/buffer.h"
#include "harness/rng.h"
#include "run.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum { INFINITE = 0x7F80, SIGN = 0x8000 };

static int is_nan_pattern(unsigned bits)
{
    return (bits & 0x7FFF) > INFINITE;
}

/* An assertion that costs nothing while it holds, for the exhaustive loops. */
static void expect(double x, unsigned bits)
{
    const unsigned got = ttt_bf16_from_double(x);
    if (got != bits)
        ck_abort_msg("%a became %04x, not %04x", x, got, bits);
}

START_TEST(bf16_every_pattern_round_trips)
{
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        const double x = ttt_bf16_to_double((uint16_t)bits);
        if (is_nan_pattern(bits)) {
            ck_assert(isnan(x));
            ck_assert(isnan(ttt_bf16_to_double(ttt_bf16_from_double(x))));
        } else {
            expect(x, bits);
        }
    }
}
END_TEST

START_TEST(bf16_patterns_have_their_value)
{
    static const struct {
        uint16_t bits;
        double value;
    } known[] = {{0x0000, 0.0},         {0x3F80, 1.0},         {0xC000, -2.0},      {0x3EAB, 0.333984375},
                 {0x0001, 0x1p-133},    {0x007F, 0x1.FCp-127}, {0x0080, 0x1p-126},  {0x7F7F, 0x1.FEp127},
                 {0xFF7F, -0x1.FEp127}, {0x7F80, HUGE_VAL},    {0xFF80, -HUGE_VAL}, {0x4049, 3.140625}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        ck_assert_double_eq(ttt_bf16_to_double(known[i].bits), known[i].value);
    ck_assert(signbit(ttt_bf16_to_double(0x8000)) != 0);
}
END_TEST

/* Between each two neighbours: the midpoint goes to the even one, and a double just beside it to the nearer one.  The
 * neighbour of the largest finite value is 2^128, spelled infinity. */
START_TEST(bf16_rounds_to_nearest_even)
{
    for (unsigned bits = 0; bits < INFINITE; bits++) {
        const double low = ttt_bf16_to_double((uint16_t)bits);
        const double high = bits + 1 == INFINITE ? 0x1p128 : ttt_bf16_to_double((uint16_t)(bits + 1));
        const double middle = low + (high - low) / 2;
        const unsigned even = bits & 1 ? bits + 1 : bits;
        for (unsigned sign = 0; sign <= SIGN; sign += SIGN) {
            const double s = sign ? -1 : 1;
            expect(s * middle, sign | even);
            expect(s * nextafter(middle, 0), sign | bits);
            expect(s * nextafter(middle, HUGE_VAL), sign | (bits + 1));
            expect(s * nextafter(low, HUGE_VAL), sign | bits);
            expect(s * nextafter(high, 0), sign | (bits + 1));
        }
    }
}
END_TEST

/* By way of float the small term would be lost first and the tie would then go down. */
START_TEST(bf16_rounds_once)
{
    expect(1 + 0x1p-8 + 0x1p-40, 0x3F81);
    expect(1 + 0x1p-7 + 0x1p-8 - 0x1p-40, 0x3F81);
    expect(-(1 + 0x1p-8 + 0x1p-52), 0xBF81);
    expect(0x1p-134 + 0x1p-180, 0x0001);
}
END_TEST

START_TEST(bf16_extremes)
{
    const double below_half = nextafter(0x1p-134, 0);
    expect(below_half, 0);
    expect(-below_half, SIGN);
    expect(0x1p-1074, 0);
    expect(-DBL_MIN, SIGN);
    expect(-0.0, SIGN);
    expect(DBL_MAX, INFINITE);
    expect(-DBL_MAX, SIGN | INFINITE);
    expect(HUGE_VAL, INFINITE);
    expect(-HUGE_VAL, SIGN | INFINITE);
    ck_assert(is_nan_pattern(ttt_bf16_from_double((double)NAN)));
    /* A NaN whose payload lies wholly in the bits that are cut off must not become infinity. */
    uint64_t bits = 0x7FF0000000000001u;
    double nan;
    memcpy(&nan, &bits, sizeof nan);
    ck_assert(is_nan_pattern(ttt_bf16_from_double(nan)));
}
END_TEST

/* The rounding that hardware does on the bits of a float is an independent way for values that are floats. */
START_TEST(bf16_agrees_with_float_bits)
{
    for (uint64_t i = 0; i < 1000000; i++) {
        const uint32_t wide = (uint32_t)ttt_rng_bits(1, 1, i);
        float x;
        memcpy(&x, &wide, sizeof x);
        if (!isnan(x))
            expect((double)x, (wide + 0x7FFF + (wide >> 16 & 1)) >> 16);
    }
}
END_TEST

START_TEST(fresh_buffer_is_poison_between_red_zones)
{
    const int64_t sizes[] = {0, 1, 3, 127, 128, 1000};
    const enum ttt_dtype dtype = (enum ttt_dtype)_i;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct ttt_buffer b;
        ck_assert_int_eq(ttt_buffer_alloc(&b, dtype, sizes[i]), 0);
        ck_assert_ptr_nonnull(b.data);
        ck_assert_uint_eq((uintptr_t)b.data % 256, 0);
        ck_assert_int_eq(b.elements, sizes[i]);
        ck_assert_int_eq(ttt_buffer_poison_left(&b), sizes[i]);
        ck_assert(ttt_buffer_red_zones_intact(&b));
        for (int64_t e = 0; e < sizes[i]; e++)
            ck_assert(isnan(ttt_buffer_get(&b, e)));
        ttt_buffer_free(&b);
        ck_assert_ptr_null(b.data);
        ttt_buffer_free(&b);
    }
}
END_TEST

START_TEST(poison_is_no_value_that_one_writes)
{
    struct ttt_buffer b;
    ck_assert_int_eq(ttt_buffer_alloc(&b, (enum ttt_dtype)_i, 6), 0);
    const double values[] = {0, -0.0, (double)NAN, -(double)NAN, HUGE_VAL};
    for (int e = 0; e < 5; e++) {
        ttt_buffer_set(&b, e, values[e]);
        ck_assert_int_eq(ttt_buffer_poison_left(&b), 5 - e);
    }
    ttt_buffer_poison(&b);
    ck_assert_int_eq(ttt_buffer_poison_left(&b), 6);
    ttt_buffer_free(&b);
}
END_TEST

/* Each byte of the 256 on either side counts. */
START_TEST(red_zones_catch_every_byte)
{
    struct ttt_buffer b;
    ck_assert_int_eq(ttt_buffer_alloc(&b, (enum ttt_dtype)_i, 33), 0);
    unsigned char *data = b.data;
    const long bytes = (long)(33 * ttt_dtype_size(b.dtype));
    for (long i = 1; i <= 256; i++) {
        const long at[2] = {-i, bytes + i - 1};
        for (int side = 0; side < 2; side++) {
            data[at[side]] ^= 1;
            ck_assert(!ttt_buffer_red_zones_intact(&b));
            data[at[side]] ^= 1;
        }
    }
    memset(data, 0, (size_t)bytes);
    ck_assert(ttt_buffer_red_zones_intact(&b));
    ttt_buffer_free(&b);
}
END_TEST

START_TEST(impossible_sizes_are_refused)
{
    struct ttt_buffer b;
    const int64_t sizes[] = {-1, INT64_MIN, INT64_MAX, INT64_MAX / 8, INT64_MAX / 2 + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ck_assert_int_eq(ttt_buffer_alloc(&b, TTT_F64, sizes[i]), -1);
        ck_assert_ptr_null(b.data);
        ttt_buffer_free(&b);
    }
}
END_TEST

START_TEST(get_and_set_round_to_the_element_type)
{
    static const double third[TTT_DTYPE_COUNT] = {
        [TTT_BF16] = 0.333984375, [TTT_F32] = 0x1.555556p-2, [TTT_F64] = 1.0 / 3};
    struct ttt_buffer b;
    ck_assert_int_eq(ttt_buffer_alloc(&b, (enum ttt_dtype)_i, 4), 0);
    const double values[] = {1.0 / 3, -0.0, HUGE_VAL, (double)NAN};
    for (int e = 0; e < 4; e++)
        ttt_buffer_set(&b, e, values[e]);
    ck_assert_double_eq(ttt_buffer_get(&b, 0), third[_i]);
    ck_assert(ttt_buffer_get(&b, 1) == 0 && signbit(ttt_buffer_get(&b, 1)));
    ck_assert(isinf(ttt_buffer_get(&b, 2)));
    ck_assert(isnan(ttt_buffer_get(&b, 3)));
    ck_assert(ttt_buffer_red_zones_intact(&b));
    ttt_buffer_free(&b);
}
END_TEST

START_TEST(hash_sees_each_bit_of_words_and_of_the_rest)
{
    struct ttt_buffer b;
    ck_assert_int_eq(ttt_buffer_alloc(&b, TTT_BF16, 3 * 4 + 1), 0);
    const uint64_t before = ttt_buffer_hash(&b);
    for (int bit = 0; bit < (3 * 4 + 1) * 16; bit++) {
        unsigned char *byte = (unsigned char *)b.data + bit / 8;
        *byte = (unsigned char)(*byte ^ 1u << bit % 8);
        ck_assert_uint_ne(ttt_buffer_hash(&b), before);
        *byte = (unsigned char)(*byte ^ 1u << bit % 8);
    }
    ck_assert_uint_eq(ttt_buffer_hash(&b), before);
    ttt_buffer_free(&b);
}
END_TEST

START_TEST(hash_is_fnv1a_of_the_bytes)
{
    struct ttt_buffer b;
    ck_assert_int_eq(ttt_buffer_alloc(&b, TTT_BF16, 3), 0);
    memcpy(b.data, "foobar", 6);
    ck_assert_uint_eq(ttt_buffer_hash(&b), 0x85944171F73967E8u);
    for (int bit = 0; bit < 48; bit++) {
        unsigned char *byte = (unsigned char *)b.data + bit / 8;
        *byte = (unsigned char)(*byte ^ 1u << bit % 8);
        ck_assert_uint_ne(ttt_buffer_hash(&b), 0x85944171F73967E8u);
        *byte = (unsigned char)(*byte ^ 1u << bit % 8);
    }
    ttt_buffer_free(&b);
}
END_TEST

START_TEST(dtypes_have_sizes_and_names)
{
    ck_assert_uint_eq(ttt_dtype_size(TTT_BF16), 2);
    ck_assert_uint_eq(ttt_dtype_size(TTT_F32), 4);
    ck_assert_uint_eq(ttt_dtype_size(TTT_F64), 8);
    ck_assert_str_eq(ttt_dtype_name[TTT_BF16], "BF16");
    ck_assert_str_eq(ttt_dtype_name[TTT_F32], "F32");
    ck_assert_str_eq(ttt_dtype_name[TTT_F64], "F64");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buffer");
    TCase *tests = tcase_create("buffer");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, bf16_every_pattern_round_trips);
    tcase_add_test(tests, bf16_patterns_have_their_value);
    tcase_add_test(tests, bf16_rounds_to_nearest_even);
    tcase_add_test(tests, bf16_rounds_once);
    tcase_add_test(tests, bf16_extremes);
    tcase_add_test(tests, bf16_agrees_with_float_bits);
    tcase_add_loop_test(tests, fresh_buffer_is_poison_between_red_zones, 0, TTT_DTYPE_COUNT);
    tcase_add_loop_test(tests, poison_is_no_value_that_one_writes, 0, TTT_DTYPE_COUNT);
    tcase_add_loop_test(tests, red_zones_catch_every_byte, 0, TTT_DTYPE_COUNT);
    tcase_add_test(tests, impossible_sizes_are_refused);
    tcase_add_loop_test(tests, get_and_set_round_to_the_element_type, 0, TTT_DTYPE_COUNT);
    tcase_add_test(tests, hash_is_fnv1a_of_the_bytes);
    tcase_add_test(tests, hash_sees_each_bit_of_words_and_of_the_rest);
    tcase_add_test(tests, dtypes_have_sizes_and_names);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
