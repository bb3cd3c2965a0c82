/* SPDX-License-Identifier: MIT
 *
 * A run as a table for people: a line per case and candidate, and under a failed one what failed, where and by how
 * much, and the command that does it again.
 */
#ifndef TTT_HARNESS_TABLE_H
#define TTT_HARNESS_TABLE_H

#include "summary.h"
#include <stdio.h>

void ttt_table_header(FILE *out);
void ttt_table_result(FILE *out, const struct ttt_result *r);
void ttt_table_summary(FILE *out, const struct ttt_summary *s);

/* The lines under a failed result, without what is in the table's line. */
void ttt_table_failures(FILE *out, const struct ttt_result *r);

/* Line number `i` about what failed in the result; 0 when there are no more. */
#define TTT_TABLE_LINE 1024
int ttt_table_failure(const struct ttt_result *r, int i, char line[TTT_TABLE_LINE]);

/* Line number `i` about what a result that did not fail cannot say: tensors that cannot be judged, operands that cannot
 * be seen; 0 when there are no more. */
int ttt_table_limit(const struct ttt_result *r, int i, char line[TTT_TABLE_LINE]);

#endif
