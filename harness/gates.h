/* SPDX-License-Identifier: MIT
 *
 * The gates: how far the error k - r of a tensor is from what the candidate's arithmetic must cost, group by group.
 *
 * sigma of a group is the root mean square of s - r over S replicas s of the precision contract with stochastic
 * rounding, of a row or a tile not less than that of its piece, and the rounding of the output added in quadrature:
 *
 *     sigma_g^2 = scale^2 max(mean_g (s - r)^2, mean_piece (s - r)^2) + mean_g rounding^2
 *
 * scale is 1 for bfloat16 candidates and 2^-16 for float ones, the ratio of the unit roundoffs: what the replicas
 * measure is the condition of the data.
 *
 *     G1 = RMS_g(k - r) / sigma_g           every level
 *     G2 = max_g |k - r| / sigma_g          smallest level of whole rows: row, else piece, head, tensor
 *     G3 = |mean_g (k - r)| / sigma_g       every level; systematic errors are small but all to one side
 *
 * Where both are 0 the value is 0; where only sigma is, infinity.  Of several groups the reading of a gate is that of
 * the largest value times the group's weight (see ttt_gate_weight); NaN is larger than all.
 *
 * A group of fewer than TTT_GROUP_LEAST elements is not read alone, but with its head: also by G2.  Where a tensor has
 * one piece in a head, or one row or tile in a piece, that level is not read again.
 */
#ifndef TTT_HARNESS_GATES_H
#define TTT_HARNESS_GATES_H

#include "groups.h"

/* One gate at one level.  "G1.tensor" ... "G1.tile", "G2", "G3.tensor" ... "G3.tile". */
enum { TTT_GATES = 2 * TTT_LEVEL_COUNT + 1, TTT_GATE_G1 = 0, TTT_GATE_G2 = TTT_LEVEL_COUNT, TTT_GATE_G3 };

const char *ttt_gate_name(int gate);

/* Means over fewer elements scatter more.  A reading over a group of n elements counts, beside others and in the
 * calibration, times
 *
 *     G1, G2   sqrt(min(n, 64) / 64): below 64 sigma itself is a mean over few samples (tiny tensors only)
 *     G3       sqrt(min(n, 4096) / 4096): as if errors were independent, up to where they are not
 */
enum { TTT_GATE_ENOUGH = 4096 };
double ttt_gate_weight(int gate, int64_t elements);

/* A value of a gate and where it is; elements 0: nothing was read. */
struct ttt_reading {
    double value;
    struct ttt_place place;
};

/* Keep the one of larger weighted value. */
void ttt_reading_keep(struct ttt_reading *reading, int gate, const struct ttt_reading *other);

/* What the arithmetic must cost on one tensor of a block. */
struct ttt_cost {
    struct ttt_groups spread;   /* s - r over all replicas */
    struct ttt_groups rounding; /* of the output type */
    int replicas;
    double scale;
};

/* The unit roundoff of a type set's operands over that of bfloat16: 1, 2^-16, 2^-45. */
double ttt_gates_scale(enum ttt_types types);

/* Sums over a whole tensor, block after block. */
struct ttt_total {
    struct ttt_sums error, spread, rounding;
    int64_t elements;
};

/* Readings of the levels below the tensor for errors `error` on a block; `readings` [TTT_GATES]. */
void ttt_gates_read(const struct ttt_groups *error, const struct ttt_cost *cost, struct ttt_reading *readings);

/* Add the block's sums to those of the tensor. */
void ttt_total_add(struct ttt_total *total, const struct ttt_groups *error, const struct ttt_cost *cost);

/* After the last block: readings of the tensor as a whole, G2 only where no smaller group has it. */
void ttt_total_read(const struct ttt_total *total, int replicas, double scale, struct ttt_reading *readings);

/* The larger one; NaN if one of them is NaN. */
double ttt_gates_larger(double a, double b);

/* RMS of s - r over RMS of r, of the head where it is largest: above 1/2 / sqrt(2) the replicas disagree with each
 * other by more than half of r, and the tensor cannot be judged.  `values`: r itself. */
double ttt_gates_disagreement(const struct ttt_groups *spread, const struct ttt_groups *values, int replicas);

#endif
