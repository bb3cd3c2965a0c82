/* SPDX-License-Identifier: MIT */
#include "campaign.h"
#include "text.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 3, 4))) static int refuse(char *error, size_t error_size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, error_size, format, args);
    va_end(args);
    return -1;
}

enum { MOST_RANKS = 1 << 16 };
#define MOST_CASES ((json_int_t)1 << 53) /* what a double counts */

static int is_count(const json_t *x)
{
    return json_is_integer(x) && json_integer_value(x) >= 0 && json_integer_value(x) <= MOST_CASES;
}

/* Strings and integers that must be there, and what may be null. */
static int check_campaign(const json_t *c, char *error, size_t error_size)
{
    const json_t *cases = json_object_get(c, "cases"), *held = json_object_get(c, "held");
    if (!json_is_string(json_object_get(c, "candidate")) || !json_is_string(json_object_get(c, "direction")) ||
        !json_is_string(json_object_get(c, "seed")))
        return refuse(error, error_size, "'campaign' needs the strings candidate, direction and seed");
    if (!(is_count(cases) || json_is_null(cases)) || !(json_is_string(held) || json_is_null(held)))
        return refuse(error, error_size, "'campaign' needs cases (a count or null) and held (a string or null)");
    return 0;
}

static int check_ranks(const json_t *ranks, char *error, size_t error_size)
{
    if (!json_is_array(ranks) || json_array_size(ranks) == 0)
        return refuse(error, error_size, "'ranks' must be an array of at least one");
    for (size_t i = 0; i < json_array_size(ranks); i++) {
        const json_t *r = json_array_get(ranks, i), *rank = json_object_get(r, "rank");
        const json_t *size = json_object_get(r, "size");
        if (!is_count(rank) || !is_count(size) || !is_count(json_object_get(r, "next")) ||
            !json_is_boolean(json_object_get(r, "complete")) || json_integer_value(size) > MOST_RANKS ||
            json_integer_value(rank) >= json_integer_value(size) ||
            json_integer_value(size) != json_integer_value(json_object_get(json_array_get(ranks, 0), "size")))
            return refuse(error, error_size,
                          "rank %zu of 'ranks' must have rank < size (one size, at most 2^16), next and complete", i);
    }
    return 0;
}

static int check_counts(const json_t *counts, char *error, size_t error_size)
{
    const char *table, *row, *verdict;
    json_t *rows, *verdicts, *count;
    if (!json_is_object(counts))
        return refuse(error, error_size, "'counts' must be an object");
    json_object_foreach((json_t *)counts, table, rows)
    {
        if (!json_is_object(rows))
            return refuse(error, error_size, "counts.'%s' must be an object", TTT_QUOTE(table));
        json_object_foreach(rows, row, verdicts)
        {
            if (!json_is_object(verdicts))
                return refuse(error, error_size, "counts.'%s'.'%s' must be an object", TTT_QUOTE(table),
                              TTT_QUOTE(row));
            json_object_foreach(verdicts, verdict, count)
            {
                if (!is_count(count) || json_integer_value(count) > INT32_MAX)
                    return refuse(error, error_size, "counts.'%s'.'%s'.'%s' must be a count up to 2^31 - 1",
                                  TTT_QUOTE(table), TTT_QUOTE(row), TTT_QUOTE(verdict));
            }
        }
    }
    return 0;
}

static int check_findings(const json_t *findings, char *error, size_t error_size)
{
    if (!json_is_array(findings))
        return refuse(error, error_size, "'findings' must be an array");
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *f = json_array_get(findings, i);
        if (!is_count(json_object_get(f, "index")) || !json_is_string(json_object_get(f, "case")) ||
            !json_is_string(json_object_get(f, "gate")) || !json_is_string(json_object_get(f, "tensor")) ||
            !json_is_string(json_object_get(f, "detail")))
            return refuse(error, error_size, "finding %zu needs index, case, gate, tensor and detail", i);
    }
    return 0;
}

int ttt_campaign_check(const json_t *report, char *error, size_t error_size)
{
    const char *schema = json_string_value(json_object_get(report, "schema"));
    const json_t *nearest = json_object_get(report, "nearest"), *hash = json_object_get(report, "hash");
    if (!schema || strcmp(schema, TTT_CAMPAIGN_SCHEMA) != 0)
        return refuse(error, error_size, "'schema' is not \"%s\"", TTT_CAMPAIGN_SCHEMA);
    if (check_campaign(json_object_get(report, "campaign"), error, error_size) ||
        check_ranks(json_object_get(report, "ranks"), error, error_size) ||
        check_counts(json_object_get(report, "counts"), error, error_size) ||
        check_findings(json_object_get(report, "findings"), error, error_size))
        return -1;
    if (!json_is_string(hash) || json_string_length(hash) != 16 ||
        strspn(json_string_value(hash), "0123456789abcdef") != 16)
        return refuse(error, error_size, "'hash' must be 16 hexadecimal digits");
    if (!json_is_number(json_object_get(nearest, "value")) || !json_is_string(json_object_get(nearest, "case")) ||
        !json_is_number(json_object_get(report, "seconds")))
        return refuse(error, error_size, "'nearest' needs value and case, and 'seconds' must be a number");
    return 0;
}

