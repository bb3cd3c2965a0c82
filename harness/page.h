/* SPDX-License-Identifier: MIT
 *
 * What the templates of a report say: one object of texts and integers, made from the loaded reports.  Every number is
 * text here, so that the templates only place it.
 */
#ifndef TTT_HARNESS_PAGE_H
#define TTT_HARNESS_PAGE_H

#include "standings.h"

struct ttt_page {
    const struct ttt_loaded *loaded;
    size_t count;
    struct ttt_standings standings;
    json_t *values;
};

/* 0, or -1 with one line in `error`; free with ttt_page_free either way. */
int ttt_page_make(struct ttt_page *page, const struct ttt_loaded *loaded, size_t count, const char *command,
                  char *error, size_t error_size);
void ttt_page_free(struct ttt_page *page);

/* Parts of the page, each under keys of its own. */
void ttt_page_verdict(struct ttt_page *page);  /* the first screen: ship or not, what is worst, how to repeat it */
void ttt_page_tensors(struct ttt_page *page);  /* of each candidate: tensors, quantiles, maps */
void ttt_page_cases(struct ttt_page *page);    /* every case, what they cover, checks and relations */
void ttt_page_shapes(struct ttt_page *page);   /* the space of shapes: charts to be drawn, and the table of them */
void ttt_page_judge(struct ttt_page *page);    /* gradient proof, planted faults, fuzzing */
void ttt_page_criteria(struct ttt_page *page); /* false alarms, the field's criteria */
void ttt_page_training(struct ttt_page *page);
void ttt_page_speed(struct ttt_page *page);

/* Texts, as new JSON strings. */
json_t *ttt_page_error(double x);                 /* "1.2e-03" */
json_t *ttt_page_reading(double x);               /* "27.3" */
json_t *ttt_page_range(int64_t from, int64_t to); /* "2048", "1 to 48" */
json_t *ttt_page_share(double share);             /* of a bound: "53 %", "27 times", "broken" (a bound of 0, a check) */

/* How much of a bound is used, as a class of the style sheet: "good", "near" (from 80 % on), "bad". */
const char *ttt_page_class(double share);

/* "passed", "VACUOUS" and so on: a verdict's class of the style sheet. */
const char *ttt_page_verdict_class(int verdict);

#endif
