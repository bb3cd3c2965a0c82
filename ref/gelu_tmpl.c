/* SPDX-License-Identifier: MIT
 *
 * gelu, tanh form, with its first two derivatives, over tiles of the hidden dimension.
 *
 * With u(z) = sqrt(2/pi) (z + k z^3) the tanh form is z s, s = (1 + tanh u) / 2 = 1 / (1 + exp(-2u)), so one exp gives
 * everything, and 1 - tanh^2 = 4 s (1 - s) comes without cancellation:
 *
 *   gelu   = z s              gelu'  = s + z s'            gelu'' = 2 s' + z s''
 *   s' = 2 u' s (1 - s)       s'' = 2 u'' s (1 - s) + (2 u')^2 s (1 - s) (1 - 2 s)
 *
 * exp only sees -2|u|: it cannot overflow.  Beyond |z| = 64 it has long underflowed, in double too, and z is held
 * there: the limits (0 or z, 0 or 1, 0) are reached exactly and no infinity meets a zero.  NaN stays NaN.
 */

#define TTT_REF_GELU_REACH 64

struct gelu {
    real value, first, second;
};

TTT_REF_INLINE real R(gelu_reach)(real z)
{
    return RE(z) > TTT_REF_GELU_REACH ? TTT_REF_GELU_REACH : RE(z) < -TTT_REF_GELU_REACH ? -TTT_REF_GELU_REACH : z;
}

TTT_REF_INLINE struct gelu R(gelu)(real z)
{
    const real c = R_(0.79788456080286535588), k = R_(0.044715); /* sqrt(2/pi) */
    const real x = R(gelu_reach)(z), xx = x * x;
    const real u = c * x * (1 + k * xx), u1 = c * (1 + 3 * k * xx), u2 = 6 * c * k * x;
    const real e = R(exp)(-2 * (RE(u) < 0 ? -u : u));
    const real r = 1 / (1 + e);
    const real s = RE(x) < 0 ? e * r : r;
    const real q = e * r * r;                             /* s (1 - s) */
    const real m = RE(x) < 0 ? (1 - e) * r : (e - 1) * r; /* 1 - 2 s */
    const real s1 = 2 * u1 * q, s2 = 2 * u2 * q + 4 * u1 * u1 * q * m;
    return (struct gelu){(RE(z) < RE(x) ? x : z) * s, s + x * s1, 2 * s1 + x * s2};
}

/* X2q = Q(gelu(Z + b)).  Z [rows, D], b [D]. */
TTT_REF_CLONES static void R(gelu_rows)(uint32_t rounding, int64_t rows, int64_t D, const real *restrict Z,
                                        const real *restrict b, real *restrict X2q)
{
    for (int64_t r = 0; r < rows; r++) {
#pragma omp simd
        for (int64_t d = 0; d < D; d++)
            X2q[r * D + d] = R(gelu)(Z[r * D + d] + b[d]).value;
        R(operand)(rounding, D, X2q + r * D, X2q + r * D);
    }
}

/* Z += b, X2q = Q(gelu(Z)), slope = gelu'(Z). */
TTT_REF_CLONES static void R(gelu_slope_rows)(uint32_t rounding, int64_t rows, int64_t D, real *restrict Z,
                                              const real *restrict b, real *restrict X2q, real *restrict slope)
{
    for (int64_t r = 0; r < rows; r++) {
#pragma omp simd
        for (int64_t d = 0; d < D; d++) {
            const real z = Z[r * D + d] + b[d];
            const struct gelu g = R(gelu)(z);
            Z[r * D + d] = z;
            X2q[r * D + d] = g.value;
            slope[r * D + d] = g.first;
        }
        R(operand)(rounding, D, X2q + r * D, X2q + r * D);
    }
}

#if ROUNDS
/* gelu and its derivatives with those of the points `tanh`, `slope` and `gelu1` that are among `points`. */
static struct gelu R(gelu_declared)(unsigned points, uint32_t rounding, real z)
{
    const real root = R_(0.79788456080286535588), cubic = R_(0.044715); /* c and k of gelu */
    const real x = R(gelu_reach)(z), t = tanhf(root * x * (1 + cubic * x * x));
    const real T = points & TTT_REF_POINT_TANH ? ttt_round_eleven(rounding, t) : t, s = (1 + T) / 2;
    const real u1 = root * (1 + 3 * cubic * x * x), s1 = 2 * (s - s * s) * u1;
    const real first = s + x * s1, second = 2 * s1 + x * (12 * root * cubic * x * (s - s * s) - 2 * u1 * s1 * T);
    return (struct gelu){(z < x ? x : z) * s,
                         points & (TTT_REF_POINT_SLOPE | TTT_REF_POINT_GELU1) ? ttt_round_half(rounding, first) : first,
                         second};
}

/* gelu_slope_rows with these points: z = Z + b (b NULL: Z has its bias), X2q = Q(gelu(z)) and, unless it is NULL,
 * slope = gelu'(z). */
static void R(gelu_declared_rows)(unsigned points, uint32_t rounding, int64_t rows, int64_t D, const real *restrict Z,
                                  const real *restrict b, real *restrict X2q, real *restrict slope)
{
    for (int64_t i = 0; i < rows * D; i++) {
        const struct gelu declared = R(gelu_declared)(points, rounding, b ? Z[i] + b[i % D] : Z[i]);
        X2q[i] = Q(rounding, declared.value);
        if (slope)
            slope[i] = declared.first;
    }
}
#endif

/* What the backward pass needs again of a saved Z1 (bias included) and gX2 = gZ2 W2^T.  X2 and X2q, gZ1 and gZ1q are
 * the same array where nothing rounds.  Row by row like the others: the last elements of a row may get another exp than
 * full vectors do, and X2 must be the same bits again. */
TTT_REF_CLONES static void R(gelu_recall)(uint32_t rounding, int64_t rows, int64_t D, const real *restrict Z1,
                                          const real *restrict gX2, real *X2, real *X2q, real *gZ1, real *gZ1q,
                                          real *restrict slope, real *restrict bend)
{
    for (int64_t r = 0; r < rows; r++) {
#pragma omp simd
        for (int64_t i = r * D; i < (r + 1) * D; i++) {
            const struct gelu g = R(gelu)(Z1[i]);
            X2[i] = g.value;
            gZ1[i] = gX2[i] * g.first;
            slope[i] = g.first;
            bend[i] = gX2[i] * g.second; /* gX2 gelu''(Z1) */
        }
        R(operand)(rounding, D, X2 + r * D, X2q + r * D);
        R(operand)(rounding, D, gZ1 + r * D, gZ1q + r * D);
    }
}

#if ROUNDS
/* gelu_recall with these points. */
static void R(gelu_declared_recall)(unsigned points, uint32_t rounding, int64_t n, const real *restrict Z1,
                                    const real *restrict gX2, real *restrict X2, real *restrict X2q, real *restrict gZ1,
                                    real *restrict gZ1q, real *restrict slope, real *restrict bend)
{
    for (int64_t i = 0; i < n; i++) {
        const struct gelu declared = R(gelu_declared)(points, rounding, Z1[i]);
        X2[i] = declared.value;
        X2q[i] = Q(rounding, declared.value);
        gZ1[i] = gX2[i] * declared.first;
        gZ1q[i] = Q(rounding, gZ1[i]);
        slope[i] = declared.first;
        bend[i] = gX2[i] * declared.second;
    }
}
#endif
