/* SPDX-License-Identifier: MIT
 *
 * Rounding points beyond the contract: each changes what it should and nothing else, costs what its size says, and
 * rounds nothing of data that need no rounding; threads and checkpoint groups change no bit of it.
 */
#include "ref_run.h"
#include "run.h"
#include <math.h>
#include <stdlib.h>

enum { ALL = TTT_REF_POINT_ETA | TTT_REF_POINT_EXCHANGE | TTT_REF_POINT_TANH | TTT_REF_POINT_SLOPE };

static const struct ttt_ref_options points[] = {
    {.points = TTT_REF_POINT_ETA},
    {.points = TTT_REF_POINT_EXCHANGE, .exchange_parts = 1},
    {.points = TTT_REF_POINT_EXCHANGE, .exchange_parts = 4},
    {.points = TTT_REF_POINT_TANH},
    {.points = TTT_REF_POINT_SLOPE},
    {.points = ALL, .exchange_parts = 2},
};
enum { POINTS = sizeof points / sizeof points[0] };

static void forward(struct ttt_tensors *t, const char *text, enum ttt_types types, struct ttt_ref_options o)
{
    struct ttt_case c;
    char error[200];
    ck_assert_msg(!ttt_case_parse(text, &c, error, sizeof error), "%s", error);
    ref_make(t, &c, types, types == TTT_TYPES_BF16);
    ref_forward(t, o);
}

static double error_of(const struct ttt_tensors *k, const struct ttt_tensors *truth, enum ttt_tensor t)
{
    double error = 0, size = 0;
    for (int64_t i = 0; i < truth->buffer[t].elements; i++) {
        const double r = ttt_buffer_get(&truth->buffer[t], i), e = ttt_buffer_get(&k->buffer[t], i) - r;
        error += e * e;
        size += r * r;
    }
    return sqrt(error / size);
}

/* Each is another function of the same data, as near to the truth as the contract is: within 1.25 times its error. */
START_TEST(a_point_costs_little)
{
    static const char text[] = "b1h8n320c64f64d256g2 eps=1e-6 dist=unit seed=3";
    struct ttt_tensors truth, contract, k;
    forward(&truth, text, TTT_TYPES_F64, (struct ttt_ref_options){.threads = 1});
    forward(&contract, text, TTT_TYPES_BF16, (struct ttt_ref_options){.threads = 1});
    forward(&k, text, TTT_TYPES_BF16, points[_i]);
    ck_assert(!ref_same(&k.buffer[TTT_XQW], &contract.buffer[TTT_XQW]));
    for (enum ttt_tensor t = TTT_XQW; t < TTT_GRAD_XQ; t++)
        if (truth.buffer[t].data)
            ck_assert_double_le(error_of(&k, &truth, t), 1.25 * error_of(&contract, &truth, t));
    ttt_tensors_free(&truth);
    ttt_tensors_free(&contract);
    ttt_tensors_free(&k);
}
END_TEST

/* What comes before the first rounding of a point is the contract's, bit for bit: with one mini-batch the exchange
 * enters W1 only by the gradient, eta leaves W2 alone. */
START_TEST(a_point_is_where_it_says)
{
    static const char text[] = "b1h2n40c64f64d256g2 eps=1e-6 dist=unit seed=4";
    struct ttt_tensors contract, k;
    forward(&contract, text, TTT_TYPES_BF16, (struct ttt_ref_options){.threads = 1});
    forward(&k, text, TTT_TYPES_BF16, points[_i]);
    const int second_same = points[_i].points & (TTT_REF_POINT_EXCHANGE | TTT_REF_POINT_TANH) ? 0 : 1;
    ck_assert_int_eq(ref_same(&k.buffer[TTT_W2_LAST], &contract.buffer[TTT_W2_LAST]), second_same);
    ck_assert_int_eq(ref_same(&k.buffer[TTT_B2_LAST], &contract.buffer[TTT_B2_LAST]), second_same);
    ck_assert_int_eq(ref_same(&k.buffer[TTT_W1_LAST], &contract.buffer[TTT_W1_LAST]), 0);
    ck_assert_int_eq(ref_same(&k.buffer[TTT_B1_LAST], &contract.buffer[TTT_B1_LAST]), 0);
    ttt_tensors_free(&contract);
    ttt_tensors_free(&k);
}
END_TEST

