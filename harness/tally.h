/* SPDX-License-Identifier: MIT
 *
 * Outputs k against the truth r, tensor by tensor, added up over the blocks of a case.
 *
 * grad_L_token_eta has no heads: what is computed for a block is the contribution of its heads, so both sides are
 * summed over the blocks first and compared at the end.  (A file holds the whole sum; each block reads it again.)
 */
#ifndef TTT_HARNESS_TALLY_H
#define TTT_HARNESS_TALLY_H

#include "metrics.h"
#include "tensors.h"

struct ttt_tally {
    struct ttt_metrics metrics[TTT_TENSOR_COUNT];
    struct ttt_metrics rounding[TTT_TENSOR_COUNT]; /* the truth rounded to the dtype of k against itself */
    struct ttt_buffer sum_k, sum_r;                /* grad_L_token_eta over the blocks, double */
    enum ttt_dtype sum_dtype;                      /* of k */
    int k_from_file, r_from_file;
};

/* Free with ttt_tally_free. */
void ttt_tally_init(struct ttt_tally *tally, int k_from_file, int r_from_file);
void ttt_tally_free(struct ttt_tally *tally);

/* Compare the tensors of one block that have one of the roles (bit mask) and for which judged[t] is not 0.
 * 0, or -1 when memory cannot be had. */
int ttt_tally_add(struct ttt_tally *tally, const struct ttt_tensors *k, const struct ttt_tensors *r, unsigned roles,
                  const char judged[TTT_TENSOR_COUNT]);

/* After the last block.  0, or -1 when memory cannot be had. */
int ttt_tally_finish(struct ttt_tally *tally);

#endif
