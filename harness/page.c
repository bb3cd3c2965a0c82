/* SPDX-License-Identifier: MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "clock.h"
#include "page.h"
#include "revision.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

json_t *ttt_page_error(double x)
{
    return x == 0 ? json_string("0") : json_sprintf("%.1e", x);
}

json_t *ttt_page_reading(double x)
{
    return json_sprintf("%.3g", x);
}

json_t *ttt_page_share(double share)
{
    if (isinf(share))
        return json_string("broken");
    return share <= 1 ? json_sprintf("%.0f %%", 100 * share) : json_sprintf("%.3g times", share);
}

json_t *ttt_page_range(int64_t from, int64_t to)
{
    return from == to ? json_sprintf("%lld", (long long)from)
                      : json_sprintf("%lld to %lld", (long long)from, (long long)to);
}

const char *ttt_page_class(double share)
{
    return !(share <= 1) ? "bad" : share >= 0.8 ? "near" : "good";
}

const char *ttt_page_verdict_class(int verdict)
{
    return verdict == TTT_PASS ? "good" : verdict == TTT_FAIL ? "bad" : "near";
}

/* "NVIDIA H200, AMD EPYC, 2 cores, 24 GiB, Linux 6.1.0 x86_64" */
static json_t *machine_text(const json_t *machine)
{
    const json_t *gpus = json_object_get(machine, "gpus");
    json_t *text = json_sprintf("%s, %" JSON_INTEGER_FORMAT " cores, %.0f GiB, %s", ttt_load_text(machine, "cpu"),
                                json_integer_value(json_object_get(machine, "cores")),
                                json_number_value(json_object_get(machine, "memory_bytes")) / 0x1p30,
                                ttt_load_text(machine, "system"));
    for (size_t i = json_array_size(gpus); i > 0; i--) {
        json_t *longer =
            json_sprintf("%s, %s", json_string_value(json_array_get(gpus, i - 1)), json_string_value(text));
        json_decref(text);
        text = longer;
    }
    return text;
}

static json_t *run_json(const struct ttt_loaded *loaded)
{
    const json_t *root = loaded->root, *machine = json_object_get(root, "machine");
    const char *name = strrchr(loaded->path, '/');
    json_t *run =
        json_pack("{s:s, s:s}", "program", ttt_load_text(root, "program"), "schema", ttt_load_text(root, "schema"));
    json_object_set_new(run, "file", json_string(name ? name + 1 : loaded->path));
    if (!machine)
        return run;
    json_object_set_new(run, "command", json_string(ttt_load_text(root, "command")));
    json_object_set_new(run, "version", json_string(ttt_load_text(root, "version")));
    json_object_set_new(run, "revision", json_string(ttt_load_text(root, "revision")));
    json_object_set_new(run, "started", json_string(ttt_load_text(root, "started")));
    json_object_set_new(run, "machine", machine_text(machine));
    return run;
}

static void add_runs(struct ttt_page *page, const char *command)
{
    char date[TTT_CLOCK_DATE];
    json_t *runs = json_array();
    for (size_t i = 0; i < page->count; i++)
        json_array_append_new(runs, run_json(&page->loaded[i]));
    ttt_clock_date(date);
    json_object_set_new(page->values, "runs", runs);
    json_object_set_new(page->values, "rendered",
                        json_sprintf("%s, by ttt-report %s (%s)", date, PACKAGE_VERSION, TTT_REVISION));
    json_object_set_new(page->values, "render_command", json_sprintf("ttt-report %s", command));
}

int ttt_page_make(struct ttt_page *page, const struct ttt_loaded *loaded, size_t count, const char *command,
                  char *error, size_t error_size)
{
    *page = (struct ttt_page){.loaded = loaded, .count = count, .values = json_object()};
    if (!page->values || ttt_standings_make(&page->standings, loaded, count) != 0) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    add_runs(page, command);
    ttt_page_verdict(page);
    ttt_page_tensors(page);
    ttt_page_cases(page);
    ttt_page_shapes(page);
    ttt_page_judge(page);
    ttt_page_criteria(page);
    ttt_page_training(page);
    ttt_page_speed(page);
    return 0;
}

void ttt_page_free(struct ttt_page *page)
{
    ttt_standings_free(&page->standings);
    json_decref(page->values);
    page->values = NULL;
}
