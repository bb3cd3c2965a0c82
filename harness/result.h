/* SPDX-License-Identifier: MIT
 *
 * What was found out about one candidate on one case: the data that verdicts are written into and reports are made of.
 */
#ifndef TTT_HARNESS_RESULT_H
#define TTT_HARNESS_RESULT_H

#include "gates.h"
#include "metrics.h"
#include "profile.h"
#include "range.h"
#include "shapes.h"
#include "tensors.h"

enum ttt_verdict {
    TTT_PASS,
    TTT_FAIL,
    TTT_SKIPPED,
    TTT_ILL_CONDITIONED, /* replicas of the contract disagree by more than half of the truth: neither PASS nor FAIL */
    TTT_VACUOUS,         /* passed, but on data that cannot see some operand */
    TTT_VERDICT_COUNT
};
extern const char *const ttt_verdict_name[TTT_VERDICT_COUNT]; /* "PASS" ... */

#define TTT_DIRECTION_FORWARD  (1u << 0) /* 1 << enum ttt_direction */
#define TTT_DIRECTION_BACKWARD (1u << 1)
#define TTT_DIRECTION_BOTH     (TTT_DIRECTION_FORWARD | TTT_DIRECTION_BACKWARD)
extern const char *const ttt_direction_name[TTT_DIRECTION_BOTH + 1]; /* "forward", "backward", "both" */

/* That of the pass which an output is of. */
unsigned ttt_output_direction(enum ttt_tensor output);

#define TTT_DETAIL_TEXT 256

/* One number of one tensor against its bound. */
struct ttt_gate {
    const char *name;
    enum ttt_verdict verdict;
    double value, bound;
    const char *formula;    /* how the bound was made */
    struct ttt_place place; /* of the value, where elements > 0 */
};

/* "finite" for every candidate; then of a double candidate rel_l2, of others the gates of gates.h. */
enum { TTT_RESULT_GATES = 1 + TTT_GATES };

struct ttt_tensor_result {
    enum ttt_tensor tensor;
    char skipped[TTT_DETAIL_TEXT]; /* why it was not judged; "" = it was */
    struct ttt_metrics metrics;
    double cost; /* rel_l2 that the candidate's arithmetic must cost on this data, by replicas of the contract */
    double contract_cost;   /* the same without the rounding points that the candidate declares */
    double rounding;        /* rel_l2 that rounding the truth to the output's dtype makes */
    struct ttt_range range; /* of float and bfloat16 outputs: which are not finite where they must be, or the reverse */
    int ill_conditioned;
    int gate_count;
    struct ttt_gate gates[TTT_RESULT_GATES];
    int columns; /* of token tensors: parts of the sequence; in each the error, and what it must cost, over the truth */
    float along_error[TTT_PROFILE_ALONG], along_cost[TTT_PROFILE_ALONG];
};

/* A check that is not a number of one tensor: status, memory, determinism, an exact relation. */
struct ttt_check {
    const char *name;
    enum ttt_verdict verdict;
    char detail[TTT_DETAIL_TEXT]; /* what was found, or why it was skipped; "" when there is nothing to say */
};

#define TTT_RESULT_CHECKS  28
#define TTT_DIAGNOSIS_TEXT 768

struct ttt_result {
    struct ttt_case c;
    const char *candidate; /* its name, or "file" */
    enum ttt_types types;
    unsigned points; /* declared beyond the contract (contract.h) */
    unsigned directions;
    uint64_t inputs_hash;
    enum ttt_verdict verdict;
    int tensor_count, check_count;
    struct ttt_tensor_result tensors[TTT_TENSOR_COUNT];
    struct ttt_check checks[TTT_RESULT_CHECKS];
    unsigned char blind[TTT_TENSOR_COUNT]; /* inputs that this data cannot see (vacuity.h) */
    int one_mini_batch;                    /* the updated state is never read */
    char diagnosis[TTT_DIAGNOSIS_TEXT];    /* what the outputs fit better than the contract (diagnosis.h), or "" */
    enum ttt_tensor mapped;                /* the worst tensor: where its error is; no rows: nothing was judged */
    struct ttt_map heads, tile;
    double seconds; /* inside the candidate, first runs only */
    char *file;     /* where the inputs came from; NULL: generated */
    char *repeat;   /* the command that does this again */
};

/* The check of this name, added as a PASS where it is not there yet. */
struct ttt_check *ttt_result_check(struct ttt_result *r, const char *name);

/* Record a failure (or, with TTT_SKIPPED, a reason) of a check; the first failure stays. */
void ttt_result_note(struct ttt_result *r, const char *name, enum ttt_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Where element `i` of a tensor lies, in words: "[batch 0, head 3, mini-batch 2, row 5, column 7]". */
void ttt_tensor_place(enum ttt_tensor t, const struct ttt_mlp_shape *shape, int64_t i, char text[TTT_DETAIL_TEXT]);

/* The tensor's gate that is nearest to its bound or farthest beyond it; NULL where none was judged. */
const struct ttt_gate *ttt_tensor_worst_gate(const struct ttt_tensor_result *t);

/* Where a group of elements of a tensor lies, in words: "[batch 0, head 3, mini-batch 2, row 5]". */
void ttt_group_place(enum ttt_tensor t, const struct ttt_mlp_shape *shape, const struct ttt_place *place,
                     char text[TTT_DETAIL_TEXT]);

/* The result's tensor that is nearest to its bound or farthest beyond it; NULL where none was judged. */
const struct ttt_tensor_result *ttt_result_worst(const struct ttt_result *r);

void ttt_result_free(struct ttt_result *r);

#endif
