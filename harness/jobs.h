/* SPDX-License-Identifier: MIT
 *
 * What a command line asks for, as a list of cases and files to run.
 */
#ifndef TTT_HARNESS_JOBS_H
#define TTT_HARNESS_JOBS_H

#include "options.h"

struct ttt_job {
    struct ttt_case c;
    char *path; /* of the file that holds the inputs; NULL: they are generated */
    unsigned directions;
    int64_t every_head;   /* as of struct ttt_run */
    enum ttt_types types; /* of the outputs to be judged (TTT_MODE_JUDGE) */
};

struct ttt_jobs {
    struct ttt_job *list;
    size_t count, room;
};

/* 0, or -1 with one line in `error`: every file has been opened and checked, nothing has been run.  The list is empty
 * where no case is left.  Free with ttt_jobs_free either way. */
int ttt_jobs_make(struct ttt_jobs *jobs, const struct ttt_options *o, char *error, size_t error_size);
void ttt_jobs_free(struct ttt_jobs *jobs);

#endif
