/* SPDX-License-Identifier: MIT
 *
 * Where outputs do not fit the contract, do they fit something else?  The named hypotheses are computed in double
 * precision and compared with the outputs; one fits a tensor where the error is what the candidate's arithmetic may
 * cost (the threshold of the gate of the whole tensor), and the contract does not.  What is said is a help, not a
 * verdict.
 */
#ifndef TTT_HARNESS_DIAGNOSIS_H
#define TTT_HARNESS_DIAGNOSIS_H

#include "run.h"

/* Fill result->diagnosis of a result that failed in values: "XQW fits ln_eps = 1e-6; gradients fit ln_eps = 1e-8".
 * Looks at the first heads only.  0, or -1 with one line in `error`. */
int ttt_diagnose(const struct ttt_run *run, const struct ttt_contender *contender, struct ttt_result *result,
                 char *error, size_t error_size);

#endif
