/* SPDX-License-Identifier: MIT
 *
 * Counter-based random numbers: (seed, stream, index) -> value, with no state in between, so that any element of any
 * tensor of any case can be made again alone.  The generator is Philox4x32-10 (Salmon et al., "Parallel Random
 * Numbers: As Easy as 1, 2, 3", SC 2011).
 */
#ifndef TTT_HARNESS_RNG_H
#define TTT_HARNESS_RNG_H

#include <stdint.h>

/* The generator itself: ten rounds of Philox4x32 of a counter under a key. */
void ttt_rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* 64 random bits. */
uint64_t ttt_rng_bits(uint64_t seed, uint64_t stream, uint64_t index);

/* Uniform in the open interval (0, 1): the middles of 2^52 equal cells. */
double ttt_rng_uniform(uint64_t seed, uint64_t stream, uint64_t index);

/* Standard normal, by Box-Muller from the bits of this index alone. */
double ttt_rng_normal(uint64_t seed, uint64_t stream, uint64_t index);

#endif
