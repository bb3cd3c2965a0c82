/* SPDX-License-Identifier: MIT
 *
 * Which equation a candidate gets wrong first, where it shows the results of its equations.
 *
 * The reference shows them (struct ttt_ref_options), and so does a plug-in that takes the argument probe=FILE: opened
 * as PLUGIN.so:probe=FILE, it writes every stage of its passes to FILE as a line
 *
 *     EQUATION <tab> HEAD MINI_BATCH ROW ROWS COLUMNS
 *
 * and the values, ROWS x COLUMNS of them, each on a line as printf's %a, in the order of the computation and with the
 * equations' names of the reference (ref/probe_tmpl.c).  A file, since a plug-in may run in another process.
 */
#ifndef TTT_FUZZ_STAGES_H
#define TTT_FUZZ_STAGES_H

#include "attempt.h"

enum { FUZZ_EQUATION_TEXT = 32 };

struct fuzz_stage {
    char equation[FUZZ_EQUATION_TEXT];
    int64_t head, mini_batch, columns;
    int occurrence; /* the forward pass and the recomputation of the backward pass show the same */
    double *values; /* all rows */
    int64_t count, room;
};

struct fuzz_stages {
    struct fuzz_stage *list;
    size_t count, room;
    int failed;    /* memory ran out, or the file is not as above */
    int is_double; /* of the values that a probe is given */
};

struct fuzz_equation {
    int offered, found;
    char equation[FUZZ_EQUATION_TEXT];
    int64_t head, mini_batch;
    int recomputed; /* by the backward pass, and right in the forward pass */
    double ratio;   /* to twice the error of the reference's own */
};

void fuzz_stages_free(struct fuzz_stages *s);

/* A probe for the reference; `context` is a struct fuzz_stages. */
ttt_mlp_probe_fn fuzz_stages_probe;

/* Read what a plug-in wrote.  0, or -1 when the file cannot be read or is not as above. */
int fuzz_stages_read(struct fuzz_stages *s, const char *path);

/* The candidate that `spec` names (as --candidate takes it) on the subject, equation by equation; `path`: a file that
 * may be overwritten.  0, or -1 with one line in `error`. */
int fuzz_find_equation(const struct fuzz_lab *lab, const char *spec, const struct fuzz_subject *subject,
                       const char *path, struct fuzz_equation *out, char *error, size_t error_size);

#endif
