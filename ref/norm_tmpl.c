/* SPDX-License-Identifier: MIT
 *
 * Layer norm over the head dimension, row by row: alone (the output), fused with the L2 loss (the inner gradient), and
 * the backward pass of both.  Letters: xhat = normalize(x), rstd = 1/sqrt(var + eps), w, b = norm weight and bias [F].
 * The variance is taken in two passes: one pass loses half the digits when |mean| >> sqrt(var), and in real models
 * sqrt(var) is 1e-3.  All formulas are exact for any eps (mean(xhat^2) is not 1).
 */

/* xhat, rstd of x + bias. */
TTT_REF_INLINE real R(normalize)(int64_t F, const real *restrict x, const real *restrict bias, real eps,
                                 real *restrict xhat)
{
    real mean = 0, var = 0;
#pragma omp simd reduction(+ : mean)
    for (int64_t f = 0; f < F; f++)
        mean += x[f] + bias[f];
    mean /= (real)F;
#pragma omp simd reduction(+ : var)
    for (int64_t f = 0; f < F; f++) {
        const real d = x[f] + bias[f] - mean;
        xhat[f] = d;
        var += d * d;
    }
    const real rstd = 1 / R(sqrt)(var / (real)F + eps);
#pragma omp simd
    for (int64_t f = 0; f < F; f++)
        xhat[f] *= rstd;
    return rstd;
}

/* out = rstd (y - mean(y) - xhat mean(y xhat)): the pull-back of y through x -> xhat. */
TTT_REF_INLINE void R(normalize_backward)(int64_t F, const real *restrict y, const real *restrict xhat, real rstd,
                                          real *restrict out)
{
    real m0 = 0, m1 = 0;
#pragma omp simd reduction(+ : m0, m1)
    for (int64_t f = 0; f < F; f++) {
        m0 += y[f];
        m1 += y[f] * xhat[f];
    }
    m0 /= (real)F;
    m1 /= (real)F;
#pragma omp simd
    for (int64_t f = 0; f < F; f++)
        out[f] = rstd * (y[f] - m0 - xhat[f] * m1);
}

/* One row of gZ2 = d/dZ2 1/2 || w xhat + b - (V - K) ||^2 for Z2 = x + bias; a: scratch [F]. */
TTT_REF_INLINE real R(norm_l2_grad)(int64_t F, const real *restrict x, const real *restrict bias,
                                    const real *restrict w, const real *restrict b, const real *restrict K,
                                    const real *restrict V, real eps, real *restrict a, real *restrict xhat,
                                    real *restrict gZ2)
{
    const real rstd = R(normalize)(F, x, bias, eps, xhat);
#pragma omp simd
    for (int64_t f = 0; f < F; f++)
        a[f] = w[f] * (w[f] * xhat[f] + b[f] - (V[f] - K[f]));
    R(normalize_backward)(F, a, xhat, rstd, gZ2);
    return rstd;
}

/* The backward pass of norm_l2_grad for one row.  In: t = dL/dgZ2.  Out: dZ2; dT = dL/d(V - K) (so dV = dT,
 * dK += -dT); dw, db [F] are added to.
 *
 * gZ2 = rstd y with y = a - mean(a) - s xhat, s = mean(a xhat), a = w e, e = w xhat + b - (V - K):
 *   dy = rstd t;   da = dy - mean(dy) - xhat mean(dy xhat);   de = w da;
 *   dxhat = -s dy - a mean(dy xhat) + w de;   dw = e da + xhat de;   db = de;
 *   dZ2 = rstd (dxhat - mean(dxhat) - xhat mean(dxhat xhat)) - rstd xhat mean(t gZ2),
 * the last term being the direct way of rstd into gZ2.  a, da: scratch [F]. */
