/* SPDX-License-Identifier: MIT
 *
 * Room: the tanh form of gelu and its derivative on accumulators.  Twin: `gelu` in ref/.
 */
#ifndef TTT_GPU_ROOMS_GELU_CUH
#define TTT_GPU_ROOMS_GELU_CUH

#include "../config.h"
#include "../ptx/math.cuh"

namespace ttt_gpu
{

/* X2 = gelu(Z1), rounded, for 16 of the 64 columns, number `step`; leaves in Z1 the clamped z and in T the tanh, from
 * which gelu_grad goes on. */
TTT_DEVICE void gelu_step(uint32_t (&X2)[16], float (&Z1)[TILE_REGISTERS], float (&T)[TILE_REGISTERS], int step)
{
#pragma unroll
    for (int k = 8 * step; k < 8 * step + 8; k++) {
        const float z = max_or_nan(Z1[k], -GELU_REACH); /* else -inf * 0 */
        T[k] = tanh_approx(z * fmaf(SQRT_2_OVER_PI * GELU_CUBIC, z * z, SQRT_2_OVER_PI));
        Z1[k] = z;
        if (k % 2 == 1)
            X2[k / 2] = pack_bf16(Z1[k - 1] * fmaf(0.5f, T[k - 1], 0.5f), z * fmaf(0.5f, T[k], 0.5f));
    }
}

/* Z1 <- gelu'(Z1) = (1 + t) / 2 + z / 2 (1 - t^2) u'(z) with t = tanh(u(z)), for one HALF (0 or 1) of the elements. */
template <int HALF> TTT_DEVICE void gelu_grad(float (&Z1)[TILE_REGISTERS], const float (&T)[TILE_REGISTERS])
{
#pragma unroll
    for (int k = HALF * TILE_REGISTERS / 2; k < (HALF + 1) * TILE_REGISTERS / 2; k++) {
        const float z = min_or_nan(Z1[k], GELU_REACH); /* else 0 * inf */
        const float slope = fmaf(1.5f * SQRT_2_OVER_PI * GELU_CUBIC, z * z, 0.5f * SQRT_2_OVER_PI);
        Z1[k] = fmaf(z * fmaf(-T[k], T[k], 1.0f), slope, fmaf(0.5f, T[k], 0.5f));
    }
}

} // namespace ttt_gpu

#endif
