/* SPDX-License-Identifier: MIT */
#include "report.h"
#include "json.h"
#include "verdict.h"
#include <inttypes.h>
#include <stdlib.h>

static json_t *gate_json(const struct ttt_gate *g, enum ttt_tensor t, const struct ttt_mlp_shape *shape)
{
    json_t *gate = json_pack("{s:s, s:s, s:o, s:o}", "name", g->name, "verdict", ttt_verdict_name[g->verdict], "value",
                             ttt_json_number(g->value), "bound", ttt_json_number(g->bound));
    if (g->place.elements > 0) {
        char place[TTT_DETAIL_TEXT];
        ttt_group_place(t, shape, &g->place, place);
        json_object_set_new(gate, "place", json_string(place));
    }
    return gate;
}

/* From the first bin that holds something to the last. */
static json_t *histogram_json(const struct ttt_metrics *m)
{
    int first = 0, end = TTT_METRICS_ULP_BINS;
    while (first < end && m->ulps[first] == 0)
        first++;
    while (end > first && m->ulps[end - 1] == 0)
        end--;
    json_t *counts = json_array();
    for (int i = first; i < end; i++)
        json_array_append_new(counts, json_integer((json_int_t)m->ulps[i]));
    return json_pack("{s:i, s:o}", "first", TTT_METRICS_ULP_FIRST + first, "counts", counts);
}

/* Numbers that are drawn and not judged: three digits do. */
static json_t *drawn(double x)
{
    char text[32];
    snprintf(text, sizeof text, "%.2e", x);
    return ttt_json_number(strtod(text, NULL));
}

static json_t *along_json(const struct ttt_tensor_result *t)
{
    json_t *error = json_array(), *cost = json_array();
    for (int i = 0; i < t->columns; i++) {
        json_array_append_new(error, drawn((double)t->along_error[i]));
        json_array_append_new(cost, drawn((double)t->along_cost[i]));
    }
    return json_pack("{s:o, s:o}", "error", error, "cost", cost);
}

static json_t *map_json(const struct ttt_map *map)
{
    json_t *values = json_array();
    for (int i = 0; i < map->rows * map->columns; i++)
        json_array_append_new(values, drawn((double)map->values[i]));
    return json_pack("{s:i, s:i, s:I, s:I, s:o}", "rows", map->rows, "columns", map->columns, "height",
                     (json_int_t)map->height, "width", (json_int_t)map->width, "values", values);
}

static json_t *tensor_json(const struct ttt_result *r, const struct ttt_tensor_result *t)
{
    const char *name = ttt_tensor_info[t->tensor].name;
    const struct ttt_mlp_shape *shape = &r->c.shape;
    if (t->skipped[0])
        return json_pack("{s:s, s:o}", "name", name, "skipped", ttt_json_text(t->skipped));
    json_t *gates = json_array();
    for (int g = 0; g < t->gate_count; g++)
        json_array_append_new(gates, gate_json(&t->gates[g], t->tensor, shape));
    json_t *tensor =
        json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", name, "rel_l2", ttt_json_number(ttt_metrics_rel_l2(&t->metrics)),
                  "max_abs", ttt_json_number(t->metrics.max_abs), "max_ulp", ttt_json_number(t->metrics.max_ulp),
                  "bias", ttt_json_number(ttt_metrics_bias(&t->metrics)));
    if (t->metrics.worst >= 0) {
        char place[TTT_DETAIL_TEXT];
        ttt_tensor_place(t->tensor, shape, t->metrics.worst, place);
        json_object_set_new(tensor, "worst", json_string(place));
    }
    json_object_set_new(tensor, "cost", ttt_json_number(t->cost));
    if (r->points)
        json_object_set_new(tensor, "contract_cost", ttt_json_number(t->contract_cost));
    json_object_set_new(tensor, "rounding", ttt_json_number(t->rounding));
    json_object_set_new(tensor, "ill_conditioned", json_boolean(t->ill_conditioned));
    json_object_set_new(tensor, "gates", gates);
    json_object_set_new(tensor, "ulp_histogram", histogram_json(&t->metrics));
    if (t->columns > 1)
        json_object_set_new(tensor, "along", along_json(t));
    return tensor;
}

static json_t *checks_json(const struct ttt_result *r)
{
    json_t *checks = json_array();
    for (int i = 0; i < r->check_count; i++)
        json_array_append_new(checks, json_pack("{s:s, s:s, s:o}", "name", r->checks[i].name, "verdict",
                                                ttt_verdict_name[r->checks[i].verdict], "detail",
                                                ttt_json_text(r->checks[i].detail)));
    return checks;
}

