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

/* sigma_g^2 of a group of `elements`, whose head is `head`. */
static double variance(const struct ttt_cost *cost, enum ttt_level level, int64_t i, const struct ttt_place *place)
{
    const struct ttt_groups *spread = &cost->spread;
    const double samples = cost->replicas;
    double group = spread->sums[level][i].square / (samples * (double)place->elements);
    if (level != TTT_LEVEL_TENSOR) {
        const struct ttt_place whole = ttt_groups_place(&spread->geometry, TTT_LEVEL_HEAD, place->head);
        group = fmax(group, spread->sums[TTT_LEVEL_HEAD][place->head].square / (samples * (double)whole.elements));
    }
    return cost->scale * cost->scale * group + cost->rounding.sums[level][i].square / (double)place->elements;
}

/* error / sigma; 0 / 0 is no error. */
static double ratio(double error, double sigma)
{
    return error == 0 ? 0 : error / sigma;
}

static void keep(struct ttt_reading *reading, double value, const struct ttt_place *place)
{
    if (!(value <= reading->value) || reading->place.elements == 0) {
        reading->value = value;
        reading->place = *place;
    }
}

/* The level at which G2 looks for single elements: the finest of whole rows that is judged at all. */
static enum ttt_level level_of_g2(const struct ttt_geometry *g)
{
    for (enum ttt_level level = TTT_LEVEL_ROW; level > TTT_LEVEL_TENSOR; level--)
        if (ttt_groups_place(g, level, 0).elements >= TTT_GROUP_LEAST)
            return level;
    return TTT_LEVEL_TENSOR;
}

void ttt_gates_read(const struct ttt_groups *error, const struct ttt_cost *cost, struct ttt_reading *readings)
{
    const enum ttt_level elementwise = level_of_g2(&error->geometry);
    for (int gate = 0; gate < TTT_GATES; gate++)
        readings[gate] = (struct ttt_reading){.value = 0};
    for (enum ttt_level level = 0; level < TTT_LEVEL_COUNT; level++)
        for (int64_t i = 0; i < error->count[level]; i++) {
            const struct ttt_place place = ttt_groups_place(&error->geometry, level, i);
            if (place.elements < TTT_GROUP_LEAST && level != TTT_LEVEL_TENSOR)
                continue;
            const struct ttt_sums *sums = &error->sums[level][i];
            const double n = (double)place.elements, sigma = sqrt(variance(cost, level, i, &place));
            keep(&readings[TTT_GATE_G1 + level], ratio(sqrt(sums->square / n), sigma), &place);
            keep(&readings[TTT_GATE_G3 + level], ratio(fabs(sums->sum / n), sigma), &place);
            if (level == elementwise)
                keep(&readings[TTT_GATE_G2], ratio(sums->max, sigma), &place);
        }
}

double ttt_gates_disagreement(const struct ttt_groups *spread, const struct ttt_groups *values, int replicas)
{
    double worst = 0;
    for (int64_t h = 0; h < spread->count[TTT_LEVEL_HEAD]; h++) {
        const double error = sqrt(spread->sums[TTT_LEVEL_HEAD][h].square / replicas);
        const double value = ratio(error, sqrt(values->sums[TTT_LEVEL_HEAD][h].square));
        worst = value > worst ? value : worst;
    }
    return worst;
}
