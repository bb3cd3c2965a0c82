/* SPDX-License-Identifier: MIT */
#include "relations.h"
#include "trial.h"
#include "verdict.h"
#include <string.h>

static const struct ttt_relation *const relations[] = {
    &ttt_relation_permutation, &ttt_relation_other_heads,      &ttt_relation_later_tokens,
    &ttt_relation_eta_zero,    &ttt_relation_upstream_sign,    &ttt_relation_upstream_scale,
    &ttt_relation_resume,      &ttt_relation_checkpoint_group,
};
enum { RELATIONS = sizeof relations / sizeof relations[0] };

#define INPUTS (1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_UPSTREAM)
#define EVERY  (INPUTS | 1u << TTT_ROLE_FORWARD_OUTPUT | 1u << TTT_ROLE_BACKWARD_OUTPUT)

static int base_open(struct ttt_trial *trial, int64_t head0, int64_t heads)
{
    const struct ttt_run *run = trial->run;
    struct ttt_case c = run->c;
    if (ttt_candidate_is_reference(trial->candidate))
        c.shape.checkpoint_group_size = 1;
    if (!run->file)
        return ttt_tensors_make(&trial->base, &c, head0, heads, trial->candidate->types, EVERY, trial->error,
                                trial->error_size);
    if (ttt_tensors_load(&trial->base, run->file, &c, head0, heads, trial->candidate->types, INPUTS, trial->error,
                         trial->error_size) != 0)
        return -1;
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        if (!(INPUTS & 1u << ttt_tensor_info[t].role) && ttt_tensor_present(t, &c) &&
            ttt_tensors_add(&trial->base, t, ttt_tensor_dtype(t, trial->candidate->types), trial->error,
                            trial->error_size) != 0)
            return -1;
    return 0;
}

/* `row` has the name of the relation where it can be tried on this case, else NULL. */
static int try_block(struct ttt_trial *trial, int64_t head0, int64_t heads, const char *const row[RELATIONS])
{
    int status = base_open(trial, head0, heads), ran = 0;
    if (status == 0)
        ran = ttt_trial_pass(trial, &trial->base, TTT_FORWARD, relations[0]->name) == 0 &&
              ttt_trial_pass(trial, &trial->base, TTT_BACKWARD, relations[0]->name) == 0;
    for (int i = 0; i < RELATIONS && status == 0; i++)
        if (row[i] && ran)
            status = relations[i]->try(trial, relations[i]);
        else if (row[i])
            ttt_result_note(trial->result, row[i], TTT_SKIPPED, "the plain run could not be had");
    ttt_tensors_free(&trial->base);
    return status;
}

/* Why no relation can hold for this candidate on this case, or NULL. */
static const char *excuse(const struct ttt_candidate *candidate, const struct ttt_result *result)
{
    if (!candidate->deterministic)
        return "the candidate declares that it is not deterministic";
    for (int i = 0; i < result->tensor_count; i++)
        if (result->tensors[i].skipped[0] && strcmp(result->tensors[i].skipped, "not in the file") != 0)
            return "a pass could not be run";
    return NULL;
}

int ttt_relations_suit(const struct ttt_case *c)
{
    const struct ttt_mlp_shape *s = &c->shape;
    const double work =
        (double)s->batch * (double)s->heads * (double)s->seq_len * (double)s->head_dim * (double)s->hidden_dim;
    return s->batch * s->heads > 1 && ttt_shape_checkpoints(s) > 1 && work <= TTT_RELATIONS_WORK;
}

int ttt_relations_run(const struct ttt_run *run, const struct ttt_candidate *candidate, struct ttt_result *result,
                      char *error, size_t error_size)
{
    struct ttt_trial trial = {
        .run = run, .candidate = candidate, .result = result, .error = error, .error_size = error_size};
    const char *row[RELATIONS] = {NULL};
    for (int i = 0; i < RELATIONS; i++) {
        const char *general = excuse(candidate, result), *why = general ? general : relations[i]->excuse(&trial);
        ttt_result_check(result, relations[i]->name);
        if (why)
            ttt_result_note(result, relations[i]->name, TTT_SKIPPED, "%s", why);
        else
            row[i] = relations[i]->name;
    }
    const int64_t step = ttt_run_heads_per_block(run, error, error_size);
    int status = step < 0 ? -1 : 0;
    for (int64_t head = 0; head < run->c.shape.heads && status == 0 && !excuse(candidate, result); head += step)
        status = try_block(&trial, head, run->c.shape.heads - head < step ? run->c.shape.heads - head : step, row);
    result->verdict = ttt_verdict_result(result);
    return status;
}
