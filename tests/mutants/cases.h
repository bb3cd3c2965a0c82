/* SPDX-License-Identifier: MIT
 *
 * What mutants are judged on: a file with one run of the judge per line, which is one case or several with ';' between
 * them, run in one process.
 */
#ifndef TTT_MUTANTS_CASES_H
#define TTT_MUTANTS_CASES_H

#include <stddef.h>

#define CASES_PER_RUN 4

struct batch {
    char *text; /* the line, cut at each ';' */
    const char *cases[CASES_PER_RUN];
    size_t count;
};

struct cases {
    struct batch *list;
    size_t count;
};

/* 0, or -1 with one line in `error`.  Free with cases_free either way. */
int cases_read(struct cases *cases, const char *path, char *error, size_t error_size);
void cases_free(struct cases *cases);

#endif
