/* SPDX-License-Identifier: MIT
 *
 * What a wrong kernel computed is named: each is the float reference with one mistake, made here by other means than
 * those of the diagnosis; and epsilons that differ between the passes.
 */
#include "harness/candidates.h"
#include "harness/diagnosis.h"
#include "harness/operands.h"
#include "harness/tier0.h"
#include "run.h"
#include <stdio.h>
#include <string.h>

/* A kernel with a mistake: what is done to its inputs, and to its outputs. */
struct wrong {
    struct ttt_candidate candidate;
    void (*before)(struct ttt_tensors *t);
    void (*after)(struct ttt_tensors *t, enum ttt_direction direction);
    double eps[2]; /* by direction, where not negative */
};

static enum ttt_status supports(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction)
{
    (void)self;
    return ttt_candidate_ref_f32.supports(ttt_candidate_ref_f32.self, shape, direction);
}

static enum ttt_status run_wrong(const struct wrong *w, const struct ttt_mlp_shape *shape, enum ttt_direction direction,
                                 const union ttt_arguments *args)
{
    const struct ttt_case c = {.shape = *shape, .seed = 1, .state_grads = 1};
    const struct ttt_call call = {.candidate = &ttt_candidate_ref_f32, .direction = direction, .threads = 1};
    struct ttt_tensors t;
    char error[256];
    ck_assert_int_eq(ttt_tensors_alloc(&t, &c, 0, shape->heads, TTT_TYPES_F32, ~0U, error, sizeof error), 0);
    for (int i = 0; i < ttt_operand_count(direction); i++)
        if (ttt_operand_get(args, direction, i))
            memcpy(t.buffer[ttt_operand_tensor(direction, i)].data, ttt_operand_get(args, direction, i),
                   ttt_operand_bytes(direction, i, shape, TTT_TYPES_F32));
    if (w->before)
        w->before(&t);
    if (w->eps[direction] >= 0)
        t.c.shape.ln_eps = w->eps[direction];
    const enum ttt_status status = ttt_call_plain(&call, &t);
    if (w->after)
        w->after(&t, direction);
    for (int i = 0; i < ttt_operand_count(direction); i++)
        if (ttt_operand_is_output(direction, i) && ttt_operand_get(args, direction, i))
            memcpy(ttt_operand_get(args, direction, i), t.buffer[ttt_operand_tensor(direction, i)].data,
                   ttt_operand_bytes(direction, i, shape, TTT_TYPES_F32));
    ttt_tensors_free(&t);
    return status;
}

static enum ttt_status forward(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                               const struct ttt_candidate_call *call)
{
    const union ttt_arguments any = {.forward = *args};
    (void)call;
    return run_wrong(self, shape, TTT_FORWARD, &any);
}

static enum ttt_status backward(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_backward_args *args,
                                const struct ttt_candidate_call *call)
{
    const union ttt_arguments any = {.backward = *args};
    (void)call;
    return run_wrong(self, shape, TTT_BACKWARD, &any);
}

/* The diagnosis of a wrong kernel on a case. */
static void diagnose(struct wrong *w, const char *text, char diagnosis[TTT_DIAGNOSIS_TEXT])
{
    w->candidate = (struct ttt_candidate){.abi = TTT_CANDIDATE_ABI,
                                          .name = "wrong",
                                          .about = "the float reference with a mistake",
                                          .types = TTT_TYPES_F32,
                                          .deterministic = 1,
                                          .self = w,
                                          .supports = supports,
                                          .forward = forward,
                                          .backward = backward};
    const struct ttt_contender contender = {&w->candidate, TTT_TYPES_F32, 0};
    struct ttt_run run = {.directions = TTT_DIRECTION_BOTH, .threads = 1, .budget = TTT_RUN_BUDGET};
    static struct ttt_result result;
    char error[256];
    ck_assert_msg(ttt_case_parse(text, &run.c, error, sizeof error) == 0, "%s", error);
    memset(&result, 0, sizeof result);
    ck_assert_msg(ttt_run_case(&run, &contender, 1, &result, error, sizeof error) == 0, "%s", error);
    ck_assert_msg(ttt_diagnose(&run, &contender, &result, error, sizeof error) == 0, "%s", error);
    snprintf(diagnosis, TTT_DIAGNOSIS_TEXT, "%s", result.diagnosis);
}

