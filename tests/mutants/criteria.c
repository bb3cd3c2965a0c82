/* SPDX-License-Identifier: MIT */
#include "criteria.h"
#include <math.h>

/* allclose of NumPy and PyTorch: |k - r| <= atol + rtol |r| for every element. */
static int all_close(const struct comparison *c, double rtol, double atol)
{
    for (int64_t i = 0; i < c->k->elements; i++) {
        const double r = ttt_buffer_get(c->r, i);
        if (!(fabs(ttt_buffer_get(c->k, i) - r) <= atol + rtol * fabs(r)))
            return 0;
    }
    return 1;
}

/* max |x - r|; NaN where one is NaN. */
static double max_error(const struct ttt_buffer *x, const struct ttt_buffer *r)
{
    double most = 0;
    for (int64_t i = 0; i < x->elements; i++) {
        const double error = fabs(ttt_buffer_get(x, i) - ttt_buffer_get(r, i));
        most = !(error <= most) ? error : most;
        if (most != most)
            break;
    }
    return most;
}

/* Square root of the sum of (x - r)^2; r NULL: of x^2. */
static double norm(const struct ttt_buffer *x, const struct ttt_buffer *r)
{
    double sum = 0;
    for (int64_t i = 0; i < x->elements; i++) {
        const double d = ttt_buffer_get(x, i) - (r ? ttt_buffer_get(r, i) : 0);
        sum += d * d;
    }
    return sqrt(sum);
}

/* allclose with rtol = 1e-2 and NumPy's atol. */
static int close_1e2(const struct comparison *c)
{
    return all_close(c, 1e-2, 1e-8);
}

/* torch.testing.assert_close for bfloat16: rtol = 1.6e-2, atol = 1e-5. */
static int close_torch(const struct comparison *c)
{
    return all_close(c, 1.6e-2, 1e-5);
}

/* A fixed bound of the largest error. */
static int fixed(const struct comparison *c)
{
    return max_error(c->k, c->r) <= 2e-2;
}

/* The largest error is at most twice that of a bfloat16 baseline (attention kernels). */
static int twice_baseline(const struct comparison *c)
{
    return max_error(c->k, c->r) <= 2 * max_error(c->b, c->r);
}

/* RMS of the error over RMS of the truth below 0.005 (linear attention kernels). */
static int rms_ratio(const struct comparison *c)
{
    return norm(c->k, c->r) <= 0.005 * norm(c->r, NULL);
}

/* 1 - 2 <k, r> / (<k, k> + <r, r>) below 1e-3 (GEMM kernels). */
static int similarity(const struct comparison *c)
{
    double product = 0, squares = 0;
    for (int64_t i = 0; i < c->k->elements; i++) {
        const double k = ttt_buffer_get(c->k, i), r = ttt_buffer_get(c->r, i);
        product += k * r;
        squares += k * k + r * r;
    }
    return squares == 0 || 1 - 2 * product / squares < 1e-3;
}

/* RMSE at most three times that of a baseline. */
static int three_rmse(const struct comparison *c)
{
    return norm(c->k, c->r) <= 3 * norm(c->b, c->r);
}

const struct criterion criteria[CRITERIA] = {
    {"allclose(rtol=1e-2)", close_1e2},  {"assert_close(1.6e-2,1e-5)", close_torch},
    {"max error <= 2e-2", fixed},        {"max error <= 2x baseline", twice_baseline},
    {"RMS ratio < 0.005", rms_ratio},    {"1 - 2ab/(a2+b2) < 1e-3", similarity},
    {"RMSE <= 3x baseline", three_rmse},
};
