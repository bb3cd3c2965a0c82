/* SPDX-License-Identifier: MIT
 *
 * The rounding points that a kernel declares beyond the precision contract of <ttt/ttt_mlp.h>, by name:
 *
 *     bf16                       the contract itself
 *     bf16+eta+exchange+tanh     with three points more (what each rounds: <ttt/ttt_gpu.h>)
 *
 * A plug-in declares them in ttt_candidate.rounding_points ("eta+exchange+tanh"), outputs in a file by --contract.
 */
#ifndef TTT_HARNESS_CONTRACT_H
#define TTT_HARNESS_CONTRACT_H

#include <stddef.h>

enum ttt_point {
    TTT_POINT_ETA,
    TTT_POINT_EXCHANGE,
    TTT_POINT_TANH,
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

#define TTT_POINTS_TEXT 64 /* bytes that hold any set of points as text */

void ttt_points_format(unsigned points, char text[TTT_POINTS_TEXT]);

#endif
