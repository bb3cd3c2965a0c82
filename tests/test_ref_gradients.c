/* SPDX-License-Identifier: MIT
 *
 * The gradients of the f64 reference against derivatives of the forward pass alone, by the complex step:
 * Im L(x + i h v) / h = <dL/dx, v> with no difference taken, so to full precision.
 */
#include "harness/metrics.h"
#include "harness/rng.h"
#include "tests/ref_run.h"
#include "tests/run.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double step = 1e-50; /* its square is nothing */

/* For each of these every single coordinate is tried. */
static const char *const small_shapes[] = {
    "b1h1n5c8f4d6g1 dist=strong",                     /* C > N */
    "b2h1n1c1f3d5g1 dist=strong",                     /* one token */
    "b1h1n1c4f3d5g2 dist=strong",                     /* one token of a longer mini-batch */
    "b1h2n7c3f1d4g2 dist=strong",                     /* F = 1: nothing is left of a row */
    "b1h1n7c3f5d1g9 dist=strong",                     /* D = 1, G > NC */
    "b1h1n9c4f7d17g2 dist=strong",                    /* no multiple of a vector */
    "b2h2n6c4f4d3g1 dist=unit",                       /* sums over batch and heads */
    "b1h1n7c3f5d6g2 dist=strong eps=0.5",             /* eps matters */
    "b1h1n7c3f5d6g2 dist=strong eps=0 state_grads=0", /* eps absent */
};

/* And random directions for these. */
static const char *const shapes[] = {
    "b1h2n75c16f16d24g2 dist=strong",
    "b2h1n96c32f32d48g1 dist=model eps=1e-8",
    "b1h2n40c8f16d64g3 dist=unit",
};

static void make(struct ttt_tensors *t, const char *text, int causal)
{
    char whole[200];
    snprintf(whole, sizeof whole, "%s seed=3 causal=%d", text, causal);
    ref_make_text(t, whole, TTT_TYPES_F64);
    ref_run(t, 1);
}

/* The inputs and the outputs of the forward pass as complex numbers, real and imaginary part side by side. */
static void make_complex(struct ttt_tensors *z, const struct ttt_tensors *t)
{
    *z = *t;
    for (enum ttt_tensor i = TTT_XQ; i < TTT_TENSOR_COUNT; i++) {
        z->buffer[i] = (struct ttt_buffer){.data = NULL};
        if (!t->buffer[i].data || i >= TTT_GRAD_XQ)
            continue;
        ck_assert(!ttt_buffer_alloc(&z->buffer[i], TTT_F64, 2 * t->buffer[i].elements));
        double *x = z->buffer[i].data;
        for (int64_t k = 0; k < t->buffer[i].elements && i < TTT_XQW; k++) {
            x[2 * k] = ttt_buffer_get(&t->buffer[i], k);
            x[2 * k + 1] = 0;
        }
    }
}

static void forward_complex(struct ttt_tensors *z)
{
    const struct ttt_ref_options options = {.threads = 1};
    const struct ttt_mlp_forward_args args = ttt_tensors_forward_args(z);
    void *workspace = NULL;
    size_t bytes = 0;
    ck_assert_int_eq(ttt_ref_mlp_forward_workspace_c128(&z->c.shape, &options, &bytes), TTT_OK);
    ck_assert(!posix_memalign(&workspace, 64, bytes));
    ck_assert_int_eq(ttt_ref_mlp_forward_c128(&z->c.shape, &args, &options, workspace, bytes), TTT_OK);
    free(workspace);
}

/* Im (<XQW, grad_L_XQW> + <last state, its upstream gradient>) / step */
static double derivative(struct ttt_tensors *z, const struct ttt_tensors *t)
{
    static const enum ttt_tensor pair[5][2] = {{TTT_XQW, TTT_GRAD_XQW},
                                               {TTT_W1_LAST, TTT_GRAD_W1_LAST},
                                               {TTT_B1_LAST, TTT_GRAD_B1_LAST},
                                               {TTT_W2_LAST, TTT_GRAD_W2_LAST},
                                               {TTT_B2_LAST, TTT_GRAD_B2_LAST}};
    double sum = 0;
    forward_complex(z);
    for (int p = 0; p < 5; p++) {
        const double *y = z->buffer[pair[p][0]].data, *g = t->buffer[pair[p][1]].data;
        for (int64_t i = 0; g && i < t->buffer[pair[p][1]].elements; i++)
            sum += y[2 * i + 1] * g[i];
    }
    return sum / step;
}

