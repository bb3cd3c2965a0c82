/* SPDX-License-Identifier: MIT */
#include "hypotheses.h"
#include "tier0.h"
#include <stdio.h>
#include <string.h>

const double ttt_hypothesis_eps[] = {1e-5, 1e-6, 1e-8, 0};
const int ttt_hypothesis_eps_count = sizeof ttt_hypothesis_eps / sizeof ttt_hypothesis_eps[0];

static double *values(struct ttt_tensors *t, enum ttt_tensor which)
{
    return t->buffer[which].data;
}

static void scale(struct ttt_tensors *t, enum ttt_tensor which, double factor)
{
    double *x = values(t, which);
    for (int64_t i = 0; x && i < t->buffer[which].elements; i++)
        x[i] *= factor;
}

static void fill(struct ttt_tensors *t, enum ttt_tensor which, double value)
{
    double *x = values(t, which);
    for (int64_t i = 0; x && i < t->buffer[which].elements; i++)
        x[i] = value;
}

/* x += factor * y, of the same shape. */
static void add(struct ttt_tensors *t, enum ttt_tensor to, double factor, enum ttt_tensor from)
{
    double *x = values(t, to);
    const double *y = values(t, from);
    for (int64_t i = 0; x && y && i < t->buffer[to].elements; i++)
        x[i] += factor * y[i];
}

/* x += factor * ttt_norm_bias in every row, or x -= what of it. */
static void add_bias(struct ttt_tensors *t, enum ttt_tensor to, double factor)
{
    const struct ttt_mlp_shape *s = &t->c.shape;
    double *x = values(t, to);
    const double *bias = values(t, TTT_NORM_BIAS);
    for (int64_t i = 0; x && i < t->buffer[to].elements; i++)
        x[i] += factor * bias[i / (s->seq_len * s->head_dim) % s->heads * s->head_dim + i % s->head_dim];
}

/* Read each head's [rows, columns] as if it were stored [columns, rows]. */
static void transpose(struct ttt_tensors *t, enum ttt_tensor which, int64_t rows, int64_t columns)
{
    double *x = values(t, which);
    struct ttt_buffer copy;
    if (!x || ttt_buffer_alloc(&copy, TTT_F64, rows * columns) != 0)
        return;
    double *y = copy.data;
    for (int64_t at = 0; at < t->buffer[which].elements; at += rows * columns) {
        memcpy(y, x + at, (size_t)(rows * columns) * sizeof *y);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < columns; c++)
                x[at + r * columns + c] = y[c * rows + r];
    }
    ttt_buffer_free(&copy);
}

static void transpose_W1(struct ttt_tensors *h, enum ttt_tensor which)
{
    transpose(h, which, h->c.shape.head_dim, h->c.shape.hidden_dim);
}

static void transpose_W2(struct ttt_tensors *h, enum ttt_tensor which)
{
    transpose(h, which, h->c.shape.hidden_dim, h->c.shape.head_dim);
}

/* What a kernel that reads a matrix in the other order writes in that order. */
static void stored_W1(struct ttt_tensors *h, enum ttt_tensor which)
{
    transpose(h, which, h->c.shape.hidden_dim, h->c.shape.head_dim);
}

static void stored_W2(struct ttt_tensors *h, enum ttt_tensor which)
{
    transpose(h, which, h->c.shape.head_dim, h->c.shape.hidden_dim);
}

/* The hypotheses. */

static void reverse_eta(struct ttt_tensors *h)
{
    scale(h, TTT_LAST_ETA, -1);
}

static void reverse_eta_gradient(struct ttt_tensors *h)
{
    scale(h, TTT_GRAD_LAST_ETA, -1);
}

static void no_eta(struct ttt_tensors *h)
{
    scale(h, TTT_LAST_ETA, 0);
}

static void no_residual(struct ttt_tensors *h)
{
    add(h, TTT_XQW, -1, TTT_XQ);
    add(h, TTT_GRAD_XQ, -1, TTT_GRAD_XQW);
}

