/* SPDX-License-Identifier: MIT
 *
 * The case that a safetensors file describes, and its tensors as a block of that case.
 */
#include "safetensors.h"
#include "text.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The value of a required key, or NULL with a line. */
static const char *required(const struct ttt_safetensors *s, const char *key, const struct ttt_message *message)
{
    const char *value = ttt_safetensors_metadata(s, key);
    if (!value)
        ttt_message_refuse(message, "__metadata__ has no '%s'", key);
    return value;
}

static int read_size(const struct ttt_safetensors *s, const char *key, int64_t *size, const struct ttt_message *message)
{
    const char *value = required(s, key, message);
    uint64_t number;
    if (!value)
        return -1;
    if (ttt_text_to_u64(value, strlen(value), INT64_MAX, &number) || number == 0)
        return ttt_message_refuse(message, "__metadata__: '%s' is '%s' (allowed: an integer 1 to 2^63 - 1)", key,
                                  TTT_QUOTE(value));
    *size = (int64_t)number;
    return 0;
}

static int read_sizes(const struct ttt_safetensors *s, struct ttt_mlp_shape *shape, const struct ttt_message *message)
{
    if (read_size(s, "batch", &shape->batch, message) || read_size(s, "heads", &shape->heads, message) ||
        read_size(s, "seq_len", &shape->seq_len, message) ||
        read_size(s, "mini_batch_size", &shape->mini_batch_size, message) ||
        read_size(s, "head_dim", &shape->head_dim, message) || read_size(s, "hidden_dim", &shape->hidden_dim, message))
        return -1;
    shape->checkpoint_group_size = 1;
    if (!ttt_safetensors_metadata(s, "checkpoint_group_size"))
        return 0;
    return read_size(s, "checkpoint_group_size", &shape->checkpoint_group_size, message);
}

static int read_eps(const struct ttt_safetensors *s, double *eps, const struct ttt_message *message)
{
    const char *value = required(s, "ln_eps", message);
    if (!value)
        return -1;
    if (ttt_text_to_double(value, strlen(value), eps))
        return ttt_message_refuse(message, "__metadata__: 'ln_eps' is '%s' (allowed: a decimal number >= 0)",
                                  TTT_QUOTE(value));
    return 0;
}

static int read_causal(const struct ttt_safetensors *s, int *causal, const struct ttt_message *message)
{
    const char *value = required(s, "causal", message);
    if (!value)
        return -1;
    if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
        return ttt_message_refuse(message, "__metadata__: 'causal' is '%s' (allowed: 0 or 1)", TTT_QUOTE(value));
    *causal = value[0] == '1';
    return 0;
}

/* How the values were made: a label only, since the file holds them. */
static int read_label(const struct ttt_safetensors *s, struct ttt_case *c, const struct ttt_message *message)
{
    const char *name = ttt_safetensors_metadata(s, "distribution"), *seed = ttt_safetensors_metadata(s, "seed");
    c->distribution = name ? ttt_distribution_find(name, strlen(name)) : TTT_DIST_UNIT;
    if (c->distribution == TTT_DIST_NONE)
        c->distribution = TTT_DIST_UNIT;
    c->seed = 1;
    if (seed && ttt_text_to_u64(seed, strlen(seed), UINT64_MAX, &c->seed))
        return ttt_message_refuse(message, "__metadata__: 'seed' is '%s' (allowed: an integer 0 to 2^64 - 1)",
                                  TTT_QUOTE(seed));
    return 0;
}

static int is_required(enum ttt_tensor t, const struct ttt_case *c)
{
    return t < TTT_XQW && t != TTT_TOKEN_ETA && ttt_tensor_present(t, c);
}

/* "[1, 2, 64, 32]" */
static const char *shape_text(char *text, size_t size, const int64_t *dims, int n)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < n && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, i ? ", " : "", dims[i]);
    if (used < size)
        snprintf(text + used, size - used, "]");
    return text;
}

static int check_tensor(const struct ttt_safetensors *s, enum ttt_tensor t, const struct ttt_case *c,
                        const struct ttt_message *message)
{
    const struct ttt_safetensors_entry *e = ttt_safetensors_find(s, ttt_tensor_info[t].name);
    if (!e && is_required(t, c))
        return ttt_message_refuse(message, "tensor '%s' is missing%s", ttt_tensor_info[t].name,
                                  ttt_tensor_info[t].role == TTT_ROLE_UPSTREAM && t != TTT_GRAD_XQW
                                      ? " (the four grad_L_*_last: all or none)"
                                      : "");
    if (!e)
        return 0;
    if (!ttt_tensor_present(t, c))
        return ttt_message_refuse(message, "tensor '%s' does not belong to the case (%s)", e->name,
                                  ttt_tensor_info[t].role == TTT_ROLE_UPSTREAM ? "the four grad_L_*_last: all or none"
                                                                               : "it is of the causal form only");
    int64_t dims[TTT_MAX_DIMS];
    const int n = ttt_tensor_dims(t, &c->shape, dims);
    if (e->ndim == n && memcmp(e->dims, dims, (size_t)n * sizeof *dims) == 0)
        return 0;
    char found[96], expected[128];
    return ttt_message_refuse(message, "tensor '%s' has shape %s (allowed by __metadata__: %s)", e->name,
                              shape_text(found, sizeof found, e->dims, e->ndim),
                              shape_text(expected, sizeof expected, dims, n));
}

