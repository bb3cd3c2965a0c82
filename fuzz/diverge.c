/* SPDX-License-Identifier: MIT */
#include "diverge.h"
#include "blocks.h"
#include "harness/reference.h"
#include "harness/tier0.h"
#include "screen.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The whole sequence with G = 1, and the part of it that comes after the mini-batch that is looked at. */
struct walk {
    const struct fuzz_lab *lab;
    unsigned directions;       /* that the candidate serves with G = 1 */
    struct ttt_tensors inputs; /* of all of it, double, G = 1 */
    struct ttt_tensors whole;  /* the candidate's run of all of it */
    struct ttt_tensors rest;   /* the candidate's run from the next mini-batch on; without buffers: there is none */
    double least;              /* which ratio of the screen counts */
    struct fuzz_divergence *out;
    char *error;
    size_t error_size;
};

/* Runs of `n` elements of `from`, each at `first` of its `length`, one after the other to `to`. */
static void copy_runs(struct ttt_buffer *to, const struct ttt_buffer *from, int64_t length, int64_t first, int64_t n)
{
    for (int64_t i = 0; i < to->elements; i++)
        ttt_buffer_set(to, i, ttt_buffer_get(from, i / n * length + first + i % n));
}

/* Tokens [first, first + n) of a token tensor of the whole. */
static void copy_tokens(struct ttt_buffer *to, const struct ttt_tensors *from, enum ttt_tensor t, int64_t first,
                        int64_t n)
{
    const int64_t inner = ttt_tensor_split(t, &from->c.shape).inner, width = inner / from->c.shape.seq_len;
    copy_runs(to, &from->buffer[t], inner, first * width, n * width);
}

/* Tensor `which` of the four of the state before mini-batch m; m = NC is the last state. */
static void copy_state(struct ttt_buffer *to, const struct ttt_tensors *whole, unsigned which, int64_t m)
{
    const int64_t K = ttt_shape_checkpoints(&whole->c.shape);
    const enum ttt_tensor t = m < K ? TTT_W1_CHECKPOINTS + which : TTT_W1_LAST + which;
    const int64_t inner = ttt_tensor_split(t, &whole->c.shape).inner, n = m < K ? inner / K : inner;
    copy_runs(to, &whole->buffer[t], inner, m < K ? m * n : 0, n);
}

static int64_t rows_of(const struct walk *w, int64_t m)
{
    const int64_t C = w->inputs.c.shape.mini_batch_size, left = w->inputs.c.shape.seq_len - m * C;
    return left < C ? left : C;
}

/* The inputs of tokens [m C, m C + n) as a case of its own: from the candidate's state before them, and, where these
 * are not the last ones, with the gradients of the state that the rest sends back. */
static int part_inputs(const struct walk *w, int64_t m, int64_t n, struct ttt_tensors *part)
{
    const int ends = m * w->inputs.c.shape.mini_batch_size + n == w->inputs.c.shape.seq_len;
    const int goes_on = !ends && w->rest.buffer[TTT_GRAD_W1_INIT].data != NULL;
    struct ttt_case c = w->inputs.c;
    c.shape.seq_len = n;
    c.state_grads = goes_on || (ends && c.state_grads);
    if (ttt_tensors_alloc(part, &c, 0, c.shape.heads, TTT_TYPES_F64, FUZZ_INPUTS, w->error, w->error_size) != 0)
        return -1;
    for (enum ttt_tensor t = 0; t < TTT_XQW; t++) {
        struct ttt_buffer *to = &part->buffer[t];
        if (!to->data)
            continue;
        if (t <= TTT_LAST_ETA || t == TTT_GRAD_XQW)
            copy_tokens(to, &w->inputs, t, m * c.shape.mini_batch_size, n);
        else if (t >= TTT_W1_INIT && t <= TTT_B2_INIT)
            copy_state(to, &w->whole, t - TTT_W1_INIT, m);
        else if (t >= TTT_GRAD_W1_LAST && goes_on)
            copy_runs(to, &w->rest.buffer[t - TTT_GRAD_W1_LAST + TTT_GRAD_W1_INIT], to->elements, 0, to->elements);
        else
            copy_runs(to, &w->inputs.buffer[t], to->elements, 0, to->elements);
    }
    return 0;
}

