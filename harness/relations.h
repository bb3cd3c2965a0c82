/* SPDX-License-Identifier: MIT
 *
 * Relations between runs of one candidate that must hold bit by bit.  Each is a row of the result:
 *
 *   permutation       heads and batch entries in reverse order give the same, in reverse order.  Not compared:
 *                     gradients that are sums over what has changed places (norm weight and bias over the batch,
 *                     token_eta over everything)
 *   other-heads       other values in every second head change nothing in the others
 *   later-tokens      other values from a mini-batch on (causal form: from a row on) change no output and no state
 * before eta-zero          last_eta = 0 leaves the state alone upstream-sign     upstream gradients times -1 give
 * gradients times -1 upstream-scale    the same for a power of two resume            a run = its two parts, cut at a
 * multiple of G tokens' mini-batches, with the state handed over forwards and the gradient of the state handed over
 * backwards.  Not compared: the gradients that are sums over all mini-batches (norm weight and bias, token_eta), which
 * the cut sums in another order checkpoint-group  every G of {1, 2, 3, NC, NC + 1} and the case's own gives the same
 * outputs (references only: a kernel agrees between G's to rounding)
 *
 * A zero may have another sign.  A candidate that declares that it is not deterministic is excused from all of them.
 */
#ifndef TTT_HARNESS_RELATIONS_H
#define TTT_HARNESS_RELATIONS_H

#include "run.h"

/* Some twenty passes per candidate: generated cases are tried where B H N F D is at most this. */
#define TTT_RELATIONS_WORK 0x1p24

/* Is this a generated case for the relations: small, of several heads and several checkpoint groups? */
int ttt_relations_suit(const struct ttt_case *c);

/* Try the relations on all heads of the run's case, and bring the verdict up to date.
 * 0, or -1 with one line in `error` when they cannot be tried (memory, a file that cannot be read). */
int ttt_relations_run(const struct ttt_run *run, const struct ttt_candidate *candidate, struct ttt_result *result,
                      char *error, size_t error_size);

#endif
