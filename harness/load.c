/* SPDX-License-Identifier: MIT */
#include "load.h"
#include "campaign.h"
#include "result.h"
#include "text.h"
#include "thin.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A report while it is read.  The cases of a large one are hundreds of megabytes: each is parsed by itself, by as many
 * threads as there are, and only what is made use of is kept. */
struct reading {
    char *text;
    const char *end;
    const struct ttt_schema *schema;
    struct ttt_message message;
};

static json_t *parse_all(const struct reading *r, json_error_t *what)
{
    return json_loadb(r->text, (size_t)(r->end - r->text), JSON_REJECT_DUPLICATES, what);
}

/* Refuse what is no JSON: line and column are those of the whole text. */
static int refuse_syntax(const struct reading *r)
{
    json_error_t what;
    json_t *root = parse_all(r, &what);
    json_decref(root);
    if (root)
        return ttt_message_refuse(&r->message, "out of memory");
    return ttt_message_refuse(&r->message, "line %d, column %d: %s", what.line, what.column, TTT_QUOTE(what.text));
}

static int refuse_value(const struct reading *r, const struct ttt_refusal *refusal)
{
    char place[TTT_JSON_PLACE];
    ttt_json_text_place(r->text, refusal->at, place);
    return ttt_message_refuse(&r->message, "%s: %s%s%s", place, refusal->path, refusal->path[0] ? ": " : "",
                              refusal->what);
}

/* Where the text of each case begins and ends. */
struct span {
    const char *begin, *end;
};

struct spans {
    struct span *list;
    size_t count;
    const char *begin, *end; /* of the array, its brackets included; NULL: there is none */
};

static int add_span(struct spans *s, const char *begin, const char *end)
{
    if ((s->count & (s->count - 1)) == 0) {
        struct span *more = realloc(s->list, (s->count ? 2 * s->count : 1) * sizeof *more);
        if (!more)
            return -1;
        s->list = more;
    }
    s->list[s->count++] = (struct span){begin, end};
    return 0;
}

/* 0, or -1 where what stands there is not an array of values with commas between. */
static int find_spans(const struct reading *r, struct spans *s)
{
    const char *begin = ttt_json_text_member(ttt_json_text_white(r->text, r->end), r->end, "cases");
    if (!begin || *begin != '[')
        return -1;
    const char *at = ttt_json_text_white(begin + 1, r->end);
    if (at < r->end && *at != ']')
        for (;;) {
            const char *behind = ttt_json_text_skip(at, r->end);
            if (behind == at || add_span(s, at, behind) != 0)
                return -1;
            at = ttt_json_text_white(behind, r->end);
            if (at == r->end || *at != ',')
                break;
            at = ttt_json_text_white(at + 1, r->end);
        }
    if (at == r->end || *at != ']')
        return -1;
    s->begin = begin;
    s->end = at + 1;
    return 0;
}

