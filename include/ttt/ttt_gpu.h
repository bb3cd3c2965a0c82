/* SPDX-License-Identifier: MIT
 *
 * The device API: <ttt/ttt_mlp.h> on NVIDIA Hopper (compute capability 9.0), TTT_TYPES_BF16.
 *
 * Link with -lttt_gpu and the CUDA runtime.  No CUDA header is needed to include this one.
 *
 * What is served (anything else is refused with TTT_ERROR_UNSUPPORTED):
 *
 *   pass      form         C   F   D    B, H, N, G                              eps
 *   forward,  non-causal   64  64  256  any >= 1; B H <= 2^29, N <= 2^31 - 257  any >= 0 (used as a float)
 *   backward
 *
 * Every function here
 *   - takes DEVICE pointers of the current device, aligned to 16 bytes, in the shapes and types of <ttt/ttt_mlp.h>;
 *   - checks its arguments before it enqueues anything: on error no output byte is touched, nothing was launched;
 *   - enqueues on the caller's stream and returns; it allocates nothing, waits for nothing, prints nothing, reads no
 *     environment; calls may be captured into a CUDA graph, and are replayed with the pointers they were captured with;
 *   - is thread-safe, and may run in several streams at once, with a workspace and outputs for each;
 *   - gives bitwise the same results on every run of the same build and cluster size.  A cluster size of 0 lets the
 *     number of heads and the device choose; fix it where results must not depend on B H.  No bit depends on the
 *     workspace.
 *
 * ROUNDING POINTS beyond the precision contract of <ttt/ttt_mlp.h>, by name (<ttt/ttt_ref.h> models them); by cluster
 * size 1: eta, tanh, slope; 2 and 4: eta, exchange, tanh:
 *
 *   eta        F3 multiplies -eta gZ2 instead of gZ2: the learning rate is folded in before the rounding to bfloat16,
 *              once for F3, F4 and F5.  F3's operand is another rounding of the same size; but it is smaller by the
 *              learning rate, so that it loses bits below 2^-126 and is 0 below 2^-134 where gZ2 itself is not.
 *   exchange   Z2 (Z2b) is summed over the thread blocks of a cluster from partial sums (D / cluster size hidden
 *              units each) rounded to IEEE half precision: a relative error of 2^-11 and an absolute one of 2^-25 per
 *              part.  A part beyond 65504 becomes infinite: the row and what follows from it are not finite then where
 *              the contract is.  (Clusters of 1 have no such limit.)
 *   tanh       gelu and gelu' use the hardware's tanh, whose relative error is up to 2^-11 and which is exactly +-1
 *              for large arguments.
 *   slope      gelu' waits for the gradient it multiplies in IEEE half precision.
 *
 * and in the backward pass, which recomputes with `eta` and `tanh` as above, Z2 without `exchange`:
 *
 *   eta        A1 = -eta gZ1, A2 = -eta gZ2 are the operands of F3 and B5-B10 too.
 *   xhat       normalize(Z2) is kept in IEEE half precision between the recomputation and the chain; means over a row
 *              that no gradient has a part in are taken before.  Where dgZ2 lies almost along normalize(Z2) (one column
 *              that outweighs all others), so that little of it is left for dV, dK and dZ2, an error of 2^-11 of what
 *              is taken off remains in them.
 *   gelu1      gelu'(Z1) is IEEE half precision where it multiplies gX2, dX2b, dgZ1 and dX2.
 *   dWout      what the output of a mini-batch adds to dW1' and dW2' (B2, B3) is rounded to bfloat16.
 *   exchange   dgZ2 / -eta and dXK are summed over thread blocks from parts rounded to bfloat16, whose range is that of
 *              what they are sums of.
 *
 * NON-FINITE VALUES are those of the contract: a non-finite input in a mini-batch leaves earlier outputs, and every
 * other (batch, head), bitwise unchanged; gelu reaches its limits and never makes a NaN of an infinity.
 *
 * SUBNORMAL VALUES are values like others, of few bits: no instruction is told to flush them to 0.  Operands of
 * products, rounded to bfloat16, end at 2^-133.
 */
