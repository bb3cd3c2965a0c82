/* SPDX-License-Identifier: MIT */
#include "compare.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const ttt_change_name[TTT_CHANGE_COUNT] = {"worse", "vanished", "better", "new"};

double ttt_compare_noise(size_t n)
{
    return 1 + 3 / sqrt(2.0 * TTT_GROUP_LEAST * (double)n);
}

void ttt_differences_add(struct ttt_differences *d, enum ttt_change change, double weight, const char *format, ...)
{
    struct ttt_difference *more = realloc(d->list, (d->count + 1) * sizeof *more);
    if (!more) {
        d->failed = 1;
        return;
    }
    d->list = more;
    struct ttt_difference *added = &d->list[d->count++];
    *added = (struct ttt_difference){.change = change, .weight = weight};
    va_list args;
    va_start(args, format);
    vsnprintf(added->text, sizeof added->text, format, args);
    va_end(args);
}

static int is_before(const void *a, const void *b)
{
    const struct ttt_difference *p = a, *q = b;
    if (p->change != q->change)
        return p->change < q->change ? -1 : 1;
    if (p->weight != q->weight)
        return p->weight > q->weight ? -1 : 1;
    return strcmp(p->text, q->text);
}

int ttt_compare(const struct ttt_loaded *old, const struct ttt_loaded *new, struct ttt_differences *d, char *error,
                size_t error_size)
{
    *d = (struct ttt_differences){.list = NULL};
    const int compared = old->kind == TTT_KIND_VERIFY || old->kind == TTT_KIND_BENCH || old->kind == TTT_KIND_MUTANTS;
    if (old->kind != new->kind || !compared) {
        snprintf(error, error_size,
                 "diff: %s is '%s' and %s is '%s': both must come from ttt-verify, or from ttt-bench, or from "
                 "check-mutants",
                 old->path, ttt_load_text(old->root, "schema"), new->path, ttt_load_text(new->root, "schema"));
        return -1;
    }
    if (old->kind == TTT_KIND_VERIFY) {
        ttt_compare_cases(d, old->root, new->root);
        ttt_compare_proofs(d, old->root, new->root);
    } else if (old->kind == TTT_KIND_BENCH) {
        ttt_compare_speeds(d, old->root, new->root);
    } else {
        ttt_compare_mutants(d, old->root, new->root);
    }
    if (d->failed) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    if (d->count > 0)
        qsort(d->list, d->count, sizeof *d->list, is_before);
    return 0;
}
