/* SPDX-License-Identifier: MIT
 *
 * Arithmetic that C++ has no name for, and the registers a warpgroup may use.
 */
#ifndef TTT_GPU_PTX_MATH_CUH
#define TTT_GPU_PTX_MATH_CUH

#include "device.cuh"

namespace ttt_gpu
{

/* tanh to a relative error of 2^-11, exactly +-1 for large |x|; NaN stays NaN.  Declared: `tanh`. */
TTT_DEVICE float tanh_approx(float x)
{
    float y;
    asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

/* max and min in which a NaN operand wins. */
TTT_DEVICE float max_or_nan(float a, float b)
{
    float y;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
    return y;
}

TTT_DEVICE float min_or_nan(float a, float b)
{
    float y;
    asm("min.NaN.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
    return y;
}

/* Two floats rounded to nearest even, `low` in the lower half. */
TTT_DEVICE uint32_t pack_bf16(float low, float high)
{
    uint32_t y;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
    return y;
}

TTT_DEVICE uint32_t pack_f16(float low, float high)
{
    uint32_t y;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
    return y;
}

TTT_DEVICE float2 unpack_f16(uint32_t pair)
{
    float2 y;
    asm("{ .reg .f16 l, h; mov.b32 {l, h}, %2; cvt.f32.f16 %0, l; cvt.f32.f16 %1, h; }"
        : "=f"(y.x), "=f"(y.y)
        : "r"(pair));
    return y;
}

/* This warpgroup takes registers from the pool, or gives some back; all its warps say the same. */
template <int REGISTERS> TTT_DEVICE void registers_grow()
{
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}

template <int REGISTERS> TTT_DEVICE void registers_shrink()
{
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}

} // namespace ttt_gpu

#endif
