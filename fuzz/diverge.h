/* SPDX-License-Identifier: MIT
 *
 * Where a candidate goes wrong first: the mini-batch and the tensor.
 *
 * With G = 1 a candidate writes its state before every mini-batch, so each mini-batch can be looked at alone: from the
 * candidate's own state the truth and the reference compute this one mini-batch, and what the candidate made of it
 * is compared with theirs.  Errors that it only inherited do not show.  Backwards in time the gradient of the state
 * after a mini-batch is what the candidate's own backward pass gives for the rest of the sequence as a case of its own.
 */
#ifndef TTT_FUZZ_DIVERGE_H
#define TTT_FUZZ_DIVERGE_H

#include "attempt.h"

struct fuzz_divergence {
    int found;              /* else no mini-batch alone is wrong: the fault needs longer checkpoint groups, say */
    enum ttt_tensor tensor; /* of the mini-batch as a case of its own: W1_last is the state after it */
    int64_t mini_batch;
    double ratio; /* as of the screen: above 1 */
};

/* 0, or -1 with one line in `error` (a shape that the candidate does not serve, say). */
int fuzz_diverge(const struct fuzz_lab *lab, const struct fuzz_subject *subject, struct fuzz_divergence *out,
                 char *error, size_t error_size);

#endif
