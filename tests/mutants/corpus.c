/* SPDX-License-Identifier: MIT */
#include "corpus.h"
#include "harness/text.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file on the way in. */
struct reader {
    struct corpus *corpus;
    const char *path;
    int line;
    char *file; /* of the last @ line; NULL: none yet */
    char last;  /* first character of the line before */
    struct ttt_message message;
};

static int refuse(const struct reader *r, const char *what)
{
    return ttt_message_refuse(&r->message, "line %d: %s", r->line, what);
}

static int out_of_memory(const struct reader *r)
{
    return refuse(r, "out of memory");
}

/* *text becomes *text, an end of line where there was text before, and `more`. */
static int append(const struct reader *r, char **text, const char *more, int first)
{
    const size_t before = *text ? strlen(*text) : 0, size = before + strlen(more) + 2;
    char *joined = realloc(*text, size);
    if (!joined)
        return out_of_memory(r);
    snprintf(joined + before, size - before, "%s%s", first ? "" : "\n", more);
    *text = joined;
    return 0;
}

static int is_name(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr(".-_", s[i]))
            return 0;
    return n > 0 && s[0] != '.';
}

static struct mutant *current(const struct reader *r)
{
    struct mutant *list = r->corpus->list;
    const size_t count = r->corpus->count;
    return count > 0 && list[count - 1].path == r->path ? &list[count - 1] : NULL;
}

const struct mutant *corpus_find(const struct corpus *corpus, const char *name)
{
    for (size_t i = 0; i < corpus->count; i++)
        if (strcmp(corpus->list[i].name, name) == 0)
            return &corpus->list[i];
    return NULL;
}

/* "NAME [GROUP] ABOUT" */
static int read_head(struct reader *r, const char *text)
{
    const char *open = strstr(text, " ["), *close = open ? strstr(open, "] ") : NULL;
    if (!close || !is_name(text, (size_t)(open - text)) || !is_name(open + 2, (size_t)(close - open - 2)) || !close[2])
        return refuse(r, "a mutant begins with '= NAME [CLASS] description', names of letters, digits and .-_");
    for (size_t i = 0; i < r->corpus->count; i++)
        if (strlen(r->corpus->list[i].name) == (size_t)(open - text) &&
            strncmp(r->corpus->list[i].name, text, (size_t)(open - text)) == 0)
            return refuse(r, "this name is taken");
    struct mutant *list = realloc(r->corpus->list, (r->corpus->count + 1) * sizeof *list);
    if (!list)
        return out_of_memory(r);
    r->corpus->list = list;
    list[r->corpus->count++] = (struct mutant){.name = strndup(text, (size_t)(open - text)),
                                               .group = strndup(open + 2, (size_t)(close - open - 2)),
                                               .about = strdup(close + 2),
                                               .path = r->path,
                                               .line = r->line};
    const struct mutant *m = current(r);
    return m->name && m->group && m->about ? 0 : out_of_memory(r);
}

static int read_old(struct reader *r, const char *text)
{
    struct mutant *m = current(r);
    if (!m || !r->file)
        return refuse(r, "an edit needs a mutant ('=') and a file ('@') before it");
    const int first = r->last != '-';
    if (first) {
        struct edit *edits = realloc(m->edits, (m->edit_count + 1) * sizeof *edits);
        if (!edits)
            return out_of_memory(r);
        m->edits = edits;
        edits[m->edit_count++] = (struct edit){.file = strdup(r->file), .old = NULL, .fresh = strdup("")};
        if (!edits[m->edit_count - 1].file || !edits[m->edit_count - 1].fresh)
            return out_of_memory(r);
    }
    return append(r, &m->edits[m->edit_count - 1].old, text, first);
}

static int read_fresh(struct reader *r, const char *text)
{
    struct mutant *m = current(r);
    if (!m || m->edit_count == 0 || (r->last != '-' && r->last != '+'))
        return refuse(r, "new text ('+') follows old text ('-')");
    return append(r, &m->edits[m->edit_count - 1].fresh, text, r->last == '-');
}

static int read_promise(struct reader *r, const char *text)
{
    struct mutant *m = current(r);
    if (!m)
        return refuse(r, "an argument ('!') needs a mutant ('=') before it");
    if (strncmp(text, "larger: ", strlen("larger: ")) == 0) {
        if (m->promise != PROMISE_BELOW || m->larger)
            return refuse(r, "'! larger: NAME' comes once, after '! below: '");
        m->larger = strdup(text + strlen("larger: "));
        return m->larger ? 0 : out_of_memory(r);
    }
    if (m->argument)
        return append(r, &m->argument, text, 0);
    const char *argument = strstr(text, ": ");
    const size_t n = argument ? (size_t)(argument - text) : 0;
    if (n == strlen("equivalent") && strncmp(text, "equivalent", n) == 0)
        m->promise = PROMISE_EQUIVALENT;
    else if (n == strlen("below") && strncmp(text, "below", n) == 0)
        m->promise = PROMISE_BELOW;
    else
        return refuse(r, "an argument begins with '! equivalent: ' or '! below: '");
    return append(r, &m->argument, argument + 2, 1);
}

static int read_line(struct reader *r, const char *line)
{
    const char *text = line[0] && line[1] ? line + 2 : "";
    if (line[0] == '\0' || line[0] == '#')
        return 0;
    if (line[1] != '\0' && line[1] != ' ')
        return refuse(r, "a line begins with one of '# @ = - + !' and a space");
    switch (line[0]) {
    case '@':
        free(r->file);
        r->file = strdup(text);
        return r->file ? 0 : out_of_memory(r);
    case '=':
        return read_head(r, text);
    case '-':
        return read_old(r, text);
    case '+':
        return read_fresh(r, text);
    case '!':
        return read_promise(r, text);
    default:
        return refuse(r, "a line begins with one of '# @ = - + !' and a space");
    }
}

int corpus_read(struct corpus *corpus, const char *path, char *error, size_t error_size)
{
    struct reader r = {.corpus = corpus, .path = path, .message = {path, error, error_size}};
    FILE *in = fopen(path, "r");
    if (!in)
        return ttt_message_refuse(&r.message, "%s", strerror(errno));
    char *line = NULL;
    size_t room = 0;
    int status = 0;
    ssize_t n;
    while (status == 0 && (n = getline(&line, &room, in)) >= 0) {
        r.line++;
        if (n > 0 && line[n - 1] == '\n')
            line[n - 1] = '\0';
        status = read_line(&r, line);
        r.last = line[0];
    }
    if (status == 0 && ferror(in))
        status = ttt_message_refuse(&r.message, "cannot be read");
    free(line);
    free(r.file);
    fclose(in);
    return status;
}

void corpus_free(struct corpus *corpus)
{
    for (size_t i = 0; i < corpus->count; i++) {
        struct mutant *m = &corpus->list[i];
        for (size_t e = 0; e < m->edit_count; e++) {
            free(m->edits[e].file);
            free(m->edits[e].old);
            free(m->edits[e].fresh);
        }
        free(m->edits);
        free(m->name);
        free(m->group);
        free(m->about);
        free(m->argument);
        free(m->larger);
    }
    free(corpus->list);
    *corpus = (struct corpus){.list = NULL};
}