/* x = a x + b y, element by element (or row by row, where y is one row per head). */
static void combine(struct ttt_tensors *t, enum ttt_tensor x, double a, double b, enum ttt_tensor y)
{
    struct ttt_buffer *to = &t->buffer[x], *from = &t->buffer[y];
    const struct ttt_split rows = ttt_tensor_split(x, &t->c.shape), row = ttt_tensor_split(y, &t->c.shape);
    for (int64_t i = 0; i < to->elements; i++) {
        const int64_t same = i / rows.inner % (row.batches * row.heads) * row.inner + i % rows.inner % row.inner;
        ttt_buffer_set(to, i, a * ttt_buffer_get(to, i) + b * ttt_buffer_get(from, same));
    }
}

static void negate_eta(struct ttt_tensors *t)
{
    combine(t, TTT_LAST_ETA, -1, 0, TTT_LAST_ETA);
}

static void negate_eta_after(struct ttt_tensors *t, enum ttt_direction direction)
{
    if (direction == TTT_BACKWARD)
        combine(t, TTT_GRAD_LAST_ETA, -1, 0, TTT_GRAD_LAST_ETA);
}

static void zero_eta(struct ttt_tensors *t)
{
    combine(t, TTT_LAST_ETA, 0, 0, TTT_LAST_ETA);
}

static void drop_residual(struct ttt_tensors *t, enum ttt_direction direction)
{
    if (direction == TTT_FORWARD)
        combine(t, TTT_XQW, 1, -1, TTT_XQ);
    else
        combine(t, TTT_GRAD_XQ, 1, -1, TTT_GRAD_XQW);
}

static void drop_b1(struct ttt_tensors *t)
{
    combine(t, TTT_B1_INIT, 0, 0, TTT_B1_INIT);
}

static void drop_b2(struct ttt_tensors *t)
{
    combine(t, TTT_B2_INIT, 0, 0, TTT_B2_INIT);
}

static void drop_norm_bias(struct ttt_tensors *t)
{
    combine(t, TTT_NORM_BIAS, 0, 0, TTT_NORM_BIAS);
}

static void drop_norm_bias_of_output(struct ttt_tensors *t, enum ttt_direction direction)
{
    if (direction == TTT_FORWARD)
        combine(t, TTT_XQW, 1, -1, TTT_NORM_BIAS);
}

static void drop_norm_bias_of_loss(struct ttt_tensors *t)
{
    combine(t, TTT_XV, 1, 1, TTT_NORM_BIAS);
}

static void drop_norm_weight(struct ttt_tensors *t)
{
    for (int64_t i = 0; i < t->buffer[TTT_NORM_WEIGHT].elements; i++)
        ttt_buffer_set(&t->buffer[TTT_NORM_WEIGHT], i, 1);
}

static void take_V_for_target(struct ttt_tensors *t)
{
    combine(t, TTT_XV, 1, 1, TTT_XK);
}

static void take_V_for_target_after(struct ttt_tensors *t, enum ttt_direction direction)
{
    if (direction == TTT_BACKWARD)
        combine(t, TTT_GRAD_XK, 1, 1, TTT_GRAD_XV);
}

static void drop_state_gradients(struct ttt_tensors *t)
{
    for (enum ttt_tensor i = TTT_GRAD_W1_LAST; i <= TTT_GRAD_B2_LAST; i++)
        combine(t, i, 0, 0, i);
}

/* Each matrix of `rows` rows, written column by column. */
static void transpose(struct ttt_tensors *t, enum ttt_tensor which, int64_t rows)
{
    struct ttt_buffer *x = &t->buffer[which], old;
    const int64_t n = t->c.shape.head_dim * t->c.shape.hidden_dim, columns = n / rows;
    ck_assert_int_eq(ttt_buffer_alloc(&old, x->dtype, x->elements), 0);
    memcpy(old.data, x->data, (size_t)x->elements * ttt_dtype_size(x->dtype));
    for (int64_t i = 0; i < x->elements; i++)
        ttt_buffer_set(x, i / n * n + i % columns * rows + i % n / columns, ttt_buffer_get(&old, i));
    ttt_buffer_free(&old);
}

static void other_W1(struct ttt_tensors *t)
{
    transpose(t, TTT_W1_INIT, t->c.shape.hidden_dim);
    transpose(t, TTT_W1_CHECKPOINTS, t->c.shape.hidden_dim);
    transpose(t, TTT_GRAD_W1_LAST, t->c.shape.hidden_dim);
}

static void other_W1_after(struct ttt_tensors *t, enum ttt_direction direction)
{
    const int64_t rows = t->c.shape.head_dim;
    if (direction == TTT_BACKWARD) {
        transpose(t, TTT_GRAD_W1_INIT, rows);
        return;
    }
    transpose(t, TTT_W1_CHECKPOINTS, rows);
    transpose(t, TTT_W1_LAST, rows);
}

