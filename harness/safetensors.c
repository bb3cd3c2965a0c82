/* SPDX-License-Identifier: MIT
 *
 * Opening a safetensors file: nothing of it is believed before it was checked.
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

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the data of a file is used as it lies in memory");

enum { HEADER_LIMIT = 100000000, MAX_DIMS = 8 };

struct ttt_safetensors {
    int fd;
    char *path;
    json_t *header;                        /* owns the names and the metadata */
    struct ttt_safetensors_entry *entries; /* in the order of their data */
    size_t count;
    int64_t data_start, data_size;
};

static int read_at(int fd, void *data, size_t size, int64_t offset, const struct ttt_message *message)
{
    unsigned char *at = data;
    while (size > 0) {
        const ssize_t got = pread(fd, at, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ttt_message_refuse(message, "cannot be read: %s", strerror(errno));
        if (got == 0)
            return ttt_message_refuse(message, "ends at byte %" PRId64 ": it became shorter while it was read", offset);
        at += got;
        offset += got;
        size -= (size_t)got;
    }
    return 0;
}

/* Open the file and learn the sizes of its two parts. */
static int open_file(struct ttt_safetensors *s, const struct ttt_message *message)
{
    struct stat status;
    s->fd = open(s->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* O_NONBLOCK: do not wait for the writer of a FIFO */
    if (s->fd < 0 || fstat(s->fd, &status))
        return ttt_message_refuse(message, "cannot be opened: %s", strerror(errno));
    if (!S_ISREG(status.st_mode))
        return ttt_message_refuse(message, "is not a regular file");
    const int64_t size = status.st_size;
    if (size < 8)
        return ttt_message_refuse(message, "has %" PRId64 " bytes, fewer than the 8 of a safetensors header size",
                                  size);
    unsigned char bytes[8];
    if (read_at(s->fd, bytes, sizeof bytes, 0, message))
        return -1;
    uint64_t header = 0;
    for (int i = 7; i >= 0; i--)
        header = header << 8 | bytes[i];
    if (header == 0 || header > HEADER_LIMIT)
        return ttt_message_refuse(message,
                                  "is not a safetensors file: its header size is %" PRIu64 " (allowed: 1 to %d)",
                                  header, HEADER_LIMIT);
    if ((int64_t)header > size - 8)
        return ttt_message_refuse(message, "header size is %" PRIu64 ", beyond the end of the file (%" PRId64 " bytes)",
                                  header, size);
    s->data_start = 8 + (int64_t)header;
    s->data_size = size - s->data_start;
    return 0;
}

static int parse_header(struct ttt_safetensors *s, const struct ttt_message *message)
{
    const size_t size = (size_t)s->data_start - 8;
    char *text = malloc(size);
    if (!text)
        return ttt_message_refuse(message, "out of memory for a header of %zu bytes", size);
    int result = read_at(s->fd, text, size, 8, message);
    if (result == 0 && text[0] != '{')
        result = ttt_message_refuse(message, "the header is not a JSON object (it must begin with '{')");
    if (result == 0) {
        json_error_t error;
        s->header = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
        if (!s->header)
            result = ttt_message_refuse(message, "the header is not valid JSON, byte %d: %s", error.position,
                                        TTT_QUOTE(error.text));
    }
    free(text);
    return result;
}

static int parse_dtype(struct ttt_safetensors_entry *e, const json_t *dtype, const struct ttt_message *message)
{
    if (!json_is_string(dtype))
        return ttt_message_refuse(message, "tensor '%s': dtype is not a string (allowed: BF16, F32, F64)",
                                  TTT_QUOTE(e->name));
    for (e->dtype = TTT_BF16; e->dtype < TTT_DTYPE_COUNT; e->dtype++)
        if (strcmp(json_string_value(dtype), ttt_dtype_name[e->dtype]) == 0)
            return 0;
    return ttt_message_refuse(message, "tensor '%s': dtype is '%s' (allowed: BF16, F32, F64)", TTT_QUOTE(e->name),
                              TTT_QUOTE(json_string_value(dtype)));
}

static int parse_shape(struct ttt_safetensors_entry *e, const json_t *shape, const struct ttt_message *message)
{
    if (!json_is_array(shape) || json_array_size(shape) > MAX_DIMS)
        return ttt_message_refuse(message, "tensor '%s': shape is not an array of at most %d sizes", TTT_QUOTE(e->name),
                                  MAX_DIMS);
    e->ndim = (int)json_array_size(shape);
    e->elements = 1;
    for (int i = 0; i < e->ndim; i++) {
        const json_t *dim = json_array_get(shape, (size_t)i);
        e->dims[i] = json_integer_value(dim);
        if (!json_is_integer(dim) || e->dims[i] < 0)
            return ttt_message_refuse(message, "tensor '%s': shape[%d] is not an integer >= 0", TTT_QUOTE(e->name), i);
        if (e->dims[i] > 0 && e->elements > INT64_MAX / 8 / e->dims[i])
            return ttt_message_refuse(message, "tensor '%s': the product of its sizes overflows", TTT_QUOTE(e->name));
        e->elements *= e->dims[i];
    }
    return 0;
}

static int parse_offsets(struct ttt_safetensors_entry *e, const json_t *offsets, int64_t data_size,
                         const struct ttt_message *message)
{
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return ttt_message_refuse(message, "tensor '%s': data_offsets is not an array of two integers",
                                  TTT_QUOTE(e->name));
    e->begin = json_integer_value(begin);
    e->end = json_integer_value(end);
    if (e->begin < 0 || e->begin > e->end || e->end > data_size)
        return ttt_message_refuse(message,
                                  "tensor '%s': data_offsets are [%" PRId64 ", %" PRId64
                                  "] (allowed: 0 <= begin <= end <= %" PRId64 ", the bytes after the header)",
                                  TTT_QUOTE(e->name), e->begin, e->end, data_size);
    const int64_t bytes = e->elements * (int64_t)ttt_dtype_size(e->dtype);
    if (e->end - e->begin != bytes)
        return ttt_message_refuse(message,
                                  "tensor '%s': data_offsets span %" PRId64 " bytes, its shape and dtype take %" PRId64,
                                  TTT_QUOTE(e->name), e->end - e->begin, bytes);
    return 0;
}

static int parse_entry(struct ttt_safetensors_entry *e, const json_t *value, int64_t data_size,
                       const struct ttt_message *message)
{
    if (!json_is_object(value))
        return ttt_message_refuse(message, "tensor '%s' is not an object", TTT_QUOTE(e->name));
    const char *const keys[] = {"dtype", "shape", "data_offsets"};
    for (size_t i = 0; i < 3; i++)
        if (!json_object_get(value, keys[i]))
            return ttt_message_refuse(message, "tensor '%s' has no %s", TTT_QUOTE(e->name), keys[i]);
    if (json_object_size(value) != 3)
        return ttt_message_refuse(message, "tensor '%s' has an unknown key (allowed: dtype, shape, data_offsets)",
                                  TTT_QUOTE(e->name));
    if (parse_dtype(e, json_object_get(value, keys[0]), message) ||
        parse_shape(e, json_object_get(value, keys[1]), message))
        return -1;
    return parse_offsets(e, json_object_get(value, keys[2]), data_size, message);
}

static int check_metadata(const json_t *metadata, const struct ttt_message *message)
{
    if (!json_is_object(metadata))
        return ttt_message_refuse(message, "__metadata__ is not an object");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)metadata, key, value) if (!json_is_string(value)) return ttt_message_refuse(
        message, "__metadata__: the value of '%s' is not a string", TTT_QUOTE(key));
    return 0;
}

