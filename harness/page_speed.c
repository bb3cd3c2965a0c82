/* SPDX-License-Identifier: MIT
 *
 * Speed beside its limit, as ttt-bench measured both in the same run.
 */
#include "page.h"
#include <math.h>
#include <string.h>

/* The limit that ttt-bench measured, in words. */
static const char *limit_of(const char *peak)
{
    return strcmp(peak, "wgmma") == 0   ? "tensor cores, bfloat16"
           : strcmp(peak, "sgemm") == 0 ? "OpenBLAS, float"
           : strcmp(peak, "dgemm") == 0 ? "OpenBLAS, double"
                                        : peak;
}

/* "36.4 GFLOP/s", "960 TFLOP/s". */
static json_t *rate_json(double gflops)
{
    return gflops < 1e3 ? json_sprintf("%.3g GFLOP/s", gflops) : json_sprintf("%.3g TFLOP/s", gflops / 1e3);
}

/* What it ran on: threads of the host, or the GPU. */
static json_t *place_json(const json_t *c)
{
    const json_int_t threads = json_integer_value(json_object_get(c, "threads"));
    if (strcmp(ttt_load_text(c, "peak"), "wgmma") == 0)
        return json_string("GPU");
    return json_sprintf("%" JSON_INTEGER_FORMAT " thread%s", threads, threads == 1 ? "" : "s");
}

/* Times, without an exponent. */
static json_t *time_json(double x)
{
    return x < 1000 ? json_sprintf("%.3g", x) : json_sprintf("%.0f", x);
}

static json_t *row_json(const json_t *c)
{
    const double share = ttt_load_number(c, "share_of_peak"), seconds = ttt_load_number(c, "seconds");
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o}", "case", ttt_load_text(c, "case"),
                     "candidate", ttt_load_text(c, "candidate"), "direction", ttt_load_text(c, "direction"), "place",
                     place_json(c), "milliseconds", time_json(1e3 * seconds), "per_mini_batch",
                     time_json(ttt_load_number(c, "us_per_mini_batch")), "rate",
                     rate_json(ttt_load_number(c, "gflops")), "share", json_sprintf("%.0f", 100 * share), "bar",
                     json_sprintf("%.1f", fmin(100, fmax(0, 100 * share))), "limit", limit_of(ttt_load_text(c, "peak")),
                     "limit_rate", rate_json(ttt_load_number(c, "peak_gflops")));
}

static json_t *skipped_json(const json_t *c)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "case", ttt_load_text(c, "case"), "candidate",
                     ttt_load_text(c, "candidate"), "direction", ttt_load_text(c, "direction"), "reason",
                     ttt_load_text(c, "reason"));
}

/* A table of each run: what it says holds on its machine. */
void ttt_page_speed(struct ttt_page *page)
{
    json_t *runs = json_array(), *skipped = json_array();
    for (size_t i = 0; i < page->count; i++) {
        const json_t *cases =
            page->loaded[i].kind == TTT_KIND_BENCH ? json_object_get(page->loaded[i].root, "cases") : NULL;
        json_t *rows = json_array();
        for (size_t j = 0; j < json_array_size(cases); j++) {
            const json_t *c = json_array_get(cases, j);
            if (json_object_get(c, "seconds"))
                json_array_append_new(rows, row_json(c));
            else
                json_array_append_new(skipped, skipped_json(c));
        }
        if (json_array_size(rows) > 0)
            json_array_append_new(
                runs,
                json_pack("{s:O, s:O}", "run", json_array_get(json_object_get(page->values, "runs"), i), "rows", rows));
        json_decref(rows);
    }
    json_object_set_new(page->values, "speed_there", json_boolean(json_array_size(runs) > 0));
    json_object_set_new(page->values, "speed", runs);
    json_object_set_new(page->values, "unmeasured", skipped);
}