TTT_REF_INLINE void R(norm_l2_grad_backward)(int64_t F, const real *restrict t, const real *restrict gZ2,
                                             const real *restrict xhat, real rstd, const real *restrict w,
                                             const real *restrict b, const real *restrict K, const real *restrict V,
                                             real *restrict a, real *restrict da, real *restrict dZ2, real *restrict dT,
                                             real *restrict dw, real *restrict db)
{
    const real scale = 1 / (real)F;
    real s = 0, m0 = 0, m1 = 0, mt = 0;
#pragma omp simd reduction(+ : s, m0, m1, mt)
    for (int64_t f = 0; f < F; f++) {
        a[f] = w[f] * (w[f] * xhat[f] + b[f] - (V[f] - K[f]));
        s += a[f] * xhat[f];
        m0 += t[f];
        m1 += t[f] * xhat[f];
        mt += t[f] * gZ2[f];
    }
    s *= scale;
    m0 *= scale * rstd;
    m1 *= scale * rstd;
    mt *= scale * rstd;
#pragma omp simd
    for (int64_t f = 0; f < F; f++) {
        const real dy = rstd * t[f], d = dy - m0 - xhat[f] * m1, de = w[f] * d;
        const real e = w[f] * xhat[f] + b[f] - (V[f] - K[f]);
        da[f] = w[f] * de - s * dy - a[f] * m1; /* dxhat */
        dT[f] = -de;
        dw[f] += e * d + xhat[f] * de;
        db[f] += de;
    }
    R(normalize_backward)(F, da, xhat, rstd, dZ2);
#pragma omp simd
    for (int64_t f = 0; f < F; f++)
        dZ2[f] -= mt * xhat[f];
}

/* One row of XQW = Q + w normalize(x + bias) + b; xhat: scratch [F]. */
TTT_REF_INLINE void R(norm_output)(int64_t F, const real *restrict x, const real *restrict bias, const real *restrict w,
                                   const real *restrict b, const real *restrict XQ, real eps, real *restrict xhat,
                                   real *restrict XQW)
{
    R(normalize)(F, x, bias, eps, xhat);
#pragma omp simd
    for (int64_t f = 0; f < F; f++)
        XQW[f] = XQ[f] + w[f] * xhat[f] + b[f];
}

/* The backward pass of norm_output for one row: dO = dL/dXQW -> dZ2b; dw, db are added to.  a, xhat: scratch [F]. */
TTT_REF_INLINE void R(norm_output_backward)(int64_t F, const real *restrict x, const real *restrict bias,
                                            const real *restrict w, const real *restrict dO, real eps, real *restrict a,
                                            real *restrict xhat, real *restrict dZ2b, real *restrict dw,
                                            real *restrict db)
{
    const real rstd = R(normalize)(F, x, bias, eps, xhat);
#pragma omp simd
    for (int64_t f = 0; f < F; f++) {
        a[f] = w[f] * dO[f];
        dw[f] += dO[f] * xhat[f];
        db[f] += dO[f];
    }
    R(normalize_backward)(F, a, xhat, rstd, dZ2b);
}

/* The same over rows of a mini-batch, tensors [rows, F], rstd [rows].  `scratch`: 2 F elements. */

TTT_REF_CLONES static void R(norm_l2_grad_rows)(int64_t rows, int64_t F, const real *restrict Z2,
                                                const real *restrict b2, const real *restrict w, const real *restrict b,
                                                const real *restrict K, const real *restrict V, real eps,
                                                real *restrict scratch, real *restrict xhat, real *restrict rstd,
                                                real *restrict gZ2)
{
    for (int64_t r = 0; r < rows; r++)
        rstd[r] =
            R(norm_l2_grad)(F, Z2 + r * F, b2, w, b, K + r * F, V + r * F, eps, scratch, xhat + r * F, gZ2 + r * F);
}

TTT_REF_CLONES static void R(norm_l2_grad_backward_rows)(int64_t rows, int64_t F, const real *restrict t,
                                                         const real *restrict gZ2, const real *restrict xhat,
                                                         const real *restrict rstd, const real *restrict w,
                                                         const real *restrict b, const real *restrict K,
                                                         const real *restrict V, real *restrict scratch,
                                                         real *restrict dZ2, real *restrict dT, real *restrict dw,
                                                         real *restrict db)
{
    for (int64_t r = 0; r < rows; r++)
        R(norm_l2_grad_backward)
    (F, t + r * F, gZ2 + r * F, xhat + r * F, rstd[r], w, b, K + r * F, V + r * F, scratch, scratch + F, dZ2 + r * F,
     dT + r * F, dw, db);
}

