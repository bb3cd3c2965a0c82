/* SPDX-License-Identifier: MIT */
#include "json_text.h"
#include <stdio.h>
#include <string.h>

const char *ttt_json_text_white(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* Behind the string whose first quote is at `at`. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\')
            at++;
    return at < end ? at + 1 : end;
}

/* The next byte from `at` on that is a quote or a bracket. */
static const char *next_mark(const char *at, const char *end)
{
    static const char is_mark[256] = {['"'] = 1, ['{'] = 1, ['['] = 1, ['}'] = 1, [']'] = 1};
    while (at < end && !is_mark[(unsigned char)*at])
        at++;
    return at;
}

const char *ttt_json_text_skip(const char *at, const char *end)
{
    if (at < end && *at != '"' && *at != '{' && *at != '[') {
        while (at < end && !strchr(",]} \n\r\t", *at))
            at++;
        return at;
    }
    for (size_t depth = 0; at < end; at = next_mark(at, end)) {
        if (*at == '"') {
            at = skip_string(at, end);
        } else {
            depth = *at == '{' || *at == '[' ? depth + 1 : depth - 1;
            at++;
        }
        if (depth == 0)
            return at;
    }
    return end;
}

/* Behind the comma that follows the value at `at`; NULL where none does. */
static const char *next(const char *at, const char *end)
{
    at = ttt_json_text_white(ttt_json_text_skip(at, end), end);
    return at < end && *at == ',' ? ttt_json_text_white(at + 1, end) : NULL;
}

const char *ttt_json_text_member(const char *at, const char *end, const char *key)
{
    const size_t length = strlen(key);
    if (at >= end || *at != '{')
        return NULL;
    at = ttt_json_text_white(at + 1, end);
    while (at && at < end && *at == '"') {
        const char *name = at + 1, *behind = skip_string(at, end);
        at = ttt_json_text_white(behind, end);
        if (at >= end || *at != ':')
            return NULL;
        at = ttt_json_text_white(at + 1, end);
        if ((size_t)(behind - name) == length + 1 && memcmp(name, key, length) == 0)
            return at < end ? at : NULL;
        at = next(at, end);
    }
    return NULL;
}

static const char *element(const char *at, const char *end, size_t index)
{
    if (at >= end || *at != '[')
        return NULL;
    at = ttt_json_text_white(at + 1, end);
    for (; at && index > 0; index--)
        at = next(at, end);
    return at && at < end ? at : NULL;
}

const char *ttt_json_text_find(const char *text, const char *end, const struct ttt_json_step *to)
{
    if (!to)
        return ttt_json_text_white(text, end);
    const char *in = ttt_json_text_find(text, end, to->up);
    const char *found = to->key ? ttt_json_text_member(in, end, to->key) : element(in, end, to->index);
    return found ? found : in;
}

void ttt_json_text_place(const char *text, const char *at, char place[TTT_JSON_PLACE])
{
    size_t line = 1;
    const char *begin = text;
    for (const char *newline; (newline = memchr(begin, '\n', (size_t)(at - begin))) != NULL; line++)
        begin = newline + 1;
    snprintf(place, TTT_JSON_PLACE, "line %zu, column %zu", line, (size_t)(at - begin) + 1);
}
