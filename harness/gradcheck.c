/* SPDX-License-Identifier: MIT */
#include "gradcheck.h"
#include "candidates.h"
#include "rng.h"
#include "tier0.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUTS (1u << TTT_ROLE_INPUT)
#define EVERY  (INPUTS | 1u << TTT_ROLE_UPSTREAM | 1u << TTT_ROLE_FORWARD_OUTPUT | 1u << TTT_ROLE_BACKWARD_OUTPUT)

/* The outputs that L reads, with the upstream gradient of each. */
static const struct {
    enum ttt_tensor output, gradient;
} terms[] = {
    {TTT_XQW, TTT_GRAD_XQW},         {TTT_W1_LAST, TTT_GRAD_W1_LAST}, {TTT_B1_LAST, TTT_GRAD_B1_LAST},
    {TTT_W2_LAST, TTT_GRAD_W2_LAST}, {TTT_B2_LAST, TTT_GRAD_B2_LAST},
};
enum { TERMS = sizeof terms / sizeof terms[0] };

/* Far below any value, far above underflow; several, since the result must not depend on it. */
static const double steps[] = {1e-20, 1e-25, 1e-30};
enum { STEPS = sizeof steps / sizeof steps[0] };

/* The gradient of an input, in the same order as the inputs. */
static enum ttt_tensor gradient_of(enum ttt_tensor input)
{
    return (enum ttt_tensor)(TTT_GRAD_XQ + (input - TTT_XQ));
}

static const double *values(const struct ttt_tensors *t, enum ttt_tensor which)
{
    return t->buffer[which].data;
}

/* One thread: passes as small as these are over before another one is awake. */
static int call(const struct ttt_candidate *candidate, enum ttt_direction direction, struct ttt_tensors *block,
                char *error, size_t error_size)
{
    const struct ttt_call one = {.candidate = candidate, .direction = direction, .threads = 1};
    const enum ttt_status status = ttt_call_plain(&one, block);
    if (status == TTT_OK)
        return 0;
    snprintf(error, error_size, "%s: %s", candidate->name, ttt_candidate_status(status));
    return -1;
}

/* Inputs and the outputs that L reads, `parts` doubles per element, the first of them that of the base. */
static int copy_of_base(const struct ttt_gradcheck *g, struct ttt_tensors *copy, int64_t parts, char *error,
                        size_t error_size)
{
    const struct ttt_case *c = &g->base.c;
    if (ttt_tensors_begin(copy, c, 0, c->shape.heads, TTT_TYPES_F64, error, error_size) != 0)
        return -1;
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        const int input = ttt_tensor_info[t].role == TTT_ROLE_INPUT;
        int wanted = input;
        for (int i = 0; i < TERMS; i++)
            wanted |= terms[i].output == t;
        const struct ttt_buffer *from = &g->base.buffer[t];
        if (!wanted || !from->data)
            continue;
        if (ttt_buffer_alloc(&copy->buffer[t], TTT_F64, parts * from->elements) != 0) {
            snprintf(error, error_size, "out of memory");
            return -1;
        }
        double *to = copy->buffer[t].data;
        for (int64_t i = 0; input && i < parts * from->elements; i++)
            to[i] = i % parts == 0 ? values(&g->base, t)[i / parts] : 0;
    }
    return 0;
}

int ttt_gradcheck_open(struct ttt_gradcheck *g, const struct ttt_case *c, char *error, size_t error_size)
{
    *g = (struct ttt_gradcheck){.v = NULL};
    if (ttt_tensors_make(&g->base, c, 0, c->shape.heads, TTT_TYPES_F64, EVERY, error, error_size) != 0 ||
        copy_of_base(g, &g->moved, 1, error, error_size) != 0 || copy_of_base(g, &g->pairs, 2, error, error_size) != 0)
        return -1;
    size_t longest = 0;
    for (enum ttt_tensor t = TTT_XQ; t <= TTT_B2_INIT; t++)
        if ((size_t)g->base.buffer[t].elements > longest)
            longest = (size_t)g->base.buffer[t].elements;
    g->v = malloc(longest * sizeof *g->v);
    if (!g->v) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    if (call(&ttt_candidate_ref_f64, TTT_FORWARD, &g->base, error, error_size) != 0)
        return -1;
    return call(&ttt_candidate_ref_f64, TTT_BACKWARD, &g->base, error, error_size);
}