/* The gradients stand in the order of the inputs. */
static const struct ttt_buffer *gradient(const struct ttt_tensors *t, enum ttt_tensor input)
{
    return &t->buffer[TTT_GRAD_XQ + (int)input];
}

static double norm(const struct ttt_buffer *b)
{
    double sum = 0;
    for (int64_t i = 0; i < b->elements; i++)
        sum += ttt_buffer_get(b, i) * ttt_buffer_get(b, i);
    return sqrt(sum);
}

START_TEST(the_complex_forward_pass_is_the_real_one)
{
    struct ttt_tensors t, z;
    make(&t, shapes[_i / 2], _i % 2);
    make_complex(&z, &t);
    forward_complex(&z);
    for (enum ttt_tensor i = TTT_XQW; i < TTT_GRAD_XQ; i++) {
        const double *y = z.buffer[i].data, *x = t.buffer[i].data;
        double error = 0;
        for (int64_t k = 0; k < t.buffer[i].elements; k++) {
            error += y[2 * k + 1] * y[2 * k + 1] + (y[2 * k] - x[k]) * (y[2 * k] - x[k]);
        }
        ck_assert_msg(sqrt(error) <= 1e-14 * norm(&t.buffer[i]), "%s: %g", ttt_tensor_info[i].name, sqrt(error));
    }
    ttt_tensors_free(&t);
    ttt_tensors_free(&z);
}
END_TEST

START_TEST(every_coordinate_of_small_shapes)
{
    struct ttt_tensors t, z;
    make(&t, small_shapes[_i / 2], _i % 2);
    make_complex(&z, &t);
    for (enum ttt_tensor input = TTT_XQ; input <= TTT_B2_INIT; input++) {
        const struct ttt_buffer *g = gradient(&t, input);
        double *x = z.buffer[input].data;
        for (int64_t i = 0; i < t.buffer[input].elements; i++) {
            x[2 * i + 1] = step;
            const double error = fabs(derivative(&z, &t) - ttt_buffer_get(g, i));
            x[2 * i + 1] = 0;
            ck_assert_msg(error <= 1e-12 * norm(g) + 1e-15, "%s[%d]: error %g of %g", ttt_tensor_info[input].name,
                          (int)i, error, norm(g));
        }
    }
    ttt_tensors_free(&t);
    ttt_tensors_free(&z);
}
END_TEST

START_TEST(random_directions)
{
    struct ttt_tensors t, z;
    make(&t, shapes[_i / 2], _i % 2);
    make_complex(&z, &t);
    for (enum ttt_tensor input = TTT_XQ; input <= TTT_B2_INIT; input++)
        for (uint64_t direction = 0; direction < 8; direction++) {
            const struct ttt_buffer *g = gradient(&t, input);
            const int64_t n = t.buffer[input].elements;
            double *x = z.buffer[input].data, pairing = 0, v2 = 0;
            for (int64_t i = 0; i < n; i++) {
                const double v = ttt_rng_normal(direction, (uint64_t)input, (uint64_t)i);
                x[2 * i + 1] = step * v;
                pairing += v * ttt_buffer_get(g, i);
                v2 += v * v;
            }
            const double error = n ? fabs(derivative(&z, &t) - pairing) : 0;
            for (int64_t i = 0; i < n; i++)
                x[2 * i + 1] = 0;
            ck_assert_msg(error <= 1e-12 * norm(g) * sqrt(v2), "%s: error %g of %g", ttt_tensor_info[input].name, error,
                          norm(g) * sqrt(v2));
        }
    ttt_tensors_free(&t);
    ttt_tensors_free(&z);
}
END_TEST

int main(void)
{
    const int small = 2 * (int)(sizeof small_shapes / sizeof small_shapes[0]);
    const int large = 2 * (int)(sizeof shapes / sizeof shapes[0]);
    Suite *suite = suite_create("ref_gradients");
    TCase *tc = tcase_create("complex step");
    tcase_add_loop_test(tc, the_complex_forward_pass_is_the_real_one, 0, large);
    tcase_add_loop_test(tc, every_coordinate_of_small_shapes, 0, small);
    tcase_add_loop_test(tc, random_directions, 0, large);
    tcase_set_timeout(tc, 120);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
