/* SPDX-License-Identifier: MIT
 *
 * The named suites: lists of cases, each with the reason why it is there.
 */
#ifndef TTT_HARNESS_SUITE_H
#define TTT_HARNESS_SUITE_H

#include <stddef.h>
#include <stdint.h>

struct ttt_suite_entry {
    const char *text; /* the case */
    const char *reason;
    unsigned directions; /* bit mask TTT_DIRECTION_* that are run at most */
    int64_t every_head;  /* N: heads 0, N, 2N ... only; 0: all */
};

struct ttt_suite {
    const char *name, *about;
    const struct ttt_suite *base; /* whose entries come first, or NULL */
    const struct ttt_suite_entry *entries;
    size_t count;
};

extern const struct ttt_suite ttt_suites[];
extern const size_t ttt_suite_count;
extern const struct ttt_suite *const ttt_suite_default;

/* The suite of this name, or NULL. */
const struct ttt_suite *ttt_suite_find(const char *name);

/* Entry `i` of the suite, its base included, or NULL at the end. */
const struct ttt_suite_entry *ttt_suite_entry_at(const struct ttt_suite *suite, size_t i);

#endif
