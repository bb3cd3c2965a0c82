/* SPDX-License-Identifier: MIT */
#include "blocks.h"
#include <string.h>

struct ttt_runs ttt_block_runs(const struct ttt_tensors *block, enum ttt_tensor t)
{
    struct ttt_mlp_shape shape = block->c.shape;
    const struct ttt_split part = ttt_tensor_split(t, &shape);
    shape.heads = block->heads_total;
    const struct ttt_split whole = ttt_tensor_split(t, &shape);
    const int has_heads = strchr(ttt_tensor_info[t].dims, 'H') != NULL;
    return (struct ttt_runs){
        .count = part.batches,
        .length = part.heads * part.inner,
        .first = has_heads ? block->head0 * part.inner : 0,
        .stride = whole.heads * whole.inner,
    };
}

struct ttt_buffer ttt_block_run(const struct ttt_tensors *block, enum ttt_tensor t, const struct ttt_runs *runs,
                                int64_t i)
{
    const struct ttt_buffer *whole = &block->buffer[t];
    const size_t offset = (size_t)(i * runs->length) * ttt_dtype_size(whole->dtype);
    return (struct ttt_buffer){
        .dtype = whole->dtype,
        .elements = runs->length,
        .data = (char *)whole->data + offset,
    };
}

void ttt_buffer_convert(struct ttt_buffer *to, const struct ttt_buffer *from)
{
    if (to->dtype == from->dtype) {
        memcpy(to->data, from->data, (size_t)from->elements * ttt_dtype_size(from->dtype));
        return;
    }
    for (int64_t i = 0; i < from->elements; i++)
        ttt_buffer_set(to, i, ttt_buffer_get(from, i));
}
