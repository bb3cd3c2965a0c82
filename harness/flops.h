/* SPDX-License-Identifier: MIT
 *
 * How much arithmetic a pass is: the multiplications and additions of the contract's matrix products, whatever an
 * implementation does instead.  Everything else (gelu, layer norm, sums over rows) counts as nothing.
 *
 *   forward    F1-F7, each 2 N F D for one head
 *   backward   F1-F7 again, from checkpoints, and B1-B14
 *   causal     beside these the products of the dual form over the pairs (r, j), j <= r, of a mini-batch, each 2 F or
 *              2 D a pair: 3 of either kind forward; backward those again and their gradients, 8 of either kind
 */
#ifndef TTT_HARNESS_FLOPS_H
#define TTT_HARNESS_FLOPS_H

#include <ttt/ttt_candidate.h>

double ttt_flops(const struct ttt_mlp_shape *shape, enum ttt_direction direction);

#endif
