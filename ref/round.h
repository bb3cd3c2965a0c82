/* SPDX-License-Identifier: MIT
 *
 * Rounding to bfloat16, the only place of it in ref/: to nearest, ties to even; NaN stays NaN, overflow gives infinity,
 * subnormals are kept.
 */
#ifndef TTT_REF_ROUND_H
#define TTT_REF_ROUND_H

#include <stdint.h>
#include <string.h>

static inline uint32_t ttt_round_bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    const uint32_t nearest = u + 0x7fffu + ((u >> 16) & 1u);
    const uint32_t quiet = u | 0x00400000u;
    return (x != x ? quiet : nearest) & 0xffff0000u;
}

/* The bfloat16 nearest to x, as a float. */
static inline float ttt_round_bf16(float x)
{
    const uint32_t u = ttt_round_bits(x);
    float y;
    memcpy(&y, &u, sizeof y);
    return y;
}

/* The same, as its 16 bits. */
static inline uint16_t ttt_bf16_store(float x)
{
    return (uint16_t)(ttt_round_bits(x) >> 16);
}

static inline float ttt_bf16_load(uint16_t bits)
{
    const uint32_t u = (uint32_t)bits << 16;
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

#endif
