/* SPDX-License-Identifier: MIT */
#include "verdict.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

const char ttt_verdict_notice[] =
    "Verdicts are interim: rel_l2 of each tensor <= 1.6 x the error of the precision contract + output rounding "
    "(bfloat16), 2e-6 max(1, sqrt(NC/4)) (float), 1e-12 (double). Calibrated gates are to replace them.";

static const double contract_factor = 1.6;
static const double float_bound = 2e-6;
static const double double_bound = 1e-12;

/* Only a proven `value <= bound` passes: NaN on either side fails. */
static enum ttt_verdict judge(double value, double bound)
{
    return !(value <= bound) ? TTT_FAIL : TTT_PASS;
}

static double bound_bf16(const struct ttt_tensor_result *t, char formula[TTT_DETAIL_TEXT])
{
    snprintf(formula, TTT_DETAIL_TEXT, "%.1f x contract %.3g + rounding %.3g", contract_factor, t->contract,
             t->rounding);
    return contract_factor * t->contract + t->rounding;
}

static double bound_f32(int64_t mini_batches, char formula[TTT_DETAIL_TEXT])
{
    const double growth = fmax(1, sqrt((double)mini_batches / 4));
    snprintf(formula, TTT_DETAIL_TEXT, "%g x max(1, sqrt(NC/4)), NC = %" PRId64, float_bound, mini_batches);
    return float_bound * growth;
}

static double bound_f64(char formula[TTT_DETAIL_TEXT])
{
    snprintf(formula, TTT_DETAIL_TEXT, "%g", double_bound);
    return double_bound;
}

void ttt_verdict_tensor(struct ttt_tensor_result *t, enum ttt_types types, int64_t mini_batches)
{
    struct ttt_gate *finite = &t->gates[TTT_GATE_FINITE], *error = &t->gates[TTT_GATE_REL_L2];
    *finite = (struct ttt_gate){.name = "finite", .value = (double)t->metrics.mismatched, .bound = 0};
    snprintf(finite->formula, sizeof finite->formula, "positions finite in only one of candidate and truth");
    finite->verdict = judge(finite->value, finite->bound);

    *error = (struct ttt_gate){.name = "rel_l2", .value = ttt_metrics_rel_l2(&t->metrics)};
    error->bound = types == TTT_TYPES_BF16  ? bound_bf16(t, error->formula)
                   : types == TTT_TYPES_F32 ? bound_f32(mini_batches, error->formula)
                                            : bound_f64(error->formula);
    error->verdict = judge(error->value, error->bound);
}

enum ttt_verdict ttt_verdict_result(const struct ttt_result *r)
{
    int judged = 0;
    for (int i = 0; i < r->tensor_count; i++) {
        if (r->tensors[i].skipped[0])
            continue;
        judged++;
        for (int g = 0; g < TTT_GATE_COUNT; g++)
            if (r->tensors[i].gates[g].verdict == TTT_FAIL)
                return TTT_FAIL;
    }
    for (int i = 0; i < r->check_count; i++)
        if (r->checks[i].verdict == TTT_FAIL)
            return TTT_FAIL;
    return judged > 0 ? TTT_PASS : TTT_SKIPPED;
}
