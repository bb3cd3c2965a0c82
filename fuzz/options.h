/* SPDX-License-Identifier: MIT
 *
 * The command line of ttt-fuzz.
 */
#ifndef TTT_FUZZ_OPTIONS_H
#define TTT_FUZZ_OPTIONS_H

#include "fuzz_case.h"
#include "harness/candidates.h"
#include "shard.h"

enum fuzz_mode {
    FUZZ_MODE_CAMPAIGN,
    FUZZ_MODE_CASE,  /* one, given */
    FUZZ_MODE_REPLAY /* one, from a file */
};
enum fuzz_hold { FUZZ_HOLD_NOTHING, FUZZ_HOLD_SHAPE, FUZZ_HOLD_VALUES };

struct fuzz_options {
    enum fuzz_mode mode;
    struct ttt_opened candidate; /* .candidate is NULL: none was named */
    struct fuzz_case held;       /* of --case */
    enum fuzz_hold hold;
    const char *replay, *json, *save;
    double seconds; /* INFINITY: no limit */
    uint64_t cases; /* UINT64_MAX: no limit */
    uint64_t seed;
    int sharded;
    struct fuzz_shard shard;
    unsigned directions;
    int threads, resume, first, quiet;
};

/* Parse the command line; `--shard auto` reads the environment and gives the rank a GPU of its own before the candidate
 * is opened.  0: go on; 1: --help or --version was printed; -1: one line in `error`.  Free with fuzz_options_free. */
int fuzz_options_parse(struct fuzz_options *o, int argc, char **argv, char *error, size_t error_size);
void fuzz_options_free(struct fuzz_options *o);

#endif
