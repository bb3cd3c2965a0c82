/* SPDX-License-Identifier: MIT */
#include "table.h"
#include "verdict.h"
#include <inttypes.h>

static int is_failed(const struct ttt_tensor_result *t)
{
    for (int g = 0; g < TTT_GATE_COUNT && !t->skipped[0]; g++)
        if (t->gates[g].verdict == TTT_FAIL)
            return 1;
    return 0;
}

static void describe_tensor(const struct ttt_tensor_result *t, const struct ttt_mlp_shape *shape,
                            char line[TTT_TABLE_LINE])
{
    const struct ttt_metrics *m = &t->metrics;
    const struct ttt_gate *finite = &t->gates[TTT_GATE_FINITE], *error = &t->gates[TTT_GATE_REL_L2];
    const char *name = ttt_tensor_info[t->tensor].name;
    char place[TTT_DETAIL_TEXT] = "nowhere";
    if (m->worst >= 0)
        ttt_tensor_place(t->tensor, shape, m->worst, place);
    if (finite->verdict == TTT_FAIL)
        snprintf(line, TTT_TABLE_LINE, "%s: %" PRId64 " of %" PRId64 " %s; first at %s: %g, truth %g", name,
                 m->mismatched, m->elements, finite->formula, place, m->worst_k, m->worst_r);
    else
        snprintf(line, TTT_TABLE_LINE, "%s: rel_l2 %.3g > %.3g (%s); worst at %s: %.7g, truth %.7g", name, error->value,
                 error->bound, error->formula, place, m->worst_k, m->worst_r);
}

int ttt_table_failure(const struct ttt_result *r, int i, char line[TTT_TABLE_LINE])
{
    for (int c = 0; c < r->check_count; c++)
        if (r->checks[c].verdict == TTT_FAIL && i-- == 0) {
            snprintf(line, TTT_TABLE_LINE, "%s: %s", r->checks[c].name, r->checks[c].detail);
            return 1;
        }
    for (int t = 0; t < r->tensor_count; t++)
        if (is_failed(&r->tensors[t]) && i-- == 0) {
            describe_tensor(&r->tensors[t], &r->c.shape, line);
            return 1;
        }
    return 0;
}

void ttt_table_header(FILE *out)
{
    fprintf(out, "%-8s%-12s%-10s%-10s%-10s%-24s%9s  %s\n", "verdict", "candidate", "direction", "rel_l2", "bound",
            "worst tensor", "seconds", "case");
}

void ttt_table_failures(FILE *out, const struct ttt_result *r)
{
    char line[TTT_TABLE_LINE];
    if (r->verdict != TTT_FAIL)
        return;
    for (int i = 0; ttt_table_failure(r, i, line); i++)
        fprintf(out, "  %s\n", line);
    fprintf(out, "FAIL %s\n", r->repeat);
}

void ttt_table_result(FILE *out, const struct ttt_result *r)
{
    char subject[TTT_CASE_TEXT];
    ttt_case_format(&r->c, subject);
    fprintf(out, "%-8s%-12s%-10s", ttt_verdict_name[r->verdict], r->candidate, ttt_direction_name[r->directions]);
    const struct ttt_tensor_result *worst = ttt_result_worst(r);
    if (worst)
        fprintf(out, "%-10.2e%-10.2e%-24s", worst->gates[TTT_GATE_REL_L2].value, worst->gates[TTT_GATE_REL_L2].bound,
                ttt_tensor_info[worst->tensor].name);
    else
        fprintf(out, "%-10s%-10s%-24s", "-", "-", "-");
    fprintf(out, "%9.2f  %s\n", r->seconds, r->file ? r->file : subject);
    for (int i = 0; i < r->check_count; i++)
        if (r->checks[i].verdict == TTT_SKIPPED)
            fprintf(out, "  SKIPPED %s: %s\n", r->checks[i].name, r->checks[i].detail);
    ttt_table_failures(out, r);
}

void ttt_table_summary(FILE *out, const struct ttt_summary *s)
{
    fprintf(out, "\n%zu passed, %zu failed, %zu skipped in %.1f s; peak memory %.2f GiB\n%s\n", s->by_verdict[TTT_PASS],
            s->by_verdict[TTT_FAIL], s->by_verdict[TTT_SKIPPED], s->seconds, (double)s->peak_rss_bytes / (1 << 30),
            ttt_verdict_notice);
}
