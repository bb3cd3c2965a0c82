/* SPDX-License-Identifier: MIT
 *
 * A whole run of the program: what its reports say beside the results.
 */
#ifndef TTT_HARNESS_SUMMARY_H
#define TTT_HARNESS_SUMMARY_H

#include "clock.h"
#include "result.h"
#include <stddef.h>
#include <stdint.h>

struct ttt_summary {
    const char *command; /* as it was typed */
    char started[TTT_CLOCK_DATE];
    double seconds;
    const struct ttt_result *results;
    size_t count;
    int64_t peak_rss_bytes;
    size_t by_verdict[TTT_VERDICT_COUNT];
};

struct ttt_machine {
    char system[256]; /* "Linux 6.1.0 x86_64" */
    char cpu[128];    /* model, "unknown" where the system does not say */
    int64_t cores;
    int64_t memory_bytes;
};

void ttt_machine_probe(struct ttt_machine *machine);

/* The largest resident set of this process so far. */
int64_t ttt_peak_rss_bytes(void);

#endif
