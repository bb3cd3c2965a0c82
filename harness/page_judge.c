/* SPDX-License-Identifier: MIT
 *
 * Who judges the judge: the proof of the gradients, planted faults, the smallest faults found, fuzzing.
 */
#include "page.h"
#include <math.h>
#include <string.h>

/* Ground truth in files: results of the reference in double by other software's outputs. */
struct vectors {
    size_t files, failed;
    double worst; /* relative error */
};

static void count_file(struct vectors *v, const json_t *result)
{
    const json_t *tensors = json_object_get(result, "tensors");
    if (strcmp(ttt_load_text(result, "candidate"), "ref-f64") != 0 ||
        !strstr(ttt_load_text(result, "repeat"), "--vectors"))
        return;
    v->files++;
    v->failed += ttt_load_verdict(result) == TTT_FAIL;
    for (size_t i = 0; i < json_array_size(tensors); i++)
        v->worst = fmax(v->worst, ttt_load_number(json_array_get(tensors, i), "rel_l2"));
}

/* NULL where there are none. */
static json_t *vectors_json(const struct ttt_page *page)
{
    struct vectors v = {.files = 0};
    for (size_t i = 0; i < page->count; i++) {
        const json_t *cases = json_object_get(page->loaded[i].root, "cases");
        for (size_t j = 0; j < json_array_size(cases) && page->loaded[i].kind == TTT_KIND_VERIFY; j++)
            count_file(&v, json_array_get(cases, j));
    }
    if (v.files == 0)
        return NULL;
    return json_pack("{s:I, s:I, s:o, s:s}", "files", (json_int_t)v.files, "failed", (json_int_t)v.failed, "worst",
                     ttt_page_error(v.worst), "class", v.failed > 0 ? "bad" : "good");
}

static json_t *proof_row(const json_t *r)
{
    const int verdict = ttt_load_verdict(r);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:o}", "form", ttt_load_text(r, "form"), "distribution",
        ttt_load_text(r, "distribution"), "input", ttt_load_text(r, "input"), "verdict", ttt_load_text(r, "verdict"),
        "class", ttt_page_verdict_class(verdict), "ratio", ttt_page_error(ttt_load_number(r, "ratio")), "checks",
        json_integer_value(json_object_get(r, "checks")), "slope",
        json_integer_value(json_object_get(r, "slopes")) > 0 ? json_sprintf("%.3f", ttt_load_number(r, "slope"))
                                                             : json_string("none"));
}

static void add_proof(struct ttt_page *page, const json_t *proof)
{
    const json_t *from = json_object_get(proof, "rows");
    json_t *rows = json_array(), *vectors = vectors_json(page);
    double least = HUGE_VAL, most = 0;
    int failed = 0;
    for (size_t i = 0; i < json_array_size(from); i++) {
        const json_t *r = json_array_get(from, i);
        const double slope = ttt_load_number(r, "slope");
        failed += ttt_load_verdict(r) != TTT_PASS;
        least = fmin(least, slope);
        most = fmax(most, slope);
        json_array_append_new(rows, proof_row(r));
    }
    json_t *object =
        json_pack("{s:I, s:i, s:o, s:o, s:s, s:o, s:o, s:o}", "count", (json_int_t)json_array_size(from), "failed",
                  failed, "ratio", ttt_page_error(ttt_load_number(proof, "ratio")), "bound",
                  ttt_page_error(ttt_load_number(proof, "bound")), "class", failed ? "bad" : "good", "rows", rows,
                  "slope_least", json_sprintf("%.3f", least), "slope_most", json_sprintf("%.3f", most));
    if (vectors)
        json_object_set_new(object, "vectors", vectors);
    json_object_set_new(page->values, "proof", object);
}

/* The row of this name, made of zeros where it is not there yet. */
static json_t *row_of(json_t *rows, const char *name)
{
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (strcmp(ttt_load_text(json_array_get(rows, i), "name"), name) == 0)
            return json_array_get(rows, i);
    json_t *row = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i}", "name", name, "all", 0, "killed", 0, "survived", 0,
                            "equivalent", 0, "below", 0, "error", 0);
    json_array_append_new(rows, row);
    return row;
}

static void count(json_t *row, const char *key)
{
    json_object_set_new(row, key, json_integer(json_integer_value(json_object_get(row, key)) + 1));
}

