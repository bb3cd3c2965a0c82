/* SPDX-License-Identifier: MIT
 *
 * Which outputs must be finite: those that are in the reference of the same range, with the points that are declared.
 */
#include "harness/contract.h"
#include "harness/range.h"
#include "harness/reference.h"
#include "harness/run.h"
#include "run.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char text[] = "b1h2n20c8f8d16g2 eps=1e-6 dist=unit seed=7";

enum { EXCHANGE = 1 << TTT_POINT_EXCHANGE };

static char error[1024];

static struct ttt_case case_of(const char *from)
{
    struct ttt_case c;
    ck_assert_msg(ttt_case_parse(from, &c, error, sizeof error) == 0, "%s", error);
    return c;
}

/* Inputs of which some elements of the first head are larger by a power of two. */
struct scaled {
    enum ttt_tensor tensor;
    int exponent;
};

static void scale_first_head(struct ttt_tensors *t, const struct scaled *by, int count)
{
    for (int s = 0; s < count; s++) {
        struct ttt_buffer *b = &t->buffer[by[s].tensor];
        const int64_t n = ttt_tensor_split(by[s].tensor, &t->c.shape).inner;
        for (int64_t i = 0; i < n; i++)
            ttt_buffer_set(b, i, ldexp(ttt_buffer_get(b, i), by[s].exponent));
    }
}

/* Updates of the state far beyond float's range: b2_last is, W1_last is not. */
static const struct scaled float_end[] = {{TTT_XV, 120}, {TTT_LAST_ETA, 20}};

/* Partial sums of Z2 are beyond half precision's range, and nothing near the end of float's. */
static const struct scaled half_end[] = {{TTT_W2_INIT, 24}};

static void run(struct ttt_tensors *t, const struct ttt_tensors *truth, const struct ttt_candidate *candidate)
{
    ck_assert_int_eq(ttt_reference_block(t, truth, candidate->types, TTT_DIRECTION_BOTH, error, sizeof error), 0);
    ck_assert_int_eq(ttt_reference_run(candidate, t, truth, TTT_DIRECTION_BOTH, 1, error, sizeof error), 0);
}

static void make_truth(struct ttt_tensors *truth, const struct scaled *by, int count)
{
    const struct ttt_case c = case_of(text);
    ck_assert_int_eq(ttt_tensors_make(truth, &c, 0, c.shape.heads, TTT_TYPES_F64,
                                      ttt_reference_roles(TTT_DIRECTION_BOTH), error, sizeof error),
                     0);
    scale_first_head(truth, by, count);
    ck_assert_int_eq(
        ttt_reference_run(&ttt_candidate_ref_f64, truth, truth, TTT_DIRECTION_BOTH, 1, error, sizeof error), 0);
}

static void count(const struct ttt_tensors *truth, const struct ttt_tensors *k, unsigned points,
                  struct ttt_range counts[TTT_TENSOR_COUNT])
{
    const struct ttt_range_question question = {
        .truth = truth, .k = k, .directions = TTT_DIRECTION_BOTH, .points = points, .threads = 1};
    memset(counts, 0, TTT_TENSOR_COUNT * sizeof *counts);
    ck_assert_msg(ttt_range_count(&question, counts, error, sizeof error) == 0, "%s", error);
}

static int64_t wrong_of(const struct ttt_range counts[TTT_TENSOR_COUNT])
{
    int64_t wrong = 0;
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        wrong += counts[t].wrong;
    return wrong;
}

/* By double's range a correct kernel would be wrong here; by its own it is right, and one that saturates is not. */
START_TEST(the_end_of_the_range_is_that_of_the_types)
{
    struct ttt_tensors truth, k;
    struct ttt_range counts[TTT_TENSOR_COUNT];
    make_truth(&truth, float_end, 2);
    run(&k, &truth, ttt_candidate_contract((enum ttt_types)_i, 0));
    const struct ttt_buffer *b2 = &k.buffer[TTT_B2_LAST];
    ck_assert(isfinite(ttt_buffer_get(&truth.buffer[TTT_B2_LAST], 0)) && !isfinite(ttt_buffer_get(b2, 0)));
    ck_assert(!ttt_range_is_finite(&k, TTT_DIRECTION_BOTH) && ttt_range_is_finite(&truth, TTT_DIRECTION_BOTH));
    count(&truth, &k, 0, counts);
    ck_assert_int_eq(wrong_of(counts), 0);
    ck_assert_int_ge(counts[TTT_B2_LAST].non_finite, 8);
    ttt_buffer_set(&k.buffer[TTT_B2_LAST], 3, (double)FLT_MAX);
    count(&truth, &k, 0, counts);
    ck_assert_int_eq(counts[TTT_B2_LAST].wrong, 1);
    ck_assert_int_eq(counts[TTT_B2_LAST].first, 3);
    ck_assert(counts[TTT_B2_LAST].k == (double)FLT_MAX && !isfinite(counts[TTT_B2_LAST].r));
    ck_assert_int_eq(wrong_of(counts), 1);
    ttt_tensors_free(&truth);
    ttt_tensors_free(&k);
}
END_TEST

