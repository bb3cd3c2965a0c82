/* SPDX-License-Identifier: MIT
 *
 * One case on one candidate.
 *
 * The screen runs the truth (ref-f64), the reference of the candidate's own type set (what a correct kernel of that
 * range computes) and the candidate once.  The hard checks of every call decide at once (status, memory, inputs), as do
 * positions that are finite in only one of candidate and reference.  Errors that are much larger than the
 * reference's in any group of elements make the case suspicious.  What is suspicious, and a sample of the rest, is
 * judged: by the calibrated gates of the harness, by the exact data's own rule, by the exact relations.
 *
 * The gates are calibrated on the named distributions and on layers of usual proportions.  There their word counts.
 * Elsewhere (hard values, eps far from any in use, degenerate widths) an error fails when it is beyond FUZZ_SLACK times
 * both its threshold and the error of the reference.
 */
#ifndef TTT_FUZZ_ATTEMPT_H
#define TTT_FUZZ_ATTEMPT_H

#include "fuzz_case.h"
#include "harness/candidates.h"
#include "harness/result.h"
#include "harness/safetensors.h"

/* Beyond the thresholds on data that these were not made for.  2.9 is the most that 3,500 cases of the contract with
 * stochastic rounding needed (tests/mutants/fault.c with seed=3 and 4; campaign seeds 93 and 94), which is noisier than
 * what a correct kernel computes; five times that, rounded up to a power of two. */
#define FUZZ_SLACK 16.0

struct fuzz_lab {
    const struct ttt_candidate *candidate; /* NULL: the outputs of the subject's file are judged */
    enum ttt_types types;                  /* of the candidate, or of those outputs */
    unsigned points;                       /* that the candidate declares (harness/contract.h) */
    unsigned directions;                   /* bit mask TTT_DIRECTION_* */
    int threads;
    int (*over)(void);         /* no more tries are wanted (the time is over); NULL: they always are */
    const char *scratch;       /* path of a file that may be overwritten */
    struct ttt_result *result; /* of the last judgement */
};

/* What is tried. */
struct fuzz_subject {
    struct ttt_case c;
    struct ttt_tensors inputs;    /* of all heads, double */
    struct ttt_safetensors *file; /* they came from it, and the outputs to be judged may, too; or NULL */
    int plain, gentle;            /* as fuzz_case_is_plain, _is_gentle */
};

enum fuzz_depth {
    FUZZ_SCREEN, /* judge only what the screen finds suspicious */
    FUZZ_JUDGE,
    FUZZ_RELATE /* and try the exact relations */
};

enum { FUZZ_GATE_TEXT = 64 };

struct fuzz_outcome {
    enum ttt_verdict verdict;
    char gate[FUZZ_GATE_TEXT]; /* of a FAIL: "G1.head", "finite", "red-zones", a relation ... */
    enum ttt_tensor tensor;    /* of a gate; else TTT_TENSOR_COUNT */
    char detail[2 * TTT_DETAIL_TEXT];
    int suspicious, judged;
    double nearest; /* of the judged gates the largest value / bound (with the slack); 0: not judged */
};

/* Make the subject of a case of the fuzzer.  0, or -1 with one line in `error`; free with fuzz_subject_free either way.
 */
int fuzz_subject_make(struct fuzz_subject *s, const struct fuzz_case *f, char *error, size_t error_size);

/* The same from a file.  Data that are those of the case that the file names count as plain. */
int fuzz_subject_load(struct fuzz_subject *s, struct ttt_safetensors *file, char *error, size_t error_size);
void fuzz_subject_free(struct fuzz_subject *s);

/* 0, or -1 with one line in `error` when the case cannot be tried (memory, a file that cannot be written). */
int fuzz_attempt(const struct fuzz_lab *lab, const struct fuzz_subject *subject, enum fuzz_depth depth,
                 struct fuzz_outcome *out, char *error, size_t error_size);

/* Are the gates calibrated for such a case of a candidate of such types? */
int fuzz_is_calibrated(const struct fuzz_subject *subject, enum ttt_types types);

#endif
