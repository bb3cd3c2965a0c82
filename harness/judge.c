/* SPDX-License-Identifier: MIT */
#include "judge.h"
#include "blocks.h"
#include <math.h>

void ttt_judge_init(struct ttt_judge *j, const char judged[TTT_TENSOR_COUNT])
{
    *j = (struct ttt_judge){.judged = {0}};
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        j->judged[t] = judged[t];
}

void ttt_judge_free(struct ttt_judge *j)
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        ttt_groups_free(&j->spread[t]);
    for (int i = 0; i < TTT_REPLICAS; i++)
        ttt_buffer_free(&j->token_eta[i]);
}

/* Tensors that are read block by block. */
static int by_block(const struct ttt_judge *j, enum ttt_tensor t, const struct ttt_tensors *k)
{
    return j->judged[t] && t != TTT_GRAD_TOKEN_ETA && k->buffer[t].data != NULL;
}

static int is_output(enum ttt_tensor t)
{
    return ttt_tensor_info[t].role == TTT_ROLE_FORWARD_OUTPUT || ttt_tensor_info[t].role == TTT_ROLE_BACKWARD_OUTPUT;
}

int ttt_judge_block(struct ttt_judge *j, const struct ttt_tensors *truth)
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        ttt_groups_free(&j->spread[t]);
        if (is_output(t) && by_block(j, t, truth) && ttt_groups_make(&j->spread[t], t, &truth->c.shape) != 0)
            return -1;
    }
    return 0;
}

static int add_token_eta(struct ttt_buffer *sum, const struct ttt_buffer *part)
{
    if (!sum->data) {
        if (ttt_buffer_alloc(sum, TTT_F64, part->elements) != 0)
            return -1;
        for (int64_t i = 0; i < sum->elements; i++)
            ttt_buffer_set(sum, i, 0);
    }
    for (int64_t i = 0; i < sum->elements; i++)
        ttt_buffer_set(sum, i, ttt_buffer_get(sum, i) + ttt_buffer_get(part, i));
    return 0;
}

int ttt_judge_replica(struct ttt_judge *j, int i, const struct ttt_tensors *replica, const struct ttt_tensors *truth)
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        if (is_output(t) && by_block(j, t, truth))
            ttt_groups_add(&j->spread[t], &replica->buffer[t], &truth->buffer[t]);
    const struct ttt_buffer *part = &replica->buffer[TTT_GRAD_TOKEN_ETA];
    return j->judged[TTT_GRAD_TOKEN_ETA] && part->data ? add_token_eta(&j->token_eta[i], part) : 0;
}

/* Note how far the replicas of one tensor disagree. */
static int note_disagreement(struct ttt_judge *j, enum ttt_tensor t, const struct ttt_groups *spread,
                             const struct ttt_buffer *truth, const struct ttt_mlp_shape *shape)
{
    struct ttt_groups values;
    const int status = ttt_groups_make(&values, t, shape);
    if (status == 0) {
        ttt_groups_add_values(&values, truth);
        j->disagreement[t] =
            ttt_gates_larger(j->disagreement[t], ttt_gates_disagreement(spread, &values, TTT_REPLICAS));
        j->cost_square[t] += spread->sums[TTT_LEVEL_TENSOR]->square / TTT_REPLICAS;
        j->truth_square[t] += values.sums[TTT_LEVEL_TENSOR]->square;
    }
    ttt_groups_free(&values);
    return status;
}

int ttt_judge_settle(struct ttt_judge *j, const struct ttt_tensors *truth)
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        if (is_output(t) && by_block(j, t, truth) &&
            note_disagreement(j, t, &j->spread[t], &truth->buffer[t], &truth->c.shape) != 0)
            return -1;
    return 0;
}

/* The heads of a block's reading become those of the case. */
static void merge(struct ttt_reading *to, const struct ttt_reading *from, const struct ttt_tensors *block)
{
    for (int gate = 0; gate < TTT_GATES; gate++) {
        struct ttt_reading reading = from[gate];
        const int64_t heads = block->c.shape.heads, batch = reading.place.head / heads;
        reading.place.head = batch * block->heads_total + block->head0 + reading.place.head % heads;
        ttt_reading_keep(&to[gate], gate, &reading);
    }
}