static void no_b1(struct ttt_tensors *h)
{
    fill(h, TTT_B1_INIT, 0);
}

static void no_b2(struct ttt_tensors *h)
{
    fill(h, TTT_B2_INIT, 0);
}

static void no_norm_bias(struct ttt_tensors *h)
{
    fill(h, TTT_NORM_BIAS, 0);
}

static void no_norm_bias_in_output(struct ttt_tensors *h)
{
    add_bias(h, TTT_XQW, -1);
}

static void no_norm_bias_in_loss(struct ttt_tensors *h)
{
    add_bias(h, TTT_XV, 1);
}

static void no_norm_weight(struct ttt_tensors *h)
{
    fill(h, TTT_NORM_WEIGHT, 1);
}

static void target_is_V(struct ttt_tensors *h)
{
    add(h, TTT_XV, 1, TTT_XK);
}

static void target_is_V_gradient(struct ttt_tensors *h)
{
    add(h, TTT_GRAD_XK, 1, TTT_GRAD_XV); /* XV = XV' + XK */
}

static void no_state_gradients(struct ttt_tensors *h)
{
    for (enum ttt_tensor t = TTT_GRAD_W1_LAST; t <= TTT_GRAD_B2_LAST; t++)
        fill(h, t, 0);
}

static void other_W1(struct ttt_tensors *h)
{
    transpose_W1(h, TTT_W1_INIT);
    transpose_W1(h, TTT_GRAD_W1_LAST);
}

static void other_W1_stored(struct ttt_tensors *h)
{
    stored_W1(h, TTT_W1_CHECKPOINTS);
    stored_W1(h, TTT_W1_LAST);
    stored_W1(h, TTT_GRAD_W1_INIT);
}

static void other_W2(struct ttt_tensors *h)
{
    transpose_W2(h, TTT_W2_INIT);
    transpose_W2(h, TTT_GRAD_W2_LAST);
}

static void other_W2_stored(struct ttt_tensors *h)
{
    stored_W2(h, TTT_W2_CHECKPOINTS);
    stored_W2(h, TTT_W2_LAST);
    stored_W2(h, TTT_GRAD_W2_INIT);
}

static void results_stored(struct ttt_tensors *h)
{
    other_W1_stored(h);
    other_W2_stored(h);
}

/* The old state for the new one in the output: each mini-batch is a sequence of its own, from the state before it and
 * without an update. */

static int forward(struct ttt_tensors *h)
{
    const struct ttt_call call = {.candidate = &ttt_candidate_ref_f64, .direction = TTT_FORWARD, .threads = 1};
    return ttt_call_plain(&call, h) == TTT_OK ? 0 : -1;
}

/* Rows of mini-batch i of every head between `h` and a block of one mini-batch. */
static void copy_rows(struct ttt_tensors *one, struct ttt_tensors *h, enum ttt_tensor which, int64_t i, int back)
{
    const struct ttt_mlp_shape *s = &h->c.shape;
    const int64_t n = one->c.shape.seq_len;
    for (int64_t head = 0; head < s->batch * s->heads; head++) {
        double *there = values(h, which) + (head * s->seq_len + i * s->mini_batch_size) * s->head_dim;
        double *here = values(one, which) + head * n * s->head_dim;
        memcpy(back ? there : here, back ? here : there, (size_t)(n * s->head_dim) * sizeof *here);
    }
}

/* State before mini-batch i, of checkpoints for every mini-batch. */
static void copy_state(struct ttt_tensors *one, struct ttt_tensors *states, int64_t i)
{
    const int64_t count = ttt_shape_checkpoints(&states->c.shape);
    for (int k = 0; k < 4; k++) {
        const struct ttt_buffer *to = &one->buffer[TTT_W1_INIT + k];
        const int64_t n = to->elements / (one->c.shape.batch * one->c.shape.heads);
        for (int64_t head = 0; head * n < to->elements; head++)
            memcpy((double *)to->data + head * n,
                   values(states, (enum ttt_tensor)(TTT_W1_CHECKPOINTS + k)) + (head * count + i) * n,
                   (size_t)n * sizeof(double));
    }
}

