/* SPDX-License-Identifier: MIT
 *
 * From a case that fails to a small one that fails in the same way: one head, few mini-batches, narrow tensors, the
 * plainest values.
 */
#ifndef TTT_FUZZ_SHRINK_H
#define TTT_FUZZ_SHRINK_H

#include "attempt.h"

enum { FUZZ_SHRINK_TRIES = 500 }; /* a count: the result is the same on every machine that has the time */

/* Shrink `f`, whose attempt ended with *outcome, a FAIL; both become those of the smallest case found until
 * lab->over().  *tries: how many were tried.  A hang is left as it is: the candidate is not called again.  0, or -1
 * with one line in `error`. */
int fuzz_shrink(const struct fuzz_lab *lab, struct fuzz_case *f, struct fuzz_outcome *outcome, int *tries, char *error,
                size_t error_size);

/* Do two failures fail in the same way: the same check, or gates of outputs of the same pass? */
int fuzz_same_failure(const struct fuzz_outcome *a, const struct fuzz_outcome *b);

#endif
