/* SPDX-License-Identifier: MIT
 *
 * Running a case: each fault that a candidate can have gets its named FAIL, blocks of heads do not change a result, and
 * the backward pass starts from the right checkpoints.
 */
#include "fakes.h"
#include "harness/run.h"
#include "harness/table.h"
#include "run.h"
#include <stdlib.h>
#include <string.h>

static const char small[] = "b2h3n20c8f8d12g2 eps=1e-6 dist=unit seed=7";
static const char small_causal[] = "b2h3n20c8f8d12g2 eps=1e-6 dist=unit seed=7 causal=1";

static struct ttt_run run_of(const char *text, unsigned directions, int64_t budget)
{
    struct ttt_run run = {.directions = directions, .threads = 2, .budget = budget};
    char error[256];
    ck_assert_msg(ttt_case_parse(text, &run.c, error, sizeof error) == 0, "%s", error);
    return run;
}

/* Results of `count` candidates; to be freed. */
static struct ttt_result *results_of(const struct ttt_run *run, const struct ttt_candidate *const *candidates,
                                     int count)
{
    struct ttt_result *results = calloc((size_t)count, sizeof *results);
    struct ttt_contender *contenders = calloc((size_t)count, sizeof *contenders);
    char error[256];
    ck_assert(results && contenders);
    for (int i = 0; i < count; i++)
        contenders[i] = ttt_contender_of(candidates[i]);
    ck_assert_msg(ttt_run_case(run, contenders, count, results, error, sizeof error) == 0, "%s", error);
    free(contenders);
    return results;
}

static struct ttt_result *result_of(const struct ttt_run *run, const struct ttt_candidate *candidate)
{
    return results_of(run, &candidate, 1);
}

static const struct ttt_tensor_result *tensor_of(const struct ttt_result *r, enum ttt_tensor t)
{
    for (int i = 0; i < r->tensor_count; i++)
        if (r->tensors[i].tensor == t)
            return &r->tensors[i];
    ck_abort_msg("%s is not in the result", ttt_tensor_info[t].name);
    return NULL;
}

static enum ttt_verdict check_of(struct ttt_result *r, const char *name)
{
    return ttt_result_check(r, name)->verdict;
}

/* The one failed line of a result, which must be about `subject`. */
static void assert_only_failure(const struct ttt_result *r, const char *subject)
{
    char line[TTT_TABLE_LINE] = "";
    ck_assert_int_eq(r->verdict, TTT_FAIL);
    ck_assert_int_eq(ttt_table_failure(r, 0, line), 1);
    ck_assert_msg(strstr(line, subject) != NULL, "'%s' is not about '%s'", line, subject);
    ck_assert_msg(!ttt_table_failure(r, 1, line), "there is a second failure: %s", line);
}

START_TEST(references_pass)
{
    const struct ttt_candidate *candidates[] = {&ttt_candidate_ref_f64, &ttt_candidate_ref_f32,
                                                &ttt_candidate_ref_bf16};
    static const char *const cases[] = {small, "b2h3n20c8f8d12g2 eps=1e-6 dist=strong seed=7 causal=1"};
    for (size_t c = 0; c < 2; c++)
        for (unsigned d = TTT_DIRECTION_FORWARD; d <= TTT_DIRECTION_BOTH; d++) {
            const struct ttt_run run = run_of(cases[c], d, TTT_RUN_BUDGET);
            struct ttt_result *r = results_of(&run, candidates, 3);
            for (int i = 0; i < 3; i++) {
                ck_assert_int_eq(r[i].verdict, TTT_PASS);
                const int outputs = (d & TTT_DIRECTION_FORWARD ? 9 : 0) + (d & TTT_DIRECTION_BACKWARD ? 10 : 0);
                ck_assert_int_eq(r[i].tensor_count, outputs + (c == 1 && d & TTT_DIRECTION_BACKWARD));
                ck_assert_int_eq(check_of(&r[i], "status"), TTT_PASS);
                ck_assert_int_eq(check_of(&r[i], "deterministic"), TTT_PASS);
                ck_assert_int_eq(r[i].check_count, 5);
                ck_assert_uint_eq(r[i].inputs_hash, r[0].inputs_hash);
            }
            free(r);
        }
}
END_TEST

