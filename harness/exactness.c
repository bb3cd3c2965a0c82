/* SPDX-License-Identifier: MIT */
#include "exactness.h"
#include "tier0.h"
#include "verdict.h"
#include <inttypes.h>
#include <stdio.h>

static const char row[] = "exact";

enum { REPLICAS = 2 };

#define INPUTS  (1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_UPSTREAM)
#define OUTPUTS (1u << TTT_ROLE_FORWARD_OUTPUT | 1u << TTT_ROLE_BACKWARD_OUTPUT)

static int call(const struct ttt_run *run, const struct ttt_candidate *candidate, struct ttt_tensors *block,
                char *error, size_t error_size)
{
    for (int d = TTT_FORWARD; d <= TTT_BACKWARD; d++) {
        const struct ttt_call one = {.candidate = candidate, .direction = (enum ttt_direction)d, .threads = 1};
        if (d == TTT_BACKWARD && !(run->directions & TTT_DIRECTION_BACKWARD))
            return 0;
        const enum ttt_status status = ttt_call_plain(&one, block);
        if (status == TTT_OK)
            continue;
        snprintf(error, error_size, "%s: %s", candidate->name, ttt_candidate_status(status));
        return -1;
    }
    return 0;
}

/* Where a replica differs from the truth: a line in `difference`. */
static void compare(const struct ttt_tensors *replica, const struct ttt_tensors *truth, char *difference, size_t size)
{
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++)
        for (int64_t i = 0; truth->buffer[t].data && i < truth->buffer[t].elements; i++) {
            const double k = ttt_buffer_get(&replica->buffer[t], i), r = ttt_buffer_get(&truth->buffer[t], i);
            if (k == r)
                continue;
            snprintf(difference, size, "element %" PRId64 " of %s is %.17g, of a replica %.17g", i,
                     ttt_tensor_info[t].name, r, k);
            return;
        }
}

/* Inputs of bfloat16 types, outputs float. */
static int replica_open(const struct ttt_run *run, struct ttt_tensors *k, char *error, size_t error_size)
{
    const int64_t heads = run->c.shape.heads;
    if (ttt_tensors_make(k, &run->c, 0, heads, TTT_TYPES_BF16, INPUTS, error, error_size) != 0)
        return -1;
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++)
        if (ttt_tensor_present(t, &run->c) && ttt_tensors_add(k, t, TTT_F32, error, error_size) != 0)
            return -1;
    return 0;
}

/* Does the data need no rounding?  If not, `difference` says where it does. */
static int try_premise(const struct ttt_run *run, char *difference, size_t size, char *error, size_t error_size)
{
    const int backward = (run->directions & TTT_DIRECTION_BACKWARD) != 0;
    const unsigned roles = backward ? INPUTS | OUTPUTS : INPUTS | 1u << TTT_ROLE_FORWARD_OUTPUT;
    struct ttt_tensors truth, replica = {.head0 = 0};
    int status = ttt_tensors_make(&truth, &run->c, 0, run->c.shape.heads, TTT_TYPES_F64, roles, error, error_size);
    if (status == 0)
        status = call(run, &ttt_candidate_ref_f64, &truth, error, error_size);
    if (status == 0)
        status = replica_open(run, &replica, error, error_size);
    for (int seed = 1; seed <= REPLICAS && status == 0; seed++) {
        status = call(run, ttt_candidate_replica((uint64_t)seed, 0), &replica, error, error_size);
        if (status == 0)
            compare(&replica, &truth, difference, size);
    }
    ttt_tensors_free(&truth);
    ttt_tensors_free(&replica);
    return status;
}

int ttt_exactness_run(const struct ttt_run *run, struct ttt_result *result, char *error, size_t error_size)
{
    char difference[TTT_DETAIL_TEXT - 64] = "";
    if (try_premise(run, difference, sizeof difference, error, error_size) != 0)
        return -1;
    ttt_result_check(result, row);
    if (difference[0])
        ttt_result_note(result, row, TTT_FAIL, "these data need rounding: %s", difference);
    for (int i = 0; i < result->tensor_count; i++) {
        const struct ttt_tensor_result *t = &result->tensors[i];
        const struct ttt_metrics *m = &t->metrics;
        if (t->skipped[0] || (m->max_abs == 0 && m->mismatched == 0))
            continue;
        char place[TTT_DETAIL_TEXT];
        ttt_tensor_place(t->tensor, &run->c.shape, m->worst, place);
        ttt_result_note(result, row, TTT_FAIL, "%s %s is %.17g; without any rounding it is %.17g",
                        ttt_tensor_info[t->tensor].name, place, m->worst_k, m->worst_r);
    }
    result->verdict = ttt_verdict_result(result);
    return 0;
}