#ifndef TTT_GPU_H
#define TTT_GPU_H

#include <stddef.h>
#include <ttt/ttt_mlp.h>

#ifdef __cplusplus
extern "C" {
#endif

struct CUstream_st; /* what cudaStream_t and CUstream point to */

struct ttt_gpu_options {
    int cluster_size; /* thread blocks that share a (batch, head): 1 (forward only), 2 or 4 (few heads); 0 = the largest
                         of 4 and 2 of which the device runs all B H at once, else 2 */
    int window_groups; /* backward: checkpoint groups of each (batch, head) whose recomputation is held at once: 1 is
                          the least workspace, more are faster (half are computed while the other half is used) up to
                          all; 0 = two thousand in all (5 GB with G = 16), or all */
};

/* Bytes of workspace that a forward pass of this shape needs: [out] *bytes; today 0.
 * TTT_ERROR_NULL, _SIZE, _EPS, _FORM, _OVERFLOW, _UNSUPPORTED; *bytes untouched on error.  Uses no device. */
enum ttt_status ttt_gpu_mlp_forward_workspace(const struct ttt_mlp_shape *shape, const struct ttt_gpu_options *options,
                                              size_t *bytes);

/* The forward pass.  Checkpoints and last state are optional, each all four or none; token_eta must be NULL.
 * `options` may be NULL (all zero).  `workspace`: device memory of at least the queried bytes (NULL if that is 0),
 * aligned to 16; its content is neither read nor of use afterwards.  `stream` may be NULL: the default stream.
 *
 * TTT_OK: enqueued; errors of the device show up on the stream.  Refusals, in this order:
 *   TTT_ERROR_NULL         shape, args or a required pointer is NULL, or a group of four is given in part
 *   TTT_ERROR_SIZE, _EPS, _FORM, _OVERFLOW, _UNSUPPORTED   the shape or the options
 *   TTT_ERROR_WORKSPACE    `bytes` is less than the query said, or needed and `workspace` is NULL
 *   TTT_ERROR_ALIGNMENT    a pointer is not a multiple of 16 bytes
 *   TTT_ERROR_ALIAS        an output overlaps another operand or the workspace
 *   TTT_ERROR_DEVICE       the current device is not of compute capability 9.0, or a pointer is not to device memory
 *                          of it or to managed memory (host memory, pinned or not; another device's); or the launch
 *                          failed */
enum ttt_status ttt_gpu_mlp_forward(const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                                    const struct ttt_gpu_options *options, void *workspace, size_t bytes,
                                    struct CUstream_st *stream);

/* Bytes of workspace that a backward pass of this shape needs with these options: [out] *bytes; about 151 KB for each
 * (batch, head) and mini-batch of a window.  Errors as above. */
enum ttt_status ttt_gpu_mlp_backward_workspace(const struct ttt_mlp_shape *shape, const struct ttt_gpu_options *options,
                                               size_t *bytes);

/* The backward pass: all ten gradients, from the checkpoints that a forward pass with the same G has left.  The
 * upstream gradient of the last state is optional, all four or none; token_eta and grad_L_token_eta must be NULL.
 * Arguments, refusals and their order as above; the workspace is that of the query with the same options.  Outputs need
 * no clearing.  Enqueues two kernels for each window, and one. */
enum ttt_status ttt_gpu_mlp_backward(const struct ttt_mlp_shape *shape, const struct ttt_mlp_backward_args *args,
                                     const struct ttt_gpu_options *options, void *workspace, size_t bytes,
                                     struct CUstream_st *stream);

/* The measure of the device, to hold a pass against: enqueues bfloat16 products that keep the tensor cores of all its
 * SMs busy for about 10 ms.  [out] *flops: multiplications and additions in them.  TTT_ERROR_NULL, _DEVICE. */
enum ttt_status ttt_gpu_peak(double *flops, struct CUstream_st *stream);

#ifdef __cplusplus
}
#endif

#endif
