/* SPDX-License-Identifier: MIT
 *
 * The command line of ttt-bench.
 */
#ifndef TTT_HARNESS_BENCH_OPTIONS_H
#define TTT_HARNESS_BENCH_OPTIONS_H

#include "candidates.h"
#include "shapes.h"
#include <stddef.h>

struct ttt_bench_options {
    struct ttt_opened *candidates; /* those named, else all that are built in */
    size_t candidate_count;
    struct ttt_case *cases; /* those named, else shapes of real models */
    size_t case_count;
    unsigned directions; /* bit mask TTT_DIRECTION_* */
    int threads;
    int repetitions;
    const char *json; /* NULL: none */
    int quiet;
};

/* Parse the command line.  0: go on; 1: --help or --version was printed; -1: one line in `error`.
 * Free with ttt_bench_options_free either way. */
int ttt_bench_options_parse(struct ttt_bench_options *o, int argc, char **argv, char *error, size_t error_size);
void ttt_bench_options_free(struct ttt_bench_options *o);

#endif
