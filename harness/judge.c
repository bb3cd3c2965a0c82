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

static void free_groups(struct ttt_judge *j, enum ttt_tensor t)
{
    ttt_groups_free(&j->spread[t]);
    ttt_groups_free(&j->values[t]);
    ttt_buffer_free(&j->seen[t]);
}

void ttt_judge_free(struct ttt_judge *j)
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        free_groups(j, t);
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
        free_groups(j, t);
        if (!is_output(t) || !by_block(j, t, truth))
            continue;
        if (ttt_groups_make(&j->spread[t], t, &truth->c.shape) != 0 ||
            ttt_groups_make(&j->values[t], t, &truth->c.shape) != 0)
            return -1;
        ttt_groups_add_values(&j->values[t], &truth->buffer[t]);
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

/* NaN in `seen` where the replica is not finite and the truth is. */
static int hide(struct ttt_buffer *seen, const struct ttt_buffer *replica, const struct ttt_buffer *truth)
{
    for (int64_t i = 0; i < truth->elements; i++) {
        if (isfinite(ttt_buffer_get(replica, i)) || !isfinite(ttt_buffer_get(truth, i)))
            continue;
        if (!seen->data) {
            if (ttt_buffer_alloc(seen, TTT_F64, truth->elements) != 0)
                return -1;
            for (int64_t k = 0; k < truth->elements; k++)
                ttt_buffer_set(seen, k, ttt_buffer_get(truth, k));
        }
        ttt_buffer_set(seen, i, (double)NAN);
    }
    return 0;
}

int ttt_judge_replica(struct ttt_judge *j, int i, const struct ttt_tensors *replica, int finite,
                      const struct ttt_tensors *truth)
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        if (!is_output(t) || !by_block(j, t, truth))
            continue;
        ttt_groups_add(&j->spread[t], &replica->buffer[t], &truth->buffer[t]);
        if (!finite && hide(&j->seen[t], &replica->buffer[t], &truth->buffer[t]) != 0)
            return -1;
    }
    const struct ttt_buffer *part = &replica->buffer[TTT_GRAD_TOKEN_ETA];
    return j->judged[TTT_GRAD_TOKEN_ETA] && part->data ? add_token_eta(&j->token_eta[i], part) : 0;
}

/* Note how far the replicas of one tensor disagree. */
static void note_disagreement(struct ttt_judge *j, enum ttt_tensor t, const struct ttt_groups *spread,
                              const struct ttt_groups *values)
{
    j->disagreement[t] = ttt_gates_larger(j->disagreement[t], ttt_gates_disagreement(spread, values, TTT_REPLICAS));
    j->cost_square[t] += spread->sums[TTT_LEVEL_TENSOR]->square / TTT_REPLICAS;
    j->truth_square[t] += values->sums[TTT_LEVEL_TENSOR]->square;
}

void ttt_judge_settle(struct ttt_judge *j, const struct ttt_tensors *truth)
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        if (is_output(t) && by_block(j, t, truth))
            note_disagreement(j, t, &j->spread[t], &j->values[t]);
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

/* One tensor of a block: its errors and what they must cost. */
struct reading {
    enum ttt_tensor t;
    const struct ttt_mlp_shape *shape; /* of the block */
    const struct ttt_buffer *k, *r;
    enum ttt_dtype dtype; /* of k */
    struct ttt_groups error;
    struct ttt_cost cost;
};

static int reading_make(struct reading *reading, struct ttt_total *total)
{
    if (ttt_groups_make(&reading->error, reading->t, reading->shape) != 0 ||
        ttt_groups_make(&reading->cost.rounding, reading->t, reading->shape) != 0)
        return -1;
    ttt_groups_add(&reading->error, reading->k, reading->r);
    ttt_groups_add_rounding(&reading->cost.rounding, reading->r, reading->dtype);
    ttt_total_add(total, &reading->error, &reading->cost);
    return 0;
}

static void reading_free(struct reading *reading)
{
    ttt_groups_free(&reading->error);
    ttt_groups_free(&reading->cost.rounding);
}

int ttt_judge_read(const struct ttt_judge *j, const struct ttt_tensors *k, const struct ttt_tensors *truth,
                   unsigned roles, struct ttt_judgement *judgement)
{
    const struct ttt_part part = {truth->head0, truth->c.shape.heads, truth->heads_total};
    int status = 0;
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT && status == 0; t++) {
        struct ttt_reading readings[TTT_GATES];
        if (!(roles & 1u << ttt_tensor_info[t].role) || !is_output(t) || !by_block(j, t, truth))
            continue;
        struct reading reading = {
            .t = t,
            .shape = &truth->c.shape,
            .k = &k->buffer[t],
            .r = j->seen[t].data ? &j->seen[t] : &truth->buffer[t],
            .dtype = k->buffer[t].dtype,
            .cost = {.spread = j->spread[t], .replicas = TTT_REPLICAS, .scale = ttt_gates_scale(k->types)},
        };
        status = reading_make(&reading, &judgement->total[t]);
        if (status == 0) {
            ttt_gates_read(&reading.error, &reading.cost, readings);
            merge(judgement->readings[t], readings, truth);
            ttt_profile_add(&judgement->profile[t], &reading.error, &reading.cost, &j->values[t], &part);
        }
        reading_free(&reading);
    }
    return status;
}

static int finish_token_eta(struct ttt_judge *j, const struct ttt_tally *tally, const struct ttt_mlp_shape *shape,
                            enum ttt_types types, struct ttt_total *total)
{
    const enum ttt_tensor t = TTT_GRAD_TOKEN_ETA;
    struct reading reading = {
        .t = t,
        .shape = shape,
        .k = &tally->sum_k,
        .r = &tally->sum_r,
        .dtype = tally->sum_dtype,
        .cost = {.replicas = TTT_REPLICAS, .scale = ttt_gates_scale(types)},
    };
    struct ttt_groups values, *spread = &reading.cost.spread;
    int status = ttt_groups_make(spread, t, shape);
    if (ttt_groups_make(&values, t, shape) != 0)
        status = -1;
    for (int i = 0; i < TTT_REPLICAS && status == 0; i++)
        ttt_groups_add(spread, &j->token_eta[i], &tally->sum_r);
    if (status == 0) {
        ttt_groups_add_values(&values, &tally->sum_r);
        note_disagreement(j, t, spread, &values);
        status = reading_make(&reading, total);
    }
    reading_free(&reading);
    ttt_groups_free(spread);
    ttt_groups_free(&values);
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
