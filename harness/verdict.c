/* SPDX-License-Identifier: MIT */
#include "verdict.h"
#include "calibration.h"

const char ttt_verdict_notice[] =
    "double: rel_l2 <= 1e-12. float, bfloat16: errors of each head, mini-batch, row and tile against replicas of the "
    "precision contract; thresholds are the maxima of correct runs times a margin (make regen-calibration).";

static const double double_bound = 1e-12;

/* Only a proven `value <= bound` passes: NaN on either side fails. */
static enum ttt_verdict judge(double value, double bound)
{
    return !(value <= bound) ? TTT_FAIL : TTT_PASS;
}

static void add_gate(struct ttt_tensor_result *t, const char *name, double value, double bound, const char *formula,
                     const struct ttt_place *place)
{
    struct ttt_gate *gate = &t->gates[t->gate_count++];
    *gate = (struct ttt_gate){.name = name, .value = value, .bound = bound, .formula = formula};
    gate->verdict = judge(value, bound);
    if (place)
        gate->place = *place;
}

void ttt_verdict_tensor(struct ttt_tensor_result *t, const struct ttt_evidence *e)
{
    const int is_double = e->types == TTT_TYPES_F64;
    add_gate(t, "finite", (double)(is_double ? t->metrics.mismatched : t->range.wrong), 0,
             is_double ? "positions finite in only one of candidate and truth"
                       : "positions finite in only one of candidate and reference of its range",
             NULL);
    if (is_double) {
        add_gate(t, "rel_l2", ttt_metrics_rel_l2(&t->metrics), double_bound, "1e-12", NULL);
        return;
    }
    t->ill_conditioned = e->ill_conditioned;
    for (int gate = 0; gate < TTT_GATES && !e->ill_conditioned; gate++) {
        const struct ttt_reading *reading = &e->readings[gate];
        if (reading->place.elements > 0)
            add_gate(t, ttt_gate_name(gate), reading->value,
                     ttt_calibration_threshold(&ttt_calibration_table, e->types, e->c, e->from_file, t->tensor, gate,
                                               reading->place.elements),
                     "the largest of correct runs times the margin", &reading->place);
    }
}

enum ttt_verdict ttt_verdict_result(const struct ttt_result *r)
{
    int judged = 0, ill_conditioned = 0, blind = r->one_mini_batch;
    for (int i = 0; i < r->tensor_count; i++) {
        const struct ttt_tensor_result *t = &r->tensors[i];
        judged += !t->skipped[0];
        ill_conditioned |= t->ill_conditioned;
        for (int g = 0; g < t->gate_count; g++)
            if (t->gates[g].verdict == TTT_FAIL)
                return TTT_FAIL;
    }
    for (int i = 0; i < r->check_count; i++)
        if (r->checks[i].verdict == TTT_FAIL)
            return TTT_FAIL;
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        blind |= r->blind[t];
    return !judged ? TTT_SKIPPED : ill_conditioned ? TTT_ILL_CONDITIONED : blind ? TTT_VACUOUS : TTT_PASS;
}
