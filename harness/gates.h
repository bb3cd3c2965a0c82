/* SPDX-License-Identifier: MIT
 *
 * The gates: how far the error k - r of a tensor is from what the candidate's arithmetic must cost, group by group.
 *
 * sigma of a group is the root mean square of s - r over S replicas s of the precision contract with stochastic
 * rounding, not less than sigma of its head, and the rounding of the output added in quadrature:
 *
 *     sigma_g^2 = scale^2 max(mean_g (s - r)^2, mean_head (s - r)^2) + mean_g rounding^2
 *
 * scale is 1 for bfloat16 candidates and 2^-16 for float ones, the ratio of the unit roundoffs: what the replicas
 * measure is the condition of the data.
 *
 *     G1 = RMS_g(k - r) / sigma_g           every level
 *     G2 = max_g |k - r| / sigma_g          smallest judged level of rows: row, else piece, head, tensor
 *     G3 = |mean_g (k - r)| / sigma_g       every level; systematic errors are small but all to one side
 *
 * Where both are 0 the value is 0; where only sigma is, infinity.
 */
#ifndef TTT_HARNESS_GATES_H
#define TTT_HARNESS_GATES_H

#include "groups.h"

/* One gate at one level.  "G1.tensor" ... "G1.tile", "G2", "G3.tensor" ... "G3.tile". */
enum { TTT_GATES = 2 * TTT_LEVEL_COUNT + 1, TTT_GATE_G1 = 0, TTT_GATE_G2 = TTT_LEVEL_COUNT, TTT_GATE_G3 };

const char *ttt_gate_name(int gate);

/* The largest value of a gate and where it is.  No group of the level is large enough: elements 0, value 0. */
struct ttt_reading {
    double value;
    struct ttt_place place;
};

/* What the arithmetic must cost on one tensor of a block. */
struct ttt_cost {
    struct ttt_groups spread;   /* s - r over all replicas */
    struct ttt_groups rounding; /* of the output type */
    int replicas;
    double scale;
};

/* The unit roundoff of a type set's operands over that of bfloat16: 1, 2^-16, 2^-45. */
double ttt_gates_scale(enum ttt_types types);

/* Readings of all gates for errors `error` of a tensor; `readings` [TTT_GATES]. */
void ttt_gates_read(const struct ttt_groups *error, const struct ttt_cost *cost, struct ttt_reading *readings);

/* RMS of s - r over RMS of r, of the head where it is largest: above 1/2 / sqrt(2) the replicas disagree with each
 * other by more than half of r, and the tensor cannot be judged.  `values`: r itself. */
double ttt_gates_disagreement(const struct ttt_groups *spread, const struct ttt_groups *values, int replicas);

#endif