START_TEST(bf16_error_is_what_it_must_cost)
{
    const struct ttt_run run = run_of(small, TTT_DIRECTION_BOTH, TTT_RUN_BUDGET);
    struct ttt_result *r = result_of(&run, &ttt_candidate_ref_bf16);
    const struct ttt_tensor_result *output = tensor_of(r, TTT_XQW), *state = tensor_of(r, TTT_W1_LAST);
    ck_assert_double_gt(output->cost, 1e-5);
    ck_assert_double_gt(output->rounding, 1e-3);
    ck_assert_double_lt(output->rounding, 2.3e-3);
    /* The replicas round stochastically, which is noisier than to nearest by about sqrt(2). */
    ck_assert_double_gt(ttt_metrics_rel_l2(&state->metrics), 0.4 * state->cost);
    ck_assert_double_lt(ttt_metrics_rel_l2(&state->metrics), 1.1 * state->cost);
    ck_assert_double_lt(state->rounding, 1e-7);
    free(r);
}
END_TEST

static const struct {
    enum fault fault;
    const char *subject;
} faults[] = {
    {FAULT_UNWRITTEN, "overwritten: forward: 1 of 960 elements of XQW not written"},
    {FAULT_UNWRITTEN_GRADIENT, "overwritten: backward: 1 of 960 elements of grad_L_XV not written"},
    {FAULT_OVERRUN, "red-zones: forward: written out of the bounds of W1_last"},
    {FAULT_UNDERRUN, "red-zones: backward: written out of the bounds of grad_L_XK"},
    {FAULT_INPUT, "inputs: forward: XK was changed"},
    {FAULT_CHECKPOINT, "inputs: backward: b2_checkpoints was changed"},
    {FAULT_NAN, "W1_last: 1 of 576 positions finite in only one of candidate and truth; first at [batch 0, head 0, row "
                "0, column 5]"},
    {FAULT_RANDOM, "deterministic: forward: XQW differs between two runs"},
    {FAULT_SCALE, "grad_L_XK: rel_l2 0."},
    {FAULT_STATUS, "status: backward returned 10"},
};

/* Faults that also spoil values have more than one line; the first one names the cause. */
static int spoils_values(enum fault fault)
{
    return fault == FAULT_UNWRITTEN || fault == FAULT_UNWRITTEN_GRADIENT || fault == FAULT_INPUT ||
           fault == FAULT_CHECKPOINT;
}

START_TEST(each_fault_is_named)
{
    struct fake fake;
    fake_make(&fake, &ttt_candidate_ref_f64, faults[_i].fault);
    const struct ttt_run run = run_of(small, TTT_DIRECTION_BOTH, TTT_RUN_BUDGET);
    struct ttt_result *r = result_of(&run, &fake.candidate);
    char line[TTT_TABLE_LINE];
    ck_assert_int_eq(r->verdict, TTT_FAIL);
    ck_assert_int_eq(ttt_table_failure(r, 0, line), 1);
    ck_assert_msg(strncmp(line, faults[_i].subject, strlen(faults[_i].subject)) == 0, "'%s' is not '%s'", line,
                  faults[_i].subject);
    if (!spoils_values(faults[_i].fault))
        assert_only_failure(r, faults[_i].subject);
    free(r);
}
END_TEST

START_TEST(scaled_gradient_is_placed_in_its_head)
{
    struct fake fake;
    fake_make(&fake, &ttt_candidate_ref_f64, FAULT_SCALE);
    const struct ttt_run run = run_of(small, TTT_DIRECTION_BOTH, TTT_RUN_BUDGET);
    struct ttt_result *r = result_of(&run, &fake.candidate);
    char line[TTT_TABLE_LINE];
    ck_assert_int_eq(ttt_table_failure(r, 0, line), 1);
    ck_assert_msg(strstr(line, "head 1,") != NULL, "%s", line);
    ck_assert_int_eq(tensor_of(r, TTT_GRAD_XQ)->gates[1].verdict, TTT_PASS);
    free(r);
}
END_TEST

START_TEST(declared_randomness_is_skipped)
{
    struct fake fake;
    fake_make(&fake, &ttt_candidate_ref_f64, FAULT_RANDOM_DECLARED);
    const struct ttt_run run = run_of(small, TTT_DIRECTION_FORWARD, TTT_RUN_BUDGET);
    struct ttt_result *r = result_of(&run, &fake.candidate);
    ck_assert_int_eq(r->verdict, TTT_PASS);
    ck_assert_int_eq(check_of(r, "deterministic"), TTT_SKIPPED);
    free(r);
}
END_TEST

