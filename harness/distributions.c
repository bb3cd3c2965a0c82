/* SPDX-License-Identifier: MIT */
#include "distributions.h"
#include "exact.h"
#include "rng.h"
#include <math.h>
#include <string.h>

/* One stream of the generator per tensor.  These numbers are part of what a seed means: they never change. */
static const uint64_t stream[TTT_TENSOR_COUNT] = {
    [TTT_XQ] = 1,
    [TTT_XK] = 2,
    [TTT_XV] = 3,
    [TTT_LAST_ETA] = 4,
    [TTT_TOKEN_ETA] = 5,
    [TTT_NORM_WEIGHT] = 6,
    [TTT_NORM_BIAS] = 7,
    [TTT_W1_INIT] = 8,
    [TTT_B1_INIT] = 9,
    [TTT_W2_INIT] = 10,
    [TTT_B2_INIT] = 11,
    [TTT_GRAD_XQW] = 12,
    [TTT_GRAD_W1_LAST] = 13,
    [TTT_GRAD_B1_LAST] = 14,
    [TTT_GRAD_W2_LAST] = 15,
    [TTT_GRAD_B2_LAST] = 16,
};

/* Standard deviations around the mean (1 for the norm weight, 0 for the others). */
static const struct {
    double weight, bias, norm_weight, norm_bias;
} spread[TTT_DIST_COUNT] = {
    [TTT_DIST_UNIT] = {.weight = 0.02, .bias = 0.02, .norm_weight = 0.1, .norm_bias = 0.02},
    [TTT_DIST_MODEL] = {.weight = 0.02, .bias = 0, .norm_weight = 0, .norm_bias = 0},
    [TTT_DIST_STRONG] = {.weight = 0.12, .bias = 0.1, .norm_weight = 0.3, .norm_bias = 0.02},
};

static double normal(enum ttt_tensor t, const struct ttt_case *c, int64_t index)
{
    return ttt_rng_normal(c->seed, stream[t], (uint64_t)index);
}

static double around(double mean, double deviation, enum ttt_tensor t, const struct ttt_case *c, int64_t index)
{
    return mean + deviation * normal(t, c, index);
}

/* `model`: queries and keys are L2-normalised rows and values contain the keys. */
static int has_row_norm(enum ttt_tensor t, const struct ttt_case *c)
{
    return c->distribution == TTT_DIST_MODEL && (t == TTT_XQ || t == TTT_XK || t == TTT_XV);
}

/* 2-norm of the normals behind a row of XQ or XK (the row of XK for XV). */
static double row_norm(enum ttt_tensor t, const struct ttt_case *c, int64_t row)
{
    const int64_t F = c->shape.head_dim;
    double sum = 0;
    for (int64_t i = row * F; i < (row + 1) * F; i++) {
        const double z = normal(t == TTT_XV ? TTT_XK : t, c, i);
        sum += z * z;
    }
    return sqrt(sum);
}

static double last_eta(const struct ttt_case *c, int64_t index)
{
    const double C = (double)c->shape.mini_batch_size, F = (double)c->shape.head_dim;
    switch (c->distribution) {
    case TTT_DIST_MODEL:
        return 0.1 / (1 + exp(-normal(TTT_LAST_ETA, c, index))) / F / C;
    case TTT_DIST_STRONG:
        return 0.5 / C * ttt_rng_uniform(c->seed, stream[TTT_LAST_ETA], (uint64_t)index);
    default:
        return 0.02 * fabs(normal(TTT_LAST_ETA, c, index));
    }
}

/* An element before it is rounded to what its tensor can hold. */
static double element(enum ttt_tensor t, const struct ttt_case *c, int64_t index, double norm)
{
    if (c->distribution == TTT_DIST_EXACT)
        return ttt_exact_value(t, c, index);
    switch (t) {
    case TTT_XQ:
    case TTT_XK:
        return normal(t, c, index) / norm;
    case TTT_XV:
        return normal(t, c, index) + (has_row_norm(t, c) ? normal(TTT_XK, c, index) / norm : 0);
    case TTT_LAST_ETA:
        return last_eta(c, index);
    case TTT_TOKEN_ETA:
        return fmax(around(1, 0.1, t, c, index), 0.01) / (double)(index + 1);
    case TTT_NORM_WEIGHT:
        return around(1, spread[c->distribution].norm_weight, t, c, index);
    case TTT_NORM_BIAS:
        return around(0, spread[c->distribution].norm_bias, t, c, index);
    case TTT_W1_INIT:
    case TTT_W2_INIT:
        return around(0, spread[c->distribution].weight, t, c, index);
    case TTT_B1_INIT:
    case TTT_B2_INIT:
        return around(0, spread[c->distribution].bias, t, c, index);
    case TTT_GRAD_XQW:
        return normal(t, c, index);
    default: /* the upstream gradients of the last state */
        return around(0, 0.1, t, c, index);
    }
}

static double representable(enum ttt_tensor t, double x)
{
    return ttt_tensor_info[t].token ? ttt_bf16_to_double(ttt_bf16_from_double(x)) : (double)(float)x;
}

double ttt_tensor_value(enum ttt_tensor t, const struct ttt_case *c, int64_t index)
{
    const double norm = has_row_norm(t, c) ? row_norm(t, c, index / c->shape.head_dim) : 1;
    return representable(t, element(t, c, index, norm));
}

void ttt_tensor_fill(struct ttt_buffer *b, enum ttt_tensor t, const struct ttt_case *c, int64_t head0, int64_t heads)
{
    struct ttt_mlp_shape block = c->shape;
    block.heads = heads;
    const struct ttt_split whole = ttt_tensor_split(t, &c->shape), part = ttt_tensor_split(t, &block);
    const int64_t skipped = part.heads == whole.heads ? 0 : head0;
    int64_t dims[TTT_MAX_DIMS];
    const int64_t width = dims[ttt_tensor_dims(t, &block, dims) - 1];
#pragma omp parallel for schedule(static) if (b->elements > TTT_PARALLEL_ELEMENTS)
    for (int64_t row = 0; row < b->elements / width; row++) {
        const int64_t slab = row * width / part.inner;
        const int64_t head = slab / part.heads * whole.heads + skipped + slab % part.heads;
        const int64_t first = head * part.inner + row * width % part.inner;
        const double norm = has_row_norm(t, c) ? row_norm(t, c, first / width) : 1;
        for (int64_t i = 0; i < width; i++)
            ttt_buffer_set(b, row * width + i, representable(t, element(t, c, first + i, norm)));
    }
}
