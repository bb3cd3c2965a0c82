/* SPDX-License-Identifier: MIT
 *
 * Data that need no rounding: the reference gives the same bits in every precision, forward and backward, also where
 * each rounding is drawn at random; the state moves; sums over a share of the hidden units need no rounding either; a
 * candidate that is off by one last bit fails; and sizes for which there is no such data are refused.
 */
#include "fakes.h"
#include "harness/exact.h"
#include "harness/exactness.h"
#include "ref_run.h"
#include "run.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const cases[] = {
    "b1h4n50c16f64d30g2 eps=0 dist=exact seed=1",                  /* a tail of two rows */
    "b2h3n33c16f16d64g1 eps=0 dist=exact seed=2",                  /* a tail of one row, keys as long as half a row */
    "b1h3n5c16f16d6g1 eps=0 dist=exact seed=3",                    /* C > N, every hidden unit on */
    "b1h2n10c5f16d6g1 eps=0 dist=exact seed=18446744073709551615", /* the largest seed */
    "b1h7n24c4f128d20g5 eps=0 dist=exact seed=4",                  /* six mini-batches */
    "b1h2n3c1f32d9g1 eps=0 dist=exact seed=5",                     /* one row each */
    "b2h3n67c16f64d20g2 eps=0 dist=exact seed=6 causal=1",         /* a tail of three rows */
    "b1h5n23c1f16d1g1 eps=0 dist=exact seed=7 causal=1",           /* one row each */
    "b1h3n5c16f32d7g1 eps=0 dist=exact seed=8 causal=1",           /* C > N */
};
enum { CASES = sizeof cases / sizeof cases[0] };

static struct ttt_case parse(const char *text)
{
    struct ttt_case c;
    char error[512] = "";
    ck_assert_msg(ttt_case_parse(text, &c, error, sizeof error) == 0, "%s", error);
    return c;
}

static void assert_equal(const struct ttt_tensors *k, const struct ttt_tensors *truth)
{
    for (enum ttt_tensor t = TTT_XQ; t < TTT_TENSOR_COUNT; t++)
        for (int64_t i = 0; truth->buffer[t].data && i < truth->buffer[t].elements; i++)
            ck_assert_msg(ttt_buffer_get(&k->buffer[t], i) == ttt_buffer_get(&truth->buffer[t], i),
                          "%s: element %d of %s is %.17g, not %.17g", ref_types_name[k->types], (int)i,
                          ttt_tensor_info[t].name, ttt_buffer_get(&k->buffer[t], i),
                          ttt_buffer_get(&truth->buffer[t], i));
}

/* Several seeds of the data each, and threads, which cut sums in another way. */
START_TEST(every_precision_gives_the_same_bits)
{
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct ttt_tensors truth, f32, bf16;
        struct ttt_case c = parse(cases[_i]);
        c.seed += 100 * seed;
        ref_make(&truth, &c, TTT_TYPES_F64, 0);
        ref_make(&f32, &c, TTT_TYPES_F32, 0);
        ref_make(&bf16, &c, TTT_TYPES_BF16, 0);
        ref_run(&truth, 1);
        ref_run(&f32, 1 + (int)seed % 2);
        ref_run(&bf16, 1 + (int)seed % 2);
        assert_equal(&f32, &truth);
        assert_equal(&bf16, &truth);
        ttt_tensors_free(&truth);
        ttt_tensors_free(&f32);
        ttt_tensors_free(&bf16);
    }
}
END_TEST

static double distance(const struct ttt_tensors *t, enum ttt_tensor a, enum ttt_tensor b)
{
    double sum = 0;
    for (int64_t i = 0; i < t->buffer[a].elements; i++)
        sum += fabs(ttt_buffer_get(&t->buffer[a], i) - ttt_buffer_get(&t->buffer[b], i));
    return sum;
}

static double size(const struct ttt_tensors *t, enum ttt_tensor which)
{
    double sum = 0;
    for (int64_t i = 0; i < t->buffer[which].elements; i++)
        sum += fabs(ttt_buffer_get(&t->buffer[which], i));
    return sum;
}

