/* SPDX-License-Identifier: MIT
 *
 * The CPU reference: <ttt/ttt_mlp.h> in three precisions from one text.
 *
 *   _f64    everything in double: the truth (1e-12 relative against independent automatic differentiation)
 *   _f32    everything in float: the portable fallback
 *   _bf16   bfloat16 storage with exactly the contract's rounding points: what a correct bf16 kernel computes
 *   _c128   the forward pass alone with `double complex` for every tensor, and no conjugation anywhere: Im f(x + ihv)/h
 * is a derivative to full double precision (the complex-step method), to prove the backward pass with
 *
 * Link with -lttt_ref (pkg-config ttt-ref).
 *
 * Every function here
 *   - is thread-safe, prints nothing, never exits, reads no environment of its own;
 *   - gives bitwise the same results for every number of threads and, in both directions, for every G (with rounding
 *     points beyond the contract where those that the backward pass recomputes with were the forward pass's);
 *   - returns a status before anything is written: on error no output and no workspace byte is touched;
 *   - runs the products of OpenBLAS single-threaded under its own OpenMP threads.  While a call is in flight the
 *     process-wide number of OpenBLAS threads is 1 (put back after the last concurrent call).
 *
 * Results are reproducible on one machine; another processor or OpenBLAS may sum in another order.
 */
#ifndef TTT_REF_H
#define TTT_REF_H

#include <stddef.h>
#include <stdint.h>
#include <ttt/ttt_mlp.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Rounding points beyond the precision contract that a kernel may declare, by the names in its declaration, so that it
 * can be compared with the contract that it means.  All round like the operands: to nearest, or at random with an exact
 * mean.  The backward pass has those of its own, and recomputes with `eta`, `tanh` and `gelu1` where it has them. */
enum ttt_ref_point {
    TTT_REF_POINT_ETA = 1,      /* `eta`, forward: F3 multiplies eta gZ2, rounded as for F5, and eta enters nowhere
                                   else; backward also B5-B10: their operands are eta gZ1, eta gZ2 and gradients of
                                   these, and dlast_eta is gZ2 times the gradient of eta gZ2 */
    TTT_REF_POINT_EXCHANGE = 2, /* `exchange`, forward: F2 and F7 are summed from `exchange_parts` partial sums, each of
                                   an equal share of the hidden units, rounded to IEEE half precision; backward: so are
                                   B6 with B7, and B8 with B12, from parts rounded to bfloat16 */
    TTT_REF_POINT_TANH = 4,     /* `tanh`, both: that of gelu, gelu' and gelu'' is rounded to 11 significant bits */
    TTT_REF_POINT_SLOPE = 8,    /* `slope`, forward: gelu' is rounded to IEEE half precision */
    TTT_REF_POINT_XHAT = 16,    /* `xhat`, backward: normalize(Z2) is rounded to IEEE half precision where the second
                                   derivative of the inner loss is made of it, but for means over a row that no gradient
                                   has a part in */
    TTT_REF_POINT_GELU1 = 32,   /* `gelu1`, backward: gelu' is rounded to IEEE half precision */
    TTT_REF_POINT_DWOUT = 64    /* `dWout`, backward: B2 and B3 are rounded to bfloat16 before they are added */
};

struct ttt_ref_options {
    int threads;              /* OpenMP threads to use, 1..4096; 0 = OpenMP's default */
    int exact_outputs;        /* _bf16 only, 0 or 1: 1 = XQW and the four token gradients are written as float, before
                                 their final rounding, so that the cost of the products alone can be measured */
    uint64_t stochastic_seed; /* _bf16 only: 0 = operands round to nearest; else up or down at random with an exact
                                 mean, a function of the seed and the value alone.  Such replicas of the contract show
                                 how large an error its rounding points must make on given data */
    unsigned points;         /* _bf16 only, non-causal: any of enum ttt_ref_point that the pass has; 0 = the contract */
    int exchange_parts;      /* with TTT_REF_POINT_EXCHANGE, 1 .. hidden_dim; else 0 */
    ttt_mlp_probe_fn *probe; /* NULL, or called with every stage of the pass, in the order of the computation; the pass
                                then runs on one thread */
    void *probe_context;
};

/* Bytes of workspace that the same shape and options need: [out] *bytes.  Grows with the number of threads and,
 * backward, with min(G, NC) and B H (F + C); never with NC otherwise. TTT_ERROR_NULL, _SIZE, _EPS, _FORM, _OVERFLOW,
 * _UNSUPPORTED (an option out of range); *bytes untouched on error. */
enum ttt_status ttt_ref_mlp_forward_workspace_f64(const struct ttt_mlp_shape *shape,
                                                  const struct ttt_ref_options *options, size_t *bytes);
enum ttt_status ttt_ref_mlp_forward_workspace_f32(const struct ttt_mlp_shape *shape,
                                                  const struct ttt_ref_options *options, size_t *bytes);
enum ttt_status ttt_ref_mlp_forward_workspace_bf16(const struct ttt_mlp_shape *shape,
                                                   const struct ttt_ref_options *options, size_t *bytes);
enum ttt_status ttt_ref_mlp_forward_workspace_c128(const struct ttt_mlp_shape *shape,
                                                   const struct ttt_ref_options *options, size_t *bytes);
enum ttt_status ttt_ref_mlp_backward_workspace_f64(const struct ttt_mlp_shape *shape,
                                                   const struct ttt_ref_options *options, size_t *bytes);
enum ttt_status ttt_ref_mlp_backward_workspace_f32(const struct ttt_mlp_shape *shape,
                                                   const struct ttt_ref_options *options, size_t *bytes);
enum ttt_status ttt_ref_mlp_backward_workspace_bf16(const struct ttt_mlp_shape *shape,
                                                    const struct ttt_ref_options *options, size_t *bytes);

/* The passes.  `workspace`: at least the queried bytes, aligned to 64; its content is neither read nor of use
 * afterwards.  `options` may be NULL (all zero).
 * TTT_ERROR_NULL, _SIZE, _EPS, _FORM, _OVERFLOW, _UNSUPPORTED, _ALIGNMENT, _ALIAS, _WORKSPACE as in ttt_mlp.h. */
enum ttt_status ttt_ref_mlp_forward_f64(const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                                        const struct ttt_ref_options *options, void *workspace, size_t bytes);
enum ttt_status ttt_ref_mlp_forward_f32(const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                                        const struct ttt_ref_options *options, void *workspace, size_t bytes);
enum ttt_status ttt_ref_mlp_forward_bf16(const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                                         const struct ttt_ref_options *options, void *workspace, size_t bytes);
enum ttt_status ttt_ref_mlp_forward_c128(const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                                         const struct ttt_ref_options *options, void *workspace, size_t bytes);
enum ttt_status ttt_ref_mlp_backward_f64(const struct ttt_mlp_shape *shape, const struct ttt_mlp_backward_args *args,
                                         const struct ttt_ref_options *options, void *workspace, size_t bytes);
enum ttt_status ttt_ref_mlp_backward_f32(const struct ttt_mlp_shape *shape, const struct ttt_mlp_backward_args *args,
                                         const struct ttt_ref_options *options, void *workspace, size_t bytes);
enum ttt_status ttt_ref_mlp_backward_bf16(const struct ttt_mlp_shape *shape, const struct ttt_mlp_backward_args *args,
                                          const struct ttt_ref_options *options, void *workspace, size_t bytes);

/* The status in words, for a message: a constant string, never NULL. */
const char *ttt_status_string(enum ttt_status status);

#ifdef __cplusplus
}
#endif

#endif
