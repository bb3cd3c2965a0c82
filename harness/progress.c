/* SPDX-License-Identifier: MIT */
#include "progress.h"
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void ttt_progress_open(struct ttt_progress *p, int quiet)
{
    *p = (struct ttt_progress){.enabled = !quiet && isatty(STDERR_FILENO), .started = now()};
}

void ttt_progress_case(struct ttt_progress *p, size_t i, size_t n, const char *subject)
{
    snprintf(p->prefix, sizeof p->prefix, "%zu/%zu %.60s", i + 1, n, subject);
}

void ttt_progress_heads(void *context, const char *candidate, int64_t done, int64_t heads)
{
    struct ttt_progress *p = context;
    if (!p->enabled || ttt_progress_seconds(p) < 2)
        return;
    fprintf(stderr, "\r\033[K%s: %s, head %" PRId64 " of %" PRId64, p->prefix, candidate, done, heads);
    fflush(stderr);
    p->shown = 1;
}

void ttt_progress_clear(struct ttt_progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = 0;
}

double ttt_progress_seconds(const struct ttt_progress *p)
{
    return now() - p->started;
}
