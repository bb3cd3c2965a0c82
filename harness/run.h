/* SPDX-License-Identifier: MIT
 *
 * Run one case on candidates and compare each with the truth, block of heads by block of heads.
 *
 * The truth is ref-f64 on the very same inputs (or the outputs of a file); it and the replicas of the precision
 * contract are computed once per block for all candidates.  A block is as many heads as fit the memory budget, at least
 * one, so memory does not grow with the number of heads.
 *
 * The backward pass starts from checkpoints.  A candidate gets those that its own forward pass wrote in this run;
 * where that did not run, those of the reference forward pass, rounded to its state type.  The replicas are
 * treated as the candidates are.
 *
 * A candidate that declares rounding points is judged by replicas that have them, too; two rows say what comes of it,
 * one for each pass (SKIPPED where the replicas have none of the points there):
 *
 *   contract, contract-backward   what the points cost beside the contract without them; FAIL where a tensor that the
 *                                 contract can judge can be judged with them no more (they may widen sigma, not that)
 *
 * and one where some output is not finite:
 *
 *   range               how many positions the reference of the same range (range.h) has so, and how many of those that
 *                       differ from it are at the end of its range; what is wrong fails the tensor's gate `finite`
 */
#ifndef TTT_HARNESS_RUN_H
#define TTT_HARNESS_RUN_H

#include "candidates.h"
#include "result.h"
#include "safetensors.h"

#define TTT_RUN_BUDGET ((int64_t)1 << 30) /* bytes of one block: truth and candidate as double */

struct ttt_run {
    struct ttt_case c;
    struct ttt_safetensors *file; /* the inputs come from it; NULL: they are generated */
    int truth_in_file;            /* the file's outputs are the truth */
    unsigned directions;          /* bit mask TTT_DIRECTION_* */
    int64_t every_head;           /* N: heads 0, N, 2N ... only are run and judged; 0: all */
    int threads;
    int64_t budget;
    void (*progress)(void *context, const char *candidate, int64_t heads_done, int64_t heads); /* or NULL */
    void *progress_context;
};

/* What is judged: a candidate, or the outputs in run->file (candidate = NULL), which are of the given types. */
struct ttt_contender {
    const struct ttt_candidate *candidate;
    enum ttt_types types;
    unsigned points; /* rounding points that it declares beyond the contract (contract.h) */
};

/* A candidate with its own declaration. */
struct ttt_contender ttt_contender_of(const struct ttt_candidate *candidate);

/* Fill results[0 .. count), whose `file` and `repeat` are the caller's.
 * 0, or -1 with one line in `error` when the case itself cannot be run (memory, a file that cannot be read). */
int ttt_run_case(const struct ttt_run *run, const struct ttt_contender *contenders, int count,
                 struct ttt_result *results, char *error, size_t error_size);

/* How many heads make a block; it depends on the case, the directions and the budget alone, so that results do, too.
 * -1 with one line in `error` where not even one head fits the machine. */
int64_t ttt_run_heads_per_block(const struct ttt_run *run, char *error, size_t error_size);

#endif
