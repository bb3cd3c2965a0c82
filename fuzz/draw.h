/* SPDX-License-Identifier: MIT
 *
 * The cases of a campaign: each a function of the campaign's seed and the case's index alone, so that any of them can
 * be made again and ranks can share them out.  Shape and values are drawn apart: either can be held.
 */
#ifndef TTT_FUZZ_DRAW_H
#define TTT_FUZZ_DRAW_H

#include "fuzz_case.h"

/* Sizes, eps, form, state_grads. */
void fuzz_draw_shape(uint64_t seed, uint64_t index, struct ttt_case *c);

/* Distribution, seed of the data, kinds of values, for a case whose shape is there. */
void fuzz_draw_values(uint64_t seed, uint64_t index, struct fuzz_case *f);

/* A shape's mini-batches are at least three, and the last one is short. */
int fuzz_has_tail(const struct ttt_mlp_shape *shape);

#endif
