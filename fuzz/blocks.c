/* SPDX-License-Identifier: MIT */
#include "blocks.h"
#include "harness/reference.h"

/* The backward pass starts from the forward pass's checkpoints, whatever is asked for. */
static unsigned with_forward(unsigned directions)
{
    return directions | TTT_DIRECTION_FORWARD;
}

int fuzz_block_run(struct ttt_tensors *block, const struct ttt_tensors *inputs, const struct ttt_candidate *candidate,
                   unsigned directions, int threads, char *error, size_t error_size)
{
    if (ttt_reference_block(block, inputs, candidate->types, directions, error, error_size) != 0)
        return -1;
    return ttt_reference_run(candidate, block, inputs, with_forward(directions), threads, error, error_size);
}

int fuzz_block_replicate(struct ttt_tensors *block, const struct ttt_tensors *inputs, uint64_t seed, unsigned points,
                         unsigned directions, int threads, char *error, size_t error_size)
{
    if (ttt_reference_replica_block(block, inputs, directions, error, error_size) != 0)
        return -1;
    return ttt_reference_run(ttt_candidate_replica(seed, points), block, inputs, with_forward(directions), threads,
                             error, error_size);
}

int fuzz_is_output(enum ttt_tensor t, unsigned directions)
{
    return (ttt_tensor_info[t].role == TTT_ROLE_FORWARD_OUTPUT && directions & TTT_DIRECTION_FORWARD) ||
           (ttt_tensor_info[t].role == TTT_ROLE_BACKWARD_OUTPUT && directions & TTT_DIRECTION_BACKWARD);
}
