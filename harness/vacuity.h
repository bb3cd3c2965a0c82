/* SPDX-License-Identifier: MIT
 *
 * Data that cannot see an operand: where all elements of an input are the same (norm weight all 1, XV constant, biases
 * all 0), a kernel that drops it, or reads its neighbour, may give the right result; and one mini-batch never reads the
 * state that it updates.  A case that passes on such data is VACUOUS for that operand.
 */
#ifndef TTT_HARNESS_VACUITY_H
#define TTT_HARNESS_VACUITY_H

#include "tensors.h"

/* Inputs that had only one value so far. */
struct ttt_vacuity {
    double value[TTT_TENSOR_COUNT];
    unsigned char seen[TTT_TENSOR_COUNT], varies[TTT_TENSOR_COUNT];
};

/* Add the inputs (and, where the block has them, upstream gradients) of a block. */
void ttt_vacuity_add(struct ttt_vacuity *v, const struct ttt_tensors *block);

/* Was tensor `t` there, and constant? */
int ttt_vacuity_blind(const struct ttt_vacuity *v, enum ttt_tensor t);

#endif
