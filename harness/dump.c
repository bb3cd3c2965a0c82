/* SPDX-License-Identifier: MIT */
#include "dump.h"
#include "machine.h"
#include "result.h"
#include "safetensors.h"
#include "tier0.h"
#include <stdio.h>

#define INPUTS (1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_UPSTREAM)

static int run_pass(struct ttt_tensors *t, const struct ttt_call *call, char *error, size_t error_size)
{
    const struct ttt_candidate *c = call->candidate;
    const enum ttt_status refusal = c->supports(c->self, &t->c.shape, call->direction);
    const enum ttt_status status = refusal ? refusal : ttt_call_plain(call, t);
    if (status == TTT_OK)
        return 0;
    const struct ttt_failure failure = ttt_candidate_failure(c, call->direction, status);
    if (refusal)
        snprintf(error, error_size, "--dump: %s of %s: %s", ttt_direction_name[1u << call->direction], c->name,
                 ttt_candidate_status(status));
    else
        snprintf(error, error_size, "--dump: %s: %s: %s", c->name, failure.row, failure.text);
    return -1;
}

int ttt_dump(const char *path, const struct ttt_case *c, const struct ttt_candidate *candidate, unsigned directions,
             int threads, char *error, size_t error_size)
{
    struct ttt_call call = {.candidate = candidate, .direction = TTT_FORWARD, .threads = threads};
    const enum ttt_types types = candidate ? candidate->types : TTT_TYPES_BF16;
    unsigned roles = INPUTS;
    if (candidate)
        roles |= 1u << TTT_ROLE_FORWARD_OUTPUT;
    if (candidate && directions & TTT_DIRECTION_BACKWARD)
        roles |= 1u << TTT_ROLE_BACKWARD_OUTPUT;
    if (ttt_machine_fits("--dump of this case", ttt_tensors_bytes(c, c->shape.heads, types, roles), error,
                         error_size) != 0)
        return -1;
    struct ttt_tensors t;
    int status = ttt_tensors_make(&t, c, 0, c->shape.heads, types, roles, error, error_size);
    if (status == 0 && candidate)
        status = run_pass(&t, &call, error, error_size);
    call.direction = TTT_BACKWARD;
    if (status == 0 && candidate && directions & TTT_DIRECTION_BACKWARD)
        status = run_pass(&t, &call, error, error_size);
    if (status == 0)
        status = ttt_safetensors_write(path, &t, roles, error, error_size);
    ttt_tensors_free(&t);
    return status;
}
