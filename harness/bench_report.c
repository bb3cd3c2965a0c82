/* SPDX-License-Identifier: MIT */
#include "bench_report.h"
#include "json.h"
#include "result.h"
#include <inttypes.h>

static json_t *spread_json(const struct ttt_spread *s)
{
    return json_pack("{s:o, s:o}", "min", ttt_json_number(s->min), "max", ttt_json_number(s->max));
}

static json_t *workspace_json(const struct ttt_measurement *m)
{
    return m->workspace_bytes < 0 ? json_null() : json_integer((json_int_t)m->workspace_bytes);
}

/* What was measured, beside the description of what it is. */
static json_t *figures_json(const struct ttt_measurement *m)
{
    char hash[32];
    snprintf(hash, sizeof hash, "%016" PRIx64, m->inputs_hash);
    return json_pack("{s:s, s:i, s:i, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:I}", "inputs_hash",
                     hash, "repetitions", m->bench.repetitions, "calls", m->calls, "clock", m->clock, "copies",
                     m->copies, "seconds", ttt_json_number(m->seconds.median), "spread", spread_json(&m->seconds),
                     "us_per_mini_batch", ttt_json_number(ttt_measurement_us_per_mini_batch(m)), "flops",
                     ttt_json_number(m->flops), "gflops", ttt_json_number(ttt_measurement_gflops(m)), "peak", m->peak,
                     "peak_gflops", ttt_json_number(ttt_measurement_peak_gflops(m)), "share_of_peak",
                     ttt_json_number(m->share.median), "share_spread", spread_json(&m->share), "workspace_bytes",
                     workspace_json(m), "peak_rss_bytes", (json_int_t)m->peak_rss_bytes);
}

static json_t *measurement_json(const struct ttt_measurement *m)
{
    char case_text[TTT_CASE_TEXT];
    ttt_case_format(&m->bench.c, case_text);
    json_t *object =
        json_pack("{s:s, s:o, s:s, s:i, s:s}", "case", case_text, "candidate", ttt_json_text(m->bench.candidate->name),
                  "direction", ttt_direction_name[1u << m->bench.direction], "threads", m->bench.threads, "outcome",
                  ttt_bench_outcome_name[m->outcome]);
    if (m->outcome == TTT_BENCH_MEASURED)
        json_object_update_new(object, figures_json(m));
    else
        json_object_set_new(object, "reason", ttt_json_text(m->reason));
    return object;
}

static json_t *summary_json(const struct ttt_bench_summary *s)
{
    json_t *object = json_object();
    for (int o = 0; o < TTT_BENCH_OUTCOMES; o++)
        json_object_set_new(object, ttt_bench_outcome_name[o], json_integer((json_int_t)s->by_outcome[o]));
    json_object_set_new(object, "seconds", ttt_json_number(s->seconds));
    return object;
}

int ttt_bench_report_write(FILE *out, const struct ttt_bench_summary *s)
{
    json_t *cases = json_array();
    for (size_t i = 0; i < s->count; i++)
        json_array_append_new(cases, measurement_json(&s->list[i]));
    json_t *root = ttt_json_head(TTT_BENCH_SCHEMA, "ttt-bench", s->command, s->started);
    json_object_set_new(root, "blas", ttt_json_text(ttt_peak_library()));
    json_object_set_new(root, "cases", cases);
    json_object_set_new(root, "summary", summary_json(s));
    return ttt_json_write(out, root);
}
