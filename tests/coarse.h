/* SPDX-License-Identifier: MIT
 *
 * A kernel that rounds more coarsely than it declares: its gradients are those of the contract, and from there `scale`
 * times as far as the declared points lead.  1: an honest one; 8: with three bits less at each of them.
 */
#ifndef TESTS_COARSE_H
#define TESTS_COARSE_H

#include "harness/candidates.h"

struct coarse {
    struct ttt_candidate candidate; /* of the backward pass alone */
    unsigned points;                /* harness/contract.h */
    double scale;
};

void coarse_make(struct coarse *c, unsigned points, double scale);

#endif