START_TEST(forward_only_candidate_is_judged_forward)
{
    struct fake fake;
    fake_make(&fake, &ttt_candidate_ref_f32, FAULT_NO_BACKWARD);
    const struct ttt_run run = run_of(small, TTT_DIRECTION_BOTH, TTT_RUN_BUDGET);
    struct ttt_result *r = result_of(&run, &fake.candidate);
    ck_assert_int_eq(r->verdict, TTT_PASS);
    ck_assert_int_eq(check_of(r, "supported"), TTT_SKIPPED);
    ck_assert_str_eq(tensor_of(r, TTT_XQW)->skipped, "");
    ck_assert_str_ne(tensor_of(r, TTT_GRAD_XQ)->skipped, "");
    ck_assert_int_eq(fake.backward_calls, 0);
    free(r);
}
END_TEST

START_TEST(unsupported_candidate_is_skipped)
{
    struct fake fake;
    fake_make(&fake, &ttt_candidate_ref_f32, FAULT_NOTHING);
    const struct ttt_run run = run_of(small, TTT_DIRECTION_BOTH, TTT_RUN_BUDGET);
    struct ttt_result *r = result_of(&run, &fake.candidate);
    ck_assert_int_eq(r->verdict, TTT_SKIPPED);
    ck_assert_int_eq(fake.forward_calls + fake.backward_calls, 0);
    ck_assert_ptr_null(ttt_result_worst(r));
    free(r);
}
END_TEST

/* Its own checkpoints when the forward pass ran, those of the reference when it did not. */
START_TEST(backward_starts_from_the_right_checkpoints)
{
    struct fake fake;
    fake_make(&fake, &ttt_candidate_ref_f64, FAULT_BAD_CHECKPOINTS);
    struct ttt_run run = run_of(small, TTT_DIRECTION_BOTH, TTT_RUN_BUDGET);
    struct ttt_result *r = result_of(&run, &fake.candidate);
    ck_assert_int_eq(tensor_of(r, TTT_B1_CHECKPOINTS)->gates[1].verdict, TTT_FAIL);
    ck_assert_int_eq(tensor_of(r, TTT_B1_LAST)->gates[1].verdict, TTT_PASS);
    ck_assert_int_eq(tensor_of(r, TTT_GRAD_XK)->gates[1].verdict, TTT_FAIL);
    free(r);
    run.directions = TTT_DIRECTION_BACKWARD;
    r = result_of(&run, &fake.candidate);
    ck_assert_int_eq(r->verdict, TTT_PASS);
    free(r);
    fake_make(&fake, &ttt_candidate_ref_f64, FAULT_NO_FORWARD);
    run.directions = TTT_DIRECTION_BOTH;
    r = result_of(&run, &fake.candidate);
    ck_assert_int_eq(r->verdict, TTT_PASS);
    ck_assert_int_eq(fake.forward_calls, 0);
    ck_assert_str_eq(tensor_of(r, TTT_GRAD_XK)->skipped, "");
    free(r);
}
END_TEST

START_TEST(blocks_of_heads_do_not_change_a_result)
{
    struct fake fake;
    struct ttt_result *r[2];
    for (int i = 0; i < 2; i++) {
        fake_make(&fake, &ttt_candidate_ref_bf16, FAULT_NONE);
        const struct ttt_run run = run_of(small_causal, TTT_DIRECTION_BOTH, i == 0 ? 1 : TTT_RUN_BUDGET);
        r[i] = result_of(&run, &fake.candidate);
        ck_assert_int_eq(fake.max_heads, i == 0 ? 1 : 3);
        /* The first block runs twice, and once on other inputs; where these come between, a third time. */
        ck_assert_int_ge(fake.forward_calls, i == 0 ? 5 : 3);
        ck_assert_int_le(fake.forward_calls, i == 0 ? 6 : 4);
    }
    ck_assert_uint_eq(r[0]->inputs_hash, r[1]->inputs_hash);
    ck_assert_int_eq(r[0]->tensor_count, 20);
    for (int t = 0; t < r[0]->tensor_count; t++) {
        const struct ttt_tensor_result *a = &r[0]->tensors[t], *b = &r[1]->tensors[t];
        ck_assert_int_eq(a->metrics.elements, b->metrics.elements);
        ck_assert_int_eq(a->metrics.elements, ttt_tensor_elements(a->tensor, &r[0]->c.shape));
        if (a->tensor == TTT_GRAD_TOKEN_ETA) /* summed over the heads in another order */
            continue;
        ck_assert_int_eq(a->metrics.worst, b->metrics.worst);
        ck_assert_double_eq_tol(ttt_metrics_rel_l2(&a->metrics), ttt_metrics_rel_l2(&b->metrics), 1e-15);
        ck_assert_double_eq_tol(a->rounding, b->rounding, 1e-15);
        ck_assert_double_eq_tol(a->cost, b->cost, 1e-15);
    }
    const double a = ttt_metrics_rel_l2(&tensor_of(r[0], TTT_GRAD_TOKEN_ETA)->metrics);
    const double b = ttt_metrics_rel_l2(&tensor_of(r[1], TTT_GRAD_TOKEN_ETA)->metrics);
    ck_assert_double_eq_tol(a, b, 1e-6);
    ck_assert_double_gt(a, 1e-5);
    free(r[0]);
    free(r[1]);
}
END_TEST

