/* SPDX-License-Identifier: MIT
 *
 * Runs of the reference and of a candidate on the same inputs, side by side.
 */
#ifndef TTT_FUZZ_BLOCKS_H
#define TTT_FUZZ_BLOCKS_H

#include "harness/candidates.h"
#include "harness/result.h"
#include "harness/tensors.h"

#define FUZZ_INPUTS (1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_UPSTREAM)

/* A block of all heads with these inputs, converted to the candidate's types, and its passes on it: always the forward
 * pass, which the backward pass starts from.  0, or -1 with one line in `error`.  Free with ttt_tensors_free either
 * way. */
int fuzz_block_run(struct ttt_tensors *block, const struct ttt_tensors *inputs, const struct ttt_candidate *candidate,
                   unsigned directions, int threads, char *error, size_t error_size);

/* The same for replica `seed` of the precision contract with declared points (harness/contract.h), whose token outputs
 * are float. */
int fuzz_block_replicate(struct ttt_tensors *block, const struct ttt_tensors *inputs, uint64_t seed, unsigned points,
                         unsigned directions, int threads, char *error, size_t error_size);

/* Is it an output of the passes in these directions? */
int fuzz_is_output(enum ttt_tensor t, unsigned directions);

#endif
