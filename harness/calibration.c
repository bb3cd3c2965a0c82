/* SPDX-License-Identifier: MIT */
#include "calibration.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_OF_FLOAT = 288 }; /* mini-batches that were calibrated */

const char *const ttt_class_name[TTT_CLASS_COUNT] = {"NC <= 4", "NC <= 16", "NC <= 32", "NC > 32", "F < 16"};

int ttt_class_of(const struct ttt_mlp_shape *shape)
{
    const int64_t NC = ttt_shape_mini_batches(shape);
    return shape->head_dim < 16 ? TTT_CLASS_NARROW
           : NC <= 4            ? TTT_CLASS_SHORT
           : NC <= 16           ? TTT_CLASS_MEDIUM
           : NC <= 32           ? TTT_CLASS_LONG
                                : TTT_CLASS_LONGEST;
}

/* FNV-1a. */
static uint64_t mix(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ p[i]) * 0x100000001b3u;
    return hash;
}

uint64_t ttt_calibration_checksum(const struct ttt_calibration *table)
{
    uint64_t hash = 0xcbf29ce484222325u;
    hash = mix(hash, &table->version, sizeof table->version);
    hash = mix(hash, &table->gates, sizeof table->gates);
    hash = mix(hash, &table->tensors, sizeof table->tensors);
    return mix(hash, table->cells, sizeof table->cells);
}

int ttt_calibration_check(const struct ttt_calibration *table, char *error, size_t error_size)
{
    const char *what = NULL;
    if (table->version != TTT_CALIBRATION_VERSION || table->gates != TTT_GATES || table->tensors != TTT_TENSOR_COUNT)
        what = "is stale: it was made for other gates";
    else if (table->checksum != ttt_calibration_checksum(table))
        what = "was edited: its checksum does not fit";
    if (what)
        snprintf(error, error_size, "the calibration table %s (make regen-calibration writes it)", what);
    return what ? -1 : 0;
}

/* Errors that are independent of each other have a mean of sigma / sqrt(n); what is less is nobody's fault, also where
 * the mean of correct runs is 0 by structure (of gZ2 over the columns, say) but for the order of their sums. */
static double threshold_of(const struct ttt_calibration_cell *cell, enum ttt_tensor t, int gate)
{
    const double least = gate >= TTT_GATE_G3 ? 1 / sqrt(TTT_GATE_ENOUGH) : 0;
    return cell->runs[t] > 0 ? cell->margin[gate] * fmax((double)cell->most[t][gate], least) : (double)NAN;
}

/* Of a class of size, or, where no shape of that class has had the gate read (rows of a narrow tensor with few of
 * them, say), the largest of all classes. */
static double threshold_of_class(const struct ttt_calibration_cell *cells, int size, enum ttt_tensor t, int gate)
{
    double most = threshold_of(&cells[size], t, gate);
    for (int other = 0; other < TTT_CLASS_COUNT && cells[size].runs[t] > 0 && !(cells[size].most[t][gate] > 0); other++)
        most = fmax(most, threshold_of(&cells[other], t, gate));
    return most;
}

int ttt_calibration_covers(enum ttt_types types, const struct ttt_mlp_shape *shape)
{
    const int64_t F = shape->head_dim, D = shape->hidden_dim, NC = ttt_shape_mini_batches(shape);
    const int narrow = ttt_class_of(shape) == TTT_CLASS_NARROW;
    const int64_t rows = shape->seq_len < shape->mini_batch_size ? shape->seq_len : shape->mini_batch_size;
    const int not_too_long = types != TTT_TYPES_F32 || NC <= (narrow ? 19 : LONGEST_OF_FLOAT);
    return not_too_long && F >= 3 && F <= 128 && D >= F && D <= (narrow ? 48 : 512) && rows >= (narrow ? 4 : 9) &&
           rows <= (F < TTT_GROUP_LEAST ? 20 : 64);
}

double ttt_calibration_walk(enum ttt_types types, const struct ttt_mlp_shape *shape)
{
    const double NC = (double)ttt_shape_mini_batches(shape);
    return types == TTT_TYPES_F32 ? sqrt(fmax(1, NC / LONGEST_OF_FLOAT)) : 1;
}

/* The largest of these classes of size and distributions; -1: of all. */
static double threshold_among(const struct ttt_calibration *table, int by_types, int distribution, int size,
                              enum ttt_tensor t, int gate)
{
    double threshold = (double)NAN;
    for (int d = 0; d < TTT_DIST_COUNT; d++)
        for (int s = 0; s < TTT_CLASS_COUNT; s++)
            if ((distribution < 0 || d == distribution) && (size < 0 || s == size))
                threshold = fmax(threshold, threshold_of_class(table->cells[by_types][d], s, t, gate));
    return threshold;
}

double ttt_calibration_threshold(const struct ttt_calibration *table, enum ttt_types types, const struct ttt_case *c,
                                 int any_distribution, enum ttt_tensor t, int gate, int64_t elements)
{
    const int by_types = types == TTT_TYPES_BF16, covered = ttt_calibration_covers(types, &c->shape);
    const int distribution =
        any_distribution || !covered || c->distribution >= TTT_DIST_COUNT ? -1 : (int)c->distribution;
    const int size = covered ? ttt_class_of(&c->shape) : -1;
    const double walk = ttt_calibration_walk(types, &c->shape);
    const double threshold =
        walk * threshold_among(table, by_types, distribution, size, t, gate) / ttt_gate_weight(gate, elements);
    if (covered || gate < TTT_GATE_G3)
        return threshold;
    const int same_level = gate - TTT_GATE_G3 + TTT_GATE_G1;
    return fmax(threshold, walk * threshold_among(table, by_types, distribution, size, t, same_level) /
                               ttt_gate_weight(same_level, elements));
}
