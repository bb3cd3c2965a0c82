/* SPDX-License-Identifier: MIT
 *
 * Declared rounding points: what is understood, what is refused, and that the words for them come back.
 */
#include "harness/contract.h"
#include "harness/result.h"
#include "run.h"
#include <stdio.h>
#include <string.h>

START_TEST(names_come_back)
{
    for (unsigned points = 0; points < 1u << TTT_POINT_COUNT; points++) {
        char text[TTT_POINTS_TEXT], contract[TTT_POINTS_TEXT + 8], error[256];
        unsigned again = ~0U;
        ttt_points_format(points, text);
        ck_assert_int_eq(ttt_points_parse(text, &again, error, sizeof error), 0);
        ck_assert_uint_eq(again, points);
        snprintf(contract, sizeof contract, "bf16%s%s", points ? "+" : "", text);
        again = ~0U;
        ck_assert_int_eq(ttt_contract_parse(contract, &again, error, sizeof error), 0);
        ck_assert_uint_eq(again, points);
    }
}
END_TEST

START_TEST(order_is_free)
{
    char error[256];
    unsigned points = 0;
    ck_assert_int_eq(ttt_points_parse("tanh+eta", &points, error, sizeof error), 0);
    ck_assert_uint_eq(points, 1u << TTT_POINT_ETA | 1u << TTT_POINT_TANH);
    ck_assert_int_eq(ttt_points_parse(NULL, &points, error, sizeof error), 0);
    ck_assert_uint_eq(points, 0);
}
END_TEST

START_TEST(nonsense_is_refused)
{
    static const char *const bad[] = {"et", "eta+", "+eta", "eta++tanh", "eta+eta", "Eta", "eta,tanh", " eta", "bf16"};
    static const char *const bad_contract[] = {"", "bf16+", "bf1", "bf16eta", "f32", "eta", "bf16+none", "bf16++eta"};
    char error[256];
    unsigned points = 77;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(ttt_points_parse(bad[i], &points, error, sizeof error) == -1, "%s", bad[i]);
        ck_assert_ptr_nonnull(strstr(error, "allowed: eta+exchange+tanh+slope+xhat+gelu1+dWout"));
    }
    for (size_t i = 0; i < sizeof bad_contract / sizeof bad_contract[0]; i++) {
        ck_assert_msg(ttt_contract_parse(bad_contract[i], &points, error, sizeof error) == -1, "%s", bad_contract[i]);
        ck_assert_ptr_nonnull(strstr(error, "(allowed: "));
    }
    ck_assert_uint_eq(points, 77);
}
END_TEST

/* Each pass has points of its own, the causal form none. */
START_TEST(each_pass_has_its_points)
{
    const unsigned both = 1U << TTT_POINT_ETA | 1U << TTT_POINT_EXCHANGE | 1U << TTT_POINT_TANH;
    const unsigned forward = 1U << TTT_POINT_SLOPE,
                   backward = 1U << TTT_POINT_XHAT | 1U << TTT_POINT_GELU1 | 1U << TTT_POINT_DWOUT;
    const unsigned all = (1U << TTT_POINT_COUNT) - 1;
    struct ttt_mlp_shape shape = {.causal = 0};
    ck_assert_uint_eq(ttt_points_modelled(all, &shape, TTT_DIRECTION_FORWARD), both | forward);
    ck_assert_uint_eq(ttt_points_modelled(all, &shape, TTT_DIRECTION_BACKWARD), both | backward);
    ck_assert_uint_eq(ttt_points_modelled(all, &shape, TTT_DIRECTION_BOTH), all);
    ck_assert_uint_eq(ttt_points_modelled(forward, &shape, TTT_DIRECTION_BACKWARD), 0);
    shape.causal = 1;
    ck_assert_uint_eq(ttt_points_modelled(all, &shape, TTT_DIRECTION_BOTH), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("contract");
    TCase *all = tcase_create("all");
    tcase_add_test(all, names_come_back);
    tcase_add_test(all, order_is_free);
    tcase_add_test(all, nonsense_is_refused);
    tcase_add_test(all, each_pass_has_its_points);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