void ttt_gradcheck_close(struct ttt_gradcheck *g)
{
    ttt_tensors_free(&g->base);
    ttt_tensors_free(&g->moved);
    ttt_tensors_free(&g->pairs);
    free(g->v);
    g->v = NULL;
}

int ttt_gradcheck_has(const struct ttt_gradcheck *g, enum ttt_tensor input)
{
    return ttt_tensor_info[input].role == TTT_ROLE_INPUT && g->base.buffer[input].data;
}

/* The direction in g->v is complete: its norms and <g, v>. */
static void measure(struct ttt_gradcheck *g, enum ttt_tensor input)
{
    const double *gradient = values(&g->base, gradient_of(input));
    long double gg = 0, vv = 0, gv = 0;
    for (int64_t i = 0; i < g->base.buffer[input].elements; i++) {
        gg += (long double)gradient[i] * (long double)gradient[i];
        vv += (long double)g->v[i] * (long double)g->v[i];
        gv += (long double)gradient[i] * (long double)g->v[i];
    }
    g->norm_g = sqrtl(gg);
    g->norm_v = sqrtl(vv);
    g->gv = gv;
}

/* Random direction number k: standard normal. */
static void point_random(struct ttt_gradcheck *g, enum ttt_tensor input, int k)
{
    const uint64_t stream = 100 + 100 * (uint64_t)k + (uint64_t)input; /* those of the inputs themselves are below */
    for (int64_t i = 0; i < g->base.buffer[input].elements; i++)
        g->v[i] = ttt_rng_normal(g->base.c.seed, stream, (uint64_t)i);
    measure(g, input);
}

/* Coordinate number k of those that are tried. */
static int64_t coordinate(const struct ttt_gradcheck *g, enum ttt_tensor input, int k)
{
    const int64_t n = g->base.buffer[input].elements;
    const double *gradient = values(&g->base, gradient_of(input));
    int64_t largest = 0;
    for (int64_t i = 1; i < n; i++)
        if (fabs(gradient[i]) > fabs(gradient[largest]))
            largest = i;
    const uint64_t random = ttt_rng_bits(g->base.c.seed, 100 + (uint64_t)input, (uint64_t)k);
    return k == 0 ? largest : k == 1 ? n - 1 : (int64_t)(random % (uint64_t)n);
}

static void point_along(struct ttt_gradcheck *g, enum ttt_tensor input, int64_t i)
{
    memset(g->v, 0, (size_t)g->base.buffer[input].elements * sizeof *g->v);
    g->v[i] = 1;
    measure(g, input);
}

/* The complex step along g->v. */
static int step_complex(struct ttt_gradcheck *g, enum ttt_tensor input, double h, struct ttt_gradcheck_result *result,
                        char *error, size_t error_size)
{
    double *x = g->pairs.buffer[input].data;
    const int64_t n = g->base.buffer[input].elements;
    for (int64_t i = 0; i < n; i++)
        x[2 * i + 1] = h * g->v[i];
    if (call(&ttt_candidate_ref_c128, TTT_FORWARD, &g->pairs, error, error_size) != 0)
        return -1;
    for (int64_t i = 0; i < n; i++)
        x[2 * i + 1] = 0;

    long double derivative = 0;
    for (int t = 0; t < TERMS; t++)
        for (int64_t i = 0; values(&g->base, terms[t].gradient) && i < g->base.buffer[terms[t].output].elements; i++)
            derivative += (long double)values(&g->base, terms[t].gradient)[i] *
                          (long double)(values(&g->pairs, terms[t].output)[2 * i + 1] / h);
    const long double wrong = fabsl(derivative - g->gv), scale = g->norm_g * g->norm_v;
    const double ratio = wrong == 0 ? 0 : (double)(wrong / scale);
    if (!isnan(result->ratio) && !(ratio <= result->ratio))
        result->ratio = ratio;
    result->checked++;
    return 0;
}

