/* SPDX-License-Identifier: MIT
 *
 * What the cases of each candidate cover of the space of shapes: marks for two charts, and a table that says the same.
 */
#include "page.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 12 };

/* Marks of the charts, in the order in which they are drawn, so that a failure is never hidden; shapes.gp has their
 * looks.  Those of a pass and of a blind one are three each, by direction. */
enum mark { SKIPPED, PASSED, BLIND = PASSED + 3, ILL_CONDITIONED = BLIND + 3, FAILED, MARKS };

static const char *const mark_title[MARKS] = {
    [SKIPPED] = "skipped",
    [PASSED] = "passed",
    [PASSED + 1] = "passed forward",
    [PASSED + 2] = "passed backward",
    [BLIND] = "blind to some operand",
    [BLIND + 1] = "blind, forward",
    [BLIND + 2] = "blind, backward",
    [ILL_CONDITIONED] = "ill-conditioned",
    [FAILED] = "failed",
};

/* The cases of one size of mini-batches and widths. */
struct row {
    int64_t c, f, d; /* 0: what is in no other row */
    int64_t least_n, most_n, least_heads, most_heads;
    size_t cases, by_verdict[TTT_VERDICT_COUNT], by_direction[TTT_DIRECTION_BOTH + 1];
};

struct rows {
    struct row *list;
    size_t count;
};

static enum mark mark_of(int verdict, unsigned directions)
{
    const int by_direction = directions == TTT_DIRECTION_BOTH ? 0 : (int)directions;
    return verdict == TTT_FAIL              ? FAILED
           : verdict == TTT_ILL_CONDITIONED ? ILL_CONDITIONED
           : verdict == TTT_SKIPPED         ? SKIPPED
                                            : (enum mark)((verdict == TTT_PASS ? PASSED : BLIND) + by_direction);
}

static unsigned directions_of(const json_t *result)
{
    unsigned d = TTT_DIRECTION_FORWARD;
    while (d < TTT_DIRECTION_BOTH && strcmp(ttt_load_text(result, "direction"), ttt_direction_name[d]) != 0)
        d++;
    return d;
}

/* The case of a result of the candidate; 0 where it is another's. */
static int case_of(const json_t *result, const char *candidate, struct ttt_case *c)
{
    char error[256];
    return strcmp(ttt_load_text(result, "candidate"), candidate) == 0 &&
           ttt_case_parse(ttt_load_text(result, "case"), c, error, sizeof error) == 0;
}

static struct row *row_of(struct rows *rows, const struct ttt_mlp_shape *s)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->list[i].c == s->mini_batch_size && rows->list[i].f == s->head_dim && rows->list[i].d == s->hidden_dim)
            return &rows->list[i];
    struct row *row = &rows->list[rows->count++];
    *row = (struct row){
        .c = s->mini_batch_size, .f = s->head_dim, .d = s->hidden_dim, .least_n = INT64_MAX, .least_heads = INT64_MAX};
    return row;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void add_row(struct row *row, const struct row *more)
{
    row->least_n = least(row->least_n, more->least_n);
    row->most_n = most(row->most_n, more->most_n);
    row->least_heads = least(row->least_heads, more->least_heads);
    row->most_heads = most(row->most_heads, more->most_heads);
    row->cases += more->cases;
    for (int v = 0; v < TTT_VERDICT_COUNT; v++)
        row->by_verdict[v] += more->by_verdict[v];
    for (unsigned d = 0; d <= TTT_DIRECTION_BOTH; d++)
        row->by_direction[d] += more->by_direction[d];
}

/* Those of most cases first; then the smaller ones, so that the order is always the same. */
static int is_before(const void *a, const void *b)
{
    const struct row *p = a, *q = b;
    if (p->cases != q->cases)
        return p->cases > q->cases ? -1 : 1;
    const int64_t first[] = {p->c, p->f, p->d}, second[] = {q->c, q->f, q->d};
    for (int i = 0; i < 3; i++)
        if (first[i] != second[i])
            return first[i] < second[i] ? -1 : 1;
    return 0;
}

/* The last row becomes that of all sizes that have none. */
static void gather_rows(struct rows *rows, const struct ttt_standings *standings, const char *candidate)
{
    rows->count = 0;
    for (size_t i = 0; i < standings->result_count; i++) {
        const json_t *result = standings->results[i].result;
        struct ttt_case c;
        if (!case_of(result, candidate, &c))
            continue;
        const int64_t heads = c.shape.batch * c.shape.heads;
        struct row one = {.least_n = c.shape.seq_len,
                          .most_n = c.shape.seq_len,
                          .least_heads = heads,
                          .most_heads = heads,
                          .cases = 1};
        one.by_verdict[ttt_load_verdict(result)] = 1;
        one.by_direction[directions_of(result)] = 1;
        add_row(row_of(rows, &c.shape), &one);
    }
    qsort(rows->list, rows->count, sizeof *rows->list, is_before);
    if (rows->count <= MOST_ROWS)
        return;
    struct row *others = &rows->list[MOST_ROWS - 1];
    for (size_t i = MOST_ROWS; i < rows->count; i++)
        add_row(others, &rows->list[i]);
    others->c = others->f = others->d = 0;
    rows->count = MOST_ROWS;
}

