/* SPDX-License-Identifier: MIT
 *
 * Room: the second derivative of the inner loss, row by row.  Twin: `norm_l2_grad_backward` in ref/.
 *
 * With xhat = normalize(Z2), rs = 1 / sqrt(var + eps), a = w (w xhat + b - (V - K)), p = gZ2 / rs = a - mean(a) - s
 * xhat and s = mean(a xhat), the Hessian of the inner loss with respect to a row of Z2 is diagonal plus rank 5, so that
 * five means of t = dL/d(eta gZ2), all taken at once, give H t:
 *
 *   m0 = mean(t)   m1 = mean(t xhat)   m2 = mean(t p)   m3 = mean(t w^2)   m4 = mean(t w^2 xhat)
 *   q = t - m0 - m1 xhat
 *   alpha = m3 - mean(w^2) m0 - mean(w^2 xhat) m1
 *   beta = m4 - mean(w^2 xhat) m0 - mean(w^2 xhat^2) m1 + m2
 *   dZ2 = eta rs^2 ((w^2 - s) q - m1 p - alpha - beta xhat)
 *   dL/deta = F rs m2       da = dL/d(w xhat + b - (V - K)) / w = eta rs q
 *
 * It is exact for any eps, where mean(xhat^2) is not 1.
 */
#ifndef TTT_GPU_ROOMS_HESSIAN_CUH
#define TTT_GPU_ROOMS_HESSIAN_CUH

#include "norm.cuh"

namespace ttt_gpu
{

/* What replay saved of a row, and the learning rate of its token. */
struct RowScalars {
    NormCurvature saved;
    float eta;
};

/* t <- dZ2, p <- da; returns dL/deta.  `ww` = w^2, mean_ww its mean. */
template <int SPAN>
TTT_DEVICE float hessian(float (&t)[SPAN], float (&p)[SPAN], const float (&xhat)[SPAN], const float (&ww)[SPAN],
                         const RowScalars &row, float mean_ww)
{
    float product[4][SPAN];
#pragma unroll
    for (int k = 0; k < SPAN; k++) {
        product[0][k] = t[k] * xhat[k];
        product[1][k] = t[k] * p[k];
        product[2][k] = t[k] * ww[k];
        product[3][k] = product[2][k] * xhat[k];
    }
    float m[5] = {sum_of<SPAN>(t), sum_of<SPAN>(product[0]), sum_of<SPAN>(product[1]), sum_of<SPAN>(product[2]),
                  sum_of<SPAN>(product[3])};
    row_means<SPAN>(m);
    const float alpha = m[3] - mean_ww * m[0] - row.saved.mean_wwx * m[1];
    const float beta = m[4] - row.saved.mean_wwx * m[0] - row.saved.mean_wwxx * m[1] + m[2];
    const float rate = row.eta * row.saved.norm.rstd;
#pragma unroll
    for (int k = 0; k < SPAN; k++) {
        const float q = fmaf(-m[1], xhat[k], t[k] - m[0]);
        const float h = fmaf(ww[k] - row.saved.norm.mean_ax, q, fmaf(-m[1], p[k], fmaf(-beta, xhat[k], -alpha)));
        t[k] = rate * h * row.saved.norm.rstd;
        p[k] = rate * q;
    }
    return F * row.saved.norm.rstd * m[2];
}

} // namespace ttt_gpu

#endif
