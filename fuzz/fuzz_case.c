/* SPDX-License-Identifier: MIT */
#include "fuzz_case.h"
#include "harness/text.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *const fuzz_kind_name[FUZZ_KIND_COUNT] = {"drawn", "zero",    "one",  "tiny",   "denormal",
                                                     "huge",  "limit",   "flat", "repeat", "negative",
                                                     "large", "outlier", "inf",  "-inf",   "nan"};

static int refuse(const char *word, size_t n, const char *allowed, char *error, size_t error_size)
{
    char quoted[TTT_TEXT_QUOTE];
    snprintf(error, error_size, "'%s': %s", ttt_text_quote(quoted, sizeof quoted, word, n), allowed);
    return -1;
}

/* The input that a word "NAME=..." of `n` bytes names, or TTT_XQW. */
static enum ttt_tensor tensor_of(const char *word, size_t n)
{
    enum ttt_tensor t = 0;
    while (t < TTT_XQW && !(strlen(ttt_tensor_info[t].name) < n && word[strlen(ttt_tensor_info[t].name)] == '=' &&
                            memcmp(word, ttt_tensor_info[t].name, strlen(ttt_tensor_info[t].name)) == 0))
        t++;
    return t;
}

static int read_field(const char *word, size_t n, struct fuzz_case *f, char *error, size_t error_size)
{
    const enum ttt_tensor t = tensor_of(word, n);
    if (t == TTT_XQW)
        return refuse(word, n, "no input has this name", error, error_size);
    if (!ttt_tensor_present(t, &f->c))
        return refuse(word, n, "the case has no such input", error, error_size);
    if (f->field[t].kind != FUZZ_DRAWN)
        return refuse(word, n, "the tensor is given twice", error, error_size);
    const char *kind = word + strlen(ttt_tensor_info[t].name) + 1, *end = word + n;
    const char *at = memchr(kind, '@', (size_t)(end - kind));
    const size_t length = (size_t)((at ? at : end) - kind);
    struct fuzz_field field = {.kind = FUZZ_ZERO};
    while (field.kind < FUZZ_KIND_COUNT &&
           !(strlen(fuzz_kind_name[field.kind]) == length && memcmp(fuzz_kind_name[field.kind], kind, length) == 0))
        field.kind++;
    if (field.kind == FUZZ_KIND_COUNT)
        return refuse(word, n,
                      "the kind must be zero, one, tiny, denormal, huge, limit, flat, repeat, negative, large, or "
                      "outlier, inf, -inf or nan with @ELEMENT",
                      error, error_size);
    if ((at != NULL) != (field.kind >= FUZZ_OUTLIER) ||
        (at && ttt_text_to_u64(at + 1, (size_t)(end - at - 1), UINT64_MAX, &field.at) != 0))
        return refuse(word, n, "@ELEMENT, an integer, goes with outlier, inf, -inf and nan", error, error_size);
    f->field[t] = field;
    return 0;
}

int fuzz_case_parse(const char *text, struct fuzz_case *out, char *error, size_t error_size)
{
    struct fuzz_case f = {.field = {{FUZZ_DRAWN, 0}}};
    char head[TTT_CASE_TEXT];
    size_t n = strcspn(text, " "); /* of the case string: up to the first word that names a tensor */
    while (text[n] && tensor_of(text + n + 1, strcspn(text + n + 1, " ")) == TTT_XQW)
        n += 1 + strcspn(text + n + 1, " ");
    if (n >= sizeof head)
        return refuse(text, n, "the case string is too long", error, error_size);
    memcpy(head, text, n);
    head[n] = '\0';
    if (ttt_case_parse(head, &f.c, error, error_size) != 0)
        return -1;
    for (const char *at = text + n; *at;) {
        const size_t length = strcspn(++at, " ");
        if (read_field(at, length, &f, error, error_size) != 0)
            return -1;
        at += length;
    }
    *out = f;
    return 0;
}

void fuzz_case_format(const struct fuzz_case *f, char text[FUZZ_CASE_TEXT])
{
    char head[TTT_CASE_TEXT];
    ttt_case_format(&f->c, head);
    size_t used = (size_t)snprintf(text, FUZZ_CASE_TEXT, "%s", head);
    for (enum ttt_tensor t = 0; t < TTT_XQW; t++) {
        const struct fuzz_field *field = &f->field[t];
        if (field->kind != FUZZ_DRAWN)
            used += (size_t)snprintf(text + used, FUZZ_CASE_TEXT - used, " %s=%s", ttt_tensor_info[t].name,
                                     fuzz_kind_name[field->kind]);
        if (field->kind >= FUZZ_OUTLIER)
            used += (size_t)snprintf(text + used, FUZZ_CASE_TEXT - used, "@%" PRIu64, field->at);
    }
}
