/* SPDX-License-Identifier: MIT
 *
 * Every case with the command that repeats it, what the cases cover, and the checks that are no number of a tensor.
 */
#include "page.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CASES = 10000, MOST_IN_MARKDOWN = 40 };

struct line {
    struct ttt_extreme worst; /* its result is there even if nothing was judged */
    int verdict;
};

/* Failures first, then by how much of a bound is used. */
static int is_before(const void *a, const void *b)
{
    const struct line *p = a, *q = b;
    if ((p->verdict == TTT_FAIL) != (q->verdict == TTT_FAIL))
        return p->verdict == TTT_FAIL ? -1 : 1;
    return (p->worst.share < q->worst.share) - (p->worst.share > q->worst.share);
}

static json_t *case_json(const struct line *line)
{
    const struct ttt_extreme *w = &line->worst;
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "verdict", ttt_load_text(w->result, "verdict"), "class",
                  ttt_page_verdict_class(line->verdict), "candidate", ttt_load_text(w->result, "candidate"), "repeat",
                  ttt_load_text(w->result, "repeat"), "tensor",
                  w->check    ? ttt_load_text(w->check, "name")
                  : w->tensor ? ttt_load_text(w->tensor, "name")
                              : "");
    json_object_set_new(object, "gate", json_string(ttt_load_text(w->gate, "name")));
    json_object_set_new(object, "share", w->tensor || w->check ? ttt_page_share(w->share) : json_string("not judged"));
    return object;
}

static size_t gather(const struct ttt_standings *standings, struct line *lines)
{
    for (size_t i = 0; i < standings->result_count; i++)
        lines[i] = (struct line){standings->results[i], ttt_load_verdict(standings->results[i].result)};
    qsort(lines, standings->result_count, sizeof *lines, is_before);
    return standings->result_count;
}

static void add_cases(struct ttt_page *page, const struct line *lines, size_t count)
{
    json_t *all = json_array(), *few = json_array();
    for (size_t i = 0; i < count && i < MOST_CASES; i++) {
        json_t *line = case_json(&lines[i]);
        if (i < MOST_IN_MARKDOWN)
            json_array_append(few, line);
        json_array_append_new(all, line);
    }
    json_object_set_new(page->values, "cases", all);
    json_object_set_new(page->values, "few_cases", few);
    json_object_set_new(page->values, "case_count", json_integer((json_int_t)count));
    if (count > MOST_CASES)
        json_object_set_new(page->values, "left_out", json_integer((json_int_t)(count - MOST_CASES)));
    if (count > MOST_IN_MARKDOWN)
        json_object_set_new(page->values, "few_left_out", json_integer((json_int_t)(count - MOST_IN_MARKDOWN)));
}

/* What the cases of one form and distribution cover that were not skipped. */
struct cover {
    size_t cases, failed, tails, one_group;
    int64_t least_n, most_n, most_heads, most_batch, most_f, most_d;
};

static void add_cover(struct cover *c, const struct ttt_mlp_shape *s, int failed)
{
    c->least_n = c->cases == 0 || s->seq_len < c->least_n ? s->seq_len : c->least_n;
    c->most_n = s->seq_len > c->most_n ? s->seq_len : c->most_n;
    c->most_heads = s->heads > c->most_heads ? s->heads : c->most_heads;
    c->most_batch = s->batch > c->most_batch ? s->batch : c->most_batch;
    c->most_f = s->head_dim > c->most_f ? s->head_dim : c->most_f;
    c->most_d = s->hidden_dim > c->most_d ? s->hidden_dim : c->most_d;
    c->tails += s->seq_len % s->mini_batch_size != 0;
    c->one_group += ttt_shape_checkpoints(s) == 1;
    c->failed += (size_t)failed;
    c->cases++;
}

