/* SPDX-License-Identifier: MIT
 *
 * Measurements as JSON and as a table.
 *
 * One object: schema, program, command, version, revision, machine, blas, started, cases, summary.  A case that was
 * measured: case, candidate, direction, threads, outcome, inputs_hash, repetitions, calls, seconds (median), spread
 * (min, max), us_per_mini_batch, flops, gflops, peak, peak_gflops, share_of_peak (median), share_spread (min, max),
 * workspace_bytes (null: the candidate does not say), peak_rss_bytes.  One that was not: the first five, and reason.
 */
#ifndef TTT_HARNESS_BENCH_REPORT_H
#define TTT_HARNESS_BENCH_REPORT_H

#include "bench.h"
#include "clock.h"
#include <stdio.h>

#define TTT_BENCH_SCHEMA "ttt-kernels/bench/1"

struct ttt_bench_summary {
    const char *command; /* as it was typed */
    char started[TTT_CLOCK_DATE];
    double seconds;
    const struct ttt_measurement *list;
    size_t count;
    size_t by_outcome[TTT_BENCH_OUTCOMES];
};

/* 0, or -1 when it could not be written. */
int ttt_bench_report_write(FILE *out, const struct ttt_bench_summary *s);

void ttt_bench_table_header(FILE *out);
void ttt_bench_table_line(FILE *out, const struct ttt_measurement *m);

#endif
