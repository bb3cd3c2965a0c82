/* SPDX-License-Identifier: MIT */
#include "template.h"
#include <string.h>

enum { DEEPEST = 16, NAME = 64 };

struct filler {
    FILE *out;
    enum ttt_escape escape;
    const json_t *stack[DEEPEST]; /* the elements of the open sections, the root first */
    int depth;
    char *error;
    size_t error_size;
};

/* "{{#name}}": kind '#', '^', '/', '{' or 0. */
struct tag {
    const char *begin, *end; /* end: after it, and after the line that it has for itself */
    char kind;
    char name[NAME];
};

static int refuse(const struct filler *f, const char *what, const char *name)
{
    snprintf(f->error, f->error_size, "template: %s '%s'", what, name);
    return -1;
}

/* A tag of a section alone in its line takes the line's end with it. */
static const char *after_line(const char *text, const struct tag *tag)
{
    const int begins = tag->begin == text || tag->begin[-1] == '\n';
    return begins && *tag->end == '\n' ? tag->end + 1 : tag->end;
}

/* The next tag before `end`: 1, 0 where there is none, -1 where it is not well formed.  `text`: where the file begins.
 */
static int next_tag(const struct filler *f, const char *text, const char *at, const char *end, struct tag *tag)
{
    tag->begin = strstr(at, "{{");
    if (!tag->begin || tag->begin >= end)
        return 0;
    const char *name = tag->begin + 2;
    tag->kind = 0;
    if (*name && strchr("#^/{", *name))
        tag->kind = *name++;
    const char *closing = tag->kind == '{' ? "}}}" : "}}", *stop = strstr(name, closing);
    if (!stop || stop - name >= NAME || stop == name)
        return refuse(f, "a tag is not closed", "{{");
    memcpy(tag->name, name, (size_t)(stop - name));
    tag->name[stop - name] = 0;
    tag->end = stop + strlen(closing);
    if (tag->kind && tag->kind != '{')
        tag->end = after_line(text, tag);
    return 1;
}

static const json_t *look_up(const struct filler *f, const char *name)
{
    if (strcmp(name, ".") == 0)
        return f->stack[f->depth - 1];
    for (int i = f->depth - 1; i >= 0; i--) {
        const json_t *found = json_object_get(f->stack[i], name);
        if (found)
            return found;
    }
    return NULL;
}

static const char *html_of(char c)
{
    return c == '&'    ? "&amp;"
           : c == '<'  ? "&lt;"
           : c == '>'  ? "&gt;"
           : c == '"'  ? "&quot;"
           : c == '\'' ? "&#39;"
                       : NULL;
}

static const char *markdown_of(char c)
{
    return c == '|' ? "\\|" : c == '`' ? "'" : c == '\n' || c == '\r' ? " " : NULL;
}

static void put(const struct filler *f, const char *s, enum ttt_escape escape)
{
    for (; *s; s++) {
        const char *instead = escape == TTT_ESCAPE_HTML       ? html_of(*s)
                              : escape == TTT_ESCAPE_MARKDOWN ? markdown_of(*s)
                                                              : NULL;
        if (instead)
            fputs(instead, f->out);
        else
            fputc(*s, f->out);
    }
}

static int put_value(const struct filler *f, const struct tag *tag)
{
    const json_t *value = look_up(f, tag->name);
    if (json_is_integer(value))
        fprintf(f->out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_string(value))
        put(f, json_string_value(value), tag->kind == '{' ? TTT_ESCAPE_NOTHING : f->escape);
    else
        return refuse(f, "no text or integer is called", tag->name);
    return 0;
}

/* The tag that closes a section whose text begins at `at`. */
static int find_end(const struct filler *f, const char *text, const char *at, const struct tag *open, struct tag *close)
{
    int level = 1;
    while (level > 0) {
        const int found = next_tag(f, text, at, at + strlen(at), close);
        if (found < 0)
            return -1;
        if (found == 0)
            return refuse(f, "nothing closes the section", open->name);
        level += close->kind == '#' || close->kind == '^' ? 1 : close->kind == '/' ? -1 : 0;
        at = close->end;
    }
    return strcmp(open->name, close->name) == 0 ? 0 : refuse(f, "another tag closes the section", open->name);
}

static int is_there(const json_t *value)
{
    if (json_is_array(value))
        return json_array_size(value) > 0;
    if (json_is_string(value))
        return json_string_length(value) > 0;
    return json_is_object(value) || json_is_true(value) || json_is_integer(value);
}

static int fill(struct filler *f, const char *text, const char *at, const char *end);

static int fill_with(struct filler *f, const json_t *element, const char *text, const char *at, const char *end)
{
    if (f->depth == DEEPEST)
        return refuse(f, "sections are nested too deeply in", at);
    f->stack[f->depth++] = element;
    const int status = fill(f, text, at, end);
    f->depth--;
    return status;
}

static int fill_section(struct filler *f, const char *text, const struct tag *open, const struct tag *close)
{
    const json_t *value = look_up(f, open->name);
    if (open->kind == '^')
        return is_there(value) ? 0 : fill(f, text, open->end, close->begin);
    if (!is_there(value))
        return 0;
    if (!json_is_array(value))
        return fill_with(f, value, text, open->end, close->begin);
    int status = 0;
    for (size_t i = 0; i < json_array_size(value) && status == 0; i++)
        status = fill_with(f, json_array_get(value, i), text, open->end, close->begin);
    return status;
}

static int fill(struct filler *f, const char *text, const char *at, const char *end)
{
    struct tag tag, close;
    int found;
    while ((found = next_tag(f, text, at, end, &tag)) == 1) {
        fwrite(at, 1, (size_t)(tag.begin - at), f->out);
        at = tag.end;
        if (tag.kind == '/')
            return refuse(f, "nothing opens the section", tag.name);
        if (tag.kind == 0 || tag.kind == '{') {
            if (put_value(f, &tag) != 0)
                return -1;
            continue;
        }
        if (find_end(f, text, at, &tag, &close) != 0 || fill_section(f, text, &tag, &close) != 0)
            return -1;
        at = close.end;
    }
    if (found == 0)
        fwrite(at, 1, (size_t)(end - at), f->out);
    return found;
}

int ttt_template_write(FILE *out, const char *text, const json_t *values, enum ttt_escape escape, char *error,
                       size_t error_size)
{
    struct filler f = {.out = out, .escape = escape, .error = error, .error_size = error_size};
    if (fill_with(&f, values, text, text, text + strlen(text)) != 0)
        return -1;
    if (!ferror(out))
        return 0;
    snprintf(error, error_size, "the report could not be written");
    return -1;
}
