/* SPDX-License-Identifier: MIT */
#include "trial.h"
#include "tier0.h"
#include <inttypes.h>
#include <math.h>

#define EVERY                                                                                                          \
    (1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_UPSTREAM | 1u << TTT_ROLE_FORWARD_OUTPUT | 1u << TTT_ROLE_BACKWARD_OUTPUT)

int ttt_trial_alloc(const struct ttt_trial *trial, struct ttt_tensors *t, const struct ttt_case *c)
{
    return ttt_tensors_alloc(t, c, trial->base.head0, trial->base.c.shape.heads, trial->candidate->types, EVERY,
                             trial->error, trial->error_size);
}

int ttt_trial_copy(const struct ttt_trial *trial, struct ttt_tensors *t)
{
    struct ttt_case c = trial->base.c;
    c.shape.heads = trial->run->c.shape.heads;
    if (ttt_trial_alloc(trial, t, &c) != 0)
        return -1;
    ttt_tensors_convert_inputs(t, &trial->base);
    return 0;
}

int ttt_trial_pass(const struct ttt_trial *trial, struct ttt_tensors *t, enum ttt_direction direction,
                   const char *relation)
{
    const struct ttt_candidate *candidate = trial->candidate;
    /* One thread: most of these passes are over before another one is awake. */
    const struct ttt_call call = {.candidate = candidate, .direction = direction, .threads = 1};
    if (direction == TTT_BACKWARD && !(trial->run->directions & TTT_DIRECTION_BACKWARD))
        return 0;
    const enum ttt_status refusal = candidate->supports(candidate->self, &t->c.shape, direction);
    const enum ttt_status status = refusal ? refusal : ttt_call_plain(&call, t);
    if (status == TTT_OK)
        return 0;
    const struct ttt_failure failure = ttt_candidate_failure(candidate, direction, status);
    if (refusal)
        ttt_result_note(trial->result, relation, TTT_SKIPPED,
                        "G = %" PRId64 ", N = %" PRId64 ": %s is not supported, %d: %s",
                        t->c.shape.checkpoint_group_size, t->c.shape.seq_len, ttt_direction_name[1u << direction],
                        (int)status, ttt_candidate_status(status));
    else
        ttt_result_note(trial->result, relation, TTT_FAIL, "G = %" PRId64 ", N = %" PRId64 ": %s",
                        t->c.shape.checkpoint_group_size, t->c.shape.seq_len, failure.text);
    return -1;
}

int ttt_trial_has_output(const struct ttt_trial *trial, enum ttt_tensor t)
{
    const unsigned role = ttt_tensor_info[t].role;
    const int backward = trial->run->directions & TTT_DIRECTION_BACKWARD;
    return trial->base.buffer[t].data &&
           (role == TTT_ROLE_FORWARD_OUTPUT || (role == TTT_ROLE_BACKWARD_OUTPUT && backward));
}

static int same(double k, double r)
{
    return k == r || (isnan(k) && isnan(r));
}

void ttt_trial_compare(const struct ttt_trial *trial, const struct ttt_tensors *t, const struct ttt_trial_range *range,
                       const char *relation)
{
    const struct ttt_buffer *k = &t->buffer[range->tensor], *base = &trial->base.buffer[range->tensor];
    for (int64_t i = 0; i < range->n; i++) {
        const double value = ttt_buffer_get(k, range->at + i);
        const double expected = range->factor * ttt_buffer_get(base, range->base_at + i);
        if (same(value, expected))
            continue;
        char place[TTT_DETAIL_TEXT];
        ttt_tensor_place(range->tensor, &t->c.shape, range->at + i, place);
        ttt_result_note(trial->result, relation, TTT_FAIL, "%s %s is %.17g; it must be %.17g as in the plain run",
                        ttt_tensor_info[range->tensor].name, place, value, expected);
        return;
    }
}

const char *ttt_trial_forward_only(const struct ttt_trial *trial)
{
    return trial->run->directions & TTT_DIRECTION_BACKWARD ? NULL : "the backward pass is not asked for";
}

const char *ttt_trial_one_head(const struct ttt_trial *trial)
{
    const struct ttt_mlp_shape *shape = &trial->run->c.shape;
    return shape->batch * shape->heads < 2 ? "there is one head only" : NULL;
}
