/* SPDX-License-Identifier: MIT
 *
 * The exact relations: they hold for the references in every precision and form, and each finds a violation of it.
 */
#include "fakes.h"
#include "harness/relations.h"
#include "run.h"
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"permutation",   "other-heads",    "later-tokens", "eta-zero",
                                    "upstream-sign", "upstream-scale", "resume",       "checkpoint-group"};
enum { NAMES = sizeof names / sizeof names[0] };

static struct ttt_result *relations_in_blocks(const char *text, const struct ttt_candidate *candidate,
                                              unsigned directions, int64_t budget)
{
    struct ttt_run run = {.directions = directions, .threads = 2, .budget = budget};
    struct ttt_result *r = calloc(1, sizeof *r);
    char error[256] = "";
    ck_assert_ptr_nonnull(r);
    ck_assert_msg(ttt_case_parse(text, &run.c, error, sizeof error) == 0, "%s", error);
    ck_assert_msg(ttt_relations_run(&run, candidate, r, error, sizeof error) == 0, "%s", error);
    ck_assert_int_eq(r->check_count, NAMES);
    return r;
}

static struct ttt_result *relations_of(const char *text, const struct ttt_candidate *candidate, unsigned directions)
{
    return relations_in_blocks(text, candidate, directions, TTT_RUN_BUDGET);
}

static const struct ttt_check *row(const struct ttt_result *r, const char *name)
{
    for (int i = 0; i < r->check_count; i++)
        if (strcmp(r->checks[i].name, name) == 0)
            return &r->checks[i];
    ck_abort_msg("no row %s", name);
    return NULL;
}

static const struct ttt_candidate *const references[] = {&ttt_candidate_ref_f64, &ttt_candidate_ref_f32,
                                                         &ttt_candidate_ref_bf16};
static const char *const cases[] = {
    "b2h3n20c8f8d12g2 eps=1e-6 dist=unit seed=7",
    "b1h2n39c8f8d32g1 eps=1e-8 dist=model seed=8 causal=1",
    "b3h1n33c16f16d20g1 eps=1e-6 dist=strong seed=9 causal=1 state_grads=0",
    "b2h2n40c16f16d64g2 eps=1e-6 dist=strong seed=10",
};
enum { CASES = sizeof cases / sizeof cases[0] };

START_TEST(they_hold_for_the_references)
{
    const int64_t budget = _i % 2 ? 1 : TTT_RUN_BUDGET; /* a block per head, or all at once */
    struct ttt_result *r = relations_in_blocks(cases[_i / 3], references[_i % 3], TTT_DIRECTION_BOTH, budget);
    for (int i = 0; i < NAMES; i++)
        ck_assert_msg(row(r, names[i])->verdict == TTT_PASS, "%s: %s", names[i], row(r, names[i])->detail);
    free(r);
}
END_TEST

static const struct {
    enum fault fault;
    const char *name, *detail;
} violations[] = {
    {FAULT_PLACE, "permutation", "grad_L_ttt_norm_weight [head 2, column 0] is "},
    {FAULT_OTHER_HEAD, "other-heads", "XQW [batch 0, head 0, mini-batch 0, row 0, column 0] is "},
    {FAULT_LATER_TOKEN, "later-tokens", "XQW [batch 0, head 0, mini-batch 0, row 0, column 0] is "},
    {FAULT_LATER_STATE, "later-tokens", "b2_checkpoints [batch 0, head 0, checkpoint 0, column 0] is "},
    {FAULT_STATE, "eta-zero", "W1_last [batch 0, head 0, row 0, column 0] is "},
    {FAULT_CHECKPOINT_STATE, "eta-zero", "W2_checkpoints [batch 0, head 2, checkpoint 1, row 11, column 7] is "},
    {FAULT_SIGN, "upstream-sign", "grad_L_XQ [batch 0, head 0, mini-batch 0, row 0, column "},
    {FAULT_EPSILON, "upstream-sign", "grad_L_b1_init [batch 0, head 0, column 0] is "},
    {FAULT_EPSILON, "upstream-scale", "grad_L_b1_init [batch 0, head 0, column 0] is "},
    {FAULT_LENGTH, "resume", "XQW of a run in two parts, cut at token 16, differs from the plain run"},
};
enum { VIOLATIONS = sizeof violations / sizeof violations[0] };

START_TEST(each_finds_its_violation)
{
    struct fake fake;
    fake_make(&fake, references[_i % 3], violations[_i / 3].fault);
    struct ttt_result *r =
        relations_of("b1h3n28c8f8d12g2 eps=1e-6 dist=unit seed=12", &fake.candidate, TTT_DIRECTION_BOTH);
    const struct ttt_check *found = row(r, violations[_i / 3].name);
    ck_assert_msg(found->verdict == TTT_FAIL, "%s passed", found->name);
    ck_assert_msg(strncmp(found->detail, violations[_i / 3].detail, strlen(violations[_i / 3].detail)) == 0, "%s: %s",
                  found->name, found->detail);
    ck_assert_int_eq(r->verdict, TTT_FAIL);
    free(r);
}
END_TEST

