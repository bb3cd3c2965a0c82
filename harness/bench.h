/* SPDX-License-Identifier: MIT
 *
 * How fast a candidate is: one direction of one case, repeated, each repetition beside a measurement of the peak of the
 * machine (of its device, where the candidate runs on one), so that whatever else that does falls on both.
 */
#ifndef TTT_HARNESS_BENCH_H
#define TTT_HARNESS_BENCH_H

#include "peak.h"
#include "shapes.h"
#include "spread.h"
#include "timer.h"
#include <stddef.h>
#include <stdint.h>
#include <ttt/ttt_candidate.h>

#define TTT_BENCH_REASON 256

struct ttt_bench {
    const struct ttt_candidate *candidate;
    const struct ttt_timer *timer; /* NULL: the host's clock, and its matrix product */
    struct ttt_case c;
    enum ttt_direction direction;
    int threads;
    int repetitions;
    void (*progress)(void *context, int repetition); /* or NULL */
    void *progress_context;
};

enum ttt_bench_outcome { TTT_BENCH_MEASURED, TTT_BENCH_SKIPPED, TTT_BENCH_FAILED, TTT_BENCH_OUTCOMES };
extern const char *const ttt_bench_outcome_name[TTT_BENCH_OUTCOMES]; /* "measured", "skipped", "failed" */

struct ttt_measurement {
    struct ttt_bench bench;
    enum ttt_bench_outcome outcome;
    char reason[TTT_BENCH_REASON]; /* why it was skipped or failed */
    /* The rest is there where it was measured. */
    uint64_t inputs_hash;
    int calls;                 /* in a repetition: many where one is too short for the clock */
    double flops;              /* of a call */
    const char *clock;         /* "host", or the timer's */
    int copies;                /* of the operands, used in turn */
    const char *peak;          /* what the peak is: "sgemm", or the timer's */
    double peak_flops;         /* of that */
    struct ttt_spread seconds; /* of a call */
    struct ttt_spread peak_seconds;
    struct ttt_spread share; /* of the peak's rate, repetition by repetition */
    int64_t workspace_bytes; /* -1: the candidate does not say */
    int64_t peak_rss_bytes;  /* of this process during the first call, inputs and outputs included */
};

/* Before anything is run: are there the memory and the threads?  0, or -1 with one line in `error`. */
int ttt_bench_check(const struct ttt_bench *b, char *error, size_t error_size);

/* Fill *m.  0, or -1 with one line in `error` where memory ran out. */
int ttt_bench_run(const struct ttt_bench *b, struct ttt_measurement *m, char *error, size_t error_size);

/* Wall time of a mini-batch step of all heads, in microseconds. */
double ttt_measurement_us_per_mini_batch(const struct ttt_measurement *m);

/* Floating-point operations of the contract in a nanosecond; and of the peak. */
double ttt_measurement_gflops(const struct ttt_measurement *m);
double ttt_measurement_peak_gflops(const struct ttt_measurement *m);

#endif
