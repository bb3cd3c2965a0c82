/* SPDX-License-Identifier: MIT
 *
 * The INTERIM verdict: per tensor, the relative 2-norm of the error against a bound that follows from the type set.
 *
 *   bfloat16   1.6 x the error of the precision contract on the same case, before its outputs are rounded,
 *              + what rounding the truth to the output's dtype costs
 *   float      2e-6 max(1, sqrt(NC / 4))
 *   double     1e-12
 *
 * Besides, every position that is not finite in one of candidate and truth must be so, in the same way, in the other.
 */
#ifndef TTT_HARNESS_VERDICT_H
#define TTT_HARNESS_VERDICT_H

#include "result.h"

/* What every report says about its verdicts. */
extern const char ttt_verdict_notice[];

/* Write the gates of one tensor whose metrics (of a bfloat16 candidate also contract and rounding) are complete. */
void ttt_verdict_tensor(struct ttt_tensor_result *t, enum ttt_types types, int64_t mini_batches);

/* FAIL if any gate or check failed, SKIPPED if nothing was judged, else PASS. */
enum ttt_verdict ttt_verdict_result(const struct ttt_result *r);

#endif
