/* SPDX-License-Identifier: MIT */
#include "progress.h"
#include "clock.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void ttt_progress_open(struct ttt_progress *p, int quiet)
{
    *p = (struct ttt_progress){.enabled = !quiet && isatty(STDERR_FILENO), .started = ttt_clock_seconds()};
}

void ttt_progress_case(struct ttt_progress *p, size_t i, size_t n, const char *subject)
{
    snprintf(p->prefix, sizeof p->prefix, "%zu/%zu %.60s", i + 1, n, subject);
}

void ttt_progress_show(struct ttt_progress *p, const char *format, ...)
{
    va_list arguments;
    if (!p->enabled || ttt_progress_seconds(p) < 2)
        return;
    fprintf(stderr, "\r\033[K%s: ", p->prefix);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fflush(stderr);
    p->shown = 1;
}

void ttt_progress_heads(void *context, const char *candidate, int64_t done, int64_t heads)
{
    ttt_progress_show(context, "%s, head %" PRId64 " of %" PRId64, candidate, done, heads);
}

void ttt_progress_clear(struct ttt_progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = 0;
}

double ttt_progress_seconds(const struct ttt_progress *p)
{
    return ttt_clock_seconds() - p->started;
}
