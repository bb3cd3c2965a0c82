/* SPDX-License-Identifier: MIT
 *
 * Room: layer norm of rows that are spread over ROW_THREADS neighbouring lanes, SPAN elements each.
 * Twins: `norm_l2_grad` and the norm of `output` in ref/.
 */
#ifndef TTT_GPU_ROOMS_NORM_CUH
#define TTT_GPU_ROOMS_NORM_CUH

#include "../config.h"
#include "../ptx/device.cuh"

namespace ttt_gpu
{

/* x <- normalize(x); returns 1 / sqrt(var + eps).  Sums of squares are taken about each lane's own mean and merged in
 * pairs with their exact correction: as accurate as two passes, in one round of shuffles. */
template <int SPAN> TTT_DEVICE float normalize(float (&x)[SPAN], float eps)
{
    float sum = 0.0f;
#pragma unroll
    for (int k = 0; k < SPAN; k++)
        sum += x[k];
    float squares = 0.0f;
#pragma unroll
    for (int k = 0; k < SPAN; k++) {
        const float d = fmaf(sum, -1.0f / SPAN, x[k]);
        squares = fmaf(d, d, squares);
    }
#pragma unroll
    for (int lanes = 1; lanes < F / SPAN; lanes *= 2) {
        const float other = __shfl_xor_sync(0xffffffff, sum, lanes);
        squares += __shfl_xor_sync(0xffffffff, squares, lanes);
        const float apart = sum - other;
        squares = fmaf(apart * apart, 0.5f / (float)(SPAN * lanes), squares);
        sum += other;
    }
    const float rstd = rsqrtf(fmaf(squares, 1.0f / F, eps));
#pragma unroll
    for (int k = 0; k < SPAN; k++)
        x[k] = fmaf(sum, -1.0f / F, x[k]) * rstd;
    return rstd;
}

/* x = a row of Z2 <- -eta gZ2.  `wt` = w (b - (V - K)), `ww` = w^2, so that a = w (w xhat + b - (V - K)). */
template <int SPAN>
TTT_DEVICE void norm_l2_grad(float (&x)[SPAN], float (&wt)[SPAN], const float (&ww)[SPAN], float eps, float eta)
{
    const float rstd = normalize(x, eps);
    float mean_a = 0.0f, mean_ax = 0.0f;
#pragma unroll
    for (int k = 0; k < SPAN; k++) {
        wt[k] = fmaf(ww[k], x[k], wt[k]);
        mean_a += wt[k];
        mean_ax = fmaf(wt[k], x[k], mean_ax);
    }
#pragma unroll
    for (int lanes = 1; lanes < F / SPAN; lanes *= 2) {
        mean_a += __shfl_xor_sync(0xffffffff, mean_a, lanes);
        mean_ax += __shfl_xor_sync(0xffffffff, mean_ax, lanes);
    }
    const float scale = -eta * rstd;
    mean_a *= 1.0f / F, mean_ax *= -1.0f / F;
#pragma unroll
    for (int k = 0; k < SPAN; k++)
        x[k] = scale * (fmaf(mean_ax, x[k], wt[k]) - mean_a);
}

} // namespace ttt_gpu

#endif
