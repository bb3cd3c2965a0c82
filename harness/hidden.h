/* SPDX-License-Identifier: MIT
 *
 * A plug-in sees no command line, but it could have been made for the data that everybody can name.  So it is judged
 * once more, on a small case of the same kind whose seed nobody knows beforehand: the row `hidden`, which says the
 * case.
 *
 * A correct kernel fails one such case in some thousands, by the thresholds of the gates: so a second one must fail
 * too.
 */
#ifndef TTT_HARNESS_HIDDEN_H
#define TTT_HARNESS_HIDDEN_H

#include "run.h"

/* Are the two cases of one kind: the same tile sizes, form, distribution and epsilon? */
int ttt_hidden_same_kind(const struct ttt_case *a, const struct ttt_case *b);

/* Judge the candidate on the hidden case of the run's kind, and bring the verdict up to date.  A case that it fails
 * already needs none.  0, or -1 with one line in `error` when it cannot be tried (memory). */
int ttt_hidden_run(const struct ttt_run *run, const struct ttt_candidate *candidate, struct ttt_result *result,
                   char *error, size_t error_size);

#endif
