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

/* The seed of a stochastic rounding as the operands take it: 0 stays 0, to nearest. */
static inline uint32_t ttt_rounding_seed(uint64_t seed)
{
    const uint64_t mixed = (seed ^ (seed >> 31)) * 0x9e3779b97f4a7c15u;
    return seed ? (uint32_t)(mixed >> 32) | 1u : 0;
}

/* Up or down with the probability that makes the mean exact.  The random bits come from the seed and the value itself,
 * so that they depend on nothing else and equal values round alike, as they do in a kernel. */
static inline float ttt_round_drawn(uint32_t seed, float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    uint32_t h = (u ^ seed) * 0x9e3779b1u;
    h = (h ^ (h >> 15)) * 0x85ebca6bu;
    h = (h ^ (h >> 13)) * 0xc2b2ae35u;
    const uint32_t drawn = (u + (h >> 16)) & 0xffff0000u;
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
