/* SPDX-License-Identifier: MIT */
#include "poison.h"
#include "blocks.h"
#include "harness/reference.h"
#include "harness/tier0.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where poison gets into a (batch, head). */
struct entry {
    int64_t row;  /* the first token that is poisoned, or N; -1 where it is the state or the norm */
    int anything; /* an input or an upstream gradient is: its gradients may be anything */
};

struct comparison {
    const struct ttt_tensors *k, *clean;
    const struct entry *entries;
    struct fuzz_outcome *out;
};

static void note_entry(struct entry *e, enum ttt_tensor t, int64_t i, const struct ttt_mlp_shape *s)
{
    const struct ttt_split split = ttt_tensor_split(t, s);
    const int64_t N = s->seq_len, row = t <= TTT_LAST_ETA ? i % split.inner / (split.inner / N) : -1;
    for (int64_t bh = 0; bh < s->batch * s->heads; bh++) {
        const int64_t b = split.batches == 1 ? 0 : bh / s->heads, h = split.heads == 1 ? 0 : bh % s->heads;
        if ((b * split.heads + h) != i / split.inner)
            continue;
        e[bh].anything = 1;
        if (ttt_tensor_info[t].role == TTT_ROLE_INPUT && row < e[bh].row)
            e[bh].row = row;
    }
}

/* Make every non-finite input 1, and note where it was.  How many there were. */
static int64_t clean(struct ttt_tensors *inputs, struct entry *e)
{
    int64_t found = 0;
    for (enum ttt_tensor t = 0; t < TTT_XQW; t++)
        for (int64_t i = 0; i < inputs->buffer[t].elements && inputs->buffer[t].data; i++)
            if (!isfinite(ttt_buffer_get(&inputs->buffer[t], i))) {
                note_entry(e, t, i, &inputs->c.shape);
                ttt_buffer_set(&inputs->buffer[t], i, 1);
                found++;
            }
    return found;
}

/* The first `n` elements from `at` must be the same; 0 if they are. */
static int differ(const struct comparison *c, enum ttt_tensor t, int64_t at, int64_t n)
{
    const struct ttt_buffer *k = &c->k->buffer[t], *clean_k = &c->clean->buffer[t];
    const size_t size = ttt_dtype_size(k->dtype);
    for (int64_t i = at; i < at + n; i++) {
        if (memcmp((const char *)k->data + (size_t)i * size, (const char *)clean_k->data + (size_t)i * size, size) == 0)
            continue;
        char place[TTT_DETAIL_TEXT];
        ttt_tensor_place(t, &c->k->c.shape, i, place);
        c->out->tensor = t;
        snprintf(c->out->gate, sizeof c->out->gate, "non-finite");
        snprintf(c->out->detail, sizeof c->out->detail, "%s %s is %g; a non-finite input elsewhere must leave it at %g",
                 ttt_tensor_info[t].name, place, ttt_buffer_get(k, i), ttt_buffer_get(clean_k, i));
        return 1;
    }
    return 0;
}

/* How many elements of a forward output of one (batch, head), whose poison comes at `row`, must be as without it. */
static int64_t kept_forward(enum ttt_tensor t, const struct ttt_mlp_shape *s, int64_t row)
{
    const int64_t inner = ttt_tensor_split(t, s).inner, m = row / s->mini_batch_size;
    if (row < 0 || row >= s->seq_len)
        return row < 0 ? 0 : inner;
    if (t == TTT_XQW)
        return (s->causal ? row : m * s->mini_batch_size) * s->head_dim;
    if (t >= TTT_W1_LAST)
        return 0;
    return inner / ttt_shape_checkpoints(s) * (m / s->checkpoint_group_size + 1);
}

