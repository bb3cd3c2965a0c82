/* SPDX-License-Identifier: MIT
 *
 * The proof of the gradients that everything else is compared with: each gradient of ref-f64, over forms, distributions
 * and shapes, against derivatives of its forward pass (see gradcheck.h).
 */
#ifndef TTT_HARNESS_GRADPROOF_H
#define TTT_HARNESS_GRADPROOF_H

#include "gradcheck.h"
#include "progress.h"
#include "result.h"
#include <stdio.h>

/* The bound of ratio, and those of slope. */
#define TTT_GRADPROOF_RATIO 1e-12
#define TTT_GRADPROOF_SLOPE 0.1 /* |slope - 2| */

/* One gradient in one form on one distribution, over all shapes. */
struct ttt_gradproof_row {
    int causal;
    enum ttt_distribution distribution;
    enum ttt_tensor input;
    struct ttt_gradcheck_result found; /* counts added up, the worst ratio and slope */
    struct ttt_case worst;             /* where the worst ratio was */
    enum ttt_verdict verdict;
};

#define TTT_GRADPROOF_ROWS (2 * TTT_DIST_COUNT * (TTT_B2_INIT + 1))

struct ttt_gradproof {
    int count;
    struct ttt_gradproof_row rows[TTT_GRADPROOF_ROWS];
    size_t by_verdict[TTT_VERDICT_COUNT]; /* of the rows */
    int cases;
    double ratio; /* the worst of all */
};

/* Check every gradient of one case.  0, or -1 with one line in `error`. */
int ttt_gradproof_add(struct ttt_gradproof *proof, const struct ttt_case *c, char *error, size_t error_size);

/* Check the cases of the whole proof: under a minute. */
int ttt_gradproof_run(struct ttt_gradproof *proof, struct ttt_progress *progress, char *error, size_t error_size);

/* After the last case: the verdicts. */
void ttt_gradproof_judge(struct ttt_gradproof *proof);

/* For people: a line per row (with `quiet`: per failed row) and the worst of all. */
void ttt_gradproof_print(FILE *out, const struct ttt_gradproof *proof, int quiet);

#endif
