/* SPDX-License-Identifier: MIT */
#include "harness/blocks.h"
#include <stdio.h>
#include <string.h>

struct ttt_runs ttt_block_runs(const struct ttt_tensors *block, enum ttt_tensor t)
{
    const int64_t elements = block->buffer[t].elements;
    const char *dims = ttt_tensor_info[t].dims;
    if (!strchr(dims, 'H'))
        return (struct ttt_runs){.count = 1, .length = elements};
    const int64_t batches = dims[0] == 'B' ? block->c.shape.batch : 1;
    const int64_t per_head = elements / (batches * block->c.shape.heads);
    return (struct ttt_runs){
        .count = batches,
        .length = elements / batches,
        .first = block->head0 * per_head,
        .stride = block->heads_total * per_head,
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

/* One run of one tensor, in pieces, so that the copy in the file's dtype stays small. */
static int read_run(struct ttt_buffer *to, struct ttt_safetensors *file, const struct ttt_safetensors_entry *entry,
                    int64_t first, struct ttt_buffer *piece, char *error, size_t error_size)
{
    const size_t size = ttt_dtype_size(to->dtype);
    for (int64_t done = 0; done < to->elements;) {
        const int64_t left = to->elements - done;
        const int64_t n = left < piece->elements ? left : piece->elements;
        if (ttt_safetensors_read(file, entry, first + done, n, piece->data, error, error_size) != 0)
            return -1;
        struct ttt_buffer from = {.dtype = piece->dtype, .elements = n, .data = piece->data};
        struct ttt_buffer part = {.dtype = to->dtype, .elements = n, .data = (char *)to->data + (size_t)done * size};
        ttt_buffer_convert(&part, &from);
        done += n;
    }
    return 0;
}

static int read_tensor(struct ttt_tensors *block, enum ttt_tensor t, struct ttt_safetensors *file,
                       const struct ttt_safetensors_entry *entry, char *error, size_t error_size)
{
    const int64_t piece_elements = 1 << 16;
    struct ttt_buffer piece;
    if (ttt_buffer_alloc(&piece, entry->dtype, piece_elements) != 0) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    const struct ttt_runs runs = ttt_block_runs(block, t);
    int status = 0;
    for (int64_t i = 0; i < runs.count && status == 0; i++) {
        struct ttt_buffer run = ttt_block_run(block, t, &runs, i);
        status = read_run(&run, file, entry, runs.first + i * runs.stride, &piece, error, error_size);
    }
    ttt_buffer_free(&piece);
    return status;
}

int ttt_block_read(struct ttt_tensors *block, struct ttt_safetensors *file, unsigned roles, char *error,
                   size_t error_size)
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        const struct ttt_safetensors_entry *entry = ttt_safetensors_find(file, ttt_tensor_info[t].name);
        if (!entry || !block->buffer[t].data || !(roles & 1u << ttt_tensor_info[t].role))
            continue;
        if (read_tensor(block, t, file, entry, error, error_size) != 0)
            return -1;
    }
    return 0;
}
