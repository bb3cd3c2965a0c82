/* SPDX-License-Identifier: MIT
 *
 * bfloat16 for the emulated device: what the kernels use of the toolkit's header.
 */
#ifndef TTT_EMULATED_CUDA_BF16_H
#define TTT_EMULATED_CUDA_BF16_H

#include "cuda_fp16.h"

struct __nv_bfloat16 {
    uint16_t bits;
};

struct alignas(4) __nv_bfloat162 {
    __nv_bfloat16 x, y;
};

static inline float __bfloat162float(__nv_bfloat16 x)
{
    return __uint_as_float((uint32_t)x.bits << 16);
}

/* To nearest, ties to even; a NaN becomes the NaN that the hardware makes. */
static inline __nv_bfloat16 __float2bfloat16(float x)
{
    const uint32_t u = __float_as_uint(x);
    if (std::isnan(x))
        return {0x7fff};
    return {(uint16_t)((u + 0x7fff + ((u >> 16) & 1)) >> 16)};
}

static inline __nv_bfloat16 __float2bfloat16_rn(float x)
{
    return __float2bfloat16(x);
}

#endif
