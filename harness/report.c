/* SPDX-License-Identifier: MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "machine.h"
#include "report.h"
#include "revision.h"
#include "text.h"
#include "verdict.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_string(isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

/* What is not UTF-8 (a path may be anything) is shown with its bytes escaped. */
static json_t *text(const char *s)
{
    json_t *string = json_string(s);
    if (string)
        return string;
    char quoted[1024];
    return json_string(ttt_text_quote(quoted, sizeof quoted, s, strlen(s)));
}

static json_t *gate_json(const struct ttt_gate *g)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:s}", "name", g->name, "verdict", ttt_verdict_name[g->verdict], "value",
                     number(g->value), "bound", number(g->bound), "formula", g->formula);
}

static json_t *tensor_json(const struct ttt_tensor_result *t, const struct ttt_mlp_shape *shape)
{
    const char *name = ttt_tensor_info[t->tensor].name;
    if (t->skipped[0])
        return json_pack("{s:s, s:o}", "name", name, "skipped", text(t->skipped));
    json_t *gates = json_array();
    for (int g = 0; g < TTT_GATE_COUNT; g++)
        json_array_append_new(gates, gate_json(&t->gates[g]));
    json_t *tensor = json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", name, "rel_l2",
                               number(ttt_metrics_rel_l2(&t->metrics)), "max_abs", number(t->metrics.max_abs),
                               "max_ulp", number(t->metrics.max_ulp), "bias", number(ttt_metrics_bias(&t->metrics)));
    if (t->metrics.worst >= 0) {
        char place[TTT_DETAIL_TEXT];
        ttt_tensor_place(t->tensor, shape, t->metrics.worst, place);
        json_object_set_new(tensor, "worst", json_string(place));
    }
    json_object_set_new(tensor, "gates", gates);
    return tensor;
}

static json_t *checks_json(const struct ttt_result *r)
{
    json_t *checks = json_array();
    for (int i = 0; i < r->check_count; i++)
        json_array_append_new(checks,
                              json_pack("{s:s, s:s, s:o}", "name", r->checks[i].name, "verdict",
                                        ttt_verdict_name[r->checks[i].verdict], "detail", text(r->checks[i].detail)));
    return checks;
}

static json_t *result_json(const struct ttt_result *r)
{
    char case_text[TTT_CASE_TEXT], hash[32];
    ttt_case_format(&r->c, case_text);
    snprintf(hash, sizeof hash, "%016" PRIx64, r->inputs_hash);
    json_t *tensors = json_array();
    for (int i = 0; i < r->tensor_count; i++)
        json_array_append_new(tensors, tensor_json(&r->tensors[i], &r->c.shape));
    json_t *object = json_pack("{s:s, s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o}", "case", case_text, "inputs_hash", hash,
                               "candidate", text(r->candidate), "direction", ttt_direction_name[r->directions],
                               "verdict", ttt_verdict_name[r->verdict], "tensors", tensors, "checks", checks_json(r),
                               "seconds", number(r->seconds), "repeat", text(r->repeat));
    if (r->file)
        json_object_set_new(object, "file", text(r->file));
    return object;
}

static json_t *machine_json(void)
{
    struct ttt_machine machine;
    ttt_machine_probe(&machine);
    return json_pack("{s:s, s:o, s:I, s:I}", "system", machine.system, "cpu", text(machine.cpu), "cores",
                     (json_int_t)machine.cores, "memory_bytes", (json_int_t)machine.memory_bytes);
}

static json_t *summary_json(const struct ttt_summary *s)
{
    json_t *object = json_object();
    for (int v = 0; v < TTT_VERDICT_COUNT; v++)
        json_object_set_new(object, ttt_verdict_name[v], json_integer((json_int_t)s->by_verdict[v]));
    json_object_set_new(object, "seconds", number(s->seconds));
    json_object_set_new(object, "peak_rss_bytes", json_integer((json_int_t)s->peak_rss_bytes));
    return object;
}

int ttt_report_write(FILE *out, const struct ttt_summary *s)
{
    json_t *cases = json_array();
    for (size_t i = 0; i < s->count; i++)
        json_array_append_new(cases, result_json(&s->results[i]));
    json_t *root = json_pack("{s:s, s:s, s:o, s:s, s:s, s:o, s:s, s:s, s:o, s:o}", "schema", TTT_REPORT_SCHEMA,
                             "program", "ttt-verify", "command", text(s->command), "version", PACKAGE_VERSION,
                             "revision", TTT_REVISION, "machine", machine_json(), "started", s->started, "notice",
                             ttt_verdict_notice, "cases", cases, "summary", summary_json(s));
    if (!root)
        return -1;
    const int status = json_dumpf(root, out, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(17));
    json_decref(root);
    return status == 0 && fputc('\n', out) != EOF ? 0 : -1;
}
