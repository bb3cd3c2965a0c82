/* SPDX-License-Identifier: MIT */
#include "finding.h"
#include "blocks.h"
#include "diverge.h"
#include "harness/reference.h"
#include "harness/tier0.h"
#include "shrink.h"
#include "stages.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int fuzz_finding_shrink(const struct fuzz_lab *lab, struct fuzz_finding *finding, char *error, size_t error_size)
{
    return fuzz_shrink(lab, &finding->f, &finding->outcome, &finding->tries, error, error_size);
}

static void say_place(struct fuzz_finding *finding, const struct fuzz_divergence *d)
{
    if (d->found)
        snprintf(finding->place, sizeof finding->place, "%s of mini-batch %" PRId64 " (%.3g times what is suspicious)",
                 ttt_tensor_info[d->tensor].name, d->mini_batch, d->ratio);
    else
        snprintf(finding->place, sizeof finding->place, "no mini-batch alone, with G = 1");
}

static void say_equation(struct fuzz_finding *finding, const struct fuzz_equation *e)
{
    if (!e->offered)
        snprintf(finding->equation, sizeof finding->equation, "the candidate does not show its equations");
    else if (!e->found)
        snprintf(finding->equation, sizeof finding->equation, "none that the candidate shows");
    else
        snprintf(finding->equation, sizeof finding->equation,
                 "%s of mini-batch %" PRId64 "%s (%.3g times what is suspicious)", e->equation, e->mini_batch,
                 e->recomputed ? ", recomputed by the backward pass" : "", e->ratio);
}

int fuzz_finding_explain(const struct fuzz_lab *lab, const char *spec, const struct fuzz_subject *subject,
                         struct fuzz_finding *finding, char *error, size_t error_size)
{
    struct fuzz_divergence divergence;
    struct fuzz_equation equation;
    char why[512];
    finding->place[0] = finding->equation[0] = '\0';
    /* A status, a red zone or a second run that differs has no place in the computation. */
    if (finding->outcome.tensor == TTT_TENSOR_COUNT)
        return 0;
    if (fuzz_diverge(lab, subject, &divergence, why, sizeof why) != 0)
        snprintf(finding->place, sizeof finding->place, "%.200s", why);
    else
        say_place(finding, &divergence);
    if (fuzz_find_equation(lab, spec, subject, lab->scratch, &equation, error, error_size) != 0)
        return -1;
    say_equation(finding, &equation);
    return 0;
}

int fuzz_finding_save(const struct fuzz_lab *lab, const struct fuzz_subject *subject, struct fuzz_finding *finding,
                      char *error, size_t error_size)
{
    struct ttt_tensors block = {.head0 = 0};
    unsigned roles = FUZZ_INPUTS;
    int status = ttt_reference_block(&block, &subject->inputs, lab->types, TTT_DIRECTION_BOTH, error, error_size);
    /* Outputs as far as the passes give any: what is missing in the file was not there. */
    for (enum ttt_direction d = TTT_FORWARD; d <= TTT_BACKWARD && status == 0; d++) {
        const struct ttt_call call = {.candidate = lab->candidate, .direction = d, .threads = lab->threads};
        if (!(lab->directions & 1u << d) ||
            lab->candidate->supports(lab->candidate->self, &subject->c.shape, d) != TTT_OK ||
            ttt_call_plain(&call, &block) != TTT_OK)
            break;
        roles |= 1u << (d == TTT_FORWARD ? TTT_ROLE_FORWARD_OUTPUT : TTT_ROLE_BACKWARD_OUTPUT);
    }
    if (status == 0)
        status = ttt_safetensors_write(finding->path, &block, roles, error, error_size);
    ttt_tensors_free(&block);
    return status;
}