/* |L(x + tv) - L(x) - t <g, v>|, and the 2-norm of the terms of L in *size. */
static int remainder_at(struct ttt_gradcheck *g, enum ttt_tensor input, double t, double *remainder, double *size,
                        char *error, size_t error_size)
{
    double *x = g->moved.buffer[input].data;
    const double *x0 = values(&g->base, input);
    const int64_t n = g->base.buffer[input].elements;
    for (int64_t i = 0; i < n; i++)
        x[i] = x0[i] + t * g->v[i];
    /* What was added is not quite t v: the derivative along what it is. */
    long double linear = 0, change = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        linear += (long double)values(&g->base, gradient_of(input))[i] * ((long double)x[i] - (long double)x0[i]);
    const int status = call(&ttt_candidate_ref_f64, TTT_FORWARD, &g->moved, error, error_size);
    memcpy(x, x0, (size_t)n * sizeof *x);
    for (int k = 0; k < TERMS && status == 0; k++) {
        const double *up = values(&g->base, terms[k].gradient), *before = values(&g->base, terms[k].output);
        const double *after = values(&g->moved, terms[k].output);
        for (int64_t i = 0; up && i < g->base.buffer[terms[k].output].elements; i++) {
            change += (long double)up[i] * ((long double)after[i] - (long double)before[i]);
            const long double term = (long double)up[i] * (long double)before[i];
            squares += term * term;
        }
    }
    *remainder = (double)fabsl(change - linear);
    *size = (double)sqrtl(squares);
    return status;
}

enum { FITTED = 4 };

/* The slope of FITTED points of a line, x = 0, 1, ..., by least squares, and the largest distance from that line. */
static double fit(const double y[FITTED], double *distance)
{
    double xy = 0, xx = 0, mean = 0;
    for (int i = 0; i < FITTED; i++) {
        const double x = i - (FITTED - 1) / 2.0;
        xy += x * y[i];
        xx += x * x;
        mean += y[i] / FITTED;
    }
    *distance = 0;
    for (int i = 0; i < FITTED; i++)
        *distance = fmax(*distance, fabs(y[i] - mean - xy / xx * (i - (FITTED - 1) / 2.0)));
    return xy / xx;
}

/* Halve t until round-off shows, and fit the last few remainders before that.  Where they are on no line (the terms of
 * t^2 and t^3 cancel just there) there is no slope to be told. */
static int slope_along(struct ttt_gradcheck *g, enum ttt_tensor input, struct ttt_gradcheck_result *result, char *error,
                       size_t error_size)
{
    enum { HALVINGS = 40 };
    const double round_off = 1e3 * DBL_EPSILON; /* of the terms of L, after a long chain of sums */
    const double straight = 0.1;                /* in powers of two */
    const int64_t n = g->base.buffer[input].elements;
    long double xx = 0;
    for (int64_t i = 0; i < n; i++)
        xx += (long double)values(&g->base, input)[i] * (long double)values(&g->base, input)[i];
    /* t = 1 moves the tensor by its own size; a tensor of zeros (biases) by 0.1. */
    const double start = xx > 0 ? (double)(sqrtl(xx) / g->norm_v) : 0.1;
    double logs[HALVINGS];
    int count = 0;
    for (int k = 0; k < HALVINGS; k++) {
        double remainder = 0, size = 0;
        if (remainder_at(g, input, ldexp(start, -k), &remainder, &size, error, error_size) != 0)
            return -1;
        if (!(remainder > round_off * size))
            break;
        logs[count++] = log2(remainder);
    }
    if (count < FITTED)
        return 0;
    double distance;
    const double slope = -fit(logs + count - FITTED, &distance);
    if (!(distance <= straight))
        return 0;
    if (result->slopes++ == 0 || !(fabs(slope - 2) <= fabs(result->slope - 2)))
        result->slope = slope;
    return 0;
}

int ttt_gradcheck_input(struct ttt_gradcheck *g, enum ttt_tensor input, struct ttt_gradcheck_result *result,
                        char *error, size_t error_size)
{
    *result = (struct ttt_gradcheck_result){.slope = 2};
    for (int k = 0; k < TTT_GRADCHECK_DIRECTIONS; k++) {
        point_random(g, input, k);
        if (step_complex(g, input, steps[k % STEPS], result, error, error_size) != 0)
            return -1;
        if (k < TTT_GRADCHECK_SLOPES && slope_along(g, input, result, error, error_size) != 0)
            return -1;
    }
    for (int k = 0; k < TTT_GRADCHECK_COORDINATES; k++) {
        point_along(g, input, coordinate(g, input, k));
        if (step_complex(g, input, steps[k % STEPS], result, error, error_size) != 0)
            return -1;
    }
    return 0;
}
