/* SPDX-License-Identifier: MIT
 *
 * A case: a shape, a distribution of the data and a seed, with one spelling:
 *
 *     b1h2n192c64f64d256g4 eps=1e-6 dist=model seed=7 [causal=1] [state_grads=0]
 *
 * The sizes come first, in this order, all seven; the keys may come in any order, each at most once, and have the
 * defaults eps=1e-6 dist=unit seed=1 causal=0 state_grads=1 (1: upstream gradients of the last state are given).  One
 * space stands between words, and nothing before the first or after the last.
 */
#ifndef TTT_HARNESS_SHAPES_H
#define TTT_HARNESS_SHAPES_H

#include <stddef.h>
#include <stdint.h>
#include <ttt/ttt_mlp.h>

/* Those up to TTT_DIST_COUNT are drawn; an exact one makes no rounding error (exact.h). */
enum ttt_distribution {
    TTT_DIST_UNIT,
    TTT_DIST_MODEL,
    TTT_DIST_STRONG,
    TTT_DIST_COUNT,
    TTT_DIST_EXACT = TTT_DIST_COUNT,
    TTT_DIST_NONE
};

extern const char *const ttt_distribution_name[TTT_DIST_NONE];

struct ttt_case {
    struct ttt_mlp_shape shape;
    enum ttt_distribution distribution;
    uint64_t seed;
    int state_grads;
};

#define TTT_CASE_TEXT 256 /* bytes that hold any case as text */

/* Parse `text`.  0, or -1 with one line in `error` (what, where in the text, what is allowed); *out untouched then. */
int ttt_case_parse(const char *text, struct ttt_case *out, char *error, size_t error_size);

/* Is this a case that can be run: sizes in the contract's range, eps finite and >= 0, no tensor beyond 2^58 elements?
 * 0, or -1 with one line in `error`. */
int ttt_case_check(const struct ttt_case *c, char *error, size_t error_size);

/* The distribution of this name (`n` bytes), or TTT_DIST_NONE. */
enum ttt_distribution ttt_distribution_find(const char *name, size_t n);

/* Write the canonical spelling (every key, so that defaults may change); it parses back to the same case. */
void ttt_case_format(const struct ttt_case *c, char text[TTT_CASE_TEXT]);

/* NC and K of a valid shape. */
int64_t ttt_shape_mini_batches(const struct ttt_mlp_shape *shape);
int64_t ttt_shape_checkpoints(const struct ttt_mlp_shape *shape);

#endif