/* The candidate's passes: forward always. */
static int run_candidate(const struct walk *w, const struct ttt_tensors *inputs, struct ttt_tensors *block)
{
    const struct ttt_candidate *candidate = w->lab->candidate;
    if (ttt_reference_block(block, inputs, candidate->types, w->directions, w->error, w->error_size) != 0)
        return -1;
    for (enum ttt_direction d = TTT_FORWARD; d <= TTT_BACKWARD; d++) {
        const struct ttt_call call = {.candidate = candidate, .direction = d, .threads = w->lab->threads};
        if (d == TTT_BACKWARD && !(w->directions & TTT_DIRECTION_BACKWARD))
            continue;
        enum ttt_status status = candidate->supports(candidate->self, &inputs->c.shape, d);
        if (status == TTT_OK)
            status = ttt_call_plain(&call, block);
        if (status == TTT_OK)
            continue;
        snprintf(w->error, w->error_size, "%s, G = 1, N = %lld: %s", ttt_direction_name[1u << d],
                 (long long)inputs->c.shape.seq_len, ttt_candidate_status(status));
        return -1;
    }
    return 0;
}

/* What the candidate made of mini-batch m, as outputs of that mini-batch alone.  `from_here`: its run from m on. */
static void part_outputs(const struct walk *w, int64_t m, const struct ttt_tensors *from_here, struct ttt_tensors *k)
{
    const int64_t first = m * w->inputs.c.shape.mini_batch_size, n = k->c.shape.seq_len;
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++) {
        struct ttt_buffer *to = &k->buffer[t];
        if (!to->data)
            continue;
        if (t == TTT_XQW || (t >= TTT_GRAD_XQ && t <= TTT_GRAD_LAST_ETA))
            copy_tokens(to, &w->whole, t, first, n);
        else if (t < TTT_W1_LAST)
            copy_state(to, &w->whole, t - TTT_W1_CHECKPOINTS, m);
        else if (t <= TTT_B2_LAST)
            copy_state(to, &w->whole, t - TTT_W1_LAST, m + 1);
        else
            copy_runs(to, &from_here->buffer[t], to->elements, 0, to->elements);
        if (t < TTT_GRAD_TOKEN_ETA || t > TTT_GRAD_NORM_BIAS || !w->rest.buffer[t].data)
            continue;
        for (int64_t i = 0; i < to->elements; i++) /* summed over mini-batches: this one's share */
            ttt_buffer_set(to, i, ttt_buffer_get(to, i) - ttt_buffer_get(&w->rest.buffer[t], i));
    }
}

/* Outputs in the order of their computation. */
static const enum ttt_tensor forward_order[] = {TTT_W1_LAST, TTT_B1_LAST, TTT_W2_LAST, TTT_B2_LAST, TTT_XQW};
static const enum ttt_tensor backward_order[] = {
    TTT_GRAD_XQ,      TTT_GRAD_LAST_ETA, TTT_GRAD_XV,        TTT_GRAD_XK,          TTT_GRAD_W1_INIT,  TTT_GRAD_B1_INIT,
    TTT_GRAD_W2_INIT, TTT_GRAD_B2_INIT,  TTT_GRAD_TOKEN_ETA, TTT_GRAD_NORM_WEIGHT, TTT_GRAD_NORM_BIAS};

static int compare(const struct walk *w, int64_t m, const struct fuzz_outputs *o, enum ttt_direction direction)
{
    const enum ttt_tensor *order = direction == TTT_FORWARD ? forward_order : backward_order;
    const size_t count =
        direction == TTT_FORWARD ? sizeof forward_order / sizeof *order : sizeof backward_order / sizeof *order;
    for (size_t i = 0; i < count && !w->out->found; i++) {
        if (!o->k->buffer[order[i]].data)
            continue;
        const double ratio = fuzz_screen_finite(o, order[i]) >= 0 ? (double)INFINITY : fuzz_screen(o, order[i]);
        if (ratio < 0) {
            snprintf(w->error, w->error_size, "out of memory");
            return -1;
        }
        if (ratio > w->least)
            *w->out = (struct fuzz_divergence){1, order[i], m, ratio};
    }
    return 0;
}

/* One mini-batch, alone. */
static int look(struct walk *w, int64_t m, enum ttt_direction direction, const struct ttt_tensors *from_here)
{
    const struct fuzz_lab *lab = w->lab;
    const struct ttt_candidate *reference = ttt_candidate_contract(lab->types, lab->points);
    const unsigned directions = direction == TTT_FORWARD ? TTT_DIRECTION_FORWARD : TTT_DIRECTION_BOTH;
    struct ttt_tensors inputs = {.head0 = 0}, truth = {.head0 = 0}, contract = {.head0 = 0}, k = {.head0 = 0};
    int status = part_inputs(w, m, rows_of(w, m), &inputs);
    if (status == 0)
        status =
            fuzz_block_run(&truth, &inputs, &ttt_candidate_ref_f64, directions, lab->threads, w->error, w->error_size);
    if (status == 0)
        status = fuzz_block_run(&contract, &inputs, reference, directions, lab->threads, w->error, w->error_size);
    if (status == 0)
        status = ttt_reference_block(&k, &inputs, lab->candidate->types, directions, w->error, w->error_size);
    if (status == 0) {
        const struct fuzz_outputs o = {&truth, &contract, &k};
        part_outputs(w, m, from_here, &k);
        status = compare(w, m, &o, direction);
    }
    ttt_tensors_free(&inputs);
    ttt_tensors_free(&truth);
    ttt_tensors_free(&contract);
    ttt_tensors_free(&k);
    return status;
}

