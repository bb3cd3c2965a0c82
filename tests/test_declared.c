/* SPDX-License-Identifier: MIT
 *
 * Declared rounding points: what a kernel that has them is judged by, and what it is told of their cost.
 */
#include "coarse.h"
#include "harness/contract.h"
#include "harness/run.h"
#include "harness/table.h"
#include "run.h"
#include <stdlib.h>
#include <string.h>

enum {
    FORWARD_POINTS = 1 << TTT_POINT_ETA | 1 << TTT_POINT_EXCHANGE | 1 << TTT_POINT_TANH,
    BACKWARD_POINTS = 1 << TTT_POINT_XHAT | 1 << TTT_POINT_GELU1 | 1 << TTT_POINT_DWOUT
};

static const char ordinary[] = "b1h2n200c64f64d256g2 eps=1e-6 dist=unit seed=11";

static struct ttt_result *judge(const char *text, const struct ttt_candidate *candidate, unsigned points,
                                unsigned directions)
{
    struct ttt_run run = {.directions = directions, .threads = 1, .budget = TTT_RUN_BUDGET};
    const struct ttt_contender contender = {candidate, candidate->types, points};
    struct ttt_result *r = calloc(1, sizeof *r);
    char error[512];
    ck_assert_ptr_nonnull(r);
    ck_assert_msg(ttt_case_parse(text, &run.c, error, sizeof error) == 0, "%s", error);
    ck_assert_msg(ttt_run_case(&run, &contender, 1, r, error, sizeof error) == 0, "%s", error);
    return r;
}

static const struct ttt_check *row(const struct ttt_result *r, const char *name)
{
    for (int i = 0; i < r->check_count; i++)
        if (strcmp(r->checks[i].name, name) == 0)
            return &r->checks[i];
    return NULL;
}

/* An honest kernel passes, and is told what its points cost: a little, and never more than what is read. */
START_TEST(cost_is_told)
{
    struct ttt_result *r =
        judge(ordinary, ttt_candidate_contract(TTT_TYPES_BF16, FORWARD_POINTS), FORWARD_POINTS, TTT_DIRECTION_FORWARD);
    char line[TTT_TABLE_LINE] = "";
    ck_assert_msg(r->verdict == TTT_PASS, "%d", ttt_table_failure(r, 0, line));
    ck_assert_ptr_nonnull(row(r, "contract"));
    ck_assert_int_eq(row(r, "contract")->verdict, TTT_PASS);
    ck_assert_ptr_nonnull(strstr(row(r, "contract")->detail, "bf16+eta+exchange+tanh costs at most 1."));
    ck_assert_ptr_null(row(r, "contract-backward"));
    free(r);
    r = judge(ordinary, ttt_candidate_contract(TTT_TYPES_BF16, FORWARD_POINTS | BACKWARD_POINTS),
              FORWARD_POINTS | BACKWARD_POINTS, TTT_DIRECTION_BOTH);
    ck_assert_msg(r->verdict == TTT_PASS, "%d", ttt_table_failure(r, 0, line));
    ck_assert_ptr_nonnull(strstr(row(r, "contract")->detail, "bf16+eta+exchange+tanh costs at most 1."));
    ck_assert_int_eq(row(r, "contract-backward")->verdict, TTT_PASS);
    ck_assert_ptr_nonnull(
        strstr(row(r, "contract-backward")->detail, "bf16+eta+exchange+tanh+xhat+gelu1+dWout costs at most 1."));
    int more = 0;
    for (int i = 0; i < r->tensor_count; i++) {
        const struct ttt_tensor_result *t = &r->tensors[i];
        ck_assert_double_gt(t->contract_cost, 0);
        ck_assert_double_le(t->cost, 1.25 * t->contract_cost);
        more += t->cost > t->contract_cost;
    }
    ck_assert_int_gt(more, 0);
    free(r);
}
END_TEST

/* Without a declaration there is no such row, and `cost` is the contract's. */
START_TEST(nothing_is_told_where_nothing_is_declared)
{
    struct ttt_result *r = judge(ordinary, &ttt_candidate_ref_bf16, 0, TTT_DIRECTION_FORWARD);
    ck_assert_ptr_null(row(r, "contract"));
    for (int i = 0; i < r->tensor_count; i++)
        ck_assert(r->tensors[i].cost == r->tensors[i].contract_cost);
    free(r);
}
END_TEST

