/* SPDX-License-Identifier: MIT
 *
 * Where each candidate stands after all runs of ttt-verify that were loaded: what its worst readings are, tensor by
 * tensor.  Everything points into the loaded reports.
 */
#ifndef TTT_HARNESS_STANDINGS_H
#define TTT_HARNESS_STANDINGS_H

#include "load.h"
#include "result.h"

enum { TTT_ULP_BINS = TTT_METRICS_ULP_BINS };

/* The reading nearest to its bound, or farthest beyond it. */
struct ttt_extreme {
    double share; /* value / bound; infinite for a check that failed */
    const json_t *result, *tensor, *gate;
    const json_t *check; /* instead of tensor and gate */
};

struct ttt_standing {
    const char *candidate;
    size_t by_verdict[TTT_VERDICT_COUNT];
    struct ttt_extreme worst;
    struct ttt_extreme tensors[TTT_TENSOR_COUNT];
    struct ttt_extreme mapped[TTT_TENSOR_COUNT], along[TTT_TENSOR_COUNT]; /* of results with maps; over mini-batches */
    size_t present[TTT_TENSOR_COUNT], blind[TTT_TENSOR_COUNT]; /* judged cases with this operand; that cannot see it */
    double largest_ulp[TTT_TENSOR_COUNT], bias[TTT_TENSOR_COUNT]; /* the bias of largest magnitude */
    double ulps[TTT_TENSOR_COUNT][TTT_ULP_BINS];                  /* elements, as metrics.h counts them */
};

struct ttt_standings {
    struct ttt_standing *list; /* those that failed first, then the worst first, those that were not judged last */
    size_t count;
    struct ttt_extreme *results; /* of each result of all runs, in their order, its worst reading */
    size_t result_count;
    int leave_proofs; /* there are candidates, so that the truth itself is none of them */
};

/* Is this a result of the truth itself, judged by ground truth in a file? */
int ttt_standings_is_proof(const json_t *result);

/* Is this a result of a candidate? */
int ttt_standings_has(const struct ttt_standings *s, const json_t *result);

/* 0, or -1 when memory cannot be had; free with ttt_standings_free either way. */
int ttt_standings_make(struct ttt_standings *s, const struct ttt_loaded *loaded, size_t count);
void ttt_standings_free(struct ttt_standings *s);

/* The worst reading of one result (no tensor or check: nothing was judged). */
struct ttt_extreme ttt_standings_worst(const json_t *result);

/* FAIL where something failed; SKIPPED where nothing was judged; else PASS. */
enum ttt_verdict ttt_standing_verdict(const struct ttt_standing *s);

/* Is this one worse? */
int ttt_extreme_is_worse(const struct ttt_extreme *a, const struct ttt_extreme *than);

/* Inputs that no judged case of the candidate can see though some have them: how many, and whether `t` is one. */
int ttt_standing_unseen(const struct ttt_standing *s, enum ttt_tensor t);

#endif
