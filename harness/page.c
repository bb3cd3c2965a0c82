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
        return json_string("without bound");
    return share <= 1 ? json_sprintf("%.0f %%", 100 * share) : json_sprintf("%.3g times", share);
}

const char *ttt_page_class(double share)
{
    return !(share <= 1) ? "bad" : share >= 0.8 ? "near" : "good";
}

const char *ttt_page_verdict_class(int verdict)
{
    return verdict == TTT_PASS ? "good" : verdict == TTT_FAIL ? "bad" : "near";
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
    json_object_set_new(run, "machine",
                        json_sprintf("%s, %" JSON_INTEGER_FORMAT " cores, %.0f GiB, %s", ttt_load_text(machine, "cpu"),
                                     json_integer_value(json_object_get(machine, "cores")),
                                     json_number_value(json_object_get(machine, "memory_bytes")) / 0x1p30,
                                     ttt_load_text(machine, "system")));
    return run;
}

static int judged_something(const struct ttt_loaded *loaded)
{
    return loaded->kind == TTT_KIND_VERIFY && json_array_size(json_object_get(loaded->root, "cases")) > 0;
}

/* What was verified, and where, is what the first run with cases says. */
static void add_head(struct ttt_page *page, const char *command)
{
    char date[TTT_CLOCK_DATE];
    json_t *runs = json_array(), *title = NULL;
    for (size_t i = 0; i < page->count; i++) {
        json_t *run = run_json(&page->loaded[i]);
        if (!title && judged_something(&page->loaded[i]))
            title = run;
        json_array_append_new(runs, run);
    }
    ttt_clock_date(date);
    json_object_set_new(page->values, "runs", runs);
    json_object_set(page->values, "made_by", title);
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
    add_head(page, command);
    ttt_page_verdict(page);
    ttt_page_tensors(page);
    ttt_page_cases(page);
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
