/* SPDX-License-Identifier: MIT
 *
 * The verdict on each tensor, and on a whole result.
 *
 *   double             rel_l2 <= 1e-12, what the contract asks of any backend in double
 *   float, bfloat16    the gates of gates.h, each reading against its calibrated threshold
 *
 * Besides, every position that is not finite in one of candidate and truth must be so, in the same way, in the other;
 * of float and bfloat16 types, in one of candidate and reference of the same range (range.h).
 */
#ifndef TTT_HARNESS_VERDICT_H
#define TTT_HARNESS_VERDICT_H

#include "result.h"

/* What every report says about its verdicts. */
extern const char ttt_verdict_notice[];

/* What a tensor is judged by. */
struct ttt_evidence {
    enum ttt_types types;
    const struct ttt_case *c;
    int from_file;                      /* the distribution is not one of ours */
    const struct ttt_reading *readings; /* [TTT_GATES]; unused for double */
    int ill_conditioned;
};

/* Write the gates of one tensor whose metrics are complete. */
void ttt_verdict_tensor(struct ttt_tensor_result *t, const struct ttt_evidence *evidence);

/* FAIL if any gate or check failed, SKIPPED if nothing was judged, ILL-CONDITIONED if a tensor could not be,
 * VACUOUS if the data is blind for an operand, else PASS. */
enum ttt_verdict ttt_verdict_result(const struct ttt_result *r);

#endif
