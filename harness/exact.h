/* SPDX-License-Identifier: MIT
 *
 * Data on which a correct kernel of any precision makes no rounding error at all: every operand of every product fits
 * bfloat16, every sum fits float in any order, gelu is saturated, and the variance of every normalised row is a power
 * of four.  So the outputs of every candidate, forward and backward, must be those of the truth, bit by bit.  There is
 * one family per form; in both the state moves, and is read by all that comes after.
 */
#ifndef TTT_HARNESS_EXACT_H
#define TTT_HARNESS_EXACT_H

#include "tensors.h"

/* Is the case of a family that takes its sizes and eps?  0, or -1 with one line in `error`. */
int ttt_exact_check(const struct ttt_case *c, char *error, size_t error_size);

/* As ttt_tensor_value, for a case that ttt_exact_check takes. */
double ttt_exact_value(enum ttt_tensor t, const struct ttt_case *c, int64_t index);

#endif