START_TEST(fault_in_a_later_block_is_found)
{
    struct fake fake;
    fake_make(&fake, &ttt_candidate_ref_f64, FAULT_NAN);
    const struct ttt_run run = run_of(small, TTT_DIRECTION_FORWARD, 1);
    struct ttt_result *r = result_of(&run, &fake.candidate);
    ck_assert_int_eq(tensor_of(r, TTT_W1_LAST)->metrics.mismatched, 3); /* one in each block */
    free(r);
}
END_TEST

START_TEST(sample_of_heads_is_all_that_is_judged)
{
    struct fake fake;
    fake_make(&fake, &ttt_candidate_ref_f64, FAULT_NAN);
    struct ttt_run run = run_of(small, TTT_DIRECTION_FORWARD, TTT_RUN_BUDGET);
    run.every_head = 2;
    struct ttt_result *r = result_of(&run, &fake.candidate);
    ck_assert_int_eq(fake.max_heads, 1);
    ck_assert_int_eq(tensor_of(r, TTT_W1_LAST)->metrics.mismatched, 2); /* in heads 0 and 2, each a block */
    ck_assert_int_eq(3 * tensor_of(r, TTT_XQW)->metrics.elements, 2 * ttt_tensor_elements(TTT_XQW, &run.c.shape));
    free(r);
    /* Heads that were left out have no row of the map. */
    const struct ttt_candidate *bf16 = &ttt_candidate_ref_bf16;
    run.every_head = 3;
    r = result_of(&run, bf16);
    struct ttt_run first = run_of("b2h1n20c8f8d12g2 eps=1e-6 dist=unit seed=7", TTT_DIRECTION_FORWARD, TTT_RUN_BUDGET);
    struct ttt_result *alone = result_of(&first, bf16);
    ck_assert_int_eq(r->tensor_count, alone->tensor_count);
    ck_assert_int_eq(r->heads.rows, alone->heads.rows);
    ck_assert_int_eq(r->verdict, TTT_PASS);
    free(alone);
    free(r);
}
END_TEST

START_TEST(case_that_cannot_fit_is_refused)
{
    const struct ttt_run run = run_of("b1h1n99999999999999c64f64d256g1 eps=1e-6", TTT_DIRECTION_BOTH, TTT_RUN_BUDGET);
    const struct ttt_contender contender = {&ttt_candidate_ref_f64, TTT_TYPES_F64, 0};
    struct ttt_result *r = calloc(1, sizeof *r);
    char error[256] = "";
    ck_assert_int_eq(ttt_run_case(&run, &contender, 1, r, error, sizeof error), -1);
    ck_assert_ptr_nonnull(strstr(error, "GiB"));
    free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("run");
    TCase *tests = tcase_create("run");
    tcase_set_timeout(tests, 120); /* of many threads on few processors */
    tcase_add_test(tests, references_pass);
    tcase_add_test(tests, bf16_error_is_what_it_must_cost);
    tcase_add_loop_test(tests, each_fault_is_named, 0, (int)(sizeof faults / sizeof faults[0]));
    tcase_add_test(tests, scaled_gradient_is_placed_in_its_head);
    tcase_add_test(tests, declared_randomness_is_skipped);
    tcase_add_test(tests, forward_only_candidate_is_judged_forward);
    tcase_add_test(tests, unsupported_candidate_is_skipped);
    tcase_add_test(tests, backward_starts_from_the_right_checkpoints);
    tcase_add_test(tests, blocks_of_heads_do_not_change_a_result);
    tcase_add_test(tests, fault_in_a_later_block_is_found);
    tcase_add_test(tests, sample_of_heads_is_all_that_is_judged);
    tcase_add_test(tests, case_that_cannot_fit_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
