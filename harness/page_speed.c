/* SPDX-License-Identifier: MIT
 *
 * Speed beside its limit, as ttt-bench measured both in the same run.
 */
#include "page.h"
#include <math.h>
#include <string.h>

static json_t *row_json(const json_t *c)
{
    const double share = ttt_load_number(c, "share_of_peak"), seconds = ttt_load_number(c, "seconds");
    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:s}", "case", ttt_load_text(c, "case"),
                     "candidate", ttt_load_text(c, "candidate"), "direction", ttt_load_text(c, "direction"), "threads",
                     json_integer_value(json_object_get(c, "threads")), "milliseconds",
                     json_sprintf("%.4g", 1e3 * seconds), "per_mini_batch",
                     json_sprintf("%.4g", ttt_load_number(c, "us_per_mini_batch")), "gflops",
                     json_sprintf("%.4g", ttt_load_number(c, "gflops")), "share", json_sprintf("%.0f", 100 * share),
                     "bar", json_sprintf("%.1f", fmin(100, fmax(0, 100 * share))), "peak", ttt_load_text(c, "peak"));
}

void ttt_page_speed(struct ttt_page *page)
{
    json_t *rows = json_array(), *skipped = json_array();
    for (size_t i = 0; i < page->count; i++) {
        const json_t *cases =
            page->loaded[i].kind == TTT_KIND_BENCH ? json_object_get(page->loaded[i].root, "cases") : NULL;
        for (size_t j = 0; j < json_array_size(cases); j++) {
            const json_t *c = json_array_get(cases, j);
            if (json_object_get(c, "seconds"))
                json_array_append_new(rows, row_json(c));
            else
                json_array_append_new(skipped,
                                      json_pack("{s:s, s:s, s:s, s:s}", "case", ttt_load_text(c, "case"), "candidate",
                                                ttt_load_text(c, "candidate"), "direction",
                                                ttt_load_text(c, "direction"), "reason", ttt_load_text(c, "reason")));
        }
    }
    json_object_set_new(page->values, "speed_there", json_boolean(json_array_size(rows) > 0));
    json_object_set_new(page->values, "speed", rows);
    json_object_set_new(page->values, "unmeasured", skipped);
}