static void add_mutants(struct ttt_page *page, const json_t *root)
{
    const json_t *list = json_object_get(root, "mutants");
    json_t *rows = json_array(), *alive = json_array(), *below = json_array(), *total = row_of(rows, "all");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *m = json_array_get(list, i);
        const char *end = ttt_load_text(m, "end");
        const char *key = strcmp(end, "below resolution") == 0 ? "below" : end;
        json_t *row = row_of(rows, ttt_load_text(m, "class"));
        count(row, "all");
        count(row, key);
        count(total, "all");
        count(total, key);
        if (strcmp(end, "killed") != 0 && strcmp(end, "equivalent") != 0)
            json_array_append_new(key == end ? alive : below,
                                  json_pack("{s:s, s:s, s:s, s:s}", "name", ttt_load_text(m, "name"), "end", end,
                                            "about", ttt_load_text(m, "about"), "argument",
                                            ttt_load_text(m, "argument")));
    }
    json_t *mutants = json_pack("{s:o, s:O, s:o}", "rows", rows, "total", total, "alive", alive);
    if (json_array_size(below) > 0)
        json_object_set_new(mutants, "below",
                            json_pack("{s:I, s:O}", "count", (json_int_t)json_array_size(below), "rows", below));
    json_decref(below);
    json_object_set_new(page->values, "mutants", mutants);
}

static void add_power(struct ttt_page *page, const json_t *root)
{
    const json_t *cases = json_object_get(root, "cases");
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i), *smallest = json_object_get(c, "smallest");
        json_t *rows = json_array();
        for (size_t j = 0; j < json_array_size(smallest); j++) {
            const json_t *s = json_array_get(smallest, j);
            const double exponent = ttt_load_number(s, "exponent");
            json_array_append_new(rows,
                                  json_pack("{s:s, s:s, s:o}", "tensor", ttt_load_text(s, "tensor"), "scope",
                                            ttt_load_text(s, "scope"), "size",
                                            exponent > 0 ? json_string("above 1") : json_sprintf("2^%.0f", exponent)));
        }
        json_array_append_new(list, json_pack("{s:s, s:I, s:o}", "case", ttt_load_text(c, "case"), "seeds",
                                              json_integer_value(json_object_get(c, "seeds")), "rows", rows));
    }
    json_object_set_new(page->values, "power", list);
}

static void add_fuzz(json_t *list, const json_t *root)
{
    const json_t *campaign = json_object_get(root, "campaign"), *findings = json_object_get(root, "findings");
    const json_t *by_verdict = json_object_get(json_object_get(json_object_get(root, "counts"), "cases"), "all");
    json_t *rows = json_array();
    json_int_t cases = 0;
    const char *verdict;
    json_t *counted;
    json_object_foreach((json_t *)by_verdict, verdict, counted)
    {
        cases += json_integer_value(counted);
    }
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *f = json_array_get(findings, i);
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s}", "tensor", ttt_load_text(f, "tensor"), "gate",
                                              ttt_load_text(f, "gate"), "case", ttt_load_text(f, "case"), "detail",
                                              ttt_load_text(f, "detail")));
    }
    json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:o, s:o, s:s, s:s}", "candidate",
                                          ttt_load_text(campaign, "candidate"), "seed", ttt_load_text(campaign, "seed"),
                                          "cases", cases, "found", (json_int_t)json_array_size(findings), "nearest",
                                          ttt_page_share(ttt_load_number(json_object_get(root, "nearest"), "value")),
                                          "findings", rows, "class", json_array_size(findings) > 0 ? "bad" : "good",
                                          "command", ttt_load_text(root, "command")));
}

void ttt_page_judge(struct ttt_page *page)
{
    json_t *fuzz = json_array();
    for (size_t i = 0; i < page->count; i++) {
        const json_t *root = page->loaded[i].root, *proof = json_object_get(root, "gradient_proof");
        if (proof)
            add_proof(page, proof);
        if (page->loaded[i].kind == TTT_KIND_MUTANTS)
            add_mutants(page, root);
        if (page->loaded[i].kind == TTT_KIND_POWER)
            add_power(page, root);
        if (page->loaded[i].kind == TTT_KIND_FUZZ)
            add_fuzz(fuzz, root);
    }
    json_object_set_new(page->values, "fuzz", fuzz);
}
