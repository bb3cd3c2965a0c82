/* SPDX-License-Identifier: MIT
 *
 * What the judge said, from the JSON that it wrote.
 */
#ifndef TTT_MUTANTS_VERDICT_H
#define TTT_MUTANTS_VERDICT_H

#include <stddef.h>

/* The first failure of a run. */
struct failure {
    int tier;
    char gate[40];   /* or the name of a check */
    char tensor[40]; /* "" for a check */
    char detail[200];
    char case_text[160];
    char distribution[16];
};

/* 1: `failure` says what failed; 0: nothing did; -1: this is no report, one line in `error`. */
int verdict_read(const char *path, struct failure *failure, char *error, size_t error_size);

#endif
