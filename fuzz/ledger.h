/* SPDX-License-Identifier: MIT
 *
 * The report of a campaign as it is written: one file per rank, brought up to date as the campaign goes.
 */
#ifndef TTT_FUZZ_LEDGER_H
#define TTT_FUZZ_LEDGER_H

#include "finding.h"
#include "options.h"
#include <jansson.h>

struct fuzz_ledger {
    json_t *report;
    char *path; /* of this rank; NULL: none is asked for */
    uint64_t next;
    double seconds_before; /* of the runs that are resumed */
};

/* A new report, or with --resume the one that is there.  0, or -1 with one line in `error`.  Free either way. */
int fuzz_ledger_open(struct fuzz_ledger *l, const struct fuzz_options *o, const char *command, char *error,
                     size_t error_size);
void fuzz_ledger_free(struct fuzz_ledger *l);

/* Count a case.  0, or -1 when memory cannot be had. */
int fuzz_ledger_add(struct fuzz_ledger *l, uint64_t index, const struct fuzz_case *f, const struct fuzz_outcome *o);

/* Is a failure like this one already among the findings? */
int fuzz_ledger_knows(const struct fuzz_ledger *l, const struct fuzz_outcome *o);

/* Add a failure: as it was found, and shrunk.  0, or -1 when memory cannot be had. */
int fuzz_ledger_find(struct fuzz_ledger *l, uint64_t index, const struct fuzz_finding *found,
                     const struct fuzz_finding *shrunk);

/* Write the file, if one is asked for.  0, or -1 with one line in `error`. */
int fuzz_ledger_save(struct fuzz_ledger *l, double seconds, int complete, char *error, size_t error_size);

#endif
