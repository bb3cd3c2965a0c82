/* SPDX-License-Identifier: MIT
 *
 * Writing a safetensors file, wholly or not at all.
 */
#include "safetensors.h"
#include "text.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The tensors to write, larger elements first, so that each begins at a multiple of its element's size. */
static int list_tensors(const struct ttt_tensors *t, unsigned roles, enum ttt_tensor list[TTT_TENSOR_COUNT])
{
    int n = 0;
    for (int dtype = TTT_F64; dtype >= TTT_BF16; dtype--)
        for (enum ttt_tensor which = TTT_XQ; which < TTT_TENSOR_COUNT; which++)
            if (t->buffer[which].data && (int)t->buffer[which].dtype == dtype &&
                (roles & 1u << ttt_tensor_info[which].role))
                list[n++] = which;
    return n;
}

static int add_text(json_t *object, const char *key, const char *value)
{
    return json_object_set_new(object, key, json_string(value));
}

static int add_number(json_t *object, const char *key, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return add_text(object, key, text);
}

/* NULL when memory cannot be had. */
static json_t *make_metadata(const struct ttt_case *c)
{
    const struct ttt_mlp_shape *s = &c->shape;
    char eps[TTT_TEXT_DOUBLE];
    ttt_text_from_double(eps, s->ln_eps);
    json_t *m = json_object();
    if (add_number(m, "batch", (uint64_t)s->batch) || add_number(m, "heads", (uint64_t)s->heads) ||
        add_number(m, "seq_len", (uint64_t)s->seq_len) ||
        add_number(m, "mini_batch_size", (uint64_t)s->mini_batch_size) ||
        add_number(m, "head_dim", (uint64_t)s->head_dim) || add_number(m, "hidden_dim", (uint64_t)s->hidden_dim) ||
        add_number(m, "checkpoint_group_size", (uint64_t)s->checkpoint_group_size) || add_text(m, "ln_eps", eps) ||
        add_number(m, "causal", (uint64_t)s->causal) ||
        add_text(m, "distribution", ttt_distribution_name[c->distribution]) || add_number(m, "seed", c->seed)) {
        json_decref(m);
        return NULL;
    }
    return m;
}

/* Add one tensor and move *offset behind its data. */
static int add_tensor(json_t *header, const struct ttt_tensors *t, enum ttt_tensor which, int64_t *offset)
{
    const struct ttt_buffer *b = &t->buffer[which];
    int64_t dims[TTT_MAX_DIMS];
    const int n = ttt_tensor_dims(which, &t->c.shape, dims);
    const int64_t end = *offset + b->elements * (int64_t)ttt_dtype_size(b->dtype);
    json_t *shape = json_array();
    for (int i = 0; i < n; i++)
        if (json_array_append_new(shape, json_integer(dims[i]))) {
            json_decref(shape);
            return -1;
        }
    json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", ttt_dtype_name[b->dtype], "shape", shape, "data_offsets",
                              (json_int_t)*offset, (json_int_t)end);
    *offset = end;
    return json_object_set_new(header, ttt_tensor_info[which].name, entry);
}

/* The header as text, padded with spaces so that the data begins at a multiple of 8; NULL when memory cannot be had. */
static char *make_header(const struct ttt_tensors *t, const enum ttt_tensor *list, int n, size_t *size)
{
    json_t *header = json_object();
    int64_t offset = 0;
    int failed = json_object_set_new(header, "__metadata__", make_metadata(&t->c));
    for (int i = 0; i < n && !failed; i++)
        failed = add_tensor(header, t, list[i], &offset);
    char *text = failed ? NULL : json_dumps(header, JSON_COMPACT);
    json_decref(header);
    if (!text)
        return NULL;
    const size_t length = strlen(text);
    *size = (length + 7) / 8 * 8;
    char *padded = malloc(*size);
    if (padded) {
        memset(padded, ' ', *size);
        memcpy(padded, text, length);
    }
    free(text);
    return padded;
}

static int write_all(int fd, const void *data, size_t size)
{
    const unsigned char *at = data;
    while (size > 0) {
        const ssize_t put = write(fd, at, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        at += put;
        size -= (size_t)put;
    }
    return 0;
}

/* Header size, header and data.  0, or -1 with errno. */
static int write_content(int fd, const struct ttt_tensors *t, const enum ttt_tensor *list, int n)
{
    size_t size = 0;
    char *header = make_header(t, list, n, &size);
    if (!header) {
        errno = ENOMEM;
        return -1;
    }
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)size >> 8 * i);
    int result = write_all(fd, bytes, sizeof bytes) || write_all(fd, header, size) ? -1 : 0;
    for (int i = 0; i < n && result == 0; i++) {
        const struct ttt_buffer *b = &t->buffer[list[i]];
        result = write_all(fd, b->data, (size_t)b->elements * ttt_dtype_size(b->dtype));
    }
    const int saved = errno;
    free(header);
    errno = saved;
    return result;
}

/* Write `temporary` and give it its name.  0, or -1 with errno. */
static int write_and_rename(const char *temporary, const char *path, const struct ttt_tensors *t,
                            const enum ttt_tensor *list, int n)
{
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return -1;
    int failed = write_content(fd, t, list, n) || fsync(fd) ? errno : 0;
    if (close(fd) && !failed)
        failed = errno;
    if (!failed && rename(temporary, path))
        failed = errno;
    if (!failed)
        return 0;
    unlink(temporary);
    errno = failed;
    return -1;
}

int ttt_safetensors_write(const char *path, const struct ttt_tensors *t, unsigned roles, char *error, size_t error_size)
{
    const struct ttt_message message = {path, error, error_size};
    struct stat status;
    /* Renaming over a device or a directory would not do what it seems to. */
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return ttt_message_refuse(&message, "exists and is not a regular file");
    const size_t size = strlen(path) + sizeof ".tmp";
    char *temporary = malloc(size);
    if (!temporary)
        return ttt_message_refuse(&message, "out of memory");
    snprintf(temporary, size, "%s.tmp", path);
    enum ttt_tensor list[TTT_TENSOR_COUNT];
    const int n = list_tensors(t, roles, list);
    const int result = write_and_rename(temporary, path, t, list, n);
    if (result)
        ttt_message_refuse(&message, "cannot be written: %s", strerror(errno));
    free(temporary);
    return result;
}
