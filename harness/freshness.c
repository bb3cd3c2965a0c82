/* SPDX-License-Identifier: MIT */
#include "freshness.h"
#include "operands.h"
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

static int is_constant(const struct ttt_buffer *b)
{
    const size_t size = ttt_dtype_size(b->dtype);
    return memcmp(b->data, (const char *)b->data + size, (size_t)(b->elements - 1) * size) == 0;
}

void ttt_freshness_compare(const struct ttt_freshness *other, const struct ttt_tensors *block,
                           enum ttt_direction direction, struct ttt_result *result)
{
    ttt_result_check(result, "cached");
    for (int i = 0; i < ttt_operand_count(direction); i++) {
        const enum ttt_tensor t = ttt_operand_tensor(direction, i);
        const struct ttt_buffer *a = &block->buffer[t], *b = &other->block.buffer[t];
        if (!ttt_operand_is_output(direction, i) || !a->data || is_constant(a) ||
            memcmp(a->data, b->data, (size_t)a->elements * ttt_dtype_size(a->dtype)) != 0)
            continue;
        ttt_result_note(result, "cached", TTT_FAIL, "%s: %s has the same bits for other values of every input",
                        ttt_direction_name[1u << direction], ttt_tensor_info[t].name);
    }
}
