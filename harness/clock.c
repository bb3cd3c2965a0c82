/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include <time.h>

double ttt_clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void ttt_clock_date(char text[TTT_CLOCK_DATE])
{
    const time_t now = time(NULL);
    struct tm utc;
    strftime(text, TTT_CLOCK_DATE, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
}
