/* SPDX-License-Identifier: MIT
 *
 * The command line of ttt-verify.
 */
#ifndef TTT_HARNESS_OPTIONS_H
#define TTT_HARNESS_OPTIONS_H

#include "candidates.h"
#include "shapes.h"
#include "suite.h"
#include <stddef.h>

enum ttt_mode {
    TTT_MODE_SUITE,
    TTT_MODE_CASES,
    TTT_MODE_VECTORS,
    TTT_MODE_JUDGE,
    TTT_MODE_DUMP,
    TTT_MODE_GRADIENTS,
    TTT_MODE_LIST
};

struct ttt_options {
    enum ttt_mode mode;
    struct ttt_opened *candidates; /* none: the default ones */
    size_t candidate_count;
    const struct ttt_suite *suite;
    struct ttt_case *cases;
    size_t case_count;
    const char *path; /* of --vectors, --judge or --dump */
    const char *json, *junit;
    unsigned directions; /* 0: not given */
    int64_t every_head;  /* 0: not given */
    int causal;
    int has_seed;
    uint64_t seed;
    int threads;
    unsigned points; /* of --contract, see contract.h */
    int quiet;
};

/* Parse the command line.  0: go on; 1: --help or --version was printed; -1: one line in `error`.
 * Free with ttt_options_free either way. */
int ttt_options_parse(struct ttt_options *o, int argc, char **argv, char *error, size_t error_size);
void ttt_options_free(struct ttt_options *o);

#endif
