/* SPDX-License-Identifier: MIT
 *
 * Relations between runs of one candidate that must hold bit by bit.  Each is a row of the result:
 *
 *   resume            a run = its two parts, cut at a multiple of G tokens' mini-batches, with the state handed over
 *                     forwards and the gradient of the state handed over backwards.  Not compared: the gradients that
 *                     are sums over all mini-batches (norm weight and bias, token_eta), which the cut sums in another
 *                     order
 *   checkpoint-group  every G of {1, 2, 3, NC, NC + 1} and the case's own gives the same outputs (references only: a
 *                     kernel agrees between G's to rounding)
 */
#ifndef TTT_HARNESS_RELATIONS_H
#define TTT_HARNESS_RELATIONS_H

#include "run.h"

/* Try the relations on all heads of the run's case, and bring the verdict up to date.
 * 0, or -1 with one line in `error` when they cannot be tried (memory, a file that cannot be read). */
int ttt_relations_run(const struct ttt_run *run, const struct ttt_candidate *candidate, struct ttt_result *result,
                      char *error, size_t error_size);

#endif