/* Errors of a tensor of a block: to be read below the level of the tensor (`readings` not NULL), and its sums. */
static int read_tensor(enum ttt_tensor t, const struct ttt_mlp_shape *shape, struct ttt_cost *cost,
                       const struct ttt_buffer *k, const struct ttt_buffer *r, enum ttt_dtype dtype,
                       struct ttt_reading *readings, struct ttt_total *total)
{
    struct ttt_groups error;
    int status = ttt_groups_make(&error, t, shape);
    if (ttt_groups_make(&cost->rounding, t, shape) != 0)
        status = -1;
    if (status == 0) {
        ttt_groups_add(&error, k, r);
        ttt_groups_add_rounding(&cost->rounding, r, dtype);
        ttt_total_add(total, &error, cost);
        if (readings)
            ttt_gates_read(&error, cost, readings);
    }
    ttt_groups_free(&error);
    ttt_groups_free(&cost->rounding);
    return status;
}

int ttt_judge_read(const struct ttt_judge *j, const struct ttt_tensors *k, const struct ttt_tensors *truth,
                   unsigned roles, struct ttt_judgement *judgement)
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        struct ttt_reading readings[TTT_GATES];
        if (!(roles & 1u << ttt_tensor_info[t].role) || !is_output(t) || !by_block(j, t, truth))
            continue;
        struct ttt_cost cost = {.spread = j->spread[t], .replicas = TTT_REPLICAS, .scale = ttt_gates_scale(k->types)};
        if (read_tensor(t, &truth->c.shape, &cost, &k->buffer[t], &truth->buffer[t], k->buffer[t].dtype, readings,
                        &judgement->total[t]) != 0)
            return -1;
        merge(judgement->readings[t], readings, truth);
    }
    return 0;
}

static int finish_token_eta(struct ttt_judge *j, const struct ttt_tally *tally, const struct ttt_mlp_shape *shape,
                            enum ttt_types types, struct ttt_total *total)
{
    const enum ttt_tensor t = TTT_GRAD_TOKEN_ETA;
    struct ttt_cost cost = {.replicas = TTT_REPLICAS, .scale = ttt_gates_scale(types)};
    int status = ttt_groups_make(&cost.spread, t, shape);
    for (int i = 0; i < TTT_REPLICAS && status == 0; i++)
        ttt_groups_add(&cost.spread, &j->token_eta[i], &tally->sum_r);
    if (status == 0)
        status = note_disagreement(j, t, &cost.spread, &tally->sum_r, shape);
    if (status == 0)
        status = read_tensor(t, shape, &cost, &tally->sum_k, &tally->sum_r, tally->sum_dtype, NULL, total);
    ttt_groups_free(&cost.spread);
    return status;
}

int ttt_judge_finish(struct ttt_judge *j, const struct ttt_tally *tally, const struct ttt_mlp_shape *shape,
                     enum ttt_types types, struct ttt_judgement *judgement)
{
    if (j->judged[TTT_GRAD_TOKEN_ETA] && tally->sum_k.data && j->token_eta[0].data &&
        finish_token_eta(j, tally, shape, types, &judgement->total[TTT_GRAD_TOKEN_ETA]) != 0)
        return -1;
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        ttt_total_read(&judgement->total[t], TTT_REPLICAS, ttt_gates_scale(types), judgement->readings[t]);
    return 0;
}

double ttt_judge_cost(const struct ttt_judge *j, enum ttt_tensor t, enum ttt_types types)
{
    return j->cost_square[t] == 0 ? 0 : ttt_gates_scale(types) * sqrt(j->cost_square[t] / j->truth_square[t]);
}

int ttt_judge_ill_conditioned(const struct ttt_judge *j, enum ttt_tensor t)
{
    /* Two replicas differ by sqrt(2) times what one is off. */
    return !(sqrt(2) * j->disagreement[t] <= 0.5);
}
