/* SPDX-License-Identifier: MIT
 *
 * How often correct runs fail, and the field's usual criteria beside this judge: the planted faults that each finds,
 * the correct runs that each fails.
 */
#include "page.h"
#include <string.h>

/* What this judge is called among the criteria. */
static const char ours[] = "this judge";

static json_t *times_json(const char *what, size_t part, size_t all)
{
    return json_pack("{s:s, s:I, s:I, s:o}", "what", what, "part", (json_int_t)part, "all", (json_int_t)all, "percent",
                     json_sprintf("%.1f", all > 0 ? 100 * (double)part / (double)all : 0.0));
}

/* Of the real faults that the criteria were asked about, those that criterion `i` finds (-1: this judge). */
static json_t *found_json(const json_t *mutants, int i)
{
    size_t all = 0, found = 0;
    for (size_t k = 0; k < json_array_size(mutants); k++) {
        const json_t *m = json_array_get(mutants, k);
        const char *digits = ttt_load_text(m, "criteria");
        if (!*digits)
            continue;
        all++;
        found += i < 0 ? strcmp(ttt_load_text(m, "end"), "killed") == 0 : digits[i] == '1';
    }
    return all > 0 ? times_json("", found, all) : NULL;
}

/* Of each kernel the correct runs that the criterion of this name fails. */
static json_t *failed_json(const json_t *root, const char *name)
{
    const json_t *criteria = json_object_get(root, "criteria"), *kernels = json_object_get(root, "kernels");
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(criteria); i++) {
        const json_t *c = json_array_get(criteria, i), *failed = json_object_get(c, "failed");
        if (strcmp(ttt_load_text(c, "name"), name) != 0)
            continue;
        for (size_t k = 0; k < json_array_size(kernels); k++)
            json_array_append_new(
                list, times_json(json_string_value(json_array_get(kernels, k)),
                                 (size_t)json_integer_value(json_array_get(failed, k)),
                                 (size_t)json_integer_value(json_array_get(json_object_get(root, "runs"), k))));
    }
    return list;
}

static void add_row(json_t *rows, const char *name, json_t *found, const json_t *correct)
{
    json_t *row = json_pack("{s:s, s:o}", "name", name, "alarms", failed_json(correct, name));
    if (found)
        json_object_set_new(row, "found", found);
    json_array_append_new(rows, row);
}

/* mutants: a report of check-mutants that has names of criteria; correct: one of compare-criteria.  Either may be
 * NULL. */
static json_t *rows_json(const json_t *mutants, const json_t *correct)
{
    const json_t *names = json_object_get(mutants, "criteria"), *list = json_object_get(mutants, "mutants");
    json_t *rows = json_array();
    if (!mutants) {
        const json_t *criteria = json_object_get(correct, "criteria");
        for (size_t i = 0; i < json_array_size(criteria); i++)
            add_row(rows, ttt_load_text(json_array_get(criteria, i), "name"), NULL, correct);
        return rows;
    }
    add_row(rows, ours, found_json(list, -1), correct);
    for (size_t i = 0; i < json_array_size(names); i++)
        add_row(rows, json_string_value(json_array_get(names, i)), found_json(list, (int)i), correct);
    return rows;
}

static json_t *alarms_json(const json_t *root)
{
    const json_t *nearness = json_object_get(root, "nearness"), *table = json_object_get(root, "calibration");
    const json_int_t alarms = json_integer_value(json_object_get(root, "alarms"));
    const double median = ttt_load_number(nearness, "median"), p99 = ttt_load_number(nearness, "p99"),
                 largest = ttt_load_number(nearness, "largest");
    json_t *a = json_pack("{s:I, s:O, s:O, s:O, s:O, s:O, s:s, s:s}", "alarms", alarms, "of",
                          json_object_get(root, "runs"), "seeds", json_object_get(root, "seeds"), "first_seed",
                          json_object_get(root, "first_seed"), "ill_conditioned",
                          json_object_get(root, "ill_conditioned"), "table", json_object_get(table, "version"),
                          "checksum", ttt_load_text(table, "checksum"), "class", alarms > 0 ? "bad" : "good");
    json_object_set_new(a, "below", json_sprintf("%.3g %%", 100 * ttt_load_number(root, "rate_below")));
    json_object_set_new(a, "confidence", json_sprintf("%.0f %%", 100 * ttt_load_number(root, "confidence")));
    json_object_set_new(a, "extrapolated", ttt_page_error(ttt_load_number(root, "extrapolated_rate")));
    json_object_set_new(a, "median", ttt_page_share(median));
    json_object_set_new(a, "p99", ttt_page_share(p99));
    json_object_set_new(a, "largest", ttt_page_share(largest));
    json_object_set_new(a, "largest_class", json_string(ttt_page_class(largest)));
    /* The axis ends at one and a quarter times the bound. */
    json_object_set_new(a, "median_at", json_sprintf("%.1f", 80 * (median < 1.25 ? median : 1.25)));
    json_object_set_new(a, "p99_at", json_sprintf("%.1f", 80 * (p99 < 1.25 ? p99 : 1.25)));
    json_object_set_new(a, "largest_at", json_sprintf("%.1f", 80 * (largest < 1.25 ? largest : 1.25)));
    return a;
}

void ttt_page_criteria(struct ttt_page *page)
{
    const json_t *mutants = NULL, *correct = NULL;
    for (size_t i = 0; i < page->count; i++) {
        const json_t *root = page->loaded[i].root;
        if (page->loaded[i].kind == TTT_KIND_MUTANTS && json_object_get(root, "criteria"))
            mutants = root;
        if (page->loaded[i].kind == TTT_KIND_CRITERIA)
            correct = root;
        if (page->loaded[i].kind == TTT_KIND_FALSE_ALARMS)
            json_object_set_new(page->values, "alarms_found", alarms_json(root));
    }
    if (!mutants && !correct)
        return;
    json_t *comparison = json_pack("{s:o}", "rows", rows_json(mutants, correct));
    if (correct)
        json_object_set_new(comparison, "correct",
                            json_pack("{s:O, s:O}", "seeds", json_object_get(correct, "seeds"), "kernels",
                                      json_object_get(correct, "kernels")));
    json_object_set_new(page->values, "comparison", comparison);
}
