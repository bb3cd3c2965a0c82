/* SPDX-License-Identifier: MIT
 *
 * A copy of ref-bf16, patched or not, as a candidate: linked with every mutant.
 *
 *     mutant.so:probe=FILE    it also writes the stages of its passes to FILE, as fuzz/stages.h reads them
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ttt/ttt_candidate.h>
#include <ttt/ttt_ref.h>

static FILE *trace; /* NULL: the stages are not asked for */

static void write_stage(void *context, const struct ttt_mlp_stage *stage)
{
    const float *values = stage->values;
    (void)context;
    fprintf(trace, "%s\t%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", stage->equation, stage->head,
            stage->mini_batch, stage->row, stage->rows, stage->columns);
    for (int64_t i = 0; i < stage->rows * stage->columns; i++)
        fprintf(trace, "%a\n", (double)values[i]);
    fflush(trace);
}

static enum ttt_status supports(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction)
{
    (void)self;
    size_t bytes;
    return direction == TTT_FORWARD ? ttt_ref_mlp_forward_workspace_bf16(shape, NULL, &bytes)
                                    : ttt_ref_mlp_backward_workspace_bf16(shape, NULL, &bytes);
}

/* Cleared, so that a mutant that reads what it never wrote does the same in every run. */
static void *take_workspace(size_t *bytes)
{
    *bytes = (*bytes + 63) / 64 * 64;
    void *workspace = aligned_alloc(64, *bytes);
    if (workspace)
        memset(workspace, 0, *bytes);
    return workspace;
}

static enum ttt_status forward(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                               const struct ttt_candidate_call *call)
{
    (void)self;
    const struct ttt_ref_options options = {.threads = call->threads, .probe = trace ? write_stage : NULL};
    size_t bytes;
    enum ttt_status status = ttt_ref_mlp_forward_workspace_bf16(shape, &options, &bytes);
    if (status != TTT_OK)
        return status;
    void *workspace = take_workspace(&bytes);
    status = workspace ? ttt_ref_mlp_forward_bf16(shape, args, &options, workspace, bytes) : TTT_ERROR_MEMORY;
    free(workspace);
    return status;
}

static enum ttt_status backward(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_backward_args *args,
                                const struct ttt_candidate_call *call)
{
    (void)self;
    const struct ttt_ref_options options = {.threads = call->threads, .probe = trace ? write_stage : NULL};
    size_t bytes;
    enum ttt_status status = ttt_ref_mlp_backward_workspace_bf16(shape, &options, &bytes);
    if (status != TTT_OK)
        return status;
    void *workspace = take_workspace(&bytes);
    status = workspace ? ttt_ref_mlp_backward_bf16(shape, args, &options, workspace, bytes) : TTT_ERROR_MEMORY;
    free(workspace);
    return status;
}

static void close_trace(void *self)
{
    (void)self;
    if (trace)
        fclose(trace);
    trace = NULL;
}

static const struct ttt_candidate mutant = {
    .abi = TTT_CANDIDATE_ABI,
    .name = "mutant",
    .about = "ref-bf16 with a planted fault",
    .types = TTT_TYPES_BF16,
    .forms = TTT_CAN_NON_CAUSAL | TTT_CAN_CAUSAL,
    .directions = TTT_CAN_FORWARD | TTT_CAN_BACKWARD,
    .deterministic = 1,
    .supports = supports,
    .forward = forward,
    .backward = backward,
    .close = close_trace,
};

const struct ttt_candidate *ttt_candidate_open(int abi, const char *args)
{
    if (abi != TTT_CANDIDATE_ABI)
        return NULL;
    if (strncmp(args, "probe=", 6) == 0)
        return (trace = fopen(args + 6, "w")) ? &mutant : NULL;
    return !args[0] ? &mutant : NULL;
}
