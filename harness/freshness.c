/* SPDX-License-Identifier: MIT */
#include "freshness.h"
#include "operands.h"
#include <math.h>
#include <string.h>
#include <sys/random.h>

/* Values that the distribution could have given as well; a learning rate stays small, a scale keeps its sign. */
static double factor_of(enum ttt_tensor t)
{
    return t == TTT_LAST_ETA || t == TTT_TOKEN_ETA ? 0.5 : t == TTT_NORM_WEIGHT ? 2 : -1;
}

int ttt_freshness_suits(const struct ttt_mlp_shape *s)
{
    return (double)s->batch * (double)s->heads * (double)s->seq_len * (double)s->head_dim * (double)s->hidden_dim <=
           TTT_FRESHNESS_WORK;
}

static void mirror(struct ttt_buffer *to, const struct ttt_buffer *from, double factor)
{
#pragma omp parallel for schedule(static) if (to->elements > TTT_PARALLEL_ELEMENTS)
    for (int64_t i = 0; i < to->elements; i++)
        ttt_buffer_set(to, i, factor * ttt_buffer_get(from, to->elements - 1 - i));
}

int ttt_freshness_open(struct ttt_freshness *other, const struct ttt_tensors *block)
{
    unsigned char bit = 0;
    *other = (struct ttt_freshness){.block = *block, .there = 1};
    memset(other->block.buffer, 0, sizeof other->block.buffer);
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        const struct ttt_buffer *from = &block->buffer[t];
        if (!from->data)
            continue;
        if (ttt_buffer_alloc(&other->block.buffer[t], from->dtype, from->elements) != 0)
            return -1;
        /* What the call will write over is copied too: checkpoints are inputs of the backward pass. */
        mirror(&other->block.buffer[t], from, factor_of(t));
    }
    other->before = getrandom(&bit, 1, 0) == 1 && bit % 2;
    return 0;
}

void ttt_freshness_close(struct ttt_freshness *other)
{
    if (other->there)
        ttt_tensors_free(&other->block);
    other->there = 0;
}

/* The reference's pass on a copy of the block.  0, or -1. */
static int run_reference(struct ttt_tensors *to, const struct ttt_tensors *block, const struct ttt_call *call)
{
    static const struct ttt_candidate *const references[] = {
        [TTT_TYPES_F64] = &ttt_candidate_ref_f64,
        [TTT_TYPES_F32] = &ttt_candidate_ref_f32,
        [TTT_TYPES_BF16] = &ttt_candidate_ref_bf16,
    };
    const struct ttt_call reference = {
        .candidate = references[block->types], .direction = call->direction, .threads = call->threads};
    *to = *block;
    memset(to->buffer, 0, sizeof to->buffer);
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        const struct ttt_buffer *from = &block->buffer[t];
        if (!from->data)
            continue;
        if (ttt_buffer_alloc(&to->buffer[t], from->dtype, from->elements) != 0)
            return -1;
        memcpy(to->buffer[t].data, from->data, (size_t)from->elements * ttt_dtype_size(from->dtype));
    }
    return ttt_call_plain(&reference, to) == TTT_OK ? 0 : -1;
}

static int same_values(const struct ttt_buffer *a, const struct ttt_buffer *b)
{
    for (int64_t i = 0; i < a->elements; i++) {
        const double x = ttt_buffer_get(a, i), y = ttt_buffer_get(b, i);
        if (x != y && !(isnan(x) && isnan(y)))
            return 0;
    }
    return 1;
}

/* Take from `same` the outputs that are the same of the reference, too: zeros of both signs, what is NaN for reasons
 * that the other inputs share, data that look the same from behind.  0, or -1. */
static int drop_what_is_right(int same[TTT_TENSOR_COUNT], const struct ttt_freshness *other,
                              const struct ttt_tensors *block, const struct ttt_call *call)
{
    struct ttt_tensors a = {.head0 = 0}, b = {.head0 = 0};
    int status = run_reference(&a, block, call);
    if (status == 0)
        status = run_reference(&b, &other->block, call);
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT && status == 0; t++)
        same[t] = same[t] && !same_values(&a.buffer[t], &b.buffer[t]);
    ttt_tensors_free(&a);
    ttt_tensors_free(&b);
    return status;
}

static int is_constant(const struct ttt_buffer *b)
{
    const size_t size = ttt_dtype_size(b->dtype);
    return memcmp(b->data, (const char *)b->data + size, (size_t)(b->elements - 1) * size) == 0;
}

void ttt_freshness_compare(const struct ttt_freshness *other, const struct ttt_tensors *block,
                           const struct ttt_call *call, struct ttt_result *result)
{
    int same[TTT_TENSOR_COUNT] = {0}, any = 0;
    ttt_result_check(result, "cached");
    for (int i = 0; i < ttt_operand_count(call->direction); i++) {
        const enum ttt_tensor t = ttt_operand_tensor(call->direction, i);
        const struct ttt_buffer *a = &block->buffer[t], *b = &other->block.buffer[t];
        same[t] = ttt_operand_is_output(call->direction, i) && a->data && !is_constant(a) &&
                  memcmp(a->data, b->data, (size_t)a->elements * ttt_dtype_size(a->dtype)) == 0;
        any |= same[t];
    }
    if (any && drop_what_is_right(same, other, block, call) != 0) {
        ttt_result_note(result, "cached", TTT_SKIPPED, "no memory for the reference's outputs");
        return;
    }
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        if (same[t])
            ttt_result_note(result, "cached", TTT_FAIL, "%s: %s has the same bits for other values of every input",
                            ttt_direction_name[1u << call->direction], ttt_tensor_info[t].name);
}
