/* SPDX-License-Identifier: MIT
 *
 * The first screen: whether to ship, what is worst, which command repeats it.
 */
#include "page.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What the reports together say. */
struct tally {
    size_t by_verdict[TTT_VERDICT_COUNT], judged;
    size_t failed_candidates, unseen;
    size_t unproven; /* gradients of the truth, and files of ground truth that it does not fit */
    size_t findings; /* of fuzzing */
};

static void count_others(struct tally *t, const struct ttt_loaded *loaded)
{
    const json_t *rows = json_object_get(json_object_get(loaded->root, "gradient_proof"), "rows");
    for (size_t i = 0; i < json_array_size(rows); i++)
        t->unproven += ttt_load_verdict(json_array_get(rows, i)) != TTT_PASS;
    const json_t *cases = loaded->kind == TTT_KIND_VERIFY ? json_object_get(loaded->root, "cases") : NULL;
    for (size_t i = 0; i < json_array_size(cases); i++)
        t->unproven +=
            ttt_standings_is_proof(json_array_get(cases, i)) && ttt_load_verdict(json_array_get(cases, i)) == TTT_FAIL;
    if (loaded->kind == TTT_KIND_FUZZ)
        t->findings += json_array_size(json_object_get(loaded->root, "findings"));
}

static struct tally tally_of(const struct ttt_page *page)
{
    struct tally t = {.judged = 0};
    for (size_t i = 0; i < page->standings.count; i++) {
        const struct ttt_standing *s = &page->standings.list[i];
        for (int v = 0; v < TTT_VERDICT_COUNT; v++)
            t.by_verdict[v] += s->by_verdict[v];
        t.failed_candidates += s->by_verdict[TTT_FAIL] > 0;
        for (enum ttt_tensor k = 0; k < TTT_TENSOR_COUNT; k++)
            t.unseen += (size_t)ttt_standing_unseen(s, k);
    }
    t.judged = t.by_verdict[TTT_PASS] + t.by_verdict[TTT_FAIL] + t.by_verdict[TTT_VACUOUS];
    for (size_t i = 0; i < page->count; i++)
        count_others(&t, &page->loaded[i]);
    return t;
}

/* "ref-f32, ref-bf16 and gpu-bf16" of a list of texts, which is released. */
static json_t *joined(json_t *list)
{
    const size_t n = json_array_size(list);
    json_t *text = json_string("");
    for (size_t i = 0; i < n; i++) {
        json_t *more = json_sprintf("%s%s%s", json_string_value(text),
                                    i == 0       ? ""
                                    : i + 1 == n ? " and "
                                                 : ", ",
                                    json_string_value(json_array_get(list, i)));
        json_decref(text);
        text = more;
    }
    json_decref(list);
    return text;
}

/* The candidates of this verdict. */
static json_t *names(const struct ttt_page *page, enum ttt_verdict verdict)
{
    json_t *list = json_array();
    for (size_t i = 0; i < page->standings.count; i++)
        if (ttt_standing_verdict(&page->standings.list[i]) == verdict)
            json_array_append_new(list, json_string(page->standings.list[i].candidate));
    return joined(list);
}

/* Why, in a sentence, where no case failed. */
static json_t *reason(const struct tally *t, const struct ttt_extreme *worst)
{
    if (t->unproven > 0)
        return json_sprintf("%zu proofs of the truth itself failed: nothing that was judged by it counts.",
                            t->unproven);
    if (t->findings > 0)
        return json_sprintf("Fuzzing found %zu faults that the suite does not have.", t->findings);
    if (t->judged == 0)
        return json_string("No case was judged.");
    if (t->unseen > 0)
        return json_sprintf(
            "Nothing failed, but there are %zu operands that no case can see: a fault there would pass.", t->unseen);
    json_t *share = ttt_page_share(worst->share);
    json_t *text = json_sprintf("All %zu judged cases pass; the worst reading uses %s of its bound.", t->judged,
                                json_string_value(share));
    json_decref(share);
    return text;
}

