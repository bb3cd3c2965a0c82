/* SPDX-License-Identifier: MIT
 *
 * Where outputs must be finite: where those of the reference of their own range are (ref-f32, ref-bf16, the latter with
 * the rounding points that were declared), not where those of the truth are, whose range is larger.
 *
 * At the end of the range it is a matter of the order of sums what becomes infinite.  So a position counts as wrong
 * where it is finite in only one of k and the reference and the replicas of the contract agree with the reference, and
 *
 *   the reference is finite there     its head's inputs, all that the equations make of them, and its own elements of
 *                                     that head and tensor are far from the end of float's range
 *   it is not                         the truth is far beyond that range, or not finite either; or it is the declared
 *                                     points (half precision's range) that make it so: the reference without them is
 *                                     finite, and far from the end as above
 *
 * and also where both are not finite, k is of another kind (+Inf, -Inf, NaN), and truth, reference and replicas agree
 * on theirs.  Other positions that differ are counted as open.
 */
#ifndef TTT_HARNESS_RANGE_H
#define TTT_HARNESS_RANGE_H

#include "tensors.h"

struct ttt_range {
    int64_t wrong, open;
    int64_t non_finite; /* of the reference */
    int64_t first;      /* index in the whole tensor of the first that is wrong, where one is */
    double k, r;        /* there, and the reference */
};

/* Outputs k of a block, not of double types, beside the truth, which holds the inputs too. */
struct ttt_range_question {
    const struct ttt_tensors *truth, *k;
    unsigned directions; /* bit mask of 1 << enum ttt_direction: those that ran; a backward pass that ran alone has had
                            the truth's checkpoints */
    unsigned points;     /* that were declared */
    int threads;
};

/* Add what is found to counts[TTT_TENSOR_COUNT].  0, or -1 with one line in `error`. */
int ttt_range_count(const struct ttt_range_question *question, struct ttt_range *counts, char *error,
                    size_t error_size);

/* Are all outputs of these directions finite?  Where those of k are, and those of all replicas, nothing is wrong. */
int ttt_range_is_finite(const struct ttt_tensors *t, unsigned directions);

#endif