/* No comparison of zeros: all of the state moves (in the causal form, b2), and every gradient is there. */
START_TEST(the_state_moves_and_gradients_flow)
{
    struct ttt_tensors t;
    const struct ttt_case c = parse(cases[_i]);
    ref_make(&t, &c, TTT_TYPES_F64, 0);
    ref_run(&t, 1);
    for (unsigned i = 0; i < 4; i++) {
        const enum ttt_tensor init = TTT_W1_INIT + i, last = TTT_W1_LAST + i;
        if (!c.shape.causal || init == TTT_B2_INIT)
            ck_assert_msg(distance(&t, init, last) > 0, "%s", ttt_tensor_info[last].name);
    }
    for (enum ttt_tensor gradient = TTT_GRAD_XQ; gradient < TTT_TENSOR_COUNT; gradient++)
        ck_assert_msg(!t.buffer[gradient].data || size(&t, gradient) > 0 || gradient == TTT_GRAD_LAST_ETA, "%s is 0",
                      ttt_tensor_info[gradient].name);
    if (c.shape.heads > 2)
        ck_assert(size(&t, TTT_GRAD_LAST_ETA) > 0); /* of an even head but the first */
    ttt_tensors_free(&t);
}
END_TEST

/* Is x a bfloat16 (of any exponent)? */
static int has_eight_bits(double x)
{
    int exponent;
    const double bits = ldexp(frexp(x, &exponent), 8);
    return bits == floor(bits);
}

/* Units [first, end) of head h, as the first row sees them: their sums of X2 W2, one for each column, are the parts of
 * Z2; that of X2 X2, times an upstream gradient of one bit, is what they add to the gradient of (eta gZ2). */
static void assert_parts(struct ttt_tensors *t, int64_t h, int64_t first, int64_t end)
{
    const struct ttt_mlp_shape *s = &t->c.shape;
    const int64_t F = s->head_dim, D = s->hidden_dim;
    for (int64_t f = 0; f < F; f++) {
        double Z2 = 0, squares = 0;
        for (int64_t d = first; d < end; d++) {
            double Z1 = ttt_buffer_get(&t->buffer[TTT_B1_INIT], h * D + d);
            for (int64_t k = 0; k < F; k++)
                Z1 += ttt_buffer_get(&t->buffer[TTT_XK], h * s->seq_len * F + k) *
                      ttt_buffer_get(&t->buffer[TTT_W1_INIT], (h * F + k) * D + d);
            const double X2 = Z1 > 0 ? Z1 : 0;
            Z2 += X2 * ttt_buffer_get(&t->buffer[TTT_W2_INIT], (h * D + d) * F + f);
            squares += X2 * X2;
        }
        ck_assert_msg(has_eight_bits(Z2), "Z2 of units [%d, %d) is %.17g", (int)first, (int)end, Z2);
        ck_assert_msg(has_eight_bits(squares), "X2 . X2 of units [%d, %d) is %.17g", (int)first, (int)end, squares);
    }
}

/* A kernel that sums over clusters of thread blocks rounds what each sends: to bfloat16, the narrowest. */
START_TEST(parts_of_sums_are_exact)
{
    for (uint64_t seed = 0; seed < 6; seed++) {
        struct ttt_tensors t;
        struct ttt_case c = parse("b1h3n10c5f16d24g1 eps=0 dist=exact");
        c.seed = seed;
        ref_make(&t, &c, TTT_TYPES_F64, 0);
        for (int64_t h = 0; h < c.shape.heads; h++)
            for (int64_t parts = 2; parts <= 4; parts *= 2)
                for (int64_t part = 0; part < parts; part++)
                    assert_parts(&t, h, part * c.shape.hidden_dim / parts, (part + 1) * c.shape.hidden_dim / parts);
        ttt_tensors_free(&t);
    }
}
END_TEST

static struct ttt_result *judged(const char *text, const struct ttt_candidate *candidate)
{
    struct ttt_run run = {.c = parse(text), .directions = TTT_DIRECTION_BOTH, .threads = 1, .budget = TTT_RUN_BUDGET};
    const struct ttt_contender contender = ttt_contender_of(candidate);
    struct ttt_result *r = calloc(1, sizeof *r);
    char error[512] = "";
    ck_assert_ptr_nonnull(r);
    ck_assert_msg(ttt_run_case(&run, &contender, 1, r, error, sizeof error) == 0, "%s", error);
    ck_assert_msg(ttt_exactness_run(&run, r, error, sizeof error) == 0, "%s", error);
    return r;
}

