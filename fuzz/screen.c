/* SPDX-License-Identifier: MIT */
#include "screen.h"
#include "harness/groups.h"
#include <math.h>
#include <string.h>

/* Times the reference's own error: an error that is worth a judgement.  That of the contract with stochastic
 * rounding, a correct kernel, is beyond it somewhere in a quarter of the cases. */
static const double tolerance = FUZZ_SCREEN_TOLERANCE;

static double ratio(double error, double allowed)
{
    return error == 0 ? 0 : error / allowed;
}

static double larger(double a, double b)
{
    return a >= b || isnan(a) ? a : b;
}

/* Errors of k, of the contract, and of the rounding of outputs. */
enum { K, CONTRACT, ROUNDING, ERRORS };

/* Mean square of what the contract and the rounding cost in a group; in a row or a tile not less than in its piece, as
 * for the gates: a common factor may be right there by chance. */
static double cost_of(const struct ttt_groups g[ERRORS], const struct ttt_place *place, int64_t i)
{
    const struct ttt_geometry *geometry = &g[K].geometry;
    double contract = g[CONTRACT].sums[place->level][i].square / (double)place->elements;
    if (place->level > TTT_LEVEL_PIECE) {
        const int64_t piece = place->head * geometry->pieces + place->piece;
        const struct ttt_place parent = ttt_groups_place(geometry, TTT_LEVEL_PIECE, piece);
        contract = fmax(contract, g[CONTRACT].sums[TTT_LEVEL_PIECE][piece].square / (double)parent.elements);
    }
    return contract + g[ROUNDING].sums[place->level][i].square / (double)place->elements;
}

/* The largest ratio of root mean squares over the groups of one level; smaller groups have their parents. */
static double level_ratio(const struct ttt_groups g[ERRORS], enum ttt_level level)
{
    double worst = 0;
    for (int64_t i = 0; i < g[K].count[level]; i++) {
        const struct ttt_place place = ttt_groups_place(&g[K].geometry, level, i);
        if (place.elements < TTT_GROUP_LEAST && level != TTT_LEVEL_TENSOR)
            continue;
        const double error = sqrt(g[K].sums[level][i].square / (double)place.elements);
        worst = larger(worst, ratio(error, tolerance * sqrt(cost_of(g, &place, i))));
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
    struct ttt_groups g[ERRORS] = {{.sums = {NULL}}, {.sums = {NULL}}, {.sums = {NULL}}};
    int failed = 0;
    for (int i = 0; i < ERRORS && !failed; i++)
        failed = ttt_groups_make(&g[i], t, &o->truth->c.shape);
    double worst = 0;
    if (!failed) {
        ttt_groups_add(&g[K], k, truth);
        ttt_groups_add(&g[CONTRACT], contract, truth);
        ttt_groups_add_rounding(&g[ROUNDING], truth, k->dtype);
        for (enum ttt_level level = 0; level < TTT_LEVEL_COUNT; level++)
            worst = larger(worst, level_ratio(g, level));
    }
    for (int i = 0; i < ERRORS; i++)
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