json_t *ttt_campaign_read(const char *path, char *error, size_t error_size)
{
    const struct ttt_message message = {path, error, error_size};
    json_error_t syntax;
    char what[512];
    size_t size;
    char *text = ttt_text_read(path, &size);
    if (!text) {
        ttt_message_refuse(&message, "%s", strerror(errno));
        return NULL;
    }
    json_t *report = json_loadb(text, size, JSON_REJECT_DUPLICATES, &syntax);
    free(text);
    if (!report)
        ttt_message_refuse(&message, "line %d, column %d: %s", syntax.line, syntax.column, TTT_QUOTE(syntax.text));
    else if (ttt_campaign_check(report, what, sizeof what) != 0) {
        ttt_message_refuse(&message, "%s", what);
        json_decref(report);
        report = NULL;
    }
    return report;
}

/* The object under `key`, made where it is not there; NULL when memory cannot be had. */
static json_t *child(json_t *object, const char *key)
{
    json_t *found = json_object_get(object, key);
    if (!found && json_object_set_new(object, key, found = json_object()) != 0)
        return NULL;
    return found;
}

static int count_more(json_t *report, const char *table, const char *row, const char *verdict, json_int_t more)
{
    json_t *verdicts = child(child(json_object_get(report, "counts"), table), row);
    const json_int_t before = json_integer_value(json_object_get(verdicts, verdict));
    return json_object_set_new(verdicts, verdict, json_integer(before + more));
}

int ttt_campaign_count(json_t *report, const char *table, const char *row, const char *verdict)
{
    return count_more(report, table, row, verdict, 1);
}

int64_t ttt_campaign_counted(const json_t *report, const char *table, const char *row, const char *verdict)
{
    const json_t *rows = json_object_get(json_object_get(report, "counts"), table);
    return json_integer_value(json_object_get(json_object_get(rows, row), verdict));
}

uint64_t ttt_campaign_hash(const json_t *report)
{
    return strtoull(json_string_value(json_object_get(report, "hash")), NULL, 16);
}

int ttt_campaign_set_hash(json_t *report, uint64_t hash)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    return json_object_set_new(report, "hash", json_string(text));
}

static int add_counts(json_t *to, const json_t *from)
{
    const char *table, *row, *verdict;
    json_t *rows, *verdicts, *count;
    json_object_foreach(json_object_get(from, "counts"), table, rows)
    {
        json_object_foreach(rows, row, verdicts)
        {
            json_object_foreach(verdicts, verdict, count)
            {
                if (count_more(to, table, row, verdict, json_integer_value(count)) != 0)
                    return -1;
            }
        }
    }
    return 0;
}

static json_int_t index_of(const json_t *finding)
{
    return json_integer_value(json_object_get(finding, "index"));
}

static int is_like(const json_t *a, const json_t *b)
{
    return json_equal(json_object_get(a, "gate"), json_object_get(b, "gate")) &&
           json_equal(json_object_get(a, "tensor"), json_object_get(b, "tensor"));
}

/* The findings of both in the order of their indices; of those that are alike, the first. */
static int add_findings(json_t *to, const json_t *from)
{
    json_t *mine = json_object_get(to, "findings");
    const json_t *theirs = json_object_get(from, "findings");
    for (size_t i = 0; i < json_array_size(theirs); i++) {
        json_t *finding = json_array_get(theirs, i);
        size_t at = 0;
        while (at < json_array_size(mine) && !is_like(json_array_get(mine, at), finding))
            at++;
        if (at < json_array_size(mine) && index_of(json_array_get(mine, at)) <= index_of(finding))
            continue;
        if (at < json_array_size(mine) && json_array_remove(mine, at) != 0)
            return -1;
        for (at = json_array_size(mine); at > 0 && index_of(json_array_get(mine, at - 1)) > index_of(finding);)
            at--;
        if (json_array_insert(mine, at, finding) != 0)
            return -1;
    }
    return 0;
}

