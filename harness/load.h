/* SPDX-License-Identifier: MIT
 *
 * The JSON reports of all programs, as ttt-report reads them: checked before anything is made of them.
 */
#ifndef TTT_HARNESS_LOAD_H
#define TTT_HARNESS_LOAD_H

#include "schema.h"
#include <jansson.h>
#include <stddef.h>

struct ttt_loaded {
    const char *path; /* the caller's */
    enum ttt_kind kind;
    json_t *root;
};

/* Read and check one report.  0, to be released with json_decref; or -1 with one line in `error`: the file, the place
 * (line and column of what is no JSON, else the path of the value) and what is allowed. */
int ttt_load(const char *path, struct ttt_loaded *loaded, char *error, size_t error_size);

/* A number of a report, which may be one of the strings "nan", "inf", "-inf"; NaN where it is not there. */
double ttt_load_number(const json_t *object, const char *key);

/* A string of a report; "" where it is not there. */
const char *ttt_load_text(const json_t *object, const char *key);

/* The verdict of a case, gate or check; TTT_VERDICT_COUNT where it has none. */
int ttt_load_verdict(const json_t *object);

/* How far a gate is used up: value / bound; 0 where the value is 0, infinity where it is no number. */
double ttt_load_share(const json_t *gate);

#endif
