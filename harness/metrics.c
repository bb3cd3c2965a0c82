/* SPDX-License-Identifier: MIT */
#include "metrics.h"
#include <float.h>
#include <math.h>
#include <string.h>

/* Elements are widened to double block by block; within a block each sum runs in LANES parallel chains, which the
 * compiler can vectorise, and blocks add up with compensation. */
enum { BLOCK = 1024, LANES = 4 };

struct block {
    int64_t n;      /* elements, the rest up to a multiple of LANES is 0 */
    int64_t offset; /* index of the first in the whole tensor */
    double k[BLOCK], r[BLOCK], d[BLOCK];
    double ulps[BLOCK]; /* |k - r| / ulp(r) */
};

void ttt_metrics_init(struct ttt_metrics *m)
{
    *m = (struct ttt_metrics){.worst = -1};
}

static void sum_add(struct ttt_sum *s, double x)
{
    const double total = s->value + x;
    s->carry += fabs(s->value) >= fabs(x) ? (s->value - total) + x : (x - total) + s->value;
    s->value = total;
}

static double lanes_total(const double lane[LANES])
{
    return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

static double lanes_max(const double lane[LANES])
{
    return fmax(fmax(lane[0], lane[1]), fmax(lane[2], lane[3]));
}

/* x[] squared, in the scale that its largest magnitude asks for.  What underflows is below 2^-32 of that maximum. */
static void sum_sq_add(struct ttt_sum_sq *s, const double *x, int64_t n, double max)
{
    static const double factor[3] = {0x1p600, 1, 0x1p-600};
    const int scale = max > 0x1p480 ? 2 : max < 0x1p-480 ? 0 : 1;
    double lane[LANES] = {0};
    for (int64_t i = 0; i < n; i += LANES)
        for (int j = 0; j < LANES; j++) {
            const double scaled = x[i + j] * factor[scale];
            lane[j] += scaled * scaled;
        }
    sum_add(&s->scale[scale], lanes_total(lane));
}

static double sum_value(const struct ttt_sum *s)
{
    return s->value + s->carry;
}

static double norm(const struct ttt_sum_sq *s)
{
    return hypot(hypot(sqrt(sum_value(&s->scale[0])) * 0x1p-600, sqrt(sum_value(&s->scale[1]))),
                 sqrt(sum_value(&s->scale[2])) * 0x1p600);
}

static int all_finite(const struct block *b)
{
    int bad = 0;
    for (int64_t i = 0; i < b->n; i++)
        bad |= !(fabs(b->k[i]) <= DBL_MAX) | !(fabs(b->r[i]) <= DBL_MAX);
    return !bad;
}

static int same_kind(double k, double r)
{
    if (isnan(k) || isnan(r))
        return isnan(k) && isnan(r);
    return k == r;
}

/* Count the positions that are not finite and take them out of the block. */
static void set_aside(struct ttt_metrics *m, struct block *b)
{
    for (int64_t i = 0; i < b->n; i++) {
        if (isfinite(b->k[i]) && isfinite(b->r[i]))
            continue;
        if (same_kind(b->k[i], b->r[i])) {
            m->non_finite++;
        } else if (m->mismatched++ == 0) {
            m->worst = b->offset + i;
            m->worst_k = b->k[i];
            m->worst_r = b->r[i];
        }
        b->k[i] = b->r[i] = 0;
        m->ulps[0]--; /* where it will be counted as equal */
    }
}

/* The largest power of two that is not above |r|, or the smallest normal one. */
static double magnitude(double r, double min_normal)
{
    uint64_t bits;
    memcpy(&bits, &r, sizeof bits);
    bits &= 0x7FF0000000000000u;
    memcpy(&r, &bits, sizeof r);
    return r > min_normal ? r : min_normal;
}

/* Differences, their signed sum and maxima.  Returns max |k - r|. */
static double add_differences(struct ttt_metrics *m, struct block *b, enum ttt_dtype dtype)
{
    const double epsilon = dtype == TTT_BF16 ? 0x1p-7 : dtype == TTT_F32 ? 0x1p-23 : 0x1p-52;
    const double min_normal = dtype == TTT_F64 ? DBL_MIN : (double)FLT_MIN;
    double error[LANES] = {0}, max_abs[LANES] = {0}, max_ulp[LANES] = {0};
    for (int64_t i = 0; i < b->n; i += LANES)
        for (int j = 0; j < LANES; j++) {
            const double d = b->k[i + j] - b->r[i + j];
            const double size = fabs(d), ulps = size / (magnitude(b->r[i + j], min_normal) * epsilon);
            b->d[i + j] = d;
            b->ulps[i + j] = ulps;
            error[j] += d;
            max_abs[j] = size > max_abs[j] ? size : max_abs[j];
            max_ulp[j] = ulps > max_ulp[j] ? ulps : max_ulp[j];
        }
    sum_add(&m->error, lanes_total(error));
    m->max_ulp = fmax(m->max_ulp, lanes_max(max_ulp));
    return lanes_max(max_abs);
}

/* The exponent of a double is the number of its bin. */
static void count_ulps(struct ttt_metrics *m, const struct block *b)
{
    for (int64_t i = 0; i < b->n; i++) {
        uint64_t bits;
        memcpy(&bits, &b->ulps[i], sizeof bits);
        const int64_t bin = (int64_t)(bits >> 52) - 1023 - TTT_METRICS_ULP_FIRST + 1;
        m->ulps[bin < 0 ? 0 : bin < TTT_METRICS_ULP_BINS ? bin : TTT_METRICS_ULP_BINS - 1]++;
    }
}

/* Returns max |r|. */
static double add_truth(struct ttt_metrics *m, const struct block *b)
{
    double sum[LANES] = {0}, max[LANES] = {0};
    for (int64_t i = 0; i < b->n; i += LANES)
        for (int j = 0; j < LANES; j++) {
            const double size = fabs(b->r[i + j]);
            sum[j] += size;
            max[j] = size > max[j] ? size : max[j];
        }
    sum_add(&m->abs_truth, lanes_total(sum));
    return lanes_max(max);
}

static void add_block(struct ttt_metrics *m, struct block *b, enum ttt_dtype dtype)
{
    m->elements += b->n;
    if (!all_finite(b))
        set_aside(m, b);
    for (int64_t i = b->n; i % LANES; i++)
        b->k[i] = b->r[i] = 0;
    const double max_error = add_differences(m, b, dtype);
    count_ulps(m, b);
    sum_sq_add(&m->sq_error, b->d, b->n, max_error);
    sum_sq_add(&m->sq_truth, b->r, b->n, add_truth(m, b));
    if (!(max_error > m->max_abs))
        return;
    m->max_abs = max_error;
    if (m->mismatched > 0)
        return;
    int64_t i = 0;
    while (fabs(b->d[i]) < max_error)
        i++;
    m->worst = b->offset + i;
    m->worst_k = b->k[i];
    m->worst_r = b->r[i];
}

static void load(double *out, const struct ttt_buffer *b, int64_t first, int64_t n)
{
    const uint16_t *bf16 = b->data;
    const float *f32 = b->data;
    if (b->dtype == TTT_BF16)
        for (int64_t i = 0; i < n; i++)
            out[i] = ttt_bf16_to_double(bf16[first + i]);
    else if (b->dtype == TTT_F32)
        for (int64_t i = 0; i < n; i++)
            out[i] = (double)f32[first + i];
    else
        memcpy(out, (const double *)b->data + first, (size_t)n * sizeof *out);
}

static int64_t block_size(int64_t left)
{
    return left < BLOCK ? left : BLOCK;
}

void ttt_metrics_add(struct ttt_metrics *m, const struct ttt_buffer *k, const struct ttt_buffer *r, int64_t offset)
{
    struct block b;
    for (int64_t first = 0; first < k->elements; first += BLOCK) {
        b.n = block_size(k->elements - first);
        b.offset = offset + first;
        load(b.k, k, first, b.n);
        load(b.r, r, first, b.n);
        add_block(m, &b, k->dtype);
    }
}

void ttt_metrics_add_rounding(struct ttt_metrics *m, const struct ttt_buffer *r, enum ttt_dtype dtype, int64_t offset)
{
    struct block b;
    for (int64_t first = 0; first < r->elements; first += BLOCK) {
        b.n = block_size(r->elements - first);
        b.offset = offset + first;
        load(b.r, r, first, b.n);
        for (int64_t i = 0; i < b.n; i++)
            b.k[i] = dtype == TTT_BF16  ? ttt_bf16_to_double(ttt_bf16_from_double(b.r[i]))
                     : dtype == TTT_F32 ? (double)(float)b.r[i]
                                        : b.r[i];
        add_block(m, &b, dtype);
    }
}

static double ratio(const struct ttt_metrics *m, double error, double truth)
{
    if (m->mismatched > 0)
        return (double)NAN;
    if (error == 0)
        return 0;
    return truth == 0 && !isnan(error) ? copysign(HUGE_VAL, error) : error / truth;
}

double ttt_metrics_rel_l2(const struct ttt_metrics *m)
{
    return ratio(m, norm(&m->sq_error), norm(&m->sq_truth));
}

double ttt_metrics_bias(const struct ttt_metrics *m)
{
    return ratio(m, sum_value(&m->error), sum_value(&m->abs_truth));
}
