/* SPDX-License-Identifier: MIT
 *
 * A campaign of many generated cases as one JSON object, which the ranks that share its cases each write, and which
 * `ttt-report merge` joins:
 *
 *   schema, program, command, version, revision, machine, started,
 *   campaign: { candidate, direction, seed, cases (an integer, or null: no limit), held (a case string, or null) },
 *   ranks: [ { rank, size, next, complete } ]: this rank did every index i < next with i mod size = rank,
 *   hash: the sum over the cases of a hash of (index, case, verdict), 16 hexadecimal digits,
 *   counts: { TABLE: { ROW: { VERDICT: an integer } } },
 *   findings: [ { index, case, gate, tensor, detail, and what the finder has to add } ], by index; the first of each
 *             gate and tensor,
 *   nearest: { value, case }: the reading that came nearest to its bound,
 *   seconds
 *
 * Of a merged report besides `missing`: [ { rank, from, cases (null: unknown) } ].
 */
#ifndef TTT_HARNESS_CAMPAIGN_H
#define TTT_HARNESS_CAMPAIGN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TTT_CAMPAIGN_SCHEMA "ttt-kernels/fuzz/1"

/* Is it a report of a campaign?  0, or -1 with one line in `error`. */
int ttt_campaign_check(const json_t *report, char *error, size_t error_size);

/* Read and check a report.  A new object, or NULL with one line in `error`. */
json_t *ttt_campaign_read(const char *path, char *error, size_t error_size);

/* One more in counts.TABLE.ROW.VERDICT.  0, or -1 when memory cannot be had. */
int ttt_campaign_count(json_t *report, const char *table, const char *row, const char *verdict);

/* What is counted there; 0 where nothing is. */
int64_t ttt_campaign_counted(const json_t *report, const char *table, const char *row, const char *verdict);

/* The hash of the report, which is a number in memory and digits in the object. */
uint64_t ttt_campaign_hash(const json_t *report);
int ttt_campaign_set_hash(json_t *report, uint64_t hash);

/* Add the cases of `from`, another report of the same campaign, to `to`; ranks and seconds, too.
 * 0, or -1 with one line in `error`. */
int ttt_campaign_add(json_t *to, const json_t *from, char *error, size_t error_size);

/* Settle `ranks` and `missing` of joined reports.  How many cases or ranks are missing (SIZE_MAX: out of memory); what
 * is missing is printed to `out` (NULL: nowhere), one line for each rank. */
size_t ttt_campaign_settle(json_t *report, FILE *out);

#endif
