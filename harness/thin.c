/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "thin.h"
#include "json_text.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_GATES = 32 };

struct gate {
    const char *begin, *end;
    double share; /* of its bound */
    int keep;
};

/* Where the reading is, and where it must end; NULL once something was not as it should be. */
struct cursor {
    const char *at, *end;
};

static void literal(struct cursor *c, const char *text)
{
    const size_t length = strlen(text);
    if (c->at)
        c->at = ttt_json_text_white(c->at, c->end);
    if (c->at && ((size_t)(c->end - c->at) < length || memcmp(c->at, text, length) != 0))
        c->at = NULL;
    else if (c->at)
        c->at += length;
}

static int is_next(const struct cursor *c, char what)
{
    const char *at = c->at ? ttt_json_text_white(c->at, c->end) : NULL;
    return at && at < c->end && *at == what;
}

static void key(struct cursor *c, const char *quoted)
{
    literal(c, quoted);
    literal(c, ":");
}

/* A string of printable ASCII without escapes. */
static void text(struct cursor *c, const char **begin, size_t *length)
{
    literal(c, "\"");
    const char *at = c->at;
    while (at && at < c->end && *at >= ' ' && *at <= '~' && *at != '"' && *at != '\\')
        at++;
    *begin = c->at;
    *length = at ? (size_t)(at - c->at) : 0;
    c->at = at;
    if (at && (at == c->end || *at != '"'))
        c->at = NULL;
    else if (at)
        c->at++;
}

static const char *digits(const char *at, const char *end)
{
    const char *from = at;
    while (at && at < end && *at >= '0' && *at <= '9')
        at++;
    return at == from ? NULL : at;
}

/* A number as JSON has it. */
static double number(struct cursor *c)
{
    const char *at = c->at ? ttt_json_text_white(c->at, c->end) : NULL, *begin = at;
    if (at && at < c->end && *at == '-')
        at++;
    const int zero = at && at < c->end && *at == '0';
    at = digits(at, c->end);
    if (zero && at && at[-1] != '0')
        at = NULL;
    if (at && at < c->end && *at == '.')
        at = digits(at + 1, c->end);
    if (at && at < c->end && (*at == 'e' || *at == 'E')) {
        at++;
        at = digits(at < c->end && (*at == '+' || *at == '-') ? at + 1 : at, c->end);
    }
    c->at = at;
    return at ? strtod(begin, NULL) : 0;
}

static int is_word(const char *begin, size_t length, const char *word)
{
    return length == strlen(word) && memcmp(begin, word, length) == 0;
}

/* One gate as ttt-verify writes it. */
static void read_gate(struct cursor *c, struct gate *g)
{
    const char *name, *verdict, *place;
    size_t name_length, verdict_length, place_length;
    literal(c, "{");
    g->begin = c->at ? c->at - 1 : NULL;
    key(c, "\"name\"");
    text(c, &name, &name_length);
    literal(c, ",");
    key(c, "\"verdict\"");
    text(c, &verdict, &verdict_length);
    literal(c, ",");
    key(c, "\"value\"");
    const double value = number(c);
    literal(c, ",");
    key(c, "\"bound\"");
    const double bound = number(c);
    if (is_next(c, ',')) {
        literal(c, ",");
        key(c, "\"place\"");
        text(c, &place, &place_length);
    }
    literal(c, "}");
    if (!c->at)
        return;
    g->end = c->at;
    g->share = value == 0 ? 0 : value / bound;
    g->share = isnan(g->share) ? HUGE_VAL : g->share;
    g->keep = !is_word(verdict, verdict_length, "PASS") || is_word(name, name_length, "G1.tensor") ||
              is_word(name, name_length, "rel_l2");
}

/* The gates of a list whose bracket is behind the cursor.  How many; 0 where some are of another form. */
static int read_gates(struct cursor *c, struct gate gates[MOST_GATES])
{
    int count = 0, worst = 0;
    do {
        if (count > 0)
            literal(c, ",");
        if (count == MOST_GATES)
            return 0;
        read_gate(c, &gates[count]);
        if (!c->at)
            return 0;
        worst = gates[count].share > gates[worst].share ? count : worst;
        count++;
    } while (is_next(c, ','));
    literal(c, "]");
    gates[worst].keep = 1;
    return c->at ? count : 0;
}

static char *copy(char *to, const char *from, const char *end)
{
    memcpy(to, from, (size_t)(end - from));
    return to + (end - from);
}

size_t ttt_thin(const char *source, size_t size, char *out)
{
    static const char list[] = "\"gates\": [";
    const char *at = source, *end = source + size, *found;
    char *to = out;
    /* (A quote inside of a string has a backslash before it: this is a key.) */
    while ((found = memmem(at, (size_t)(end - at), list, sizeof list - 1)) != NULL) {
        struct gate gates[MOST_GATES];
        struct cursor c = {found + sizeof list - 1, end};
        to = copy(to, at, c.at);
        at = c.at;
        const int count = read_gates(&c, gates);
        int kept = 0;
        for (int i = 0; i < count; i++)
            if (gates[i].keep) {
                if (kept++ > 0)
                    *to++ = ',';
                to = copy(to, gates[i].begin, gates[i].end);
            }
        if (count > 0) {
            *to++ = ']';
            at = c.at;
        }
    }
    return (size_t)(copy(to, at, end) - out);
}