static void other_W2(struct ttt_tensors *t)
{
    transpose(t, TTT_W2_INIT, t->c.shape.head_dim);
    transpose(t, TTT_W2_CHECKPOINTS, t->c.shape.head_dim);
    transpose(t, TTT_GRAD_W2_LAST, t->c.shape.head_dim);
}

static void other_W2_after(struct ttt_tensors *t, enum ttt_direction direction)
{
    const int64_t rows = t->c.shape.hidden_dim;
    if (direction == TTT_BACKWARD) {
        transpose(t, TTT_GRAD_W2_INIT, rows);
        return;
    }
    transpose(t, TTT_W2_CHECKPOINTS, rows);
    transpose(t, TTT_W2_LAST, rows);
}

static void write_transposed(struct ttt_tensors *t, enum ttt_direction direction)
{
    if (direction == TTT_BACKWARD) {
        transpose(t, TTT_GRAD_W1_INIT, t->c.shape.head_dim);
        transpose(t, TTT_GRAD_W2_INIT, t->c.shape.hidden_dim);
        return;
    }
    transpose(t, TTT_W1_LAST, t->c.shape.head_dim);
    transpose(t, TTT_W2_LAST, t->c.shape.hidden_dim);
}

/* XQW of each row, as that of a sequence of one row at the state before its mini-batch, which learns nothing. */
static void keep_old_state(struct ttt_tensors *t, enum ttt_direction direction)
{
    const struct ttt_mlp_shape *s = &t->c.shape;
    const int64_t F = s->head_dim, count = ttt_shape_checkpoints(s);
    const struct ttt_call call = {.candidate = &ttt_candidate_ref_f32, .direction = TTT_FORWARD, .threads = 1};
    if (direction == TTT_BACKWARD)
        return;
    ck_assert_int_eq(s->checkpoint_group_size, 1);
    for (int64_t token = 0; token < s->batch * s->heads * s->seq_len; token++) {
        const int64_t head = token / s->seq_len, i = token % s->seq_len / s->mini_batch_size;
        struct ttt_case c = t->c;
        struct ttt_tensors one;
        char error[256];
        c.shape.batch = c.shape.heads = c.shape.seq_len = 1;
        ck_assert_int_eq(ttt_tensors_make(&one, &c, 0, 1, TTT_TYPES_F32, ~0U, error, sizeof error), 0);
        ttt_buffer_set(&one.buffer[TTT_LAST_ETA], 0, 0);
        for (int64_t f = 0; f < F; f++) {
            ttt_buffer_set(&one.buffer[TTT_XQ], f, ttt_buffer_get(&t->buffer[TTT_XQ], token * F + f));
            for (int k = 0; k < 2; k++)
                ttt_buffer_set(&one.buffer[TTT_NORM_WEIGHT + k], f,
                               ttt_buffer_get(&t->buffer[TTT_NORM_WEIGHT + k], head % s->heads * F + f));
        }
        for (int k = 0; k < 4; k++)
            for (int64_t e = 0; e < one.buffer[TTT_W1_INIT + k].elements; e++)
                ttt_buffer_set(&one.buffer[TTT_W1_INIT + k], e,
                               ttt_buffer_get(&t->buffer[TTT_W1_CHECKPOINTS + k],
                                              (head * count + i) * one.buffer[TTT_W1_INIT + k].elements + e));
        ck_assert_int_eq(ttt_call_plain(&call, &one), TTT_OK);
        for (int64_t f = 0; f < F; f++)
            ttt_buffer_set(&t->buffer[TTT_XQW], token * F + f, ttt_buffer_get(&one.buffer[TTT_XQW], f));
        ttt_tensors_free(&one);
    }
}

static const char strong[] = "b1h2n40c16f8d16g1 eps=1e-6 dist=strong seed=3";
static const char unit[] = "b2h2n40c16f8d16g2 eps=1e-6 dist=unit seed=3";