/* What happens at the end of the range in one head excuses nothing in another. */
START_TEST(other_heads_are_not_excused)
{
    struct ttt_tensors truth, k;
    struct ttt_range counts[TTT_TENSOR_COUNT];
    make_truth(&truth, float_end, 2);
    run(&k, &truth, &ttt_candidate_ref_bf16);
    const int64_t second = truth.buffer[TTT_GRAD_XK].elements / 2;
    ttt_buffer_set(&k.buffer[TTT_GRAD_XK], second + 5, NAN);
    ttt_buffer_set(&k.buffer[TTT_W1_CHECKPOINTS], 0, INFINITY); /* the first head: nobody knows */
    count(&truth, &k, 0, counts);
    ck_assert_int_eq(counts[TTT_GRAD_XK].wrong, 1);
    ck_assert_int_eq(counts[TTT_GRAD_XK].first, second + 5);
    ck_assert_int_eq(counts[TTT_W1_CHECKPOINTS].wrong, 0);
    ck_assert_int_eq(counts[TTT_W1_CHECKPOINTS].open, 1);
    ttt_tensors_free(&truth);
    ttt_tensors_free(&k);
}
END_TEST

/* In ordinary data everything is finite, and must be; a NaN that an input makes must be one. */
START_TEST(ordinary_data_excuse_nothing)
{
    struct ttt_tensors truth, k;
    struct ttt_range counts[TTT_TENSOR_COUNT];
    make_truth(&truth, NULL, 0);
    ttt_buffer_set(&truth.buffer[TTT_XQ], 0, NAN);
    ck_assert_int_eq(
        ttt_reference_run(&ttt_candidate_ref_f64, &truth, &truth, TTT_DIRECTION_BOTH, 1, error, sizeof error), 0);
    run(&k, &truth, &ttt_candidate_ref_bf16);
    count(&truth, &k, 0, counts);
    ck_assert_int_eq(wrong_of(counts), 0);
    ttt_buffer_set(&k.buffer[TTT_XQW], 0, INFINITY); /* of another kind */
    ttt_buffer_set(&k.buffer[TTT_XQW], 1, 0);
    ttt_buffer_set(&k.buffer[TTT_XQW], 8, NAN);
    count(&truth, &k, 0, counts);
    ck_assert_int_eq(counts[TTT_XQW].wrong, 3);
    ck_assert_int_eq(counts[TTT_XQW].open, 0);
    ttt_tensors_free(&truth);
    ttt_tensors_free(&k);
}
END_TEST

/* An exchange in half precision is infinite beyond 65504: right where it is declared, wrong where it is not, and a
 * kernel that declares it is not finite there. */
START_TEST(declared_points_change_the_range)
{
    struct ttt_tensors truth, with, without;
    struct ttt_range counts[TTT_TENSOR_COUNT];
    make_truth(&truth, half_end, 1);
    run(&without, &truth, &ttt_candidate_ref_bf16);
    run(&with, &truth, ttt_candidate_contract(TTT_TYPES_BF16, EXCHANGE));
    ck_assert(isfinite(ttt_buffer_get(&without.buffer[TTT_XQW], 0)) &&
              !isfinite(ttt_buffer_get(&with.buffer[TTT_XQW], 0)));
    count(&truth, &with, EXCHANGE, counts);
    ck_assert_int_eq(wrong_of(counts), 0);
    ck_assert_int_gt(counts[TTT_XQW].non_finite, 0);
    count(&truth, &with, 0, counts);
    ck_assert_int_gt(counts[TTT_XQW].wrong, 0);
    count(&truth, &without, EXCHANGE, counts);
    ck_assert_int_gt(counts[TTT_XQW].wrong, 0);
    ck_assert_int_lt(counts[TTT_XQW].first, truth.buffer[TTT_XQW].elements / 2); /* in the first head alone */
    ttt_tensors_free(&truth);
    ttt_tensors_free(&with);
    ttt_tensors_free(&without);
}
END_TEST

/* The whole way: outputs in a file, judged. */

