/* SPDX-License-Identifier: MIT
 *
 * One line on a terminal that says what is going on, once that takes longer than two seconds.
 */
#ifndef TTT_HARNESS_PROGRESS_H
#define TTT_HARNESS_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

struct ttt_progress {
    int enabled; /* stderr is a terminal, and nobody asked for quiet */
    int shown;
    double started;
    char prefix[512]; /* what is run at present */
};

void ttt_progress_open(struct ttt_progress *p, int quiet);

/* What follows is case `i` of `n`. */
void ttt_progress_case(struct ttt_progress *p, size_t i, size_t n, const char *subject);

/* Say where that case is. */
void ttt_progress_show(struct ttt_progress *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The callback of struct ttt_run; `context` is the struct ttt_progress. */
void ttt_progress_heads(void *context, const char *candidate, int64_t done, int64_t heads);

/* Remove the line, before anything else is written. */
void ttt_progress_clear(struct ttt_progress *p);

double ttt_progress_seconds(const struct ttt_progress *p); /* since it was opened */

#endif
