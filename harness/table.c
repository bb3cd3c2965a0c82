/* SPDX-License-Identifier: MIT */
#include "table.h"
#include "contract.h"
#include "verdict.h"
#include <inttypes.h>

static int is_failed(const struct ttt_tensor_result *t)
{
    for (int g = 0; g < t->gate_count && !t->skipped[0]; g++)
        if (t->gates[g].verdict == TTT_FAIL)
            return 1;
    return 0;
}

/* The first position that is finite in only one of two. */
static void describe_finite(const struct ttt_result *r, const struct ttt_tensor_result *t, char line[TTT_TABLE_LINE])
{
    const struct ttt_metrics *m = &t->metrics;
    const int is_double = r->types == TTT_TYPES_F64;
    char place[TTT_DETAIL_TEXT], reference[TTT_POINTS_TEXT] = "truth";
    if (!is_double)
        ttt_contract_reference(r->types, ttt_points_modelled(r->points, &r->c.shape, ttt_output_direction(t->tensor)),
                               reference);
    ttt_tensor_place(t->tensor, &r->c.shape, is_double ? m->worst : t->range.first, place);
    snprintf(line, TTT_TABLE_LINE, "%s: %" PRId64 " of %" PRId64 " %s; first at %s: %g, %s %g",
             ttt_tensor_info[t->tensor].name, is_double ? m->mismatched : t->range.wrong, m->elements,
             t->gates[0].formula, place, is_double ? m->worst_k : t->range.k, reference,
             is_double ? m->worst_r : t->range.r);
}

static void describe_tensor(const struct ttt_result *r, const struct ttt_tensor_result *t, char line[TTT_TABLE_LINE])
{
    const struct ttt_metrics *m = &t->metrics;
    const struct ttt_mlp_shape *shape = &r->c.shape;
    const struct ttt_gate *gate = t->gates[0].verdict == TTT_FAIL ? &t->gates[0] : ttt_tensor_worst_gate(t);
    const char *name = ttt_tensor_info[t->tensor].name;
    char place[TTT_DETAIL_TEXT] = "nowhere", group[TTT_DETAIL_TEXT] = "[the whole tensor]";
    if (m->worst >= 0)
        ttt_tensor_place(t->tensor, shape, m->worst, place);
    if (gate->place.elements > 0)
        ttt_group_place(t->tensor, shape, &gate->place, group);
    if (gate == &t->gates[0])
        describe_finite(r, t, line);
    else
        snprintf(line, TTT_TABLE_LINE,
                 "%s: %s %.3g > %.3g at %s (%s); rel_l2 %.3g, largest error at %s: %.7g, truth %.7g", name, gate->name,
                 gate->value, gate->bound, group, gate->formula, ttt_metrics_rel_l2(m), place, m->worst_k, m->worst_r);
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
            describe_tensor(r, &r->tensors[t], line);
            return 1;
        }
    return 0;
}

void ttt_table_header(FILE *out)
{
    fprintf(out, "%-16s%-12s%-10s%-10s%-10s%9s%9s  %-24s%9s  %s\n", "verdict", "candidate", "direction", "rel_l2",
            "gate", "value", "bound", "worst tensor", "seconds", "case");
}

void ttt_table_failures(FILE *out, const struct ttt_result *r)
{
    char line[TTT_TABLE_LINE];
    if (r->verdict != TTT_FAIL)
        return;
    for (int i = 0; ttt_table_failure(r, i, line); i++)
        fprintf(out, "  %s\n", line);
    if (r->diagnosis[0])
        fprintf(out, "  diagnosis: %s\n", r->diagnosis);
    fprintf(out, "FAIL %s\n", r->repeat);
}

/* "VACUOUS for XV, b1_init (constant), and the updated state (one mini-batch)"; 0 where the data sees all. */
static int describe_blindness(const struct ttt_result *r, char line[TTT_TABLE_LINE])
{
    size_t used = (size_t)snprintf(line, TTT_TABLE_LINE, "VACUOUS for");
    int constant = 0;
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        if (r->blind[t])
            used += (size_t)snprintf(line + used, TTT_TABLE_LINE - used, "%s %s", constant++ ? "," : "",
                                     ttt_tensor_info[t].name);
    if (constant)
        used += (size_t)snprintf(line + used, TTT_TABLE_LINE - used, " (constant)");
    if (r->one_mini_batch)
        snprintf(line + used, TTT_TABLE_LINE - used, "%s the updated state (one mini-batch)", constant ? ", and" : "");
    return constant || r->one_mini_batch;
}

