/* SPDX-License-Identifier: MIT
 *
 * Typed memory for tensors: bfloat16, float or double elements between two red zones, poisoned when fresh, so that
 * elements that were never written and writes beyond either end can be told afterwards.
 */
#ifndef TTT_HARNESS_BUFFER_H
#define TTT_HARNESS_BUFFER_H

#include <stddef.h>
#include <stdint.h>

enum ttt_dtype { TTT_BF16, TTT_F32, TTT_F64, TTT_DTYPE_COUNT };

size_t ttt_dtype_size(enum ttt_dtype dtype);
extern const char *const ttt_dtype_name[TTT_DTYPE_COUNT]; /* as safetensors spells them: "BF16", "F32", "F64" */

/* Round to nearest even; NaN stays NaN.  double -> bf16 rounds once (not through float). */
uint16_t ttt_bf16_from_double(double x);
double ttt_bf16_to_double(uint16_t bits);

/* A typed buffer between two red zones. */
struct ttt_buffer {
    enum ttt_dtype dtype;
    int64_t elements;
    void *data;       /* aligned to 256 bytes; NULL: absent */
    void *allocation; /* private */
};

/* 0, or -1 when memory cannot be had.  The content is poison: a NaN pattern that no computation produces. */
int ttt_buffer_alloc(struct ttt_buffer *b, enum ttt_dtype dtype, int64_t elements);
void ttt_buffer_free(struct ttt_buffer *b); /* idempotent */
void ttt_buffer_poison(struct ttt_buffer *b);
int ttt_buffer_red_zones_intact(const struct ttt_buffer *b);
int64_t ttt_buffer_poison_left(const struct ttt_buffer *b); /* number of elements that still are poison */
uint64_t ttt_buffer_hash(const struct ttt_buffer *b);       /* FNV-1a over 64-bit words, then over the bytes left */
double ttt_buffer_get(const struct ttt_buffer *b, int64_t i);
void ttt_buffer_set(struct ttt_buffer *b, int64_t i, double x); /* rounds to nearest even */

#endif
