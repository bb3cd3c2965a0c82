/* SPDX-License-Identifier: MIT
 *
 * A case of the fuzzer: one of the harness's cases, and for any of its inputs another kind of value.  One spelling,
 *
 *     b1h2n40c16f16d32g2 eps=1e-6 dist=unit seed=3 causal=0 state_grads=1 XK=flat XV=nan@17
 *
 * which is a case string with words TENSOR=KIND[@ELEMENT] behind it, each tensor at most once.
 */
#ifndef TTT_FUZZ_CASE_H
#define TTT_FUZZ_CASE_H

#include "harness/tensors.h"

enum fuzz_kind {
    FUZZ_DRAWN,    /* as the distribution draws it */
    FUZZ_ZERO,     /* 0 */
    FUZZ_ONE,      /* 1 */
    FUZZ_TINY,     /* times 2^-40 */
    FUZZ_DENORMAL, /* below the normal range of float */
    FUZZ_HUGE,     /* times 2^40 */
    FUZZ_LIMIT,    /* the largest bfloat16, with the drawn sign */
    FUZZ_FLAT,     /* each row is its first element: its variance is 0 */
    FUZZ_REPEAT,   /* each row of a head is its first row */
    FUZZ_NEGATIVE, /* the sign turned to minus */
    FUZZ_LARGE,    /* times 64: a learning rate that destabilises */
    FUZZ_OUTLIER,  /* one element times 1024; like those that follow, at ELEMENT modulo the size of the tensor */
    FUZZ_INF,      /* one infinity */
    FUZZ_MINUS_INF,
    FUZZ_NAN,
    FUZZ_KIND_COUNT
};

extern const char *const fuzz_kind_name[FUZZ_KIND_COUNT];

struct fuzz_field {
    enum fuzz_kind kind;
    uint64_t at; /* from FUZZ_OUTLIER on */
};

struct fuzz_case {
    struct ttt_case c;
    struct fuzz_field field[TTT_XQW]; /* of the inputs and upstream gradients */
};

#define FUZZ_CASE_TEXT 768 /* bytes that hold any case as text */

/* Parse `text`.  0, or -1 with one line in `error`; *out untouched then. */
int fuzz_case_parse(const char *text, struct fuzz_case *out, char *error, size_t error_size);

/* Write the canonical spelling; it parses back to the same case. */
void fuzz_case_format(const struct fuzz_case *f, char text[FUZZ_CASE_TEXT]);

/* Every input is as its distribution draws it. */
int fuzz_case_is_plain(const struct fuzz_case *f);

/* No input is so large, small or poisoned that a factor of 2^10 more would lose bits: the exact relations hold. */
int fuzz_case_is_gentle(const struct fuzz_case *f);

/* The inputs of all heads, in double: bf16-representable token tensors, float-representable state tensors.
 * 0, or -1 with one line in `error`.  Free with ttt_tensors_free either way. */
int fuzz_case_inputs(struct ttt_tensors *t, const struct fuzz_case *f, char *error, size_t error_size);

#endif