/* Names of the inputs that the data cannot see. */
static json_t *vacuous_json(const struct ttt_result *r)
{
    json_t *names = json_array();
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        if (r->blind[t])
            json_array_append_new(names, json_string(ttt_tensor_info[t].name));
    return names;
}

static json_t *result_json(const struct ttt_result *r)
{
    char case_text[TTT_CASE_TEXT], hash[32];
    ttt_case_format(&r->c, case_text);
    snprintf(hash, sizeof hash, "%016" PRIx64, r->inputs_hash);
    json_t *tensors = json_array();
    for (int i = 0; i < r->tensor_count; i++)
        json_array_append_new(tensors, tensor_json(r, &r->tensors[i]));
    for (int i = 0; i < r->tensor_count && r->heads.rows > 0; i++)
        if (r->tensors[i].tensor == r->mapped) {
            json_object_set_new(json_array_get(tensors, (size_t)i), "heads", map_json(&r->heads));
            json_object_set_new(json_array_get(tensors, (size_t)i), "tile", map_json(&r->tile));
        }
    json_t *object = json_pack("{s:s, s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o}", "case", case_text, "inputs_hash", hash,
                               "candidate", ttt_json_text(r->candidate), "direction", ttt_direction_name[r->directions],
                               "verdict", ttt_verdict_name[r->verdict], "tensors", tensors, "checks", checks_json(r),
                               "seconds", ttt_json_number(r->seconds), "repeat", ttt_json_text(r->repeat));
    json_object_set_new(object, "vacuous", vacuous_json(r));
    json_object_set_new(object, "one_mini_batch", json_boolean(r->one_mini_batch));
    if (r->diagnosis[0])
        json_object_set_new(object, "diagnosis", ttt_json_text(r->diagnosis));
    if (r->file)
        json_object_set_new(object, "file", ttt_json_text(r->file));
    return object;
}

static json_t *gradient_row_json(const struct ttt_gradproof_row *row)
{
    char worst[TTT_CASE_TEXT];
    ttt_case_format(&row->worst, worst);
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:i, s:o, s:i, s:s}", "form", row->causal ? "causal" : "non-causal",
                     "distribution", ttt_distribution_name[row->distribution], "input",
                     ttt_tensor_info[row->input].name, "verdict", ttt_verdict_name[row->verdict], "ratio",
                     ttt_json_number(row->found.ratio), "checks", row->found.checked, "slope",
                     row->found.slopes > 0 ? ttt_json_number(row->found.slope) : json_null(), "slopes",
                     row->found.slopes, "worst", worst);
}

static json_t *gradients_json(const struct ttt_gradproof *proof)
{
    json_t *rows = json_array();
    for (int i = 0; i < proof->count; i++)
        json_array_append_new(rows, gradient_row_json(&proof->rows[i]));
    return json_pack("{s:o, s:o, s:o, s:i, s:o}", "bound", ttt_json_number(TTT_GRADPROOF_RATIO), "slope_bound",
                     ttt_json_number(TTT_GRADPROOF_SLOPE), "ratio", ttt_json_number(proof->ratio), "cases",
                     proof->cases, "rows", rows);
}

static json_t *summary_json(const struct ttt_summary *s)
{
    json_t *object = json_object();
    for (int v = 0; v < TTT_VERDICT_COUNT; v++)
        json_object_set_new(object, ttt_verdict_name[v], json_integer((json_int_t)s->by_verdict[v]));
    json_object_set_new(object, "seconds", ttt_json_number(s->seconds));
    json_object_set_new(object, "peak_rss_bytes", json_integer((json_int_t)s->peak_rss_bytes));
    return object;
}

int ttt_report_write(FILE *out, const struct ttt_summary *s)
{
    json_t *cases = json_array();
    for (size_t i = 0; i < s->count; i++)
        json_array_append_new(cases, result_json(&s->results[i]));
    json_t *root = ttt_json_head(TTT_REPORT_SCHEMA, "ttt-verify", s->command, s->started);
    json_object_set_new(root, "notice", json_string(ttt_verdict_notice));
    json_object_set_new(root, "cases", cases);
    if (s->gradients)
        json_object_set_new(root, "gradient_proof", gradients_json(s->gradients));
    json_object_set_new(root, "summary", summary_json(s));
    return ttt_json_write(out, root);
}
