/* SPDX-License-Identifier: MIT
 *
 * The values of a fuzzer's case: what the distribution draws, made hard.
 */
#include "fuzz_case.h"
#include <math.h>

#define INPUTS (1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_UPSTREAM)

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
