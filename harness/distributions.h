/* SPDX-License-Identifier: MIT
 *
 * The values of generated inputs: the three named distributions, each value a function of the case's seed, the tensor
 * and the element's index alone.
 */
#ifndef TTT_HARNESS_DISTRIBUTIONS_H
#define TTT_HARNESS_DISTRIBUTIONS_H

#include "tensors.h"

/* Element `index` (flat, in the tensor of the whole case) of an input or upstream gradient: bf16-representable for
 * token tensors, float-representable for state tensors. */
double ttt_tensor_value(enum ttt_tensor t, const struct ttt_case *c, int64_t index);

/* Fill the buffer of tensor `t` with the values of heads [head0, head0 + heads) of each batch entry of the case.  The
 * bits do not depend on the number of OpenMP threads. */
void ttt_tensor_fill(struct ttt_buffer *b, enum ttt_tensor t, const struct ttt_case *c, int64_t head0, int64_t heads);

#endif
