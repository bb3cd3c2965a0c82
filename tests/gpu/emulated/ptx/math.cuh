/* SPDX-License-Identifier: MIT
 *
 * Twin of gpu/ptx/math.cuh.
 */
#ifndef TTT_GPU_PTX_MATH_CUH
#define TTT_GPU_PTX_MATH_CUH

#include "device.cuh"
#include <cmath>

namespace ttt_gpu
{

/* tanh rounded to 11 significant bits: the hardware's error, not its bits. */
TTT_DEVICE float tanh_approx(float x)
{
    const float y = std::tanh(x);
    if (std::isnan(y))
        return y;
    return __uint_as_float((__float_as_uint(y) + (1u << 12)) & ~((1u << 13) - 1));
}

TTT_DEVICE float max_or_nan(float a, float b)
{
    return std::isnan(a) || std::isnan(b) ? NAN : std::fmax(a, b);
}

TTT_DEVICE float min_or_nan(float a, float b)
{
    return std::isnan(a) || std::isnan(b) ? NAN : std::fmin(a, b);
}

TTT_DEVICE uint32_t pack_bf16(float low, float high)
{
    return (uint32_t)__float2bfloat16(high).bits << 16 | __float2bfloat16(low).bits;
}

TTT_DEVICE uint32_t pack_f16(float low, float high)
{
    return (uint32_t)__float2half_rn(high).bits << 16 | __float2half_rn(low).bits;
}

TTT_DEVICE float2 unpack_f16(uint32_t pair)
{
    return {__half2float({(uint16_t)pair}), __half2float({(uint16_t)(pair >> 16)})};
}

template <int REGISTERS> TTT_DEVICE void registers_grow()
{
    static_assert(REGISTERS >= 24 && REGISTERS <= 256 && REGISTERS % 8 == 0, "what the instruction takes");
}

template <int REGISTERS> TTT_DEVICE void registers_shrink()
{
    static_assert(REGISTERS >= 24 && REGISTERS <= 256 && REGISTERS % 8 == 0, "what the instruction takes");
}

} // namespace ttt_gpu

#endif
