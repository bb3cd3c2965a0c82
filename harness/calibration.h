/* SPDX-License-Identifier: MIT
 *
 * Thresholds of the gates: for each (type set, distribution, class of size, tensor, gate) the largest reading over many
 * correct runs on independent data, times a margin.  The numbers are in calibration_table.c, which only
 * `make regen-calibration` writes; one that was edited, or made for other gates, is refused.
 */
#ifndef TTT_HARNESS_CALIBRATION_H
#define TTT_HARNESS_CALIBRATION_H

#include "gates.h"
#include "shapes.h"

/* Raised whenever readings change their meaning: gates, groups, replicas, distributions or rounding points. */
#define TTT_CALIBRATION_VERSION 7

/* Error grows along the sequence, and so do the extremes over more groups; a layer norm over a few elements has heavier
 * tails than a wide one.  NC <= 4, NC <= 16, NC <= 32, more; F < 16 at any length. */
enum { TTT_CLASS_SHORT, TTT_CLASS_MEDIUM, TTT_CLASS_LONG, TTT_CLASS_LONGEST, TTT_CLASS_NARROW, TTT_CLASS_COUNT };
extern const char *const ttt_class_name[TTT_CLASS_COUNT];
int ttt_class_of(const struct ttt_mlp_shape *shape);

enum { TTT_CALIBRATED_TYPES = 2 }; /* TTT_TYPES_F32, TTT_TYPES_BF16 */

/* The largest weighted readings seen (ttt_gate_weight), and over how many runs; 0 runs: no reading.
 * Threshold = margin x the largest reading / weight of the group. */
struct ttt_calibration_cell {
    double margin[TTT_GATES];
    float most[TTT_TENSOR_COUNT][TTT_GATES];
    int runs[TTT_TENSOR_COUNT];
};

struct ttt_calibration {
    int version;
    int gates, tensors; /* dimensions that it was made for */
    uint64_t checksum;  /* of all that follows, and of the above */
    struct ttt_calibration_cell cells[TTT_CALIBRATED_TYPES][TTT_DIST_COUNT][TTT_CLASS_COUNT];
};

extern const struct ttt_calibration ttt_calibration_table;

/* The checksum that a table should carry. */
uint64_t ttt_calibration_checksum(const struct ttt_calibration *table);

/* 0, or -1 with one line in `error` when a table is stale or was edited. */
int ttt_calibration_check(const struct ttt_calibration *table, char *error, size_t error_size);

/* Do the shapes that the readings were made on (ttt-calibrate.c) say what correct kernels of such types read on this
 * one?  They have
 *
 *   3 <= F <= 128, F <= D <= 512 (F < 16: 48)
 *   9 to 64 rows in a mini-batch (F < 16: 4), of F < 64 at most 20
 *   at most 288 mini-batches (F < 16: 19) where the types are float
 *
 * Rows of fewer than TTT_GROUP_LEAST elements are pooled with all others of their mini-batch, however differently they
 * are conditioned, and how far the worst of them is above the mean depends on how many they are.  Fewer hidden units
 * than columns make whole errors common to a row of W2; sums over few rows scatter more; a layer norm over two elements
 * is a sign, over one 0, and what is left of an output is one rounded bias.
 * Replicas round operands and not the state.  A bfloat16 kernel's operands are its error, at any length; a float one
 * rounds the state at each update, and what it reads grows with their number. */
int ttt_calibration_covers(enum ttt_types types, const struct ttt_mlp_shape *shape);

/* By how much thresholds grow for a sequence of float beyond 288 mini-batches, else 1.  The roundings of the state are
 * a random walk, as long as there are updates: the root of NC / 288. */
double ttt_calibration_walk(enum ttt_types types, const struct ttt_mlp_shape *shape);

/* The threshold for a gate of a tensor of a case over a group of `elements`; NaN (which nothing passes) where no
 * correct run has had a reading.  Of G3 at least the margin times what independent errors have.  `any_distribution`:
 * the data come from elsewhere; the largest of all distributions, as for data that are not drawn.  A shape that is not
 * covered is of no class either: the largest of all classes and distributions, times ttt_calibration_walk.  There G3
 * has that of G1: it was on other shapes that errors cancelled, and a mean may be as large as they are. */
double ttt_calibration_threshold(const struct ttt_calibration *table, enum ttt_types types, const struct ttt_case *c,
                                 int any_distribution, enum ttt_tensor t, int gate, int64_t elements);

#endif
