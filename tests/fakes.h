/* SPDX-License-Identifier: MIT
 *
 * Candidates with one planted fault each, around one of the references.
 */
#ifndef TESTS_FAKES_H
#define TESTS_FAKES_H

#include "harness/candidates.h"

enum fault {
    FAULT_NONE,
    FAULT_UNWRITTEN,          /* the last element of XQW stays as it was */
    FAULT_UNWRITTEN_GRADIENT, /* the same of grad_L_XV */
    FAULT_OVERRUN,            /* writes the element behind W1_last */
    FAULT_UNDERRUN,           /* writes the element before grad_L_XK */
    FAULT_INPUT,              /* changes XK */
    FAULT_CHECKPOINT,         /* changes b2_checkpoints in the backward pass */
    FAULT_NAN,                /* W1_last holds a NaN */
    FAULT_RANDOM,             /* each forward pass differs in a last bit of XQW */
    FAULT_RANDOM_DECLARED,    /* the same, but declared */
    FAULT_SCALE,              /* grad_L_XK of the second head is 1.2 times too large */
    FAULT_STATUS,             /* the backward pass returns TTT_ERROR_DEVICE */
    FAULT_NO_BACKWARD,        /* supports only the forward pass */
    FAULT_NO_FORWARD,         /* supports only the backward pass */
    FAULT_NOTHING,            /* supports nothing */
    FAULT_BAD_CHECKPOINTS,    /* the forward pass writes wrong checkpoints, the last state is right */
    FAULT_LENGTH,             /* XQW depends on seq_len in its last bits: a resumed run differs */
    FAULT_PLACE,              /* the last bit of grad_L_ttt_norm_weight depends on where its head lies */
    FAULT_OTHER_HEAD,         /* XQW of the first head depends on XK of the second */
    FAULT_LATER_TOKEN,        /* XQW of the first token depends on XV of the last */
    FAULT_LATER_STATE,        /* the first b2_checkpoints depends on XV of the last token */
    FAULT_STATE,              /* W1_last moves by a last bit, whatever eta is */
    FAULT_CHECKPOINT_STATE,   /* the same of the last W2_checkpoints */
    FAULT_SIGN,               /* positive elements of grad_L_XQ are a last bit too large, negative ones are right */
    FAULT_EPSILON,            /* something small is added to grad_L_b1_init */
    FAULT_COUNT
};

struct fake {
    struct ttt_candidate candidate;
    const struct ttt_candidate *base;
    enum fault fault;
    int forward_calls, backward_calls;
    int max_heads; /* the largest block that was seen */
};

void fake_make(struct fake *f, const struct ttt_candidate *base, enum fault fault);

#endif
