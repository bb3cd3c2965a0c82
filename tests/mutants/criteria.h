/* SPDX-License-Identifier: MIT
 *
 * The usual criteria of the field, each as its public definition has it, on one tensor: k is the candidate's, r the
 * truth, b a bfloat16 baseline's.
 */
#ifndef TTT_MUTANTS_CRITERIA_H
#define TTT_MUTANTS_CRITERIA_H

#include "harness/buffer.h"

/* What all of them are made of. */
struct comparison {
    const struct ttt_buffer *k, *r, *b; /* of the same number of elements */
};

struct criterion {
    const char *name;
    int (*passes)(const struct comparison *c);
};

enum { CRITERIA = 7 };
extern const struct criterion criteria[CRITERIA];

#endif