static struct ttt_result *judge_file(const struct ttt_tensors *k, unsigned points)
{
    char path[] = "/tmp/test-range-XXXXXX";
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_msg(ttt_safetensors_write(path, k, ~0U, error, sizeof error) == 0, "%s", error);
    struct ttt_safetensors *file = ttt_safetensors_open(path, error, sizeof error);
    ck_assert_msg(file != NULL, "%s", error);
    const struct ttt_run how = {
        .c = k->c, .file = file, .directions = TTT_DIRECTION_BOTH, .threads = 1, .budget = TTT_RUN_BUDGET};
    const struct ttt_contender contender = {NULL, k->types, points};
    struct ttt_result *r = calloc(1, sizeof *r);
    ck_assert_ptr_nonnull(r);
    ck_assert_msg(ttt_run_case(&how, &contender, 1, r, error, sizeof error) == 0, "%s", error);
    ttt_safetensors_close(file);
    unlink(path);
    return r;
}

static const struct ttt_gate *finite_gate(const struct ttt_result *r, enum ttt_tensor t)
{
    for (int i = 0; i < r->tensor_count; i++)
        if (r->tensors[i].tensor == t)
            return &r->tensors[i].gates[0];
    ck_abort_msg("%s is not in the result", ttt_tensor_info[t].name);
    return NULL;
}

START_TEST(the_judge_compares_with_the_same_range)
{
    struct ttt_tensors truth, k;
    make_truth(&truth, float_end, 2);
    run(&k, &truth, &ttt_candidate_ref_bf16);
    struct ttt_result *r = judge_file(&k, 0);
    for (int i = 0; i < r->tensor_count; i++)
        ck_assert_int_eq(r->tensors[i].gates[0].verdict, TTT_PASS);
    const struct ttt_check *range = ttt_result_check(r, "range");
    ck_assert_int_eq(range->verdict, TTT_PASS);
    ck_assert_ptr_nonnull(strstr(range->detail, "ref-bf16 is not finite in "));
    free(r);
    ttt_buffer_set(&k.buffer[TTT_B2_LAST], 3, 0x1p127);
    r = judge_file(&k, 0);
    ck_assert_int_eq(finite_gate(r, TTT_B2_LAST)->verdict, TTT_FAIL);
    ck_assert_int_eq(r->verdict, TTT_FAIL);
    free(r);
    ttt_tensors_free(&truth);
    ttt_tensors_free(&k);
}
END_TEST

START_TEST(the_judge_knows_the_declared_points)
{
    struct ttt_tensors truth, k;
    make_truth(&truth, half_end, 1);
    run(&k, &truth, ttt_candidate_contract(TTT_TYPES_BF16, EXCHANGE));
    struct ttt_result *r = judge_file(&k, EXCHANGE);
    for (int i = 0; i < r->tensor_count; i++)
        ck_assert_int_eq(r->tensors[i].gates[0].verdict, TTT_PASS);
    ck_assert_ptr_nonnull(strstr(ttt_result_check(r, "range")->detail, "ref-bf16+exchange is not finite in "));
    free(r);
    r = judge_file(&k, 0);
    ck_assert_int_eq(finite_gate(r, TTT_XQW)->verdict, TTT_FAIL);
    free(r);
    ttt_tensors_free(&truth);
    ttt_tensors_free(&k);
}
END_TEST

/* A Z2 that half precision cannot hold: the contract can judge what follows, but not with an exchange, which must not
 * hide it.
 */
START_TEST(points_may_not_make_a_tensor_unjudgeable)
{
    static const struct scaled below_half[] = {{TTT_W2_INIT, -26}, {TTT_B2_INIT, -40}, {TTT_LAST_ETA, -60}};
    struct ttt_tensors truth, k;
    make_truth(&truth, below_half, 3);
    truth.c.shape.ln_eps = 1e-20;
    run(&k, &truth, ttt_candidate_contract(TTT_TYPES_BF16, EXCHANGE));
    struct ttt_result *r = judge_file(&k, EXCHANGE);
    const struct ttt_check *contract = ttt_result_check(r, "contract");
    ck_assert_msg(contract->verdict == TTT_FAIL, "%s", contract->detail);
    ck_assert_ptr_nonnull(strstr(contract->detail, "can be judged, but not by bf16+exchange"));
    free(r);
    ttt_tensors_free(&k);
    run(&k, &truth, &ttt_candidate_ref_bf16);
    r = judge_file(&k, 0);
    ck_assert(r->verdict == TTT_PASS || r->verdict == TTT_VACUOUS);
    free(r);
    ttt_tensors_free(&truth);
    ttt_tensors_free(&k);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("range");
    TCase *tests = tcase_create("range");
    tcase_add_loop_test(tests, the_end_of_the_range_is_that_of_the_types, TTT_TYPES_F32, TTT_TYPES_BF16 + 1);
    tcase_add_test(tests, other_heads_are_not_excused);
    tcase_add_test(tests, ordinary_data_excuse_nothing);
    tcase_add_test(tests, declared_points_change_the_range);
    tcase_add_test(tests, the_judge_compares_with_the_same_range);
    tcase_add_test(tests, the_judge_knows_the_declared_points);
    tcase_add_test(tests, points_may_not_make_a_tensor_unjudgeable);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
