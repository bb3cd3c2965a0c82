/* SPDX-License-Identifier: MIT */
#include "tier0.h"
#include "clock.h"
#include "freshness.h"
#include "plugin.h"
#include <inttypes.h>
#include <stdlib.h>

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

/* The workspace of one call after the other; candidates are called one at a time. */
static void *reserve_workspace(size_t bytes)
{
    static void *workspace;
    static size_t room;
    if (bytes <= room)
        return bytes > 0 ? workspace : NULL;
    free(workspace);
    if (posix_memalign(&workspace, TTT_CANDIDATE_ALIGNMENT, bytes) != 0)
        workspace = NULL;
    room = workspace ? bytes : 0;
    return workspace;
}

enum ttt_status ttt_call_timed(const struct ttt_call *call, struct ttt_tensors *block, double *seconds)
{
    const struct ttt_candidate *c = call->candidate;
    const struct ttt_mlp_shape *shape = &block->c.shape;
    struct ttt_candidate_call how = {.threads = call->threads};
    if (c->workspace)
        how.workspace_bytes = c->workspace(c->self, shape, call->direction, call->threads);
    how.workspace = reserve_workspace(how.workspace_bytes);
    if (how.workspace_bytes > 0 && !how.workspace)
        return TTT_ERROR_MEMORY;
    const struct ttt_mlp_forward_args forward = ttt_tensors_forward_args(block);
    const struct ttt_mlp_backward_args backward = ttt_tensors_backward_args(block);
    const double start = ttt_clock_seconds();
    const enum ttt_status status = call->direction == TTT_FORWARD ? c->forward(c->self, shape, &forward, &how)
                                                                  : c->backward(c->self, shape, &backward, &how);
    *seconds = ttt_candidate_is_plugin(c) ? ttt_plugin_seconds(c) : ttt_clock_seconds() - start;
    return status;
}

enum ttt_status ttt_call_plain(const struct ttt_call *call, struct ttt_tensors *block)
{
    double seconds;
    return ttt_call_timed(call, block, &seconds);
}

static int note_failure(const struct ttt_call *call, enum ttt_status status, struct ttt_result *result)
{
    const struct ttt_failure failure = ttt_candidate_failure(call->candidate, call->direction, status);
    ttt_result_check(result, "status");
    ttt_result_note(result, failure.row, TTT_FAIL, "%s", failure.text);
    return -1;
}

static int run_once(const struct ttt_call *call, struct ttt_tensors *block, struct ttt_result *result, double *seconds)
{
    uint64_t inputs[TTT_TENSOR_COUNT];
    poison_outputs(block, call->direction);
    hash_tensors(block, call->direction, 0, inputs);
    const enum ttt_status status = ttt_call_timed(call, block, seconds);
    ttt_result_check(result, "status");
    compare_hashes(block, call, 0, inputs, "inputs", "was changed", result);
    if (status != TTT_OK)
        return note_failure(call, status, result);
    check_memory(block, call->direction, result);
    return 0;
}

/* The same call again, after what came between. */
static int run_again(const struct ttt_call *call, struct ttt_tensors *block, struct ttt_result *result)
{
    uint64_t first[TTT_TENSOR_COUNT];
    double seconds;
    if (!call->candidate->deterministic) {
        ttt_result_note(result, "deterministic", TTT_SKIPPED, "the candidate declares that it is not");
        return 0;
    }
    hash_tensors(block, call->direction, 1, first);
    if (run_once(call, block, result, &seconds) != 0)
        return -1;
    compare_hashes(block, call, 1, first, "deterministic", "differs between two runs", result);
    return 0;
}

/* A call with other inputs. */
static int call_on_other(const struct ttt_call *call, struct ttt_freshness *other, struct ttt_result *result)
{
    const enum ttt_status status = ttt_call_plain(call, &other->block);
    return status == TTT_OK ? 0 : note_failure(call, status, result);
}

int ttt_call_checked(const struct ttt_call *call, struct ttt_tensors *block, struct ttt_result *result)
{
    struct ttt_freshness other = {.there = 0};
    double seconds;
    int fresh = call->twice && !ttt_candidate_is_reference(call->candidate) && ttt_freshness_suits(&block->c.shape);
    int status = 0;
    if (fresh && ttt_freshness_open(&other, block) != 0) {
        ttt_result_note(result, "cached", TTT_SKIPPED, "no memory for other inputs");
        fresh = 0;
    }
    if (fresh && other.before)
        status = call_on_other(call, &other, result);
    if (status == 0)
        status = run_once(call, block, result, &seconds);
    if (status == 0) {
        result->seconds += seconds;
        /* Twice without and once with another call between: what alternates, and what remembers. */
        status = call->twice ? run_again(call, block, result) : 0;
        if (fresh && status == 0 && !other.before) {
            status = call_on_other(call, &other, result);
            if (status == 0)
                status = run_again(call, block, result);
        }
        if (fresh && status == 0)
            ttt_freshness_compare(&other, block, call, result);
    }
    ttt_freshness_close(&other);
    return status;
}