static int compare_tensor(const struct comparison *c, enum ttt_tensor t)
{
    const struct ttt_mlp_shape *s = &c->k->c.shape;
    const struct ttt_split split = ttt_tensor_split(t, s);
    const int forward = ttt_tensor_info[t].role == TTT_ROLE_FORWARD_OUTPUT;
    for (int64_t slab = 0; slab < split.batches * split.heads; slab++) {
        int64_t kept = split.inner;
        for (int64_t bh = 0; bh < s->batch * s->heads; bh++) {
            const int mine = (split.heads == 1 || bh % s->heads == slab % split.heads) &&
                             (split.batches == 1 || bh / s->heads == slab / split.heads);
            const int64_t n = forward ? kept_forward(t, s, c->entries[bh].row) : c->entries[bh].anything ? 0 : kept;
            kept = mine && n < kept ? n : kept;
        }
        if (differ(c, t, slab * split.inner, kept))
            return 1;
    }
    return 0;
}

/* Checkpoints of the cleaned inputs, which a backward pass alone starts from: the reference's. */
static int checkpoints_of(const struct fuzz_lab *lab, const struct ttt_tensors *inputs, struct ttt_tensors *block,
                          char *error, size_t error_size)
{
    struct ttt_tensors contract = {.head0 = 0};
    const int status = fuzz_block_run(&contract, inputs, ttt_candidate_contract(lab->types, lab->points),
                                      TTT_DIRECTION_FORWARD, lab->threads, error, error_size);
    for (enum ttt_tensor t = TTT_W1_CHECKPOINTS; t <= TTT_B2_CHECKPOINTS && status == 0; t++)
        memcpy(block->buffer[t].data, contract.buffer[t].data,
               (size_t)block->buffer[t].elements * ttt_dtype_size(block->buffer[t].dtype));
    ttt_tensors_free(&contract);
    return status;
}

/* The candidate's passes on the cleaned inputs. */
static int run_clean(const struct fuzz_lab *lab, unsigned directions, const struct ttt_tensors *inputs,
                     const struct ttt_tensors *k, struct ttt_tensors *block, char *error, size_t error_size)
{
    if (ttt_reference_block(block, inputs, k->types, directions, error, error_size) != 0)
        return -1;
    if (!(directions & TTT_DIRECTION_FORWARD) && checkpoints_of(lab, inputs, block, error, error_size) != 0)
        return -1;
    int status = TTT_OK;
    for (enum ttt_direction d = TTT_FORWARD; d <= TTT_BACKWARD && status == TTT_OK; d++) {
        const struct ttt_call call = {.candidate = lab->candidate, .direction = d, .threads = lab->threads};
        if (directions & 1u << d)
            status = (int)ttt_call_plain(&call, block);
    }
    if (status == TTT_OK)
        return 0;
    snprintf(error, error_size, "the candidate's status with finite inputs is %d, and 0 with others", status);
    return -1;
}

int fuzz_poison_check(const struct fuzz_lab *lab, unsigned directions, const struct fuzz_subject *subject,
                      const struct ttt_tensors *k, struct fuzz_outcome *out, int *fails, char *error, size_t error_size)
{
    const struct ttt_mlp_shape *s = &subject->c.shape;
    struct ttt_tensors inputs = {.head0 = 0}, block = {.head0 = 0};
    struct entry *entries = calloc((size_t)(s->batch * s->heads), sizeof *entries);
    *fails = 0;
    int status =
        entries ? ttt_reference_block(&inputs, &subject->inputs, TTT_TYPES_F64, directions, error, error_size) : -1;
    if (!entries)
        snprintf(error, error_size, "out of memory");
    for (int64_t bh = 0; bh < s->batch * s->heads && entries; bh++)
        entries[bh].row = s->seq_len;
    if (status == 0 && clean(&inputs, entries) > 0) {
        const struct comparison c = {.k = k, .clean = &block, .entries = entries, .out = out};
        status = run_clean(lab, directions, &inputs, k, &block, error, error_size);
        for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT && status == 0 && !*fails; t++)
            *fails = fuzz_is_output(t, directions) && k->buffer[t].data && compare_tensor(&c, t);
    }
    ttt_tensors_free(&inputs);
    ttt_tensors_free(&block);
    free(entries);
    return status;
}
