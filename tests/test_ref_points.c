/* SPDX-License-Identifier: MIT
 *
 * Rounding points beyond the contract: each changes what it should and nothing else, costs what its size says, and
 * rounds nothing of data that need no rounding; threads and checkpoint groups change no bit of it.
 */
#include "ref/round.h"
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

/* Of the backward pass. */
enum {
    BACK = TTT_REF_POINT_ETA | TTT_REF_POINT_EXCHANGE | TTT_REF_POINT_TANH | TTT_REF_POINT_XHAT | TTT_REF_POINT_GELU1 |
           TTT_REF_POINT_DWOUT
};
static const struct ttt_ref_options back[] = {
    {.points = TTT_REF_POINT_ETA},
    {.points = TTT_REF_POINT_EXCHANGE, .exchange_parts = 1},
    {.points = TTT_REF_POINT_EXCHANGE, .exchange_parts = 4},
    {.points = TTT_REF_POINT_TANH},
    {.points = TTT_REF_POINT_XHAT},
    {.points = TTT_REF_POINT_GELU1},
    {.points = TTT_REF_POINT_DWOUT},
    {.points = TTT_REF_POINT_ETA | TTT_REF_POINT_XHAT},
    {.points = BACK, .exchange_parts = 2},
};
enum { BACK_POINTS = sizeof back / sizeof back[0] };

static void forward(struct ttt_tensors *t, const char *text, enum ttt_types types, struct ttt_ref_options o)
{
    struct ttt_case c;
    char error[200];
    ck_assert_msg(!ttt_case_parse(text, &c, error, sizeof error), "%s", error);
    ref_make(t, &c, types, types == TTT_TYPES_BF16);
    ref_forward(t, o);
}

