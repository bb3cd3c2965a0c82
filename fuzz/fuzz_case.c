/* SPDX-License-Identifier: MIT */
#include "fuzz_case.h"
#include "harness/text.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define INPUTS (1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_UPSTREAM)

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

int fuzz_case_is_plain(const struct fuzz_case *f)
{
    int plain = 1;
    for (enum ttt_tensor t = 0; t < TTT_XQW; t++)
        plain &= f->field[t].kind == FUZZ_DRAWN;
    return plain;
}

int fuzz_case_is_gentle(const struct fuzz_case *f)
{
    int gentle = 1;
    for (enum ttt_tensor t = 0; t < TTT_XQW; t++) {
        const enum fuzz_kind kind = f->field[t].kind;
        gentle &= kind == FUZZ_DRAWN || kind == FUZZ_ZERO || kind == FUZZ_ONE || kind == FUZZ_FLAT ||
                  kind == FUZZ_REPEAT || kind == FUZZ_NEGATIVE;
    }
    return gentle;
}

/* The value of element i, which the distribution drew as x, of a buffer of rows of `width` and heads of `inner`. */
static double hardened(enum fuzz_kind kind, const struct ttt_buffer *b, int64_t i, int64_t width, int64_t inner)
{
    const double x = ttt_buffer_get(b, i);
    switch (kind) {
    case FUZZ_ZERO:
        return 0;
    case FUZZ_ONE:
        return 1;
    case FUZZ_TINY:
        return ldexp(x, -40);
    case FUZZ_DENORMAL:
        return copysign(ldexp((double)(1 + i % 7), -133), x);
    case FUZZ_HUGE:
        return ldexp(x, 40);
    case FUZZ_LIMIT:
        return copysign(0x1.fep127, x);
    case FUZZ_FLAT:
        return ttt_buffer_get(b, i / width * width);
    case FUZZ_REPEAT:
        return ttt_buffer_get(b, i / inner * inner + i % width);
    case FUZZ_NEGATIVE:
        return -fabs(x);
    default:
        return ldexp(x, 6);
    }
}

static void plant(const struct fuzz_field *field, struct ttt_buffer *b)
{
    const int64_t i = (int64_t)(field->at % (uint64_t)b->elements);
    ttt_buffer_set(b, i,
                   field->kind == FUZZ_OUTLIER     ? ldexp(ttt_buffer_get(b, i), 10)
                   : field->kind == FUZZ_INF       ? (double)INFINITY
                   : field->kind == FUZZ_MINUS_INF ? -(double)INFINITY
                                                   : (double)NAN);
}

int fuzz_case_inputs(struct ttt_tensors *t, const struct fuzz_case *f, char *error, size_t error_size)
{
    if (ttt_tensors_make(t, &f->c, 0, f->c.shape.heads, TTT_TYPES_F64, INPUTS, error, error_size) != 0)
        return -1;
    for (enum ttt_tensor i = 0; i < TTT_XQW; i++) {
        struct ttt_buffer *b = &t->buffer[i];
        if (!b->data || f->field[i].kind == FUZZ_DRAWN)
            continue;
        int64_t dims[TTT_MAX_DIMS];
        const int64_t width = dims[ttt_tensor_dims(i, &f->c.shape, dims) - 1];
        const int64_t inner = ttt_tensor_split(i, &f->c.shape).inner;
        if (f->field[i].kind >= FUZZ_OUTLIER)
            plant(&f->field[i], b);
        else /* from the end: rows are made of elements at or before their own */
            for (int64_t e = b->elements - 1; e >= 0; e--)
                ttt_buffer_set(b, e, hardened(f->field[i].kind, b, e, width, inner));
    }
    return 0;
}
