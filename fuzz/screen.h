/* SPDX-License-Identifier: MIT
 *
 * The cheap comparison of a candidate's outputs: with the reference of its type set, whose error against the truth is
 * the yardstick, group by group.
 */
#ifndef TTT_FUZZ_SCREEN_H
#define TTT_FUZZ_SCREEN_H

#include "harness/result.h"
#include "harness/tensors.h"

#define FUZZ_SCREEN_TOLERANCE 3.0

/* Outputs of the same inputs. */
struct fuzz_outputs {
    const struct ttt_tensors *truth, *contract, *k;
};

/* The largest error of k in units of the tolerance times that of the contract, over the groups of output `t`: above 1
 * is suspicious. 0 where k has the contract's bits, infinity where nothing can be compared.  -1 when memory cannot be
 * had. */
double fuzz_screen(const struct fuzz_outputs *o, enum ttt_tensor t);

/* The first element that is finite in only one of k and contract, or -1. */
int64_t fuzz_screen_finite(const struct fuzz_outputs *o, enum ttt_tensor t);

#endif
