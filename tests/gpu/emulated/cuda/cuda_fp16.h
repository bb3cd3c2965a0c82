/* SPDX-License-Identifier: MIT
 *
 * Half precision for the emulated device: what the kernels use of the toolkit's header.
 */
#ifndef TTT_EMULATED_CUDA_FP16_H
#define TTT_EMULATED_CUDA_FP16_H

#include "cuda_runtime.h"
#include <cmath>

struct __half {
    uint16_t bits;
};

struct alignas(4) __half2 {
    __half x, y;
};

static inline float __half2float(__half h)
{
    const uint32_t sign = (uint32_t)(h.bits & 0x8000) << 16, exponent = (h.bits >> 10) & 31, mantissa = h.bits & 0x3ff;
    if (exponent == 0)
        return __uint_as_float(sign | __float_as_uint((float)mantissa * 0x1p-24f));
    return __uint_as_float(sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | mantissa << 13);
}

/* To nearest, ties to even, subnormal numbers included. */
static inline __half __float2half_rn(float x)
{
    const uint32_t u = __float_as_uint(x), magnitude = u & 0x7fffffff, sign = (u >> 16) & 0x8000;
    if (std::isnan(x))
        return {0x7fff};
    if (magnitude >= 0x477ff000u) /* 65520: half way to the number that half precision does not have */
        return {(uint16_t)(sign | 0x7c00)};
    if (magnitude < 0x38800000u) { /* below 2^-14: a multiple of 2^-24, rounded by the addition */
        const float aligned = __uint_as_float(magnitude) + 0.5f;
        return {(uint16_t)(sign | (__float_as_uint(aligned) - __float_as_uint(0.5f)))};
    }
    const uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
    return {(uint16_t)(sign | ((rounded - (112u << 23)) >> 13))};
}

static inline __half __float2half(float x)
{
    return __float2half_rn(x);
}

static inline float2 __half22float2(__half2 x)
{
    return {__half2float(x.x), __half2float(x.y)};
}

static inline __half2 __floats2half2_rn(float x, float y)
{
    return {__float2half_rn(x), __float2half_rn(y)};
}

#endif
