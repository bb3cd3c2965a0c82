/* SPDX-License-Identifier: MIT */
#include "tier0.h"
#include "clock.h"
#include <inttypes.h>

static int is_output(enum ttt_tensor t, enum ttt_direction direction)
{
    return ttt_tensor_info[t].role ==
           (direction == TTT_FORWARD ? (unsigned)TTT_ROLE_FORWARD_OUTPUT : (unsigned)TTT_ROLE_BACKWARD_OUTPUT);
}

static void poison_outputs(struct ttt_tensors *block, enum ttt_direction direction)
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        if (is_output(t, direction) && block->buffer[t].data)
            ttt_buffer_poison(&block->buffer[t]);
}

/* Bytes of all tensors that the call writes (`outputs`), or of all that it must leave alone. */
static void hash_tensors(const struct ttt_tensors *block, enum ttt_direction direction, int outputs,
                         uint64_t hash[TTT_TENSOR_COUNT])
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        if (is_output(t, direction) == outputs && block->buffer[t].data)
            hash[t] = ttt_buffer_hash(&block->buffer[t]);
}

static void compare_hashes(const struct ttt_tensors *block, const struct ttt_call *call, int outputs,
                           const uint64_t before[TTT_TENSOR_COUNT], const char *check, const char *what,
                           struct ttt_result *result)
{
    uint64_t after[TTT_TENSOR_COUNT];
    ttt_result_check(result, check);
    hash_tensors(block, call->direction, outputs, after);
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        if (is_output(t, call->direction) == outputs && block->buffer[t].data && before[t] != after[t])
            ttt_result_note(result, check, TTT_FAIL, "%s: %s %s", ttt_direction_name[1u << call->direction],
                            ttt_tensor_info[t].name, what);
}

static void check_memory(const struct ttt_tensors *block, enum ttt_direction direction, struct ttt_result *result)
{
    const char *pass = ttt_direction_name[1u << direction];
    ttt_result_check(result, "overwritten");
    ttt_result_check(result, "red-zones");
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        const struct ttt_buffer *b = &block->buffer[t];
        if (!b->data)
            continue;
        if (!ttt_buffer_red_zones_intact(b))
            ttt_result_note(result, "red-zones", TTT_FAIL, "%s: written out of the bounds of %s", pass,
                            ttt_tensor_info[t].name);
        const int64_t left = is_output(t, direction) ? ttt_buffer_poison_left(b) : 0;
        if (left > 0)
            ttt_result_note(result, "overwritten", TTT_FAIL,
                            "%s: %" PRId64 " of %" PRId64 " elements of %s not written", pass, left, b->elements,
                            ttt_tensor_info[t].name);
    }
}

enum ttt_status ttt_call_plain(const struct ttt_call *call, struct ttt_tensors *block)
{
    const struct ttt_candidate *c = call->candidate;
    if (call->direction == TTT_FORWARD) {
        const struct ttt_mlp_forward_args args = ttt_tensors_forward_args(block);
        return c->forward(c->self, &block->c.shape, &args, call->threads);
    }
    const struct ttt_mlp_backward_args args = ttt_tensors_backward_args(block);
    return c->backward(c->self, &block->c.shape, &args, call->threads);
}

static int run_once(const struct ttt_call *call, struct ttt_tensors *block, struct ttt_result *result, double *seconds)
{
    uint64_t inputs[TTT_TENSOR_COUNT];
    poison_outputs(block, call->direction);
    hash_tensors(block, call->direction, 0, inputs);
    const double start = ttt_clock_seconds();
    const enum ttt_status status = ttt_call_plain(call, block);
    *seconds = ttt_clock_seconds() - start;
    ttt_result_check(result, "status");
    compare_hashes(block, call, 0, inputs, "inputs", "was changed", result);
    if (status != TTT_OK) {
        ttt_result_note(result, "status", TTT_FAIL, "%s returned %d: %s", ttt_direction_name[1u << call->direction],
                        (int)status, ttt_candidate_status(status));
        return -1;
    }
    check_memory(block, call->direction, result);
    return 0;
}

int ttt_call_checked(const struct ttt_call *call, struct ttt_tensors *block, struct ttt_result *result)
{
    double seconds;
    if (run_once(call, block, result, &seconds) != 0)
        return -1;
    result->seconds += seconds;
    if (!call->twice)
        return 0;
    if (!call->candidate->deterministic) {
        ttt_result_note(result, "deterministic", TTT_SKIPPED, "the candidate declares that it is not");
        return 0;
    }
    uint64_t first[TTT_TENSOR_COUNT];
    hash_tensors(block, call->direction, 1, first);
    if (run_once(call, block, result, &seconds) != 0)
        return -1;
    compare_hashes(block, call, 1, first, "deterministic", "differs between two runs", result);
    return 0;
}