/* The document with an empty array of cases. */
static json_t *parse_frame(const struct reading *r, const struct spans *s)
{
    const size_t before = (size_t)(s->begin - r->text), behind = (size_t)(r->end - s->end);
    char *text = malloc(before + 2 + behind);
    if (!text)
        return NULL;
    memcpy(text, r->text, before);
    memcpy(text + before, "[]", 2);
    memcpy(text + before + 2, s->end, behind);
    json_t *root = json_loadb(text, before + 2 + behind, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    return root;
}

/* One case, checked; NULL where it is refused, with the refusal (NULL: not asked for), or (at NULL) is no JSON. `room`:
 * for its text without gates that nothing is made of; NULL: it is parsed as it is, so that the place of a refusal is
 * right. */
static json_t *parse_case(const struct reading *r, const struct span *span, size_t index, char *room,
                          struct ttt_refusal *refusal)
{
    struct ttt_checker checker = {r->text, r->end, NULL, refusal};
    size_t size = (size_t)(span->end - span->begin);
    if (room)
        size = ttt_thin(span->begin, size, room);
    if (refusal)
        refusal->at = NULL;
    json_t *result = json_loadb(room ? room : span->begin, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    if (result && ttt_schema_check_case(&checker, r->schema, result, index) != 0) {
        json_decref(result);
        return NULL;
    }
    return result;
}

/* All cases; NULL for those that are refused, for whatever reason. */
static void parse_thin(const struct reading *r, const struct spans *s, json_t **results)
{
    size_t largest = 1;
    for (size_t i = 0; i < s->count; i++) {
        const size_t size = (size_t)(s->list[i].end - s->list[i].begin);
        largest = size > largest ? size : largest;
    }
    json_object_seed(0); /* before there are threads */
#pragma omp parallel
    {
        char *room = malloc(largest);
#pragma omp for schedule(dynamic, 16)
        for (size_t i = 0; i < s->count; i++)
            results[i] = room ? parse_case(r, &s->list[i], i, room, NULL) : NULL;
        free(room);
    }
}

/* Parse the cases into the document.  The first that is refused is told. */
static int parse_cases(const struct reading *r, const struct spans *s, json_t *root)
{
    json_t **results = calloc(s->count + 1, sizeof(void *)), *cases = json_object_get(root, "cases");
    struct ttt_refusal refusal;
    int status = 0;
    if (!results)
        return ttt_message_refuse(&r->message, "out of memory");
    parse_thin(r, s, results);
    for (size_t i = 0; i < s->count; i++) {
        if (status == 0 && !results[i]) {
            results[i] = parse_case(r, &s->list[i], i, NULL, &refusal);
            status = results[i] ? 0 : refusal.at ? refuse_value(r, &refusal) : refuse_syntax(r);
        }
        if (status == 0)
            json_array_append_new(cases, results[i]);
        else
            json_decref(results[i]);
    }
    free(results);
    return status;
}

/* The cases of a document that could not be parsed apart. */
static int check_cases(const struct reading *r, const json_t *root)
{
    const json_t *cases = json_object_get(root, "cases");
    struct ttt_refusal refusal;
    struct ttt_checker checker = {r->text, r->end, NULL, &refusal};
    for (size_t i = 0; i < json_array_size(cases); i++)
        if (ttt_schema_check_case(&checker, r->schema, json_array_get(cases, i), i) != 0)
            return refuse_value(r, &refusal);
    return 0;
}

/* All but the cases that are checked one by one. */
static int check_frame(const struct reading *r, const json_t *root)
{
    static const struct ttt_json_step schema = {NULL, "schema", 0};
    struct ttt_refusal refusal;
    struct ttt_checker checker = {r->text, r->end, NULL, &refusal};
    if (r->schema)
        return ttt_schema_check(&checker, r->schema, root) == 0 ? 0 : refuse_value(r, &refusal);
    checker.at = &schema;
    ttt_schema_refuse(&checker,
                      "'%s' is not a report that this version reads (allowed: of ttt-verify, ttt-bench, ttt-fuzz, "
                      "false-alarms, check-mutants, compare-criteria, power-curves, training)",
                      TTT_QUOTE(ttt_load_text(root, "schema")));
    return refuse_value(r, &refusal);
}

/* A campaign has rules of its own. */
static int check_campaign(const struct reading *r, const json_t *root)
{
    char what[512];
    return ttt_campaign_check(root, what, sizeof what) == 0 ? 0 : ttt_message_refuse(&r->message, "%s", what);
}

static int load(struct reading *r, struct ttt_loaded *loaded)
{
    struct spans spans = {.list = NULL};
    json_t *root = find_spans(r, &spans) == 0 ? parse_frame(r, &spans) : NULL;
    r->schema = ttt_schema_of(root);
    const int split = r->schema && r->schema->cases;
    if (!split) {
        json_decref(root);
        root = parse_all(r, NULL);
        r->schema = ttt_schema_of(root);
    }
    int status = root ? check_frame(r, root) : refuse_syntax(r);
    if (status == 0 && r->schema->cases)
        status = split ? parse_cases(r, &spans, root) : check_cases(r, root);
    free(spans.list);
    loaded->root = root;
    return status;
}

int ttt_load(const char *path, struct ttt_loaded *loaded, char *error, size_t error_size)
{
    struct reading r = {.message = {path, error, error_size}};
    size_t size;
    *loaded = (struct ttt_loaded){.path = path};
    r.text = ttt_text_read(path, &size);
    if (!r.text)
        return ttt_message_refuse(&r.message, "%s", strerror(errno));
    r.end = r.text + size;
    int status = load(&r, loaded);
    if (status == 0) {
        loaded->kind = r.schema->kind;
        status = loaded->kind == TTT_KIND_FUZZ ? check_campaign(&r, loaded->root) : 0;
    }
    free(r.text);
    if (status != 0) {
        json_decref(loaded->root);
        loaded->root = NULL;
    }
    return status;
}

double ttt_load_number(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    const char *s = json_string_value(v);
    if (json_is_number(v))
        return json_number_value(v);
    return s && strcmp(s, "inf") == 0 ? HUGE_VAL : s && strcmp(s, "-inf") == 0 ? -HUGE_VAL : (double)NAN;
}

const char *ttt_load_text(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "";
}

int ttt_load_verdict(const json_t *object)
{
    const char *s = ttt_load_text(object, "verdict");
    int v = 0;
    while (v < TTT_VERDICT_COUNT && strcmp(s, ttt_verdict_name[v]) != 0)
        v++;
    return v;
}

double ttt_load_share(const json_t *gate_json)
{
    const double value = ttt_load_number(gate_json, "value"), bound = ttt_load_number(gate_json, "bound");
    const double share = value == 0 ? 0 : value / bound;
    return isnan(share) ? HUGE_VAL : share;
}