/* The backward pass with points, after a forward pass without. */
static void backward(struct ttt_tensors *t, const char *text, enum ttt_types types, struct ttt_ref_options o)
{
    forward(t, text, types, (struct ttt_ref_options){.threads = o.threads, .stochastic_seed = o.stochastic_seed});
    ref_backward(t, o);
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

/* The same backwards, in each of the ten gradients. */
START_TEST(a_point_costs_little_backwards)
{
    static const char *const cases[] = {"b1h8n320c64f64d256g2 eps=1e-6 dist=unit seed=3",
                                        "b1h8n320c64f64d256g2 eps=1e-6 dist=model seed=3"};
    struct ttt_tensors truth, contract, k;
    for (int c = 0; c < 2; c++) {
        backward(&truth, cases[c], TTT_TYPES_F64, (struct ttt_ref_options){.threads = 1});
        backward(&contract, cases[c], TTT_TYPES_BF16, (struct ttt_ref_options){.threads = 1});
        backward(&k, cases[c], TTT_TYPES_BF16, back[_i]);
        for (enum ttt_tensor t = TTT_GRAD_XQ; t < TTT_TENSOR_COUNT; t++)
            if (truth.buffer[t].data) {
                ck_assert(t == TTT_GRAD_XQ || !ref_same(&k.buffer[t], &contract.buffer[t]));
                ck_assert_double_le(error_of(&k, &truth, t), 1.25 * error_of(&contract, &truth, t));
            }
        ttt_tensors_free(&truth);
        ttt_tensors_free(&contract);
        ttt_tensors_free(&k);
    }
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

/* dXQ comes before xhat, dWout and exchange, bit for bit. */
START_TEST(a_point_is_where_it_says_backwards)
{
    static const char text[] = "b1h2n40c64f64d256g2 eps=1e-6 dist=unit seed=4";
    const unsigned later = TTT_REF_POINT_XHAT | TTT_REF_POINT_DWOUT | TTT_REF_POINT_EXCHANGE;
    struct ttt_tensors contract, k;
    backward(&contract, text, TTT_TYPES_BF16, (struct ttt_ref_options){.threads = 1});
    backward(&k, text, TTT_TYPES_BF16, back[_i]);
    ck_assert_int_eq(ref_same(&k.buffer[TTT_GRAD_XQ], &contract.buffer[TTT_GRAD_XQ]), !(back[_i].points & ~later));
    ck_assert(!ref_same(&k.buffer[TTT_GRAD_XV], &contract.buffer[TTT_GRAD_XV]));
    ttt_tensors_free(&contract);
    ttt_tensors_free(&k);
}
END_TEST

static void clear(struct ttt_tensors *t, enum ttt_tensor i)
{
    for (int64_t e = 0; e < t->buffer[i].elements; e++)
        ttt_buffer_set(&t->buffer[i], e, 0);
}

static void learn_nothing(struct ttt_tensors *t, const char *text, unsigned declared)
{
    struct ttt_case c;
    char error[200];
    ck_assert_msg(!ttt_case_parse(text, &c, error, sizeof error), "%s", error);
    ref_make(t, &c, TTT_TYPES_BF16, 1);
    clear(t, TTT_LAST_ETA);
    ref_forward(t, (struct ttt_ref_options){.threads = 1});
    ref_backward(t, (struct ttt_ref_options){.threads = 1, .points = declared});
}

/* Where nothing is learned, the gradient of the weights is what the output of the one mini-batch adds: that of the
 * contract, rounded to bfloat16. The biases' is not rounded. */
START_TEST(what_the_output_adds_is_rounded)
{
    static const char text[] = "b1h2n40c64f64d256g2 eps=1e-6 dist=unit seed=4 state_grads=0";
    struct ttt_tensors contract, k;
    learn_nothing(&contract, text, 0);
    learn_nothing(&k, text, TTT_REF_POINT_DWOUT);
    for (enum ttt_tensor t = TTT_GRAD_W1_INIT; t <= TTT_GRAD_B2_INIT; t++) {
        const int is_weight = t == TTT_GRAD_W1_INIT || t == TTT_GRAD_W2_INIT;
        int differ = 0;
        for (int64_t i = 0; i < k.buffer[t].elements; i++) {
            const float plain = (float)ttt_buffer_get(&contract.buffer[t], i);
            const double x = ttt_buffer_get(&k.buffer[t], i);
            ck_assert(x == (double)(is_weight ? ttt_round_bf16(plain) : plain));
            differ += x != (double)plain;
        }
        ck_assert_int_eq(differ > k.buffer[t].elements / 2, is_weight);
    }
    ttt_tensors_free(&contract);
    ttt_tensors_free(&k);
}
END_TEST

/* Points of one pass are refused by the other, and all by the causal form. */
START_TEST(each_pass_has_its_points)
{
    struct ttt_mlp_shape shape = {.batch = 1,
                                  .heads = 1,
                                  .seq_len = 8,
                                  .mini_batch_size = 4,
                                  .head_dim = 4,
                                  .hidden_dim = 8,
                                  .checkpoint_group_size = 1,
                                  .ln_eps = 1e-6};
    const unsigned has[2] = {ALL, BACK};
    for (shape.causal = 0; shape.causal <= 1; shape.causal++)
        for (int pass = 0; pass < 2; pass++)
            for (unsigned bit = 1; bit <= 128; bit *= 2) {
                const struct ttt_ref_options o = {.points = bit, .exchange_parts = bit == TTT_REF_POINT_EXCHANGE};
                const enum ttt_status wanted = has[pass] & bit && !shape.causal ? TTT_OK : TTT_ERROR_UNSUPPORTED;
                size_t bytes;
                ck_assert_int_eq((pass ? ttt_ref_mlp_backward_workspace_bf16
                                       : ttt_ref_mlp_forward_workspace_bf16)(&shape, &o, &bytes),
                                 wanted);
            }
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
            backward(&truth, cases[c], TTT_TYPES_F64, (struct ttt_ref_options){.threads = 1});
            forward(&k, cases[c], TTT_TYPES_BF16, (struct ttt_ref_options){.points = ALL, .exchange_parts = parts[i]});
            ref_backward(&k, (struct ttt_ref_options){.points = BACK, .exchange_parts = parts[i]});
            for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++)
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

/* The points with which the forward pass makes the states that the backward pass recomputes. */
static unsigned recomputed(unsigned declared)
{
    const unsigned slope = declared & TTT_REF_POINT_GELU1 ? TTT_REF_POINT_SLOPE : 0;
    return (declared & (TTT_REF_POINT_ETA | TTT_REF_POINT_TANH)) | slope;
}

START_TEST(threads_and_groups_change_no_bit_backwards)
{
    struct ttt_tensors one, other;
    struct ttt_ref_options o = back[_i], before = {.threads = 1, .points = recomputed(back[_i].points)};
    forward(&one, "b1h3n200c64f64d96g1 eps=1e-6 dist=unit seed=5", TTT_TYPES_BF16, before);
    forward(&other, "b1h3n200c64f64d96g3 eps=1e-6 dist=unit seed=5", TTT_TYPES_BF16, before);
    o.threads = 1;
    ref_backward(&one, o);
    o.threads = 5;
    ref_backward(&other, o);
    ref_assert_same(&one, &other, TTT_GRAD_XQ, TTT_TENSOR_COUNT, "threads and groups");
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

START_TEST(points_are_drawn_like_operands_backwards)
{
    static const char text[] = "b1h2n320c64f64d256g2 eps=1e-6 dist=unit seed=6";
    struct ttt_tensors truth, k[2];
    struct ttt_ref_options o = back[_i];
    backward(&truth, text, TTT_TYPES_F64, (struct ttt_ref_options){.threads = 1});
    for (int i = 0; i < 2; i++) {
        o.stochastic_seed = (uint64_t)i + 1;
        backward(&k[i], text, TTT_TYPES_BF16, o);
    }
    for (enum ttt_tensor t = TTT_GRAD_XK; t <= TTT_GRAD_XV; t++) {
        const double a = error_of(&k[0], &truth, t), b = error_of(&k[1], &truth, t);
        ck_assert(a < 1.25 * b && b < 1.25 * a && !ref_same(&k[0].buffer[t], &k[1].buffer[t]));
    }
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
    tcase_add_loop_test(tc, a_point_costs_little_backwards, 0, BACK_POINTS);
    tcase_add_loop_test(tc, a_point_is_where_it_says_backwards, 0, BACK_POINTS);
    tcase_add_test(tc, what_the_output_adds_is_rounded);
    tcase_add_test(tc, each_pass_has_its_points);
    tcase_add_loop_test(tc, threads_and_groups_change_no_bit_backwards, 0, BACK_POINTS);
    tcase_add_loop_test(tc, points_are_drawn_like_operands_backwards, 0, BACK_POINTS);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