static int output_of_mini_batch(struct ttt_tensors *h, struct ttt_tensors *states, int64_t i)
{
    const unsigned roles = 1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_FORWARD_OUTPUT;
    const struct ttt_mlp_shape *s = &h->c.shape;
    const int64_t first = i * s->mini_batch_size, left = s->seq_len - first;
    struct ttt_case c = h->c;
    struct ttt_tensors one;
    char error[256];
    c.shape.seq_len = left < s->mini_batch_size ? left : s->mini_batch_size;
    int status = ttt_tensors_alloc(&one, &c, 0, s->heads, TTT_TYPES_F64, roles, error, sizeof error);
    if (status == 0) {
        copy_rows(&one, h, TTT_XQ, i, 0);
        copy_rows(&one, h, TTT_XK, i, 0);
        copy_rows(&one, h, TTT_XV, i, 0);
        fill(&one, TTT_LAST_ETA, 0);
        fill(&one, TTT_TOKEN_ETA, 1);
        memcpy(values(&one, TTT_NORM_WEIGHT), values(h, TTT_NORM_WEIGHT), (size_t)(s->heads * s->head_dim) * 8);
        memcpy(values(&one, TTT_NORM_BIAS), values(h, TTT_NORM_BIAS), (size_t)(s->heads * s->head_dim) * 8);
        copy_state(&one, states, i);
        status = forward(&one);
        copy_rows(&one, h, TTT_XQW, i, 1);
    }
    ttt_tensors_free(&one);
    return status;
}

static int old_state(struct ttt_tensors *h)
{
    const unsigned roles = 1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_FORWARD_OUTPUT;
    struct ttt_case c = h->c;
    struct ttt_tensors states;
    char error[256];
    c.shape.checkpoint_group_size = 1;
    int status = ttt_tensors_alloc(&states, &c, 0, c.shape.heads, TTT_TYPES_F64, roles, error, sizeof error);
    if (status == 0) {
        ttt_tensors_convert_inputs(&states, h);
        status = forward(&states);
    }
    for (int64_t i = 0; i < ttt_shape_mini_batches(&c.shape) && status == 0; i++)
        status = output_of_mini_batch(h, &states, i);
    ttt_tensors_free(&states);
    return status;
}

const struct ttt_hypothesis ttt_hypotheses[] = {
    {.text = "the sign of last_eta reversed", .inputs = reverse_eta, .outputs = reverse_eta_gradient},
    {.text = "last_eta = 0: nothing learnt", .inputs = no_eta},
    {.text = "the state before the update in the output", .compute = old_state, .XQW_only = 1},
    {.text = "no residual XQ in the output", .outputs = no_residual},
    {.text = "b1_init = 0", .inputs = no_b1},
    {.text = "b2_init = 0", .inputs = no_b2},
    {.text = "no ttt_norm_bias", .inputs = no_norm_bias},
    {.text = "no ttt_norm_bias in the output", .outputs = no_norm_bias_in_output, .XQW_only = 1},
    {.text = "no ttt_norm_bias in the loss", .inputs = no_norm_bias_in_loss},
    {.text = "no ttt_norm_weight", .inputs = no_norm_weight},
    {.text = "the target XV in the place of XV - XK", .inputs = target_is_V, .outputs = target_is_V_gradient},
    {.text = "no gradients of the last state", .inputs = no_state_gradients},
    {.text = "W1 read as [hidden, head_dim], transposed", .inputs = other_W1, .outputs = other_W1_stored},
    {.text = "W2 read as [head_dim, hidden], transposed", .inputs = other_W2, .outputs = other_W2_stored},
    {.text = "W1 and W2 written transposed", .outputs = results_stored},
};
const int ttt_hypothesis_count = sizeof ttt_hypotheses / sizeof ttt_hypotheses[0];