/* An asymmetric rounding keeps powers of two, and a position keeps everything but a permutation. */
START_TEST(others_do_not_see_it)
{
    struct fake fake;
    fake_make(&fake, &ttt_candidate_ref_f32, FAULT_SIGN);
    struct ttt_result *r =
        relations_of("b1h3n28c8f8d12g2 eps=1e-6 dist=unit seed=12", &fake.candidate, TTT_DIRECTION_BOTH);
    ck_assert_int_eq(row(r, "upstream-scale")->verdict, TTT_PASS);
    free(r);
    fake_make(&fake, &ttt_candidate_ref_f32, FAULT_PLACE);
    r = relations_of("b1h3n28c8f8d12g2 eps=1e-6 dist=unit seed=12", &fake.candidate, TTT_DIRECTION_FORWARD);
    for (int i = 0; i < NAMES; i++)
        ck_assert_int_ne(row(r, names[i])->verdict, TTT_FAIL);
    free(r);
}
END_TEST

START_TEST(they_say_why_they_are_skipped)
{
    struct fake fake;
    struct ttt_result *r = relations_of("b1h1n5c8f8d12g1", &ttt_candidate_ref_f64, TTT_DIRECTION_FORWARD);
    ck_assert_str_eq(row(r, "permutation")->detail, "there is one head only");
    ck_assert_str_eq(row(r, "other-heads")->detail, "there is one head only");
    ck_assert_str_eq(row(r, "later-tokens")->detail, "there is one mini-batch only");
    ck_assert_str_eq(row(r, "upstream-sign")->detail, "the backward pass is not asked for");
    ck_assert_str_eq(row(r, "upstream-scale")->detail, "the backward pass is not asked for");
    ck_assert_str_eq(row(r, "resume")->detail, "the sequence is a single checkpoint group");
    ck_assert_int_eq(row(r, "eta-zero")->verdict, TTT_PASS);
    free(r);

    r = relations_of("b1h1n5c8f8d12g1 causal=1", &ttt_candidate_ref_f64, TTT_DIRECTION_FORWARD);
    ck_assert_int_eq(row(r, "later-tokens")->verdict, TTT_PASS);
    free(r);

    fake_make(&fake, &ttt_candidate_ref_f32, FAULT_RANDOM_DECLARED);
    r = relations_of(cases[0], &fake.candidate, TTT_DIRECTION_BOTH);
    for (int i = 0; i < NAMES; i++) {
        ck_assert_int_eq(row(r, names[i])->verdict, TTT_SKIPPED);
        ck_assert_str_eq(row(r, names[i])->detail, "the candidate declares that it is not deterministic");
    }
    ck_assert_int_eq(fake.forward_calls, 0);
    free(r);
}
END_TEST

/* A shape that only a relation asks for may be refused, and a call that fails is a failure. */
START_TEST(refusals_are_skipped_and_errors_fail)
{
    struct fake fake;
    fake_make(&fake, &ttt_candidate_ref_f32, FAULT_NO_BACKWARD);
    struct ttt_result *r = relations_of(cases[0], &fake.candidate, TTT_DIRECTION_BOTH);
    for (int i = 0; i < NAMES; i++)
        ck_assert_int_eq(row(r, names[i])->verdict, TTT_SKIPPED);
    free(r);
    fake_make(&fake, &ttt_candidate_ref_f32, FAULT_STATUS);
    r = relations_of(cases[0], &fake.candidate, TTT_DIRECTION_BOTH);
    ck_assert_int_eq(row(r, names[0])->verdict, TTT_FAIL);
    ck_assert_int_eq(r->verdict, TTT_FAIL);
    free(r);
}
END_TEST

START_TEST(small_cases_of_several_heads_and_groups_suit)
{
    static const struct {
        const char *text;
        int suits;
    } some[] = {
        {"b1h2n40c16f16d64g2", 1},   {"b2h1n40c16f16d64g2", 1},           {"b1h1n40c16f16d64g2", 0},
        {"b1h2n32c16f16d64g2", 0},   {"b1h48n2048c64f64d256g16", 0},      {"b1h4n256c64f64d256g2", 1},
        {"b1h4n257c64f64d256g2", 0}, {"b1h2n99999999999c64f64d256g1", 0},
    };
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        struct ttt_case c;
        char error[256] = "";
        ck_assert_msg(ttt_case_parse(some[i].text, &c, error, sizeof error) == 0, "%s", error);
        ck_assert_msg(ttt_relations_suit(&c) == some[i].suits, "%s", some[i].text);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("relations");
    TCase *tc = tcase_create("relations");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, they_hold_for_the_references, 0, 3 * CASES);
    tcase_add_loop_test(tc, each_finds_its_violation, 0, 3 * VIOLATIONS);
    tcase_add_test(tc, others_do_not_see_it);
    tcase_add_test(tc, they_say_why_they_are_skipped);
    tcase_add_test(tc, refusals_are_skipped_and_errors_fail);
    tcase_add_test(tc, small_cases_of_several_heads_and_groups_suit);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