static int walk_forward(struct walk *w)
{
    const int64_t NC = ttt_shape_mini_batches(&w->inputs.c.shape);
    for (unsigned which = 0; which < 4 && !w->out->found; which++) { /* the first checkpoint is the first state */
        struct ttt_tensors first = {.head0 = 0};
        const struct ttt_buffer *init = &w->inputs.buffer[TTT_W1_INIT + which];
        if (ttt_tensors_begin(&first, &w->inputs.c, 0, w->inputs.c.shape.heads, TTT_TYPES_F64, w->error,
                              w->error_size) != 0 ||
            ttt_tensors_add(&first, TTT_W1_INIT + which, TTT_F64, w->error, w->error_size) != 0)
            return -1;
        copy_state(&first.buffer[TTT_W1_INIT + which], &w->whole, which, 0);
        if (memcmp(first.buffer[TTT_W1_INIT + which].data, init->data, (size_t)init->elements * sizeof(double)) != 0)
            *w->out = (struct fuzz_divergence){1, TTT_W1_CHECKPOINTS + which, 0, (double)INFINITY};
        ttt_tensors_free(&first);
    }
    int status = 0;
    for (int64_t m = 0; m < NC && status == 0 && !w->out->found; m++)
        status = look(w, m, TTT_FORWARD, NULL);
    return status;
}

static int walk_back(struct walk *w)
{
    const int64_t C = w->inputs.c.shape.mini_batch_size, N = w->inputs.c.shape.seq_len;
    int status = 0;
    for (int64_t m = ttt_shape_mini_batches(&w->inputs.c.shape) - 1; m >= 0 && status == 0 && !w->out->found; m--) {
        struct ttt_tensors inputs = {.head0 = 0}, from_here = {.head0 = 0};
        status = part_inputs(w, m, N - m * C, &inputs);
        if (status == 0)
            status = run_candidate(w, &inputs, &from_here);
        ttt_tensors_free(&inputs);
        if (status == 0)
            status = look(w, m, TTT_BACKWARD, &from_here);
        ttt_tensors_free(&w->rest);
        w->rest = from_here;
    }
    return status;
}

int fuzz_diverge(const struct fuzz_lab *lab, const struct fuzz_subject *subject, struct fuzz_divergence *out,
                 char *error, size_t error_size)
{
    struct walk w = {.lab = lab, .out = out, .error = error, .error_size = error_size};
    *out = (struct fuzz_divergence){.found = 0};
    struct ttt_case c = subject->c;
    c.shape.checkpoint_group_size = 1;
    for (enum ttt_direction d = TTT_FORWARD; d <= TTT_BACKWARD; d++)
        if (lab->directions & 1u << d && lab->candidate->supports(lab->candidate->self, &c.shape, d) == TTT_OK)
            w.directions |= 1u << d;
    int status = ttt_tensors_alloc(&w.inputs, &c, 0, c.shape.heads, TTT_TYPES_F64, FUZZ_INPUTS, error, error_size);
    if (status == 0) {
        ttt_tensors_convert_inputs(&w.inputs, &subject->inputs);
        status = run_candidate(&w, &w.inputs, &w.whole);
    }
    /* That the candidate is wrong somewhere is known: where nothing is suspicious, what nearly is. */
    static const double least[] = {1, 2 / FUZZ_SCREEN_TOLERANCE};
    for (int i = 0; i < 2 && status == 0 && !out->found; i++) {
        w.least = least[i];
        if (w.directions & TTT_DIRECTION_FORWARD)
            status = walk_forward(&w);
        if (status == 0 && !out->found && w.directions & TTT_DIRECTION_BACKWARD)
            status = walk_back(&w);
        ttt_tensors_free(&w.rest);
    }
    ttt_tensors_free(&w.inputs);
    ttt_tensors_free(&w.whole);
    ttt_tensors_free(&w.rest);
    return status;
}
