/* SPDX-License-Identifier: MIT */
#include "screen.h"
#include "harness/groups.h"
#include <math.h>
#include <string.h>

static const double tolerance = 2; /* times the contract's own error: an error that is worth a judgement */

/* Smaller groups have an error that says nothing; their parents have them. */
enum { LEAST = 16 };

static double ratio(double error, double allowed)
{
    return error == 0 ? 0 : error / allowed;
}

static double larger(double a, double b)
{
    return a >= b || isnan(a) ? a : b;
}

/* The largest ratio of root mean squares, and of largest elements, over the groups of one level. */
static double level_ratio(const struct ttt_groups g[3], enum ttt_level level)
{
    double worst = 0;
    for (int64_t i = 0; i < g[0].count[level]; i++) {
        const struct ttt_sums *k = &g[0].sums[level][i], *c = &g[1].sums[level][i], *rounding = &g[2].sums[level][i];
        if (ttt_groups_place(&g[0].geometry, level, i).elements < LEAST && level != TTT_LEVEL_TENSOR)
            continue;
        worst = larger(worst, ratio(sqrt(k->square), tolerance * sqrt(c->square + rounding->square)));
        worst = larger(worst, ratio(k->max, tolerance * tolerance * (c->max + rounding->max)));
    }
    return worst;
}

static int same_bits(const struct ttt_buffer *a, const struct ttt_buffer *b)
{
    return memcmp(a->data, b->data, (size_t)a->elements * ttt_dtype_size(a->dtype)) == 0;
}

double fuzz_screen(const struct fuzz_outputs *o, enum ttt_tensor t)
{
    const struct ttt_buffer *k = &o->k->buffer[t], *contract = &o->contract->buffer[t], *truth = &o->truth->buffer[t];
    if (same_bits(k, contract))
        return 0;
    struct ttt_groups g[3] = {{.sums = {NULL}}, {.sums = {NULL}}, {.sums = {NULL}}}; /* k, contract, rounding */
    int failed = 0;
    for (int i = 0; i < 3 && !failed; i++)
        failed = ttt_groups_make(&g[i], t, &o->truth->c.shape);
    double worst = 0;
    if (!failed) {
        ttt_groups_add(&g[0], k, truth);
        ttt_groups_add(&g[1], contract, truth);
        ttt_groups_add_rounding(&g[2], truth, k->dtype);
        for (enum ttt_level level = 0; level < TTT_LEVEL_COUNT; level++)
            worst = larger(worst, level_ratio(g, level));
    }
    for (int i = 0; i < 3; i++)
        ttt_groups_free(&g[i]);
    return failed ? -1 : isnan(worst) ? (double)INFINITY : worst;
}

int64_t fuzz_screen_finite(const struct fuzz_outputs *o, enum ttt_tensor t)
{
    const struct ttt_buffer *k = &o->k->buffer[t], *contract = &o->contract->buffer[t];
    if (same_bits(k, contract))
        return -1;
    for (int64_t i = 0; i < k->elements; i++)
        if (isfinite(ttt_buffer_get(k, i)) != isfinite(ttt_buffer_get(contract, i)))
            return i;
    return -1;
}
