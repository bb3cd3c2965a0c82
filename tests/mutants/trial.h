/* SPDX-License-Identifier: MIT
 *
 * One mutant from its patch to its end.
 */
#ifndef TTT_MUTANTS_TRIAL_H
#define TTT_MUTANTS_TRIAL_H

#include "build.h"
#include "cases.h"
#include "verdict.h"

enum end { END_KILLED, END_SURVIVED, END_EQUIVALENT, END_BELOW, END_ERROR, END_COUNT };
extern const char *const end_name[END_COUNT]; /* "killed" ... */

/* Plain data: it goes through a pipe. */
struct outcome {
    enum end end;
    struct failure failure; /* of END_KILLED */
    char error[256];        /* of END_ERROR */
    char criteria[16];      /* what the usual criteria say, as judge-criteria prints it; "" where not asked */
    int same_bits;          /* all outputs of all cases are those of the clean build (found out where it lives) */
    double build_seconds, judge_seconds;
};

struct trial {
    struct build build;
    const char *verify;    /* the judge */
    const char *direction; /* what it judges: "forward", "backward" or "both" */
    const char *criteria;  /* judge-criteria; NULL: the usual criteria are not asked */
    struct cases cases;
    unsigned limit; /* seconds for one run of the judge */
};

/* The outputs of the clean build, by which equivalent mutants are known: work/clean/CASE.safetensors.  The clean build
 * must live.  0, or -1 with one line in `error`. */
int trial_clean(const struct trial *trial, char *error, size_t error_size);

/* Does the clean build still live?  (What kills it now, a judge that was replaced say, has killed mutants, too.) */
int trial_clean_again(const struct trial *trial, char *error, size_t error_size);

/* Build and judge; what was built is removed, unless the mutant lived or something went wrong. */
void trial_run(const struct trial *trial, const struct mutant *m, struct outcome *out);

#endif