static void add_answer(struct ttt_page *page, const struct tally *t, const struct ttt_extreme *worst)
{
    const int bad = t->failed_candidates > 0 || t->unproven > 0 || t->findings > 0;
    const int open = !bad && (t->judged == 0 || t->unseen > 0);
    json_t *failed = names(page, TTT_FAIL), *passed = names(page, TTT_PASS);
    const char *who = json_string_value(bad && t->failed_candidates > 0 ? failed : passed);
    json_object_set_new(page->values, "answer", json_string(bad ? "Do not ship" : open ? "Not proven" : "Ship"));
    json_object_set_new(page->values, "answer_class", json_string(bad ? "bad" : open ? "near" : "good"));
    json_object_set_new(page->values, "answer_who", json_string(who));
    if (t->failed_candidates > 0)
        json_object_set_new(page->values, "reason",
                            json_sprintf("%zu of %zu judged cases fail.%s%s%s", t->by_verdict[TTT_FAIL], t->judged,
                                         json_string_length(passed) > 0 ? " Nothing of " : "",
                                         json_string_value(passed), json_string_length(passed) > 0 ? " fails." : ""));
    else
        json_object_set_new(page->values, "reason", reason(t, worst));
    json_decref(failed);
    json_decref(passed);
}

/* What follows a share. */
static const char *of_bound(double share)
{
    return isinf(share) ? "" : share <= 1 ? " of the bound" : " the bound";
}

static void add_worst(struct ttt_page *page, const struct ttt_extreme *worst)
{
    json_t *w = json_object();
    json_object_set_new(page->values, "worst", w);
    json_object_set_new(w, "candidate", json_string(ttt_load_text(worst->result, "candidate")));
    json_object_set_new(w, "case", json_string(ttt_load_text(worst->result, "case")));
    json_object_set_new(w, "repeat", json_string(ttt_load_text(worst->result, "repeat")));
    json_object_set_new(w, "class", json_string(ttt_page_class(worst->share)));
    if (worst->check) {
        json_object_set_new(w, "what", json_string(ttt_load_text(worst->check, "name")));
        json_object_set_new(w, "detail", json_string(ttt_load_text(worst->check, "detail")));
        return;
    }
    json_object_set_new(w, "what", json_string(ttt_load_text(worst->tensor, "name")));
    json_t *value = ttt_page_reading(ttt_load_number(worst->gate, "value"));
    json_t *bound = ttt_page_reading(ttt_load_number(worst->gate, "bound"));
    json_t *share = ttt_page_share(worst->share), *error = ttt_page_error(ttt_load_number(worst->tensor, "rel_l2"));
    const char *place = ttt_load_text(worst->gate, "place");
    json_object_set_new(w, "detail",
                        json_sprintf("%s reads %s of at most %s (%s%s)%s%s; relative error of the tensor %s",
                                     ttt_load_text(worst->gate, "name"), json_string_value(value),
                                     json_string_value(bound), json_string_value(share), of_bound(worst->share),
                                     *place ? " at " : "", place, json_string_value(error)));
    json_decref(value);
    json_decref(bound);
    json_decref(share);
    json_decref(error);
}

/* Counts that are not 0. */
static json_t *counts_json(const struct ttt_standing *s)
{
    static const struct {
        enum ttt_verdict verdict;
        const char *word;
    } kinds[TTT_VERDICT_COUNT] = {
        {TTT_PASS, "passed"},     {TTT_VACUOUS, "passed but blind to some operand"},
        {TTT_FAIL, "failed"},     {TTT_ILL_CONDITIONED, "ill-conditioned"},
        {TTT_SKIPPED, "skipped"},
    };
    json_t *counts = json_array();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (s->by_verdict[kinds[i].verdict] > 0)
            json_array_append_new(counts, json_pack("{s:I, s:s, s:s, s:s}", "count",
                                                    (json_int_t)s->by_verdict[kinds[i].verdict], "word", kinds[i].word,
                                                    "class", ttt_page_verdict_class((int)kinds[i].verdict), "comma",
                                                    json_array_size(counts) > 0 ? ", " : ""));
    return counts;
}

