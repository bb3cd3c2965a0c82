/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include <time.h>

static double read_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double ttt_clock_seconds(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

void ttt_clock_settle(void)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    double used = read_clock(CLOCK_PROCESS_CPUTIME_ID), before;
    int pauses = 0;
    do {
        before = used;
        nanosleep(&pause, NULL);
        used = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    } while (used - before > 0.0005 && ++pauses < 100);
}

void ttt_clock_date(char text[TTT_CLOCK_DATE])
{
    const time_t now = time(NULL);
    struct tm utc;
    strftime(text, TTT_CLOCK_DATE, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
}
