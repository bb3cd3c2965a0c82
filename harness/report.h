/* SPDX-License-Identifier: MIT
 *
 * A run as one JSON object:
 *
 *   schema, program, command, version, revision, machine, started, notice,
 *   cases: [ { case, file (where the inputs came from one), inputs_hash, candidate, direction, verdict,
 *              tensors: [ { name, rel_l2, max_abs, max_ulp, bias, worst, cost, contract_cost, rounding,
 * ill_conditioned, gates: [ { name, verdict, value, bound, place } ], ulp_histogram: { first, counts }, along: { error,
 * cost }, heads: MAP, tile: MAP } or { name, skipped } ], checks: [ { name, verdict, detail } ], seconds, repeat } ],
 *   gradient_proof (of a run that proves gradients, and then `cases` is empty):
 *     { bound, slope_bound, ratio, cases,
 *       rows: [ { form, distribution, input, verdict, ratio, checks, slope, slopes, worst } ] },
 *   summary: { PASS, FAIL, SKIPPED, seconds, peak_rss_bytes }
 *
 * ulp_histogram: counts[0] elements are off by less than 2^first ulp, counts[i] by less than 2^(first + i), the last by
 *   anything.
 * contract_cost (where rounding points beyond the contract are declared): `cost` without them.
 * along (of token tensors): relative error, and what the arithmetic must cost, in equal parts of the sequence.
 * MAP (of the worst tensor of a case): { rows, columns, height, width, values }: RMS error over what it must cost, row
 * by row; `heads` is over height heads x width mini-batches or checkpoints, `tile` over a piece of height x width
 * elements.
 *
 * Schema 2 added these four, and dropped the gates' `formula`: `notice` says it.
 *
 * JSON has no NaN and no infinity: such numbers are the strings "nan", "inf", "-inf".
 */
#ifndef TTT_HARNESS_REPORT_H
#define TTT_HARNESS_REPORT_H

#include "summary.h"
#include <stdio.h>

#define TTT_REPORT_SCHEMA "ttt-kernels/verify/2"

/* 0, or -1 when memory cannot be had or the stream failed. */
int ttt_report_write(FILE *out, const struct ttt_summary *summary);

#endif
