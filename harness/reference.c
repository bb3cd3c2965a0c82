/* SPDX-License-Identifier: MIT */
#include "reference.h"
#include "blocks.h"
#include "result.h"
#include "tier0.h"
#include <stdio.h>

unsigned ttt_reference_roles(unsigned directions)
{
    unsigned roles = 1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_FORWARD_OUTPUT;
    if (directions & TTT_DIRECTION_BACKWARD)
        roles |= 1u << TTT_ROLE_UPSTREAM | 1u << TTT_ROLE_BACKWARD_OUTPUT;
    return roles;
}

int ttt_reference_block(struct ttt_tensors *t, const struct ttt_tensors *truth, enum ttt_types types,
                        unsigned directions, char *error, size_t error_size)
{
    struct ttt_case whole = truth->c;
    whole.shape.heads = truth->heads_total;
    if (ttt_tensors_alloc(t, &whole, truth->head0, truth->c.shape.heads, types, ttt_reference_roles(directions), error,
                          error_size) != 0)
        return -1;
    ttt_tensors_convert_inputs(t, truth);
    return 0;
}

int ttt_reference_replica_block(struct ttt_tensors *t, const struct ttt_tensors *truth, unsigned directions,
                                char *error, size_t error_size)
{
    if (ttt_reference_block(t, truth, TTT_TYPES_BF16, directions, error, error_size) != 0)
        return -1;
    for (enum ttt_tensor i = TTT_XQW; i < TTT_TENSOR_COUNT; i++) {
        if (!t->buffer[i].data || t->buffer[i].dtype != TTT_BF16)
            continue;
        ttt_buffer_free(&t->buffer[i]);
        if (ttt_tensors_add(t, i, TTT_F32, error, error_size) != 0)
            return -1;
    }
    return 0;
}

void ttt_reference_checkpoints(struct ttt_tensors *t, const struct ttt_tensors *truth)
{
    for (enum ttt_tensor c = TTT_W1_CHECKPOINTS; c <= TTT_B2_CHECKPOINTS; c++)
        ttt_buffer_convert(&t->buffer[c], &truth->buffer[c]);
}

int ttt_reference_run(const struct ttt_candidate *reference, struct ttt_tensors *t, const struct ttt_tensors *truth,
                      unsigned directions, int threads, char *error, size_t error_size)
{
    if (!(directions & TTT_DIRECTION_FORWARD))
        ttt_reference_checkpoints(t, truth);
    for (enum ttt_direction d = TTT_FORWARD; d <= TTT_BACKWARD; d++) {
        const struct ttt_call call = {.candidate = reference, .direction = d, .threads = threads};
        const enum ttt_status status = directions & 1u << d ? ttt_call_plain(&call, t) : TTT_OK;
        if (status == TTT_OK)
            continue;
        snprintf(error, error_size, "%s %s: %s", reference->name, ttt_direction_name[1u << d],
                 ttt_candidate_status(status));
        return -1;
    }
    return 0;
}
