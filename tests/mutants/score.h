/* SPDX-License-Identifier: MIT
 *
 * How the mutants ended, for people and as JSON.
 */
#ifndef TTT_MUTANTS_SCORE_H
#define TTT_MUTANTS_SCORE_H

#include "trial.h"
#include <stdio.h>

struct score {
    const struct mutant *const *list;
    const struct outcome *outcomes;
    size_t count;
    const char *criteria; /* the file with the names of the usual criteria, one per line; NULL: they were not asked */
    double seconds;
};

size_t score_count(const struct score *score, enum end end);

/* The tables, every mutant that was neither killed nor proved equivalent, and the line of totals. */
void score_print(FILE *out, const struct score *score);

/* 0, or -1 when the file cannot be written. */
int score_write(const char *path, const struct score *score);

#endif
