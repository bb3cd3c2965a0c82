/* SPDX-License-Identifier: MIT
 *
 * The measurement behind the calibrated verdict: per case, replicas of the precision contract say what the arithmetic
 * must cost on these very inputs, and each contender's error is read against that (see gates.h).
 *
 * One block of heads at a time: open it, add the replicas, read the contenders.  grad_L_token_eta has no heads: it is
 * summed over the blocks and read at the end (as in tally.h).
 */
#ifndef TTT_HARNESS_JUDGE_H
#define TTT_HARNESS_JUDGE_H

#include "gates.h"
#include "profile.h"
#include "tally.h"

enum { TTT_REPLICAS = 8 };

struct ttt_judge {
    char judged[TTT_TENSOR_COUNT];
    struct ttt_groups spread[TTT_TENSOR_COUNT]; /* of this block: the replicas' errors, and the truth itself */
    struct ttt_groups values[TTT_TENSOR_COUNT];
    struct ttt_buffer seen[TTT_TENSOR_COUNT]; /* the block's truth, NaN where a replica is not finite: what an error may
                                                 be there, the contract does not say; NULL: all are */
    double disagreement[TTT_TENSOR_COUNT];    /* of the replicas with the truth, the worst head so far */
    double cost_square[TTT_TENSOR_COUNT], truth_square[TTT_TENSOR_COUNT]; /* sums over the blocks */
    struct ttt_buffer token_eta[TTT_REPLICAS]; /* grad_L_token_eta of each replica, summed over the blocks */
};

/* The largest readings of one contender so far; heads are those of the whole case. */
struct ttt_judgement {
    struct ttt_reading readings[TTT_TENSOR_COUNT][TTT_GATES];
    struct ttt_total total[TTT_TENSOR_COUNT]; /* the tensor as a whole is read after the last block */
    struct ttt_profile profile[TTT_TENSOR_COUNT];
};

/* `judged`: the tensors of which both the truth and outputs are there.  Free with ttt_judge_free. */
void ttt_judge_init(struct ttt_judge *j, const char judged[TTT_TENSOR_COUNT]);
void ttt_judge_free(struct ttt_judge *j);

/* The next block.  0, or -1 when memory cannot be had. */
int ttt_judge_block(struct ttt_judge *j, const struct ttt_tensors *truth);

/* Outputs of replica i, whose token tensors are float; `finite`: are all of them?  Where one is not, no contender's
 * error counts: that is for range.h.  0, or -1 when memory cannot be had. */
int ttt_judge_replica(struct ttt_judge *j, int i, const struct ttt_tensors *replica, int finite,
                      const struct ttt_tensors *truth);

/* After the last replica of the block. */
void ttt_judge_settle(struct ttt_judge *j, const struct ttt_tensors *truth);

/* Read outputs `k` of the roles (bit mask) against the replicas.  0, or -1 when memory cannot be had. */
int ttt_judge_read(const struct ttt_judge *j, const struct ttt_tensors *k, const struct ttt_tensors *truth,
                   unsigned roles, struct ttt_judgement *judgement);

/* After the last block: the readings of whole tensors, and grad_L_token_eta from the contender's tally.
 *  0, or -1 when memory cannot be had. */
int ttt_judge_finish(struct ttt_judge *j, const struct ttt_tally *tally, const struct ttt_mlp_shape *shape,
                     enum ttt_types types, struct ttt_judgement *judgement);

/* What the arithmetic of a type set must cost: relative 2-norm, over all replicas and blocks, outputs not rounded. */
double ttt_judge_cost(const struct ttt_judge *j, enum ttt_tensor t, enum ttt_types types);

/* Can the tensor be judged, or do the replicas disagree with each other by more than half of it? */
int ttt_judge_ill_conditioned(const struct ttt_judge *j, enum ttt_tensor t);

#endif