static const struct {
    const char *text, *diagnosis;
    struct wrong wrong;
} table[] = {
    {unit, "", {.eps = {-1, -1}}},
    {strong,
     "XQW, states fit the sign of last_eta reversed; gradients fit the sign of last_eta reversed",
     {.before = negate_eta, .after = negate_eta_after, .eps = {-1, -1}}},
    {strong, "XQW, states fit last_eta = 0: nothing learnt;", {.before = zero_eta, .eps = {-1, -1}}},
    {strong, "XQW fits the state before the update in the output", {.after = keep_old_state, .eps = {-1, -1}}},
    {unit,
     "XQW fits no residual XQ in the output; grad_L_XQ fits no residual XQ in the output",
     {.after = drop_residual, .eps = {-1, -1}}},
    {unit, "XQW, states fit b1_init = 0; gradients fit b1_init = 0", {.before = drop_b1, .eps = {-1, -1}}},
    {unit, "XQW, states fit b2_init = 0; gradients fit b2_init = 0", {.before = drop_b2, .eps = {-1, -1}}},
    {unit,
     "XQW, states fit no ttt_norm_bias; gradients fit no ttt_norm_bias",
     {.before = drop_norm_bias, .eps = {-1, -1}}},
    {unit, "XQW fits no ttt_norm_bias in the output", {.after = drop_norm_bias_of_output, .eps = {-1, -1}}},
    {strong,
     "XQW, states fit no ttt_norm_bias in the loss; gradients fit no ttt_norm_bias",
     {.before = drop_norm_bias_of_loss, .eps = {-1, -1}}},
    {strong, "XQW, states fit no ttt_norm_weight; gradients fit", {.before = drop_norm_weight, .eps = {-1, -1}}},
    {strong,
     "XQW, states fit the target XV in the place of XV - XK; gradients fit the target XV",
     {.before = take_V_for_target, .after = take_V_for_target_after, .eps = {-1, -1}}},
    {unit, "gradients fit no gradients of the last state", {.before = drop_state_gradients, .eps = {-1, -1}}},
    {strong,
     "XQW, states fit W1 read as [hidden, head_dim], transposed; gradients fit W1 read",
     {.before = other_W1, .after = other_W1_after, .eps = {-1, -1}}},
    {strong,
     "XQW, states fit W2 read as [head_dim, hidden], transposed; gradients fit W2 read",
     {.before = other_W2, .after = other_W2_after, .eps = {-1, -1}}},
    {unit,
     "W1_last, W2_last fit W1 and W2 written transposed; grad_L_W1_init, grad_L_W2_init fit W1 and W2",
     {.after = write_transposed, .eps = {-1, -1}}},
    {"b1h3n80c16f16d32g2 eps=1e-8 dist=model seed=4",
     "XQW, states fit ln_eps = 1e-6; gradients fit ln_eps = 1e-8 from checkpoints of ln_eps = 1e-6",
     {.eps = {1e-6, 1e-8}}},
    {"b1h3n80c16f16d32g9 eps=1e-8 dist=model seed=4",
     "XQW, states fit ln_eps = 1e-6; gradients fit ln_eps = 1e-8, the contract's",
     {.eps = {1e-6, 1e-8}}},
    {"b1h3n80c16f16d32g9 eps=1e-5 dist=model seed=4",
     "XQW, states fit ln_eps = 1e-6; gradients fit ln_eps = 1e-8",
     {.eps = {1e-6, 1e-8}}},
    {"b1h3n80c16f16d32g9 eps=1e-6 dist=model seed=4 causal=1",
     "gradients fit ln_eps = 1e-5; XQW and states fit ln_eps = 1e-6, the contract's",
     {.eps = {-1, 1e-5}}},
    {"b1h3n80c16f16d32g9 eps=1e-5 dist=model seed=4",
     "XQW, states fit ln_eps = 0; gradients fit ln_eps = 0",
     {.eps = {0, 0}}},
};

START_TEST(each_mistake_is_named)
{
    struct wrong wrong = table[_i].wrong;
    char diagnosis[TTT_DIAGNOSIS_TEXT];
    diagnose(&wrong, table[_i].text, diagnosis);
    if (table[_i].diagnosis[0])
        ck_assert_msg(strncmp(diagnosis, table[_i].diagnosis, strlen(table[_i].diagnosis)) == 0, "'%s', not '%s'",
                      diagnosis, table[_i].diagnosis);
    else
        ck_assert_str_eq(diagnosis, "");
}
END_TEST

/* What fits nothing is not explained: a wrong factor. */
static void larger(struct ttt_tensors *t, enum ttt_direction direction)
{
    if (direction == TTT_FORWARD)
        combine(t, TTT_XQW, 1.2, 0, TTT_XQW);
}

START_TEST(what_fits_nothing_is_left_alone)
{
    struct wrong wrong = {.after = larger, .eps = {-1, -1}};
    char diagnosis[TTT_DIAGNOSIS_TEXT];
    diagnose(&wrong, unit, diagnosis);
    ck_assert_str_eq(diagnosis, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("diagnosis");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, each_mistake_is_named, 0, sizeof table / sizeof table[0]);
    tcase_add_test(all, what_fits_nothing_is_left_alone);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
