/* SPDX-License-Identifier: MIT */
#include "buffer.h"
#include "red_zone.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const ttt_dtype_name[TTT_DTYPE_COUNT] = {[TTT_BF16] = "BF16", [TTT_F32] = "F32", [TTT_F64] = "F64"};

/* Wide enough that a tile written past the end still lands in it; a multiple of the data's alignment. */
enum { ALIGNMENT = 256, RED_ZONE = 4096 };

/* Quiet NaNs with a payload that no arithmetic makes by itself. */
static const uint16_t poison_bf16 = 0x7FD5;
static const uint32_t poison_f32 = 0x7FEDFACEu;
static const uint64_t poison_f64 = 0x7FFDFACEDEC0DE5Au;

size_t ttt_dtype_size(enum ttt_dtype dtype)
{
    static const size_t size[TTT_DTYPE_COUNT] = {[TTT_BF16] = 2, [TTT_F32] = 4, [TTT_F64] = 8};
    return size[dtype];
}

uint16_t ttt_bf16_from_double(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint64_t sign = bits >> 48 & 0x8000;
    const int exponent = (int)(bits >> 52 & 0x7FF) - 1023;
    if (exponent == 1024)
        return (uint16_t)(sign | 0x7F80 | (isnan(x) ? 0x40 | (bits >> 45 & 0x3F) : 0));
    /* Eight significant bits remain of 53, fewer below bf16's normal range; a value under half of the smallest
     * subnormal rounds to zero. */
    const int shift = 45 + (exponent < -126 ? -126 - exponent : 0);
    if (shift > 54)
        return (uint16_t)sign;
    const uint64_t significand = (bits & 0xFFFFFFFFFFFFFu) | 0x10000000000000u;
    const uint64_t rest = significand & ((1ull << shift) - 1), half = 1ull << (shift - 1);
    uint64_t kept = significand >> shift;
    kept += rest > half || (rest == half && (kept & 1));
    /* A carry out of the significand moves into the exponent, up to infinity, as it should. */
    const uint64_t base = exponent < -126 ? 0 : (uint64_t)(exponent + 126) << 7;
    return (uint16_t)(sign | (base + kept < 0x7F80 ? base + kept : 0x7F80));
}

double ttt_bf16_to_double(uint16_t bits)
{
    const uint32_t wide = (uint32_t)bits << 16;
    float x;
    memcpy(&x, &wide, sizeof x);
    return (double)x;
}

int ttt_buffer_alloc(struct ttt_buffer *b, enum ttt_dtype dtype, int64_t elements)
{
    *b = (struct ttt_buffer){.dtype = dtype, .elements = elements};
    const uint64_t limit = (SIZE_MAX < INT64_MAX ? (uint64_t)SIZE_MAX : (uint64_t)INT64_MAX) - 2 * RED_ZONE;
    if (elements < 0 || (uint64_t)elements > limit / ttt_dtype_size(dtype))
        return -1;
    const size_t bytes = (size_t)elements * ttt_dtype_size(dtype);
    if (posix_memalign(&b->allocation, ALIGNMENT, RED_ZONE + bytes + RED_ZONE)) {
        b->allocation = NULL;
        return -1;
    }
    unsigned char *front = b->allocation;
    b->data = front + RED_ZONE;
    ttt_red_zone_fill(front, RED_ZONE);
    ttt_red_zone_fill(front + RED_ZONE + bytes, RED_ZONE);
    ttt_buffer_poison(b);
    return 0;
}

void ttt_buffer_free(struct ttt_buffer *b)
{
    free(b->allocation);
    *b = (struct ttt_buffer){.dtype = b->dtype};
}

void ttt_buffer_poison(struct ttt_buffer *b)
{
    uint16_t *bf16 = b->data;
    uint32_t *f32 = b->data;
    uint64_t *f64 = b->data;
    for (int64_t i = 0; i < b->elements; i++) {
        if (b->dtype == TTT_BF16)
            bf16[i] = poison_bf16;
        else if (b->dtype == TTT_F32)
            f32[i] = poison_f32;
        else
            f64[i] = poison_f64;
    }
}

int64_t ttt_buffer_poison_left(const struct ttt_buffer *b)
{
    const uint16_t *bf16 = b->data;
    const uint32_t *f32 = b->data;
    const uint64_t *f64 = b->data;
    int64_t left = 0;
    for (int64_t i = 0; i < b->elements; i++) {
        if (b->dtype == TTT_BF16)
            left += bf16[i] == poison_bf16;
        else if (b->dtype == TTT_F32)
            left += f32[i] == poison_f32;
        else
            left += f64[i] == poison_f64;
    }
    return left;
}

int ttt_buffer_red_zones_intact(const struct ttt_buffer *b)
{
    if (!b->allocation)
        return 1;
    const unsigned char *front = b->allocation;
    const unsigned char *back = front + RED_ZONE + (size_t)b->elements * ttt_dtype_size(b->dtype);
    return ttt_red_zone_intact(front, RED_ZONE) && ttt_red_zone_intact(back, RED_ZONE);
}

uint64_t ttt_buffer_hash(const struct ttt_buffer *b)
{
    const unsigned char *bytes = b->data;
    const size_t n = (size_t)b->elements * ttt_dtype_size(b->dtype);
    uint64_t hash = 0xCBF29CE484222325u, word;
    size_t i = 0;
    for (; i + sizeof word <= n; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        hash = (hash ^ word) * 0x100000001B3u;
    }
    for (; i < n; i++)
        hash = (hash ^ bytes[i]) * 0x100000001B3u;
    return hash;
}

double ttt_buffer_get(const struct ttt_buffer *b, int64_t i)
{
    if (b->dtype == TTT_BF16)
        return ttt_bf16_to_double(((const uint16_t *)b->data)[i]);
    if (b->dtype == TTT_F32)
        return (double)((const float *)b->data)[i];
    return ((const double *)b->data)[i];
}

void ttt_buffer_set(struct ttt_buffer *b, int64_t i, double x)
{
    if (b->dtype == TTT_BF16)
        ((uint16_t *)b->data)[i] = ttt_bf16_from_double(x);
    else if (b->dtype == TTT_F32)
        ((float *)b->data)[i] = (float)x;
    else
        ((double *)b->data)[i] = x;
}