/* What the reference has not is said aloud: the causal form, points of the other pass alone. */
START_TEST(what_is_not_modelled_is_said)
{
    struct ttt_result *r =
        judge("b1h2n40c16f16d32g2 causal=1 seed=3", &ttt_candidate_ref_bf16, FORWARD_POINTS, TTT_DIRECTION_BOTH);
    ck_assert_int_eq(row(r, "contract")->verdict, TTT_SKIPPED);
    ck_assert_int_eq(row(r, "contract-backward")->verdict, TTT_SKIPPED);
    ck_assert_ptr_nonnull(strstr(row(r, "contract")->detail, "declares bf16+eta+exchange+tanh; the forward pass"));
    ck_assert_ptr_nonnull(strstr(row(r, "contract-backward")->detail, "exchange+tanh; the backward pass"));
    free(r);
    static const unsigned other[2] = {BACKWARD_POINTS, 1 << TTT_POINT_SLOPE};
    for (unsigned d = TTT_FORWARD; d <= TTT_BACKWARD; d++) {
        r = judge(ordinary, &ttt_candidate_ref_bf16, other[d], 1U << d);
        ck_assert_int_eq(row(r, d == TTT_FORWARD ? "contract" : "contract-backward")->verdict, TTT_SKIPPED);
        ck_assert_ptr_null(row(r, d == TTT_FORWARD ? "contract-backward" : "contract"));
        for (int i = 0; i < r->tensor_count; i++)
            ck_assert(r->tensors[i].cost == r->tensors[i].contract_cost);
        free(r);
    }
}
END_TEST

/* Each point of the backward pass: who rounds as declared passes, who rounds with five bits less does not. */
START_TEST(a_point_is_as_fine_as_it_says)
{
    static const enum ttt_point points[] = {TTT_POINT_ETA,  TTT_POINT_EXCHANGE, TTT_POINT_TANH,
                                            TTT_POINT_XHAT, TTT_POINT_GELU1,    TTT_POINT_DWOUT};
    for (int coarser = 0; coarser < 2; coarser++) {
        struct coarse k;
        char line[TTT_TABLE_LINE] = "";
        coarse_make(&k, 1U << points[_i], coarser ? 32 : 1);
        struct ttt_result *r = judge(ordinary, &k.candidate, k.points, TTT_DIRECTION_BACKWARD);
        ck_assert_int_eq(row(r, "contract-backward")->verdict, TTT_PASS);
        ck_assert_msg(r->verdict == (coarser ? TTT_FAIL : TTT_PASS), "%d %s", ttt_table_failure(r, 0, line), line);
        free(r);
    }
}
END_TEST

static enum ttt_status honest_forward(void *self, const struct ttt_mlp_shape *shape,
                                      const struct ttt_mlp_forward_args *args, const struct ttt_candidate_call *call)
{
    const struct ttt_candidate *with = ttt_candidate_contract(TTT_TYPES_BF16, FORWARD_POINTS);
    (void)self;
    return with->forward(with->self, shape, args, call);
}

/* A fault of 2^-4 in the last state is found as it is in a kernel without the points: they buy no slack. */
static enum ttt_status wrong_forward(void *self, const struct ttt_mlp_shape *shape,
                                     const struct ttt_mlp_forward_args *args, const struct ttt_candidate_call *call)
{
    const enum ttt_status status = honest_forward(self, shape, args, call);
    float *W2 = args->W2_last;
    for (int64_t i = 0; status == TTT_OK && i < shape->head_dim; i++)
        W2[i] *= 1 + 0x1p-4F;
    return status;
}

START_TEST(a_fault_is_found_beside_the_points)
{
    struct ttt_candidate wrong = *ttt_candidate_contract(TTT_TYPES_BF16, FORWARD_POINTS);
    wrong.forward = wrong_forward;
    struct ttt_result *r = judge(ordinary, &wrong, FORWARD_POINTS, TTT_DIRECTION_FORWARD);
    ck_assert_int_eq(r->verdict, TTT_FAIL);
    ck_assert_int_eq(ttt_result_worst(r)->tensor, TTT_W2_LAST);
    free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("declared");
    TCase *tests = tcase_create("declared");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, cost_is_told);
    tcase_add_test(tests, nothing_is_told_where_nothing_is_declared);
    tcase_add_test(tests, what_is_not_modelled_is_said);
    tcase_add_loop_test(tests, a_point_is_as_fine_as_it_says, 0, 6);
    tcase_add_test(tests, a_fault_is_found_beside_the_points);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
