/* SPDX-License-Identifier: MIT
 *
 * A run as one JSON object:
 *
 *   schema, program, command, version, revision, machine, started, notice,
 *   cases: [ { case, file (where the inputs came from one), inputs_hash, candidate, direction, verdict,
 *              tensors: [ { name, rel_l2, max_abs, max_ulp, bias, worst, gates: [ { name, verdict, value, bound,
 *                           formula } ] } or { name, skipped } ],
 *              checks: [ { name, verdict, detail } ], seconds, repeat } ],
 *   gradient_proof (of a run that proves gradients, and then `cases` is empty):
 *     { bound, slope_bound, ratio, cases,
 *       rows: [ { form, distribution, input, verdict, ratio, checks, slope, slopes, worst } ] },
 *   summary: { PASS, FAIL, SKIPPED, seconds, peak_rss_bytes }
 *
 * JSON has no NaN and no infinity: such numbers are the strings "nan", "inf", "-inf".
 */
#ifndef TTT_HARNESS_REPORT_H
#define TTT_HARNESS_REPORT_H

#include "summary.h"
#include <stdio.h>

#define TTT_REPORT_SCHEMA "ttt-kernels/verify/1"

/* 0, or -1 when memory cannot be had or the stream failed. */
int ttt_report_write(FILE *out, const struct ttt_summary *summary);

#endif
