/* SPDX-License-Identifier: MIT */
#include "blocks.h"
#include "harness/tier0.h"
#include <stdio.h>

unsigned fuzz_roles(unsigned directions)
{
    unsigned roles = 1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_FORWARD_OUTPUT;
    if (directions & TTT_DIRECTION_BACKWARD)
        roles |= 1u << TTT_ROLE_UPSTREAM | 1u << TTT_ROLE_BACKWARD_OUTPUT;
    return roles;
}

const struct ttt_candidate *fuzz_reference(enum ttt_types types)
{
    return types == TTT_TYPES_F64   ? &ttt_candidate_ref_f64
           : types == TTT_TYPES_F32 ? &ttt_candidate_ref_f32
                                    : &ttt_candidate_ref_bf16;
}

int fuzz_block_make(struct ttt_tensors *block, const struct ttt_tensors *inputs, enum ttt_types types,
                    unsigned directions, char *error, size_t error_size)
{
    if (ttt_tensors_alloc(block, &inputs->c, 0, inputs->c.shape.heads, types, fuzz_roles(directions), error,
                          error_size) != 0)
        return -1;
    ttt_tensors_convert_inputs(block, inputs);
    return 0;
}

static int run_passes(struct ttt_tensors *block, const struct ttt_candidate *candidate, unsigned directions,
                      int threads, char *error, size_t error_size)
{
    for (enum ttt_direction d = TTT_FORWARD; d <= TTT_BACKWARD; d++) {
        const struct ttt_call call = {.candidate = candidate, .direction = d, .threads = threads};
        if (d == TTT_BACKWARD && !(directions & TTT_DIRECTION_BACKWARD))
            continue;
        const enum ttt_status status = ttt_call_plain(&call, block);
        if (status == TTT_OK)
            continue;
        snprintf(error, error_size, "%s %s: %s", candidate->name, ttt_direction_name[1u << d],
                 ttt_candidate_status(status));
        return -1;
    }
    return 0;
}

int fuzz_block_run(struct ttt_tensors *block, const struct ttt_tensors *inputs, const struct ttt_candidate *candidate,
                   unsigned directions, int threads, char *error, size_t error_size)
{
    if (fuzz_block_make(block, inputs, candidate->types, directions, error, error_size) != 0)
        return -1;
    return run_passes(block, candidate, directions, threads, error, error_size);
}

int fuzz_block_replicate(struct ttt_tensors *block, const struct ttt_tensors *inputs, uint64_t seed,
                         unsigned directions, int threads, char *error, size_t error_size)
{
    if (fuzz_block_make(block, inputs, TTT_TYPES_BF16, directions, error, error_size) != 0)
        return -1;
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++) {
        struct ttt_buffer *b = &block->buffer[t];
        if (!b->data || b->dtype != TTT_BF16)
            continue;
        ttt_buffer_free(b);
        if (ttt_tensors_add(block, t, TTT_F32, error, error_size) != 0)
            return -1;
    }
    return run_passes(block, ttt_candidate_replica(seed), directions, threads, error, error_size);
}

int fuzz_is_output(enum ttt_tensor t, unsigned directions)
{
    return (ttt_tensor_info[t].role == TTT_ROLE_FORWARD_OUTPUT && directions & TTT_DIRECTION_FORWARD) ||
           (ttt_tensor_info[t].role == TTT_ROLE_BACKWARD_OUTPUT && directions & TTT_DIRECTION_BACKWARD);
}
