/* SPDX-License-Identifier: MIT
 *
 * What the exact relations have in common: runs of one candidate on a block of heads, and the plain run that they are
 * compared with.  A relation is a row of the result and lives in one of relations_*.c.
 */
#ifndef TTT_HARNESS_TRIAL_H
#define TTT_HARNESS_TRIAL_H

#include "run.h"

struct ttt_trial {
    const struct ttt_run *run;
    const struct ttt_candidate *candidate;
    struct ttt_result *result;
    struct ttt_tensors base; /* the plain run, inputs and outputs */
    char *error;
    size_t error_size;
};

struct ttt_relation {
    const char *name;
    const char *(*excuse)(const struct ttt_trial *trial); /* why it cannot be tried on this case, or NULL */
    /* Try it on the block of the trial, whose plain run is complete; what does not hold is noted in the result.
     * 0, or -1 with one line in trial->error. */
    int (*try)(const struct ttt_trial *trial, const struct ttt_relation *self);
};

extern const struct ttt_relation ttt_relation_resume, ttt_relation_checkpoint_group;
extern const struct ttt_relation ttt_relation_permutation, ttt_relation_other_heads;
extern const struct ttt_relation ttt_relation_later_tokens, ttt_relation_eta_zero;
extern const struct ttt_relation ttt_relation_upstream_sign, ttt_relation_upstream_scale;

/* A block of the base's heads for a case of other sizes, all tensors, all poison.  0, or -1 with the line in error. */
int ttt_trial_alloc(const struct ttt_trial *trial, struct ttt_tensors *t, const struct ttt_case *c);

/* The same for the base's own case, with its inputs. */
int ttt_trial_copy(const struct ttt_trial *trial, struct ttt_tensors *t);

/* One pass, if the run asks for it (a backward pass needs the forward pass anyway).  0, or -1 with a row that is failed
 * or, for a shape that the candidate does not support, skipped. */
int ttt_trial_pass(const struct ttt_trial *trial, struct ttt_tensors *t, enum ttt_direction direction,
                   const char *relation);

/* Is this an output of the passes that the run asks for? */
int ttt_trial_has_output(const struct ttt_trial *trial, enum ttt_tensor t);

/* `n` elements of `t` that lie at `at` in one run and at `base_at` in the plain one: is each `factor` times that of the
 * plain run (a zero equals a zero of either sign)?  If not, the row fails with the first that differs. */
struct ttt_trial_range {
    enum ttt_tensor tensor;
    int64_t at, base_at, n;
    double factor;
};
void ttt_trial_compare(const struct ttt_trial *trial, const struct ttt_tensors *t, const struct ttt_trial_range *range,
                       const char *relation);

/* Excuses that several relations share. */
const char *ttt_trial_forward_only(const struct ttt_trial *trial);
const char *ttt_trial_one_head(const struct ttt_trial *trial);

#endif
