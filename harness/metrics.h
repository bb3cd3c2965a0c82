/* SPDX-License-Identifier: MIT
 *
 * NaN-safe error metrics of a candidate's tensor k against the truth r, accumulated over blocks.
 *
 * Positions where k or r is not finite do not enter the sums: they are counted, and a mismatch of kind (finite,
 * +Inf, -Inf, NaN) is counted apart and makes rel_l2 NaN, so that `!(rel_l2 <= bound)` fails.
 */
#ifndef TTT_HARNESS_METRICS_H
#define TTT_HARNESS_METRICS_H

#include "buffer.h"
#include <stdint.h>

/* A sum and the rounding error that it has made so far. */
struct ttt_sum {
    double value, carry;
};

/* A sum of squares of tiny, ordinary and huge values, each in its own scale: nothing under- or overflows. */
struct ttt_sum_sq {
    struct ttt_sum scale[3];
};

/* Elements counted by |k - r| in ulp: bin 0 has those below 2^TTT_METRICS_ULP_FIRST, bin i those below
 * 2^(TTT_METRICS_ULP_FIRST + i), the last bin all others. */
enum { TTT_METRICS_ULP_FIRST = -8, TTT_METRICS_ULP_BINS = 48 };

struct ttt_metrics {
    int64_t elements;                     /* seen, finite or not */
    int64_t non_finite;                   /* positions where both are not finite, of the same kind */
    int64_t mismatched;                   /* positions where only one is finite, or both are not, of different kinds */
    struct ttt_sum_sq sq_error, sq_truth; /* (k - r)^2 and r^2 */
    struct ttt_sum error, abs_truth;      /* k - r and |r| */
    double max_abs;                       /* max |k - r| */
    int64_t worst;                        /* index of max_abs, or of the first mismatch; -1 while there is none */
    double worst_k, worst_r;
    double max_ulp; /* max |k - r| / ulp(r), ulp of k's dtype (normal range floor, so denormals count 1 each) */
    int64_t ulps[TTT_METRICS_ULP_BINS]; /* positions where both are finite */
};

void ttt_metrics_init(struct ttt_metrics *m);

/* Add `k` against `r` (same number of elements); `offset` is the index of their first element in the whole tensor. */
void ttt_metrics_add(struct ttt_metrics *m, const struct ttt_buffer *k, const struct ttt_buffer *r, int64_t offset);

/* Add r rounded once to `dtype` against r: what an exact backend must lose by its output type alone. */
void ttt_metrics_add_rounding(struct ttt_metrics *m, const struct ttt_buffer *r, enum ttt_dtype dtype, int64_t offset);

/* ||k - r|| / ||r||; 0 where both are 0, so for an empty tensor; infinity where only the truth is 0; NaN if
 * mismatched > 0; NaN or infinity if k - r overflows a double. */
double ttt_metrics_rel_l2(const struct ttt_metrics *m);

/* Signed bias: sum (k - r) / sum |r|, with the same conventions. */
double ttt_metrics_bias(const struct ttt_metrics *m);

#endif
