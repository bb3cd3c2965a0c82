/* SPDX-License-Identifier: MIT
 *
 * The rounding points that a kernel declares beyond the precision contract of <ttt/ttt_mlp.h>, by name:
 *
 *     bf16                       the contract itself
 *     bf16+eta+exchange+tanh     with three points more (what each rounds: <ttt/ttt_gpu.h>)
 *
 * A plug-in declares them in ttt_candidate.rounding_points ("eta+exchange+tanh"), outputs in a file by --contract.
 * They are points of bfloat16 types: a kernel of others has none.
 *
 * Such a kernel is judged by the contract with those points: the replicas have them (sigma), and so does the reference
 * whose range decides what is finite.  The thresholds, and whether data can be judged at all, stay those of the
 * contract; what the points cost is a row of the result, for each pass.  The reference has no points in the causal
 * form, and in each pass those of that pass: where it has none of a declaration, the contract is the plain one, and a
 * row says so.
 */
#ifndef TTT_HARNESS_CONTRACT_H
#define TTT_HARNESS_CONTRACT_H

#include <stddef.h>
#include <ttt/ttt_candidate.h>

enum ttt_point {
    TTT_POINT_ETA,
    TTT_POINT_EXCHANGE,
    TTT_POINT_TANH,
    TTT_POINT_SLOPE,
    TTT_POINT_XHAT,
    TTT_POINT_GELU1,
    TTT_POINT_DWOUT,
    TTT_POINT_COUNT
};
extern const char *const ttt_point_name[TTT_POINT_COUNT];

/* "eta+tanh" as a bit mask of 1 << enum ttt_point; "" or NULL is 0.  0, or -1 with one line in `error`. */
int ttt_points_parse(const char *text, unsigned *points, char *error, size_t error_size);

/* "bf16+eta+tanh", the same with the contract's name before it. */
int ttt_contract_parse(const char *text, unsigned *points, char *error, size_t error_size);

/* Those of a candidate, whose declaration was understood when it was opened. */
unsigned ttt_points_declared(const struct ttt_candidate *candidate);

/* Those of them that the reference has on such a shape in one of these directions (bit mask TTT_DIRECTION_*). */
unsigned ttt_points_modelled(unsigned points, const struct ttt_mlp_shape *shape, unsigned directions);

/* Bytes that hold any set of points as text, also with the name of the contract or of a reference before it. */
enum { TTT_POINTS_TEXT = 64 };

void ttt_points_format(unsigned points, char text[TTT_POINTS_TEXT]);

/* The reference whose range is that of such outputs: "ref-f32", "ref-bf16+eta+tanh". */
void ttt_contract_reference(enum ttt_types types, unsigned points, char text[TTT_POINTS_TEXT]);

#endif