/* Where the case stands: 1 is the last row. */
static size_t height_of(const struct rows *rows, const struct ttt_mlp_shape *s)
{
    size_t i = 0;
    while (i + 1 < rows->count && (rows->list[i].c != s->mini_batch_size || rows->list[i].f != s->head_dim ||
                                   rows->list[i].d != s->hidden_dim))
        i++;
    return rows->count - i;
}
/* The marks of one chart: of each kind the places, "x y", as the keys of an object: a place is marked once. */
struct chart {
    json_t *places[MARKS];
};

static void put(struct chart *chart, enum mark mark, int64_t x, int64_t y)
{
    char place[64];
    snprintf(place, sizeof place, "%lld %lld", (long long)x, (long long)y);
    json_object_set_new(chart->places[mark], place, json_true());
}

/* As shapes.gp wants it. */
static json_t *chart_json(const struct chart *chart, const char *about)
{
    json_t *series = json_array();
    for (int m = 0; m < MARKS; m++) {
        json_t *points = json_array(), *value;
        const char *place;
        json_object_foreach(chart->places[m], place, value)
        {
            json_array_append_new(points, json_string(place));
        }
        if (json_array_size(points) > 0)
            json_array_append_new(series,
                                  json_pack("{s:i, s:s, s:O}", "number", m, "title", mark_title[m], "points", points));
        json_decref(points);
    }
    return json_pack("{s:s, s:o}", "about", about, "series", series);
}

static json_t *sizes_text(const struct row *row)
{
    return row->c == 0 ? json_string("others")
                       : json_sprintf("%lld, %lld, %lld", (long long)row->c, (long long)row->f, (long long)row->d);
}

static json_t *charts_json(const struct ttt_standings *standings, const char *candidate, const struct rows *rows)
{
    struct chart heads, sizes;
    json_t *labels = json_array();
    for (int m = 0; m < MARKS; m++) {
        heads.places[m] = json_object();
        sizes.places[m] = json_object();
    }
    for (size_t i = 0; i < standings->result_count; i++) {
        const json_t *result = standings->results[i].result;
        const enum mark mark = mark_of(ttt_load_verdict(result), directions_of(result));
        struct ttt_case c;
        if (!case_of(result, candidate, &c))
            continue;
        put(&heads, mark, c.shape.seq_len, c.shape.batch * c.shape.heads);
        put(&sizes, mark, c.shape.seq_len, (int64_t)height_of(rows, &c.shape));
    }
    for (size_t i = 0; i < rows->count; i++)
        json_array_append_new(
            labels, json_pack("{s:o, s:I}", "sizes", sizes_text(&rows->list[i]), "at", (json_int_t)(rows->count - i)));
    json_t *first = chart_json(&heads, "batch x heads"), *second = chart_json(&sizes, "C, F, D");
    json_object_set_new(second, "sizes", labels);
    json_object_set_new(second, "top", json_integer((json_int_t)rows->count));
    for (int m = 0; m < MARKS; m++) {
        json_decref(heads.places[m]);
        json_decref(sizes.places[m]);
    }
    return json_pack("[o, o]", first, second);
}

static json_t *row_json(const struct row *row)
{
    static const char *const key[TTT_VERDICT_COUNT] = {[TTT_PASS] = "passed",
                                                       [TTT_FAIL] = "failed",
                                                       [TTT_SKIPPED] = "skipped",
                                                       [TTT_ILL_CONDITIONED] = "ill_conditioned",
                                                       [TTT_VACUOUS] = "blind"};
    json_t *object = json_pack(
        "{s:o, s:o, s:o, s:s}", "sizes", sizes_text(row), "lengths", ttt_page_range(row->least_n, row->most_n), "heads",
        ttt_page_range(row->least_heads, row->most_heads), "class", row->by_verdict[TTT_FAIL] > 0 ? "bad" : "good");
    char directions[64] = "";
    for (unsigned d = TTT_DIRECTION_BOTH; d > 0; d--) {
        const size_t length = strlen(directions);
        if (row->by_direction[d] > 0)
            snprintf(directions + length, sizeof directions - length, "%s%s", length > 0 ? ", " : "",
                     ttt_direction_name[d]);
    }
    json_object_set_new(object, "directions", json_string(directions));
    for (int v = 0; v < TTT_VERDICT_COUNT; v++)
        json_object_set_new(object, key[v], json_integer((json_int_t)row->by_verdict[v]));
    return object;
}

void ttt_page_shapes(struct ttt_page *page)
{
    const struct ttt_standings *standings = &page->standings;
    struct rows rows = {calloc(standings->result_count + 1, sizeof *rows.list), 0};
    json_t *list = json_array();
    for (size_t i = 0; i < standings->count && rows.list; i++) {
        const char *candidate = standings->list[i].candidate;
        json_t *table = json_array();
        gather_rows(&rows, standings, candidate);
        for (size_t j = 0; j < rows.count; j++)
            json_array_append_new(table, row_json(&rows.list[j]));
        if (rows.count > 0)
            json_array_append_new(list, json_pack("{s:s, s:o, s:O}", "candidate", candidate, "charts",
                                                  charts_json(standings, candidate, &rows), "table", table));
        json_decref(table);
    }
    json_object_set_new(page->values, "shapes", list);
    free(rows.list);
}
