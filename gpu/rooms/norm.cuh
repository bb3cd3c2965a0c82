/* SPDX-License-Identifier: MIT
 *
 * Room: layer norm of rows that are spread over ROW_THREADS neighbouring lanes, SPAN elements each.
 * Twins: `norm_l2_grad`, `norm_output` and `norm_output_backward` in ref/.
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

/* Means over a row of several numbers at once; each x[k] is summed over this thread's SPAN elements already. */
template <int SPAN, int COUNT> TTT_DEVICE void row_means(float (&x)[COUNT])
{
#pragma unroll
    for (int lanes = 1; lanes < F / SPAN; lanes *= 2) {
#pragma unroll
        for (int k = 0; k < COUNT; k++)
            x[k] += __shfl_xor_sync(0xffffffff, x[k], lanes);
    }
#pragma unroll
    for (int k = 0; k < COUNT; k++)
        x[k] *= 1.0f / F;
}

/* What a row's norm leaves for what follows: 1 / sqrt(var + eps), mean(a), mean(a xhat). */
struct NormMeans {
    float rstd, mean_a, mean_ax;
};

/* x = a row of Z2 <- xhat, wt = w (b - (V - K)) <- a = w (w xhat + b - (V - K)); `ww` = w^2. */
template <int SPAN>
TTT_DEVICE NormMeans norm_l2_means(float (&x)[SPAN], float (&wt)[SPAN], const float (&ww)[SPAN], float eps)
{
    const float rstd = normalize(x, eps);
    float product[SPAN];
#pragma unroll
    for (int k = 0; k < SPAN; k++) {
        wt[k] = fmaf(ww[k], x[k], wt[k]);
        product[k] = wt[k] * x[k];
    }
    float means[2] = {sum_of<SPAN>(wt), sum_of<SPAN>(product)};
    row_means<SPAN>(means);
    return {rstd, means[0], means[1]};
}

/* What besides the second derivative of the inner loss needs: mean(w^2 xhat), mean(w^2 xhat^2). */
struct NormCurvature {
    NormMeans norm;
    float mean_wwx, mean_wwxx;
};

/* norm_l2_means with the two more, in the same rounds of shuffles. */
template <int SPAN>
TTT_DEVICE NormCurvature norm_l2_curvature(float (&x)[SPAN], float (&wt)[SPAN], const float (&ww)[SPAN], float eps)
{
    const float rstd = normalize(x, eps);
    float product[3][SPAN];
#pragma unroll
    for (int k = 0; k < SPAN; k++) {
        wt[k] = fmaf(ww[k], x[k], wt[k]);
        product[0][k] = wt[k] * x[k];
        product[1][k] = ww[k] * x[k];
        product[2][k] = product[1][k] * x[k];
    }
    float means[4] = {sum_of<SPAN>(wt), sum_of<SPAN>(product[0]), sum_of<SPAN>(product[1]), sum_of<SPAN>(product[2])};
    row_means<SPAN>(means);
    return {{rstd, means[0], means[1]}, means[2], means[3]};
}

/* A2 = -eta gZ2 = -eta rstd (a - mean(a) - xhat mean(a xhat)); A2 may be xhat. */
template <int SPAN>
TTT_DEVICE void norm_l2_step(float (&A2)[SPAN], const float (&xhat)[SPAN], const float (&a)[SPAN], const NormMeans &m,
                             float eta)
{
    const float scale = -eta * m.rstd;
#pragma unroll
    for (int k = 0; k < SPAN; k++)
        A2[k] = scale * (fmaf(-m.mean_ax, xhat[k], a[k]) - m.mean_a);
}

/* x = a row of Z2 <- -eta gZ2, `wt` and `ww` as in norm_l2_means. */
template <int SPAN>
TTT_DEVICE void norm_l2_grad(float (&x)[SPAN], float (&wt)[SPAN], const float (&ww)[SPAN], float eps, float eta)
{
    const NormMeans m = norm_l2_means(x, wt, ww, eps);
    norm_l2_step(x, x, wt, m, eta);
}

/* The pull-back of the output's norm: x = xhat of a row of Z2b <- rstd (d - mean(d) - xhat mean(d xhat)), d = w dXQW.
 */
template <int SPAN> TTT_DEVICE void norm_output_grad(float (&x)[SPAN], const float (&d)[SPAN], float rstd)
{
    float product[SPAN];
#pragma unroll
    for (int k = 0; k < SPAN; k++)
        product[k] = d[k] * x[k];
    float means[2] = {sum_of<SPAN>(d), sum_of<SPAN>(product)};
    row_means<SPAN>(means);
#pragma unroll
    for (int k = 0; k < SPAN; k++)
        x[k] = rstd * (fmaf(-means[1], x[k], d[k]) - means[0]);
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