int ttt_table_limit(const struct ttt_result *r, int i, char line[TTT_TABLE_LINE])
{
    for (int t = 0; t < r->tensor_count; t++)
        if (r->tensors[t].ill_conditioned && i-- == 0) {
            snprintf(line, TTT_TABLE_LINE,
                     "ILL-CONDITIONED %s: replicas of the contract disagree by more than half of it",
                     ttt_tensor_info[r->tensors[t].tensor].name);
            return 1;
        }
    return i == 0 && (r->verdict == TTT_VACUOUS || r->verdict == TTT_ILL_CONDITIONED) && describe_blindness(r, line);
}

void ttt_table_result(FILE *out, const struct ttt_result *r)
{
    char subject[TTT_CASE_TEXT];
    ttt_case_format(&r->c, subject);
    fprintf(out, "%-16s%-12s%-10s", ttt_verdict_name[r->verdict], r->candidate, ttt_direction_name[r->directions]);
    const struct ttt_tensor_result *worst = ttt_result_worst(r);
    const struct ttt_gate *gate = worst ? ttt_tensor_worst_gate(worst) : NULL;
    if (gate)
        fprintf(out, "%-10.2e%-10s%9.3g%9.3g  %-24s", ttt_metrics_rel_l2(&worst->metrics), gate->name, gate->value,
                gate->bound, ttt_tensor_info[worst->tensor].name);
    else
        fprintf(out, "%-10s%-10s%9s%9s  %-24s", "-", "-", "-", "-", "-");
    fprintf(out, "%9.2f  %s\n", r->seconds, r->file ? r->file : subject);
    char line[TTT_TABLE_LINE];
    for (int i = 0; ttt_table_limit(r, i, line); i++)
        fprintf(out, "  %s\n", line);
    for (int i = 0; i < r->check_count; i++)
        if (r->checks[i].verdict == TTT_SKIPPED)
            fprintf(out, "  SKIPPED %s: %s\n", r->checks[i].name, r->checks[i].detail);
        else if (r->checks[i].verdict == TTT_PASS && r->checks[i].detail[0])
            fprintf(out, "  %s: %s\n", r->checks[i].name, r->checks[i].detail);
    ttt_table_failures(out, r);
}

/* Operands that no case that ran could see. */
static void put_coverage(FILE *out, const struct ttt_summary *s)
{
    const char *before = "operands that no case could see:";
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        int there = 0, seen = 0;
        for (size_t i = 0; i < s->count; i++) {
            const struct ttt_result *r = &s->results[i];
            const int used = r->verdict != TTT_SKIPPED && ttt_tensor_present(t, &r->c);
            there |=
                used && (ttt_tensor_info[t].role == TTT_ROLE_INPUT || ttt_tensor_info[t].role == TTT_ROLE_UPSTREAM);
            seen |= used && !r->blind[t];
        }
        if (there && !seen) {
            fprintf(out, "%s %s", before, ttt_tensor_info[t].name);
            before = ",";
        }
    }
    fprintf(out, "%s", *before == ',' ? "\n" : "");
}

void ttt_table_summary(FILE *out, const struct ttt_summary *s)
{
    fprintf(out,
            "\n%zu passed, %zu failed, %zu skipped, %zu vacuous, %zu ill-conditioned in %.1f s; peak memory %.2f GiB\n",
            s->by_verdict[TTT_PASS], s->by_verdict[TTT_FAIL], s->by_verdict[TTT_SKIPPED], s->by_verdict[TTT_VACUOUS],
            s->by_verdict[TTT_ILL_CONDITIONED], s->seconds, (double)s->peak_rss_bytes / (1 << 30));
    put_coverage(out, s);
    fprintf(out, "%s\n", ttt_verdict_notice);
}