static int parse_entries(struct ttt_safetensors *s, const struct ttt_message *message)
{
    s->entries = calloc(json_object_size(s->header) + 1, sizeof *s->entries);
    if (!s->entries)
        return ttt_message_refuse(message, "out of memory for %zu tensors", json_object_size(s->header));
    const char *key;
    json_t *value;
    json_object_foreach(s->header, key, value)
    {
        if (strcmp(key, "__metadata__") == 0) {
            if (check_metadata(value, message))
                return -1;
            continue;
        }
        s->entries[s->count].name = key;
        if (parse_entry(&s->entries[s->count], value, s->data_size, message))
            return -1;
        s->count++;
    }
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct ttt_safetensors_entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* Every byte of the data belongs to exactly one tensor. */
static int check_coverage(struct ttt_safetensors *s, const struct ttt_message *message)
{
    qsort(s->entries, s->count, sizeof *s->entries, by_place);
    int64_t end = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct ttt_safetensors_entry *e = &s->entries[i];
        if (e->begin < end)
            return ttt_message_refuse(message, "tensors '%s' and '%s' overlap at byte %" PRId64 " of the data",
                                      TTT_QUOTE(s->entries[i - 1].name), TTT_QUOTE(e->name), e->begin);
        if (e->begin > end)
            return ttt_message_refuse(
                message, "bytes %" PRId64 " to %" PRId64 " of the data, before tensor '%s', belong to no tensor", end,
                e->begin, TTT_QUOTE(e->name));
        end = e->end;
    }
    if (end < s->data_size)
        return ttt_message_refuse(message, "the last %" PRId64 " bytes belong to no tensor", s->data_size - end);
    return 0;
}

struct ttt_safetensors *ttt_safetensors_open(const char *path, char *error, size_t error_size)
{
    const struct ttt_message message = {path, error, error_size};
    struct ttt_safetensors *s = calloc(1, sizeof *s);
    if (s)
        s->fd = -1;
    if (!s || !(s->path = strdup(path)))
        ttt_message_refuse(&message, "out of memory");
    else if (open_file(s, &message) == 0 && parse_header(s, &message) == 0 && parse_entries(s, &message) == 0 &&
             check_coverage(s, &message) == 0)
        return s;
    ttt_safetensors_close(s);
    return NULL;
}

void ttt_safetensors_close(struct ttt_safetensors *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    json_decref(s->header);
    free(s->entries);
    free(s->path);
    free(s);
}

const char *ttt_safetensors_path(const struct ttt_safetensors *s)
{
    return s->path;
}

size_t ttt_safetensors_count(const struct ttt_safetensors *s)
{
    return s->count;
}

const struct ttt_safetensors_entry *ttt_safetensors_entry(const struct ttt_safetensors *s, size_t i)
{
    return i < s->count ? &s->entries[i] : NULL;
}

const struct ttt_safetensors_entry *ttt_safetensors_find(const struct ttt_safetensors *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->entries[i].name, name) == 0)
            return &s->entries[i];
    return NULL;
}

const char *ttt_safetensors_metadata(const struct ttt_safetensors *s, const char *key)
{
    return json_string_value(json_object_get(json_object_get(s->header, "__metadata__"), key));
}

int ttt_safetensors_read(struct ttt_safetensors *s, const struct ttt_safetensors_entry *e, int64_t first, int64_t count,
                         void *data, char *error, size_t error_size)
{
    const struct ttt_message message = {s->path, error, error_size};
    if (first < 0 || count < 0 || first > e->elements - count)
        return ttt_message_refuse(&message, "tensor '%s' has no %" PRId64 " elements from element %" PRId64,
                                  TTT_QUOTE(e->name), count, first);
    const int64_t size = (int64_t)ttt_dtype_size(e->dtype);
    return read_at(s->fd, data, (size_t)(count * size), s->data_start + e->begin + first * size, &message);
}