/* Does the run judge the candidate? */
static int judges(const struct ttt_page *page, size_t run, const char *candidate)
{
    const struct ttt_loaded *loaded = &page->loaded[run];
    const json_t *cases = loaded->kind == TTT_KIND_VERIFY ? json_object_get(loaded->root, "cases") : NULL;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *result = json_array_get(cases, i);
        if (strcmp(ttt_load_text(result, "candidate"), candidate) == 0 && ttt_standings_has(&page->standings, result))
            return 1;
    }
    return 0;
}

/* Which candidates were judged on which machine: a line of each run that judged some. */
static void add_places(struct ttt_page *page)
{
    json_t *places = json_array(), *runs = json_object_get(page->values, "runs");
    for (size_t i = 0; i < page->count; i++) {
        json_t *list = json_array();
        for (size_t j = 0; j < page->standings.count; j++)
            if (judges(page, i, page->standings.list[j].candidate))
                json_array_append_new(list, json_string(page->standings.list[j].candidate));
        const size_t judged = json_array_size(list);
        json_t *who = joined(list);
        if (judged > 0)
            json_array_append_new(places, json_pack("{s:O, s:O}", "who", who, "run", json_array_get(runs, i)));
        json_decref(who);
    }
    json_object_set_new(page->values, "places", places);
}

static json_t *nearest_json(const struct ttt_extreme *worst)
{
    return json_pack("{s:s, s:o}", "what", ttt_load_text(worst->tensor, "name"), "share", ttt_page_share(worst->share));
}

/* A line of each candidate. */
static void add_standings(struct ttt_page *page)
{
    static const char *const word[TTT_VERDICT_COUNT] = {
        [TTT_PASS] = "PASS", [TTT_FAIL] = "FAIL", [TTT_SKIPPED] = "not judged"};
    json_t *list = json_array();
    for (size_t i = 0; i < page->standings.count; i++) {
        const struct ttt_standing *s = &page->standings.list[i];
        const enum ttt_verdict verdict = ttt_standing_verdict(s);
        json_t *line = json_pack("{s:s, s:s, s:s, s:o}", "candidate", s->candidate, "verdict", word[verdict], "class",
                                 ttt_page_verdict_class(verdict), "counts", counts_json(s));
        if (s->worst.check)
            json_object_set_new(line, "broken", json_string(ttt_load_text(s->worst.check, "name")));
        else if (s->worst.tensor)
            json_object_set_new(line, s->worst.share <= 1 ? "nearest" : "beyond", nearest_json(&s->worst));
        json_array_append_new(list, line);
    }
    json_object_set_new(page->values, "standings", list);
}

/* Operands that no case sees, by candidate. */
static void add_unseen(struct ttt_page *page)
{
    json_t *unseen = json_array();
    for (size_t i = 0; i < page->standings.count; i++)
        for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
            if (ttt_standing_unseen(&page->standings.list[i], t))
                json_array_append_new(unseen, json_pack("{s:s, s:s}", "candidate", page->standings.list[i].candidate,
                                                        "operand", ttt_tensor_info[t].name));
    json_object_set_new(page->values, "unseen", unseen);
}

void ttt_page_verdict(struct ttt_page *page)
{
    const struct tally t = tally_of(page);
    struct ttt_extreme worst = {.share = 0};
    for (size_t i = 0; i < page->standings.count; i++)
        if (ttt_extreme_is_worse(&page->standings.list[i].worst, &worst))
            worst = page->standings.list[i].worst;
    add_answer(page, &t, &worst);
    add_standings(page);
    add_places(page);
    add_unseen(page);
    if (worst.result)
        add_worst(page, &worst);
}
