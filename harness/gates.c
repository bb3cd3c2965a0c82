/* SPDX-License-Identifier: MIT */
#include "gates.h"
#include <math.h>

const char *ttt_gate_name(int gate)
{
    static const char *const names[TTT_GATES] = {"G1.tensor", "G1.head", "G1.piece", "G1.row", "G1.tile", "G2",
                                                 "G3.tensor", "G3.head", "G3.piece", "G3.row", "G3.tile"};
    return names[gate];
}

double ttt_gates_scale(enum ttt_types types)
{
    return types == TTT_TYPES_BF16 ? 1 : types == TTT_TYPES_F32 ? 0x1p-16 : 0x1p-45;
}

double ttt_gate_weight(int gate, int64_t elements)
{
    const int64_t enough = gate >= TTT_GATE_G3 ? TTT_GATE_ENOUGH : TTT_GROUP_LEAST;
    return elements >= enough ? 1 : sqrt((double)elements / (double)enough);
}

static double weighted(const struct ttt_reading *reading, int gate)
{
    return reading->value * ttt_gate_weight(gate, reading->place.elements);
}

void ttt_reading_keep(struct ttt_reading *reading, int gate, const struct ttt_reading *other)
{
    if (other->place.elements == 0 || isnan(reading->value))
        return;
    if (reading->place.elements == 0 || !(weighted(other, gate) <= weighted(reading, gate)))
        *reading = *other;
}

/* error / sigma; 0 / 0 is no error. */
static double ratio(double error, double sigma)
{
    return error == 0 ? 0 : error / sigma;
}

static void keep(struct ttt_reading *readings, int gate, double value, const struct ttt_place *place)
{
    ttt_reading_keep(&readings[gate], gate, &(struct ttt_reading){.value = value, .place = *place});
}

/* G1 and G3 of one group. */
static void read_means(const struct ttt_sums *error, double sigma, const struct ttt_place *place,
                       struct ttt_reading *readings)
{
    const double n = (double)place->elements;
    keep(readings, TTT_GATE_G1 + (int)place->level, ratio(sqrt(error->square / n), sigma), place);
    keep(readings, TTT_GATE_G3 + (int)place->level, ratio(fabs(error->sum / n), sigma), place);
}

/* Mean square of s - r over a group of `elements`. */
static double mean_spread(const struct ttt_sums *spread, int replicas, int64_t elements)
{
    return spread->square / ((double)replicas * (double)elements);
}

/* sigma of group `i` of a level; a row or a tile has at least that of its piece. */
static double sigma_of(const struct ttt_cost *cost, const struct ttt_place *place, int64_t i)
{
    const struct ttt_groups *spread = &cost->spread;
    double square = mean_spread(&spread->sums[place->level][i], cost->replicas, place->elements);
    if (place->level > TTT_LEVEL_PIECE) {
        const int64_t piece = place->head * spread->geometry.pieces + place->piece;
        const struct ttt_place parent = ttt_groups_place(&spread->geometry, TTT_LEVEL_PIECE, piece);
        square = fmax(square, mean_spread(&spread->sums[TTT_LEVEL_PIECE][piece], cost->replicas, parent.elements));
    }
    return sqrt(cost->scale * cost->scale * square +
                cost->rounding.sums[place->level][i].square / (double)place->elements);
}

/* Are the groups of this level those of a coarser one? */
static int is_repeated(const struct ttt_groups *g, enum ttt_level level)
{
    return level > TTT_LEVEL_HEAD &&
           g->count[level] == g->count[level == TTT_LEVEL_PIECE ? TTT_LEVEL_HEAD : TTT_LEVEL_PIECE];
}

/* The level at which G2 looks for single elements: the finest of whole rows that is read; TTT_LEVEL_TENSOR: none. */
static enum ttt_level level_of_g2(const struct ttt_groups *g)
{
    enum ttt_level level = TTT_LEVEL_ROW;
    while (level > TTT_LEVEL_TENSOR &&
           (is_repeated(g, level) || ttt_groups_place(&g->geometry, level, 0).elements < TTT_GROUP_LEAST))
        level--;
    return level;
}

static void read_level(const struct ttt_groups *error, const struct ttt_cost *cost, enum ttt_level level,
                       struct ttt_reading *readings)
{
    const int elementwise = level == level_of_g2(error);
    for (int64_t i = 0; i < error->count[level]; i++) {
        struct ttt_place place = ttt_groups_place(&error->geometry, level, i);
        int64_t judged = i;
        if (place.elements >= TTT_GROUP_LEAST) {
            read_means(&error->sums[level][i], sigma_of(cost, &place, i), &place, readings);
        } else if (elementwise) {
            judged = place.head;
            place = ttt_groups_place(&error->geometry, TTT_LEVEL_HEAD, judged);
        }
        if (elementwise)
            keep(readings, TTT_GATE_G2, ratio(error->sums[level][i].max, sigma_of(cost, &place, judged)), &place);
    }
}

void ttt_gates_read(const struct ttt_groups *error, const struct ttt_cost *cost, struct ttt_reading *readings)
{
    for (int gate = 0; gate < TTT_GATES; gate++)
        readings[gate] = (struct ttt_reading){.value = 0};
    for (enum ttt_level level = TTT_LEVEL_HEAD; level < TTT_LEVEL_COUNT; level++)
        if (!is_repeated(error, level))
            read_level(error, cost, level, readings);
}

void ttt_total_add(struct ttt_total *total, const struct ttt_groups *error, const struct ttt_cost *cost)
{
    ttt_sums_add(&total->error, error->sums[TTT_LEVEL_TENSOR]);
    ttt_sums_add(&total->spread, cost->spread.sums[TTT_LEVEL_TENSOR]);
    ttt_sums_add(&total->rounding, cost->rounding.sums[TTT_LEVEL_TENSOR]);
    total->elements += ttt_groups_place(&error->geometry, TTT_LEVEL_TENSOR, 0).elements;
}

void ttt_total_read(const struct ttt_total *total, int replicas, double scale, struct ttt_reading *readings)
{
    const struct ttt_place place = {.level = TTT_LEVEL_TENSOR, .elements = total->elements};
    if (total->elements == 0)
        return;
    const double sigma = sqrt(scale * scale * mean_spread(&total->spread, replicas, total->elements) +
                              total->rounding.square / (double)total->elements);
    read_means(&total->error, sigma, &place, readings);
    if (readings[TTT_GATE_G2].place.elements == 0)
        keep(readings, TTT_GATE_G2, ratio(total->error.max, sigma), &place);
}

double ttt_gates_larger(double a, double b)
{
    return a >= b || isnan(a) ? a : b;
}

double ttt_gates_disagreement(const struct ttt_groups *spread, const struct ttt_groups *values, int replicas)
{
    double worst = 0;
    for (int64_t h = 0; h < spread->count[TTT_LEVEL_HEAD]; h++) {
        const double error = sqrt(spread->sums[TTT_LEVEL_HEAD][h].square / replicas);
        worst = ttt_gates_larger(worst, ratio(error, sqrt(values->sums[TTT_LEVEL_HEAD][h].square)));
    }
    return worst;
}