TTT_REF_CLONES static void R(norm_output_rows)(int64_t rows, int64_t F, const real *restrict Z2b,
                                               const real *restrict b2, const real *restrict w, const real *restrict b,
                                               const real *restrict XQ, real eps, real *restrict scratch,
                                               real *restrict XQW)
{
    for (int64_t r = 0; r < rows; r++)
        R(norm_output)(F, Z2b + r * F, b2, w, b, XQ + r * F, eps, scratch, XQW + r * F);
}

TTT_REF_CLONES static void R(norm_output_backward_rows)(int64_t rows, int64_t F, const real *restrict Z2b,
                                                        const real *restrict b2, const real *restrict w,
                                                        const real *restrict dO, real eps, real *restrict scratch,
                                                        real *restrict dZ2b, real *restrict dw, real *restrict db)
{
    for (int64_t r = 0; r < rows; r++)
        R(norm_output_backward)(F, Z2b + r * F, b2, w, dO + r * F, eps, scratch, scratch + F, dZ2b + r * F, dw, db);
}

#if ROUNDS
/* norm_l2_grad_backward with the point `xhat`: in the place of xhat is its half precision, but not in the means over a
 * row that do not depend on t.  t = dL/d(gZ2 / eta), and deta, unless it is NULL, dL/deta.  With p = gZ2 / rstd and
 * q = t - mean(t) - xhat mean(t xhat), both of that xhat:
 *
 *   dZ2 = eta rstd^2 ((w^2 - s) q - p mean(t xhat) - mean(w^2 q) - xhat (mean(w^2 q xhat) + mean(t p)))
 *   da = eta rstd q;   dT = -w da;   dw += da (e + w xhat);   db += w da;   deta = F rstd mean(t p) */
static void R(norm_declared_row)(uint32_t rounding, int64_t F, const real *t, real *restrict xhat, real rstd, real eta,
                                 const real *w, const real *b, const real *K, const real *V, real *restrict dZ2,
                                 real *restrict dT, real *restrict dw, real *restrict db, real *deta)
{
    const real scale = 1 / (real)F;
    real ma = 0, s = 0, ww = 0, wwx = 0, wwxx = 0, m0 = 0, m1 = 0, m2 = 0, m3 = 0, m4 = 0;
    for (int64_t f = 0; f < F; f++) {
        const real a = w[f] * (w[f] * xhat[f] + b[f] - (V[f] - K[f])), v = w[f] * w[f];
        ma += scale * a;
        s += scale * a * xhat[f];
        ww += scale * v;
        wwx += scale * v * xhat[f];
        wwxx += scale * v * xhat[f] * xhat[f];
    }
    for (int64_t f = 0; f < F; f++) {
        xhat[f] = ttt_round_half(rounding, xhat[f]);
        dT[f] = w[f] * xhat[f] + b[f] - (V[f] - K[f]); /* e, and p */
        dZ2[f] = w[f] * dT[f] - ma - s * xhat[f];
        m0 += scale * t[f];
        m1 += scale * t[f] * xhat[f];
        m2 += scale * t[f] * dZ2[f];
        m3 += scale * t[f] * w[f] * w[f];
        m4 += scale * t[f] * w[f] * w[f] * xhat[f];
    }
    const real alpha = m3 - ww * m0 - wwx * m1, beta = m4 - wwx * m0 - wwxx * m1 + m2;
    for (int64_t f = 0; f < F; f++) {
        const real q = t[f] - m0 - m1 * xhat[f], da = eta * rstd * q;
        dZ2[f] = eta * rstd * ((w[f] * w[f] - s) * q - m1 * dZ2[f] - alpha - beta * xhat[f]) * rstd;
        dw[f] += da * (dT[f] + w[f] * xhat[f]);
        db[f] += w[f] * da;
        dT[f] = -w[f] * da;
    }
    if (deta)
        *deta = (real)F * rstd * m2;
}
#endif