/* What was verified, in a line. */
static void add_verified(struct ttt_page *page, struct cover covers[2][TTT_DIST_NONE])
{
    struct cover all = {.cases = 0};
    char data[128] = "";
    size_t forms[2] = {0};
    for (int d = 0; d < TTT_DIST_NONE; d++) {
        const size_t cases = covers[0][d].cases + covers[1][d].cases, length = strlen(data);
        if (cases > 0)
            snprintf(data + length, sizeof data - length, "%s%s", length > 0 ? ", " : "", ttt_distribution_name[d]);
        for (int causal = 0; causal < 2; causal++) {
            const struct cover *c = &covers[causal][d];
            if (c->cases == 0)
                continue;
            all.least_n = all.cases == 0 || c->least_n < all.least_n ? c->least_n : all.least_n;
            all.most_n = c->most_n > all.most_n ? c->most_n : all.most_n;
            all.most_heads = c->most_heads > all.most_heads ? c->most_heads : all.most_heads;
            all.cases += c->cases;
            forms[causal] += c->cases;
        }
    }
    if (all.cases == 0) {
        json_object_set_new(page->values, "verified", json_string("nothing, as every case was skipped"));
        return;
    }
    json_t *lengths = ttt_page_range(all.least_n, all.most_n);
    json_object_set_new(page->values, "verified",
                        json_sprintf("%zu case%s of %zu candidate%s: %s form, %s data, %s tokens, up to %lld heads",
                                     all.cases, all.cases == 1 ? "" : "s", page->standings.count,
                                     page->standings.count == 1 ? "" : "s",
                                     forms[0] == 0   ? "causal"
                                     : forms[1] == 0 ? "non-causal"
                                                     : "non-causal and causal",
                                     data, json_string_value(lengths), (long long)all.most_heads));
    json_decref(lengths);
}

static void add_coverage(struct ttt_page *page, const struct line *lines, size_t count)
{
    struct cover covers[2][TTT_DIST_NONE] = {0};
    char error[256];
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++) {
        struct ttt_case c;
        if (lines[i].verdict != TTT_SKIPPED &&
            ttt_case_parse(ttt_load_text(lines[i].worst.result, "case"), &c, error, sizeof error) == 0)
            add_cover(&covers[c.shape.causal != 0][c.distribution], &c.shape, lines[i].verdict == TTT_FAIL);
    }
    for (int causal = 0; causal < 2; causal++)
        for (int d = 0; d < TTT_DIST_NONE; d++) {
            const struct cover *c = &covers[causal][d];
            json_array_append_new(
                rows, json_pack("{s:s, s:s, s:I, s:I, s:s, s:o, s:I, s:I, s:o, s:I, s:I}", "form",
                                causal ? "causal" : "non-causal", "distribution", ttt_distribution_name[d], "cases",
                                (json_int_t)c->cases, "failed", (json_int_t)c->failed, "class",
                                c->failed      ? "bad"
                                : c->cases > 0 ? "good"
                                               : "near",
                                "lengths", c->cases > 0 ? ttt_page_range(c->least_n, c->most_n) : json_string("none"),
                                "batch", (json_int_t)c->most_batch, "heads", (json_int_t)c->most_heads, "widths",
                                json_sprintf("%lld, %lld", (long long)c->most_f, (long long)c->most_d), "tails",
                                (json_int_t)c->tails, "one_group", (json_int_t)c->one_group));
        }
    json_object_set_new(page->values, "coverage", rows);
    add_verified(page, covers);
}

/* One more of a verdict, in the row of the check's name. */
static void count_check(json_t *rows, const json_t *check)
{
    static const char *const key[] = {[TTT_PASS] = "passed", [TTT_FAIL] = "failed", [TTT_SKIPPED] = "skipped"};
    const int verdict = ttt_load_verdict(check);
    json_t *row = NULL;
    for (size_t i = 0; i < json_array_size(rows) && !row; i++)
        if (strcmp(ttt_load_text(json_array_get(rows, i), "name"), ttt_load_text(check, "name")) == 0)
            row = json_array_get(rows, i);
    if (!row) {
        row = json_pack("{s:s, s:i, s:i, s:i, s:s}", "name", ttt_load_text(check, "name"), "passed", 0, "failed", 0,
                        "skipped", 0, "class", "good");
        json_array_append_new(rows, row);
    }
    if (verdict > TTT_SKIPPED)
        return;
    json_object_set_new(row, key[verdict], json_integer(json_integer_value(json_object_get(row, key[verdict])) + 1));
    if (verdict == TTT_FAIL)
        json_object_set_new(row, "class", json_string("bad"));
}

static void add_checks(struct ttt_page *page, const struct line *lines, size_t count)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++) {
        const json_t *checks = json_object_get(lines[i].worst.result, "checks");
        for (size_t j = 0; j < json_array_size(checks); j++)
            count_check(rows, json_array_get(checks, j));
    }
    json_object_set_new(page->values, "checks", rows);
}

void ttt_page_cases(struct ttt_page *page)
{
    struct line *lines = calloc(page->standings.result_count + 1, sizeof *lines);
    if (!lines)
        return;
    const size_t count = gather(&page->standings, lines);
    add_cases(page, lines, count);
    if (count > 0)
        add_coverage(page, lines, count);
    add_checks(page, lines, count);
    free(lines);
}
