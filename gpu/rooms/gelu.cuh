/* SPDX-License-Identifier: MIT
 *
 * Room: the tanh form of gelu and its derivatives on accumulators.  Twin: `gelu` in ref/.
 */
#ifndef TTT_GPU_ROOMS_GELU_CUH
#define TTT_GPU_ROOMS_GELU_CUH

#include "../config.h"
#include "../ptx/math.cuh"

namespace ttt_gpu
{

/* Z1 [hidden, token] of mini-batch i, 0 in the columns past the end of the sequence.  There it is 0 W1 + b1: NaN where
 * W1 is not finite, and the sums over tokens would carry that into a state that is. */
template <typename Params> TTT_DEVICE void clear_past_end(float (&Z1)[TILE_REGISTERS], const Params &p, int i, int quad)
{
    if (i != p.mini_batches - 1)
        return;
    const int left = (int)((uint32_t)p.seq_len - (uint32_t)i * C) - 2 * quad;
#pragma unroll
    for (int k = 0; k < TILE_REGISTERS; k++)
        Z1[k] = k / 4 * 8 + k % 2 < left ? Z1[k] : 0.0f;
}

/* X2 = gelu(Z1), rounded, for 16 of the 64 columns, number `step`; leaves in Z1 the clamped z and in S (1 + tanh) / 2,
 * from which gelu_grad goes on. */
TTT_DEVICE void gelu_step(uint32_t (&X2)[16], float (&Z1)[TILE_REGISTERS], float (&S)[TILE_REGISTERS], int step)
{
#pragma unroll
    for (int k = 8 * step; k < 8 * step + 8; k++) {
        const float z = max_or_nan(Z1[k], -GELU_REACH); /* else -inf * 0 */
        const float u = z * fmaf(SQRT_2_OVER_PI * GELU_CUBIC, z * z, SQRT_2_OVER_PI);
        S[k] = fmaf(0.5f, tanh_approx(u), 0.5f);
        Z1[k] = z;
        if (k % 2 == 1)
            X2[k / 2] = pack_bf16(Z1[k - 1] * S[k - 1], z * S[k]);
    }
}

/* gelu'(z) = s + 2 z s (1 - s) u'(z), of the z and s that gelu_step leaves. */
TTT_DEVICE float gelu_grad_of(float clamped, float s)
{
    const float z = min_or_nan(clamped, GELU_REACH); /* else 0 * inf */
    const float slope = fmaf(6.0f * SQRT_2_OVER_PI * GELU_CUBIC, z * z, 2.0f * SQRT_2_OVER_PI);
    return fmaf(z * fmaf(-s, s, s), slope, s);
}

/* Z1 <- gelu'(Z1) for one HALF (0 or 1) of the elements. */
template <int HALF> TTT_DEVICE void gelu_grad(float (&Z1)[TILE_REGISTERS], const float (&S)[TILE_REGISTERS])
{
#pragma unroll
    for (int k = HALF * TILE_REGISTERS / 2; k < (HALF + 1) * TILE_REGISTERS / 2; k++)
        Z1[k] = gelu_grad_of(Z1[k], S[k]);
}

/* gelu'(Z1) of the columns of `step`, rounded to half precision (declared: `slope`), where registers are short. */
TTT_DEVICE void gelu_grad_step(uint32_t (&slope)[16], const float (&Z1)[TILE_REGISTERS],
                               const float (&S)[TILE_REGISTERS], int step)
{
#pragma unroll
    for (int k = 8 * step; k < 8 * step + 8; k += 2)
        slope[k / 2] = pack_f16(gelu_grad_of(Z1[k], S[k]), gelu_grad_of(Z1[k + 1], S[k + 1]));
}

/* A1 <- A1 gelu'. */
TTT_DEVICE void multiply_slope(float (&A1)[TILE_REGISTERS], const uint32_t (&slope)[16])
{
#pragma unroll
    for (int k = 0; k < 16; k++) {
        const float2 v = unpack_f16(slope[k]);
        A1[2 * k] *= v.x;
        A1[2 * k + 1] *= v.y;
    }
}

/* gelu and its first two derivatives from one tanh. */
struct GeluCurve {
    float value, slope, bend;
};

/* With T = tanh u and P = 1 - T^2, exactly 0 at saturation, where the rest must be finite:
 * gelu' = (1 + T + z P u') / 2,  gelu'' = P (u' + z u'' / 2 - z T u'^2), and z u'' / 2 = u' - u'(0). */
TTT_DEVICE GeluCurve gelu_curve(float Z1)
{
    constexpr float CUBIC = SQRT_2_OVER_PI * GELU_CUBIC;
    const float from_below = max_or_nan(Z1, -GELU_REACH), z = min_or_nan(from_below, GELU_REACH), zz = z * z;
    const float T = tanh_approx(z * fmaf(CUBIC, zz, SQRT_2_OVER_PI));
    const float P = fmaf(-T, T, 1.0f);
    const float half = 0.5f * from_below;
    const float u1 = fmaf(3.0f * CUBIC, zz, SQRT_2_OVER_PI);
    const float v = 0.5f * z * u1;
    return {fmaf(half, T, half), fmaf(v, P, fmaf(0.5f, T, 0.5f)),
            P * fmaf(u1, fmaf(-2.0f * v, T, 2.0f), -SQRT_2_OVER_PI)};
}

} // namespace ttt_gpu

#endif