START_TEST(references_are_exact)
{
    static const struct ttt_candidate *const references[] = {&ttt_candidate_ref_f64, &ttt_candidate_ref_f32,
                                                             &ttt_candidate_ref_bf16};
    for (int i = 0; i < 3; i++) {
        struct ttt_result *r = judged(cases[_i], references[i]);
        ck_assert_msg(ttt_result_check(r, "exact")->verdict == TTT_PASS, "%s", ttt_result_check(r, "exact")->detail);
        free(r);
    }
}
END_TEST

/* What no tolerance of float would see. */
START_TEST(one_bit_is_a_failure)
{
    static const struct {
        enum fault fault;
        const char *where;
    } faults[] = {
        {FAULT_STATE, "W1_last [batch 0, head 0, row 0, column 0] is "},
        {FAULT_LENGTH, "XQW [batch 0, head 0, mini-batch 0, row 0, column 0] is "},
        {FAULT_PLACE, "grad_L_ttt_norm_weight [head 0, column 0] is "},
    };
    for (int i = 0; i < 3; i++) {
        struct fake fake;
        fake_make(&fake, &ttt_candidate_ref_f32, faults[i].fault);
        struct ttt_result *r = judged(cases[0], &fake.candidate);
        const struct ttt_check *check = ttt_result_check(r, "exact");
        ck_assert_int_eq(check->verdict, TTT_FAIL);
        ck_assert_msg(strncmp(check->detail, faults[i].where, strlen(faults[i].where)) == 0, "%s", check->detail);
        ck_assert_int_eq(r->verdict, TTT_FAIL);
        free(r);
    }
}
END_TEST

/* Data that do need rounding do not pass for exact. */
START_TEST(the_premise_is_verified)
{
    struct ttt_run run = {.c = parse("b1h2n20c8f16d24g1 eps=1e-6 dist=unit seed=3"),
                          .directions = TTT_DIRECTION_BOTH,
                          .threads = 1,
                          .budget = TTT_RUN_BUDGET};
    struct ttt_result *r = calloc(1, sizeof *r);
    char error[512] = "";
    ck_assert_ptr_nonnull(r);
    ck_assert_int_eq(ttt_exactness_run(&run, r, error, sizeof error), 0);
    ck_assert_int_eq(ttt_result_check(r, "exact")->verdict, TTT_FAIL);
    ck_assert_ptr_nonnull(strstr(ttt_result_check(r, "exact")->detail, "these data need rounding: element 0 of XQW"));
    free(r);
}
END_TEST

START_TEST(other_sizes_are_refused)
{
    static const struct {
        const char *text, *allowed;
    } refused[] = {
        {"b1h1n32c16f64d64g1 eps=1e-6 dist=exact", "dist=exact takes eps=0"},
        {"b1h1n32c16f64d64g1 dist=exact", "dist=exact takes eps=0"},
        {"b1h1n32c16f8d64g1 eps=0 dist=exact", "a head_dim that is a power of two, at least 16"},
        {"b1h1n32c16f48d64g1 eps=0 dist=exact", "a head_dim that is a power of two, at least 16"},
        {"b1h1n32c16f64d5g1 eps=0 dist=exact", "a hidden_dim of at least 6"},
        {"b1h1n112c16f64d64g1 eps=0 dist=exact", "at most 6 mini-batches"},
        {"b1h1n64c16f16d64g1 eps=0 dist=exact", "NC (NC + 1) <= head_dim - 2"},
        {"b1h1n64c16f1024d64g1 eps=0 dist=exact", "a head_dim of at most 512"},
        {"b1h1n400c16f64d64g1 eps=0 dist=exact causal=1", "at most 24 mini-batches in the causal form"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct ttt_case c;
        char error[512] = "";
        ck_assert_msg(ttt_case_parse(refused[i].text, &c, error, sizeof error) == -1, "%s", refused[i].text);
        ck_assert_msg(strstr(error, refused[i].allowed) != NULL, "%s", error);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("exact");
    TCase *tc = tcase_create("exact");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, every_precision_gives_the_same_bits, 0, CASES);
    tcase_add_loop_test(tc, the_state_moves_and_gradients_flow, 0, CASES);
    tcase_add_loop_test(tc, references_are_exact, 0, CASES);
    tcase_add_test(tc, parts_of_sums_are_exact);
    tcase_add_test(tc, one_bit_is_a_failure);
    tcase_add_test(tc, the_premise_is_verified);
    tcase_add_test(tc, other_sizes_are_refused);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
