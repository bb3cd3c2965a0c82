/* SPDX-License-Identifier: MIT
 *
 * The gradients of ref-f64 against derivatives of its forward pass that are made in two other ways.
 *
 * With L(x) = <grad_L_XQW, XQW> + sum <grad_L_*_last, *_last>, g = the gradient of L by one input and v a direction:
 *
 *   complex step   Im L(x + ihv) / h = <g, v> for a tiny h, by the forward pass in complex double: no difference is
 *                  taken, so this holds to full precision.  ratio = |Im L(x + ihv)/h - <g, v>| / (||g|| ||v||)
 *   Taylor         |L(x + tv) - L(x) - t <g, v>| falls as t^2 while it is above round-off, by the real forward pass.
 *                  slope = the exponent, fitted to the smallest t that are
 */
#ifndef TTT_HARNESS_GRADCHECK_H
#define TTT_HARNESS_GRADCHECK_H

#include "tensors.h"

enum { TTT_GRADCHECK_DIRECTIONS = 8, TTT_GRADCHECK_COORDINATES = 4, TTT_GRADCHECK_SLOPES = 2 };

/* One case: what ref-f64 makes of it, and room for the derivatives. */
struct ttt_gradcheck {
    struct ttt_tensors base;        /* inputs, outputs and gradients */
    struct ttt_tensors moved;       /* forward pass at another place */
    struct ttt_tensors pairs;       /* forward pass in complex double: each element is a pair */
    double *v;                      /* a direction, as long as the largest input */
    long double norm_g, norm_v, gv; /* of the direction at hand: ||g||, ||v||, <g, v> */
};

/* What was found about one input. */
struct ttt_gradcheck_result {
    int checked;  /* directions and single coordinates tried with the complex step */
    double ratio; /* the worst of them; NaN stays */
    int slopes;   /* directions whose Taylor remainder is above round-off */
    double slope; /* the one farthest from 2; 2 where there is none */
};

/* Run both passes.  0, or -1 with one line in `error`.  Free with ttt_gradcheck_close either way. */
int ttt_gradcheck_open(struct ttt_gradcheck *g, const struct ttt_case *c, char *error, size_t error_size);
void ttt_gradcheck_close(struct ttt_gradcheck *g);

/* Is this a tensor that the case has and that has a gradient? */
int ttt_gradcheck_has(const struct ttt_gradcheck *g, enum ttt_tensor input);

/* Check the gradient by one input, as it lies in g->base: TTT_GRADCHECK_DIRECTIONS random directions, single
 * coordinates (the one of the largest gradient, the last one and random ones), and TTT_GRADCHECK_SLOPES remainders.
 * 0, or -1 with one line in `error` when a pass cannot be run. */
int ttt_gradcheck_input(struct ttt_gradcheck *g, enum ttt_tensor input, struct ttt_gradcheck_result *result,
                        char *error, size_t error_size);

#endif