static int add_ranks(json_t *to, const json_t *from, char *error, size_t error_size)
{
    json_t *mine = json_object_get(to, "ranks");
    const json_t *theirs = json_object_get(from, "ranks");
    const json_int_t size = json_integer_value(json_object_get(json_array_get(mine, 0), "size"));
    for (size_t i = 0; i < json_array_size(theirs); i++) {
        json_t *added = json_array_get(theirs, i);
        const json_int_t rank = json_integer_value(json_object_get(added, "rank"));
        if (json_integer_value(json_object_get(added, "size")) != size)
            return refuse(error, error_size, "it is of a campaign of another number of ranks");
        size_t at = json_array_size(mine);
        while (at > 0 && json_integer_value(json_object_get(json_array_get(mine, at - 1), "rank")) > rank)
            at--;
        if (at > 0 && json_integer_value(json_object_get(json_array_get(mine, at - 1), "rank")) == rank)
            return refuse(error, error_size, "rank %lld is there twice", (long long)rank);
        if (json_array_insert(mine, at, added) != 0)
            return refuse(error, error_size, "out of memory");
    }
    return 0;
}

int ttt_campaign_add(json_t *to, const json_t *from, char *error, size_t error_size)
{
    if (!json_equal(json_object_get(to, "campaign"), json_object_get(from, "campaign")))
        return refuse(error, error_size, "it is of another campaign (candidate, direction, seed, cases, held)");
    if (add_ranks(to, from, error, error_size) != 0)
        return -1;
    const json_t *a = json_object_get(to, "nearest"), *b = json_object_get(from, "nearest");
    const double seconds = json_number_value(json_object_get(to, "seconds"));
    if ((json_number_value(json_object_get(b, "value")) > json_number_value(json_object_get(a, "value")) &&
         json_object_set(to, "nearest", json_object_get(from, "nearest")) != 0) ||
        json_object_set_new(to, "seconds", json_real(seconds + json_number_value(json_object_get(from, "seconds")))) !=
            0 ||
        ttt_campaign_set_hash(to, ttt_campaign_hash(to) + ttt_campaign_hash(from)) != 0 || add_counts(to, from) != 0 ||
        add_findings(to, from) != 0)
        return refuse(error, error_size, "out of memory");
    return 0;
}

/* A rank that is not there, or did not end: one line, and an entry of `missing`. */
static int note_missing(json_t *missing, json_int_t rank, json_int_t size, const json_t *r, const json_t *cases,
                        FILE *out)
{
    const json_int_t from = r ? json_integer_value(json_object_get(r, "next")) : rank;
    const json_int_t all = json_integer_value(cases), left = all > from ? (all - from + size - 1) / size : 0;
    if (json_is_integer(cases) && left == 0)
        return 0;
    if (out && json_is_integer(cases))
        fprintf(out, "rank %lld of %lld: %s; %lld cases are missing, every index i from %lld with i mod %lld = %lld\n",
                (long long)rank, (long long)size, r ? "not complete" : "no report", (long long)left, (long long)from,
                (long long)size, (long long)rank);
    else if (out)
        fprintf(out, "rank %lld of %lld: %s, from index %lld on\n", (long long)rank, (long long)size,
                r ? "not complete" : "no report", (long long)from);
    return json_array_append_new(missing, json_pack("{s:I, s:I, s:o}", "rank", rank, "from", from, "cases",
                                                    json_is_integer(cases) ? json_integer(left) : json_null()));
}

size_t ttt_campaign_settle(json_t *report, FILE *out)
{
    json_t *ranks = json_object_get(report, "ranks"), *missing = json_array();
    const json_t *cases = json_object_get(json_object_get(report, "campaign"), "cases");
    const json_int_t size = json_integer_value(json_object_get(json_array_get(ranks, 0), "size"));
    size_t at = 0;
    int failed = !missing;
    for (json_int_t rank = 0; rank < size && !failed; rank++) {
        const json_t *r = json_array_get(ranks, at);
        const int there = r && json_integer_value(json_object_get(r, "rank")) == rank;
        at += (size_t)there;
        if (!there || !json_is_true(json_object_get(r, "complete")))
            failed = note_missing(missing, rank, size, there ? r : NULL, cases, out);
    }
    const size_t count = json_array_size(missing);
    if (!failed && count == 0 && json_is_integer(cases)) /* as one process would have done it */
        failed = json_object_set_new(report, "ranks",
                                     json_pack("[{s:i, s:i, s:I, s:b}]", "rank", 0, "size", 1, "next",
                                               json_integer_value(cases), "complete", 1));
    if (failed || count == 0)
        json_decref(missing);
    else
        failed = json_object_set_new(report, "missing", missing);
    return failed ? SIZE_MAX : count;
}
