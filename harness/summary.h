/* SPDX-License-Identifier: MIT
 *
 * A whole run of the program: what its reports say beside the results.
 */
#ifndef TTT_HARNESS_SUMMARY_H
#define TTT_HARNESS_SUMMARY_H

#include "clock.h"
#include "gradproof.h"
#include "result.h"
#include <stddef.h>
#include <stdint.h>

struct ttt_summary {
    const char *command; /* as it was typed */
    char started[TTT_CLOCK_DATE];
    double seconds;
    const struct ttt_result *results;
    size_t count;
    const struct ttt_gradproof *gradients; /* NULL: not proven in this run */
    int64_t peak_rss_bytes;
    size_t by_verdict[TTT_VERDICT_COUNT];
};

#endif
