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

/* Sum in pairs: a short chain of additions. */
template <int COUNT> TTT_DEVICE float sum_of(const float *x)
{
    if constexpr (COUNT == 1)
        return x[0];
    else
        return sum_of<COUNT / 2>(x) + sum_of<COUNT / 2>(x + COUNT / 2);
}

/* x <- normalize(x); returns 1 / sqrt(var + eps).  Sums of squares are taken about each lane's own mean and merged in
 * pairs with their exact correction: as accurate as two passes, in one round of shuffles. */
template <int SPAN> TTT_DEVICE float normalize(float (&x)[SPAN], float eps)
{
    float sum = sum_of<SPAN>(x), square[SPAN];
#pragma unroll
    for (int k = 0; k < SPAN; k++) {
        const float d = fmaf(sum, -1.0f / SPAN, x[k]);
        square[k] = d * d;
    }
    float squares = sum_of<SPAN>(square);
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
    float product[SPAN];
#pragma unroll
    for (int k = 0; k < SPAN; k++) {
        wt[k] = fmaf(ww[k], x[k], wt[k]);
        product[k] = wt[k] * x[k];
    }
    float mean_a = sum_of<SPAN>(wt), mean_ax = sum_of<SPAN>(product);
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

/* wt = w (b - (V - K)). */
template <int SPAN>
TTT_DEVICE void target(float (&wt)[SPAN], const float (&K)[SPAN], const float (&V)[SPAN], const float (&w)[SPAN],
                       const float (&b)[SPAN])
{
#pragma unroll
    for (int k = 0; k < SPAN; k++)
        wt[k] = w[k] * (b[k] - (V[k] - K[k]));
}

/* x = xhat <- XQW = Q + w xhat + b. */
template <int SPAN>
TTT_DEVICE void output(float (&x)[SPAN], const float (&w)[SPAN], const float (&b)[SPAN], const float (&Q)[SPAN])
{
#pragma unroll
    for (int k = 0; k < SPAN; k++)
        x[k] = fmaf(w[k], x[k], b[k]) + Q[k];
}

} // namespace ttt_gpu

#endif
