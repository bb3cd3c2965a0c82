/* SPDX-License-Identifier: MIT
 *
 * What the contract says of non-finite inputs: one in mini-batch m of one (batch, head) leaves the outputs of earlier
 * mini-batches, in the causal form of earlier rows, and all of every other (batch, head) bitwise unchanged.
 */
#ifndef TTT_FUZZ_POISON_H
#define TTT_FUZZ_POISON_H

#include "attempt.h"

/* Run the candidate's passes in these directions on the subject with every non-finite input made 1, and compare what
 * must not have changed with its outputs `k`.  *fails: something has, as `out` then says.  Nothing is done where all
 * inputs are finite. 0, or -1 with one line in `error`. */
int fuzz_poison_check(const struct fuzz_lab *lab, unsigned directions, const struct fuzz_subject *subject,
                      const struct ttt_tensors *k, struct fuzz_outcome *out, int *fails, char *error,
                      size_t error_size);

#endif