/* Partial sums over halves and quarters of the hidden units fit in half precision, tanh is 1, gelu' 0 or 1. */
START_TEST(exact_data_stay_exact)
{
    static const char *const cases[] = {"b1h3n50c16f64d64g2 eps=0 dist=exact seed=1",
                                        "b2h2n21c4f128d256g5 eps=0 dist=exact seed=2",
                                        "b1h2n300c64f64d256g1 eps=0 dist=exact seed=7"};
    static const int parts[] = {2, 4};
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 2; i++) {
            struct ttt_tensors truth, k;
            forward(&truth, cases[c], TTT_TYPES_F64, (struct ttt_ref_options){.threads = 1});
            forward(&k, cases[c], TTT_TYPES_BF16, (struct ttt_ref_options){.points = ALL, .exchange_parts = parts[i]});
            for (enum ttt_tensor t = TTT_XQW; t < TTT_GRAD_XQ; t++)
                for (int64_t e = 0; truth.buffer[t].data && e < truth.buffer[t].elements; e++)
                    if (ttt_buffer_get(&truth.buffer[t], e) != ttt_buffer_get(&k.buffer[t], e))
                        ck_abort_msg("%s, %d parts: element %d of %s", cases[c], parts[i], (int)e,
                                     ttt_tensor_info[t].name);
            ttt_tensors_free(&truth);
            ttt_tensors_free(&k);
        }
}
END_TEST

START_TEST(threads_and_groups_change_no_bit)
{
    struct ttt_tensors one, other;
    struct ttt_ref_options o = points[_i];
    o.threads = 1;
    forward(&one, "b1h3n200c64f64d96g1 eps=1e-6 dist=unit seed=5", TTT_TYPES_BF16, o);
    o.threads = 5;
    forward(&other, "b1h3n200c64f64d96g3 eps=1e-6 dist=unit seed=5", TTT_TYPES_BF16, o);
    ck_assert(ref_same(&one.buffer[TTT_XQW], &other.buffer[TTT_XQW]));
    for (enum ttt_tensor t = TTT_W1_LAST; t <= TTT_B2_LAST; t++)
        ck_assert(ref_same(&one.buffer[t], &other.buffer[t]));
    ttt_tensors_free(&one);
    ttt_tensors_free(&other);
}
END_TEST

/* Replicas: drawn roundings differ by seed, and err about as much. */
START_TEST(points_are_drawn_like_operands)
{
    static const char text[] = "b1h2n320c64f64d256g2 eps=1e-6 dist=unit seed=6";
    struct ttt_tensors truth, k[2];
    struct ttt_ref_options o = points[_i];
    forward(&truth, text, TTT_TYPES_F64, (struct ttt_ref_options){.threads = 1});
    for (int i = 0; i < 2; i++) {
        o.stochastic_seed = (uint64_t)i + 1;
        forward(&k[i], text, TTT_TYPES_BF16, o);
    }
    ck_assert(!ref_same(&k[0].buffer[TTT_XQW], &k[1].buffer[TTT_XQW]));
    const double a = error_of(&k[0], &truth, TTT_XQW), b = error_of(&k[1], &truth, TTT_XQW);
    ck_assert(a < 1.25 * b && b < 1.25 * a);
    ttt_tensors_free(&truth);
    ttt_tensors_free(&k[0]);
    ttt_tensors_free(&k[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ref_points");
    TCase *tc = tcase_create("points");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, a_point_costs_little, 0, POINTS);
    tcase_add_loop_test(tc, a_point_is_where_it_says, 0, POINTS);
    tcase_add_test(tc, exact_data_stay_exact);
    tcase_add_loop_test(tc, threads_and_groups_change_no_bit, 0, POINTS);
    tcase_add_loop_test(tc, points_are_drawn_like_operands, 0, POINTS);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
