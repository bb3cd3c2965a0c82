/* SPDX-License-Identifier: MIT
 *
 * The row `exact` of a result on data that need no rounding (exact.h): every output is that of the truth, bit by bit (a
 * zero may have another sign), with tolerance 0 for every type set.
 *
 * The premise is verified where it is used: replicas of the precision contract whose roundings are drawn at random give
 * the truth's outputs, too.  One rounding point that is not exact, and they would not.
 */
#ifndef TTT_HARNESS_EXACTNESS_H
#define TTT_HARNESS_EXACTNESS_H

#include "run.h"

/* Add the row to a result of ttt_run_case, and bring its verdict up to date.
 * 0, or -1 with one line in `error` when the premise cannot be tried (memory). */
int ttt_exactness_run(const struct ttt_run *run, struct ttt_result *result, char *error, size_t error_size);

#endif
