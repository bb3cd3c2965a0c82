/* SPDX-License-Identifier: MIT
 *
 * What a kernel may have computed in the place of the contract: each hypothesis is the reference in double precision
 * with other inputs, another epsilon, or a plain operation on its outputs.
 */
#ifndef TTT_HARNESS_HYPOTHESES_H
#define TTT_HARNESS_HYPOTHESES_H

#include "tensors.h"

struct ttt_hypothesis {
    const char *text;                       /* "the sign of last_eta is reversed" */
    void (*inputs)(struct ttt_tensors *h);  /* change the inputs; or NULL */
    void (*outputs)(struct ttt_tensors *h); /* change the outputs, the inputs being there; or NULL */
    int XQW_only;                           /* it says nothing about the other outputs */
    int (*compute)(struct ttt_tensors *h);  /* in the place of the passes; 0, or -1 when memory cannot be had */
};

extern const struct ttt_hypothesis ttt_hypotheses[];
extern const int ttt_hypothesis_count;

/* The usual epsilons. */
extern const double ttt_hypothesis_eps[];
extern const int ttt_hypothesis_eps_count;

#endif
