/* SPDX-License-Identifier: MIT */
#include "rng.h"
#include <math.h>

void ttt_rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t x0 = counter[0], x1 = counter[1], x2 = counter[2], x3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * x0;
        const uint64_t p1 = (uint64_t)0xCD9E8D57u * x2;
        x0 = (uint32_t)(p1 >> 32) ^ x1 ^ k0;
        x2 = (uint32_t)(p0 >> 32) ^ x3 ^ k1;
        x1 = (uint32_t)p1;
        x3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = x0;
    out[1] = x1;
    out[2] = x2;
    out[3] = x3;
}

/* The seed is the key; index and stream are the counter. */
static void draw(uint64_t seed, uint64_t stream, uint64_t index, uint64_t bits[2])
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
    uint32_t x[4];
    ttt_rng_philox(counter, key, x);
    bits[0] = (uint64_t)x[1] << 32 | x[0];
    bits[1] = (uint64_t)x[3] << 32 | x[2];
}

/* The middle of one of 2^52 cells: neither 0 nor 1, and exact. */
static double to_uniform(uint64_t bits)
{
    return ((double)(bits >> 12) + 0.5) * 0x1p-52;
}

uint64_t ttt_rng_bits(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint64_t bits[2];
    draw(seed, stream, index, bits);
    return bits[0];
}

double ttt_rng_uniform(uint64_t seed, uint64_t stream, uint64_t index)
{
    return to_uniform(ttt_rng_bits(seed, stream, index));
}

double ttt_rng_normal(uint64_t seed, uint64_t stream, uint64_t index)
{
    const double two_pi = 6.283185307179586477;
    uint64_t bits[2];
    draw(seed, stream, index, bits);
    return sqrt(-2.0 * log(to_uniform(bits[0]))) * cos(two_pi * to_uniform(bits[1]));
}