int ttt_safetensors_case(const struct ttt_safetensors *s, struct ttt_case *out, char *error, size_t error_size)
{
    const struct ttt_message message = {ttt_safetensors_path(s), error, error_size};
    struct ttt_case c = {.state_grads = ttt_safetensors_find(s, ttt_tensor_info[TTT_GRAD_W1_LAST].name) != NULL};
    if (read_sizes(s, &c.shape, &message) || read_eps(s, &c.shape.ln_eps, &message) ||
        read_causal(s, &c.shape.causal, &message) || read_label(s, &c, &message))
        return -1;
    char what[256];
    if (ttt_case_check(&c, what, sizeof what))
        return ttt_message_refuse(&message, "__metadata__: %s", what);
    for (enum ttt_tensor t = TTT_XQ; t < TTT_TENSOR_COUNT; t++)
        if (check_tensor(s, t, &c, &message))
            return -1;
    *out = c;
    return 0;
}

/* Elements [first, first + count) of the file's tensor to position `at` of the buffer. */
static int read_converted(struct ttt_safetensors *s, const struct ttt_safetensors_entry *e, int64_t first,
                          int64_t count, struct ttt_buffer *b, int64_t at, char *error, size_t error_size)
{
    enum { CHUNK = 4096 };
    uint64_t data[CHUNK]; /* room for any element type */
    const struct ttt_buffer chunk = {.dtype = e->dtype, .elements = CHUNK, .data = data};
    for (int64_t done = 0; done < count; done += CHUNK) {
        const int64_t n = count - done < CHUNK ? count - done : CHUNK;
        if (ttt_safetensors_read(s, e, first + done, n, data, error, error_size))
            return -1;
        for (int64_t i = 0; i < n; i++)
            ttt_buffer_set(b, at + done + i, ttt_buffer_get(&chunk, i));
    }
    return 0;
}

/* Fill the buffer with the block's part of the file's tensor: one run of heads per batch entry. */
static int load_tensor(struct ttt_tensors *t, enum ttt_tensor which, struct ttt_safetensors *s,
                       const struct ttt_safetensors_entry *e, char *error, size_t error_size)
{
    struct ttt_mlp_shape shape = t->c.shape;
    const struct ttt_split part = ttt_tensor_split(which, &shape);
    shape.heads = t->heads_total;
    const struct ttt_split whole = ttt_tensor_split(which, &shape);
    const int64_t skipped = part.heads == whole.heads ? 0 : t->head0, run = part.heads * part.inner;
    for (int64_t batch = 0; batch < part.batches; batch++)
        if (read_converted(s, e, (batch * whole.heads + skipped) * part.inner, run, &t->buffer[which], batch * run,
                           error, error_size))
            return -1;
    return 0;
}

int ttt_tensors_load(struct ttt_tensors *t, struct ttt_safetensors *s, const struct ttt_case *c, int64_t head0,
                     int64_t heads, enum ttt_types types, unsigned roles, char *error, size_t error_size)
{
    if (ttt_tensors_begin(t, c, head0, heads, types, error, error_size))
        return -1;
    const struct ttt_message message = {ttt_safetensors_path(s), error, error_size};
    for (enum ttt_tensor which = TTT_XQ; which < TTT_TENSOR_COUNT; which++) {
        if (!(roles & 1u << ttt_tensor_info[which].role) || !ttt_tensor_present(which, c))
            continue;
        const struct ttt_safetensors_entry *e = ttt_safetensors_find(s, ttt_tensor_info[which].name);
        if (check_tensor(s, which, c, &message))
            return -1;
        if (!e && which != TTT_TOKEN_ETA)
            continue;
        const enum ttt_dtype dtype = which < TTT_XQW ? ttt_tensor_dtype(which, types) : e->dtype;
        if (ttt_tensors_add(t, which, dtype, error, error_size))
            return -1;
        if (e && load_tensor(t, which, s, e, error, error_size))
            return -1;
        for (int64_t i = 0; !e && i < t->buffer[which].elements; i++)
            ttt_buffer_set(&t->buffer[which], i, 1);
    }
    return 0;
}
