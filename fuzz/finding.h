/* SPDX-License-Identifier: MIT
 *
 * What a person gets about a failure: the case shrunk, a file, where the candidate goes wrong first, and the command
 * that shows it again.
 */
#ifndef TTT_FUZZ_FINDING_H
#define TTT_FUZZ_FINDING_H

#include "attempt.h"

struct fuzz_finding {
    struct fuzz_case f; /* as found; then shrunk */
    struct fuzz_outcome outcome;
    int tries;
    char place[256];    /* "W1_last of mini-batch 0", or why it cannot be said */
    char equation[256]; /* "F4 W1 of mini-batch 0", or why it cannot be said; "" for a failure that is not of values */
    char path[1024];    /* of the .safetensors; "" where none was asked for */
    char repeat[2048];  /* the command */
};

/* Shrink the failure that `finding` holds the case and the outcome of. */
int fuzz_finding_shrink(const struct fuzz_lab *lab, struct fuzz_finding *finding, char *error, size_t error_size);

/* Say where the candidate that `spec` names goes wrong. */
int fuzz_finding_explain(const struct fuzz_lab *lab, const char *spec, const struct fuzz_subject *subject,
                         struct fuzz_finding *finding, char *error, size_t error_size);

/* Write inputs and the candidate's outputs to finding->path.  Each: 0, or -1 with one line in `error`. */
int fuzz_finding_save(const struct fuzz_lab *lab, const struct fuzz_subject *subject, struct fuzz_finding *finding,
                      char *error, size_t error_size);

#endif
