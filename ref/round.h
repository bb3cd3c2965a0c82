/* SPDX-License-Identifier: MIT
 *
 * Rounding, the only place of it in ref/: to bfloat16, and for points that a kernel declares beyond the contract to
 * half precision or its 11 significant bits.  To nearest, ties to even; NaN stays NaN, overflow gives infinity,
 * subnormals are kept.
 */
#ifndef TTT_REF_ROUND_H
#define TTT_REF_ROUND_H

#include <math.h>
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

/* The seed of a stochastic rounding as the operands take it: 0 stays 0, to nearest. */
static inline uint32_t ttt_rounding_seed(uint64_t seed)
{
    const uint64_t mixed = (seed ^ (seed >> 31)) * 0x9e3779b97f4a7c15u;
    return seed ? (uint32_t)(mixed >> 32) | 1u : 0;
}

/* Random bits of a seed and a value, the upper ones the best. */
static inline uint32_t ttt_rounding_draw(uint32_t seed, uint32_t bits)
{
    uint32_t h = (bits ^ seed) * 0x9e3779b1u;
    h = (h ^ (h >> 15)) * 0x85ebca6bu;
    return (h ^ (h >> 13)) * 0xc2b2ae35u;
}

/* Up or down with the probability that makes the mean exact.  The random bits come from the seed and the value itself,
 * so that they depend on nothing else and equal values round alike, as they do in a kernel. */
static inline float ttt_round_drawn(uint32_t seed, float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    const uint32_t drawn = (u + (ttt_rounding_draw(seed, u) >> 16)) & 0xffff0000u;
    const uint32_t chosen = x - x == 0 ? drawn : ttt_round_bits(x);
    float y;
    memcpy(&y, &chosen, sizeof y);
    return y;
}

/* An operand: to nearest for seed 0, else drawn. */
static inline float ttt_round_operand(uint32_t seed, float x)
{
    return seed ? ttt_round_drawn(seed, x) : ttt_round_bf16(x);
}

/* x rounded to 11 significant bits, to nearest for seed 0, else drawn. */
static inline float ttt_round_eleven(uint32_t seed, float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    const uint32_t up = seed ? ttt_rounding_draw(seed, u) >> 19 : 0xfffu + ((u >> 13) & 1u);
    const uint32_t rounded = (u + up) & 0xffffe000u;
    float y;
    memcpy(&y, &rounded, sizeof y);
    return x - x == 0 ? y : x;
}

/* The same to IEEE half precision: in steps of 2^-24 below 2^-14, and infinity from 65520 on.  The end of the range is
 * drawn too, by the seed alone, between 15/16 and 17/16 of it: of values near it, one rounding more or less decides.
 * (With bits 11 the seeds 1, 3, 5, 7 and 2, 4, 6, 8 both have ends on both sides.) */
static inline float ttt_round_half(uint32_t seed, float x)
{
    const double last_place = 0x1p-24, shift = 0x1.8p28; /* whose own last place that is */
    const float end = 0x1p16f * (seed ? 0.9375f + (float)(ttt_rounding_draw(seed, 11) >> 16) * 0x1p-19f : 1);
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    const double drawn = seed ? ttt_rounding_draw(seed, u) * 0x1p-32 - 0.5 : 0;
    const float small = (float)((double)x + drawn * last_place + shift - shift), y = ttt_round_eleven(seed, x);
    return copysignf(x > -0x1p-14f && x < 0x1p-14f ? small : y >= end || y <= -end ? INFINITY : y, x);
}

/* The bfloat16 nearest to x, as its 16 bits. */
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
