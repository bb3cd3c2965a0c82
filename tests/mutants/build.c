/* SPDX-License-Identifier: MIT */
#include "build.h"
#include "process.h"
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define COMPILE_SECONDS 120

#define FOLDERS 2
#define COMMON  5

/* How a tree becomes a candidate. */
static const struct build_recipe {
    const char *tree;
    const char *folders[FOLDERS]; /* copied and patched */
    const char *source;           /* what of them the compiler is given */
    const char *common[COMMON];   /* what every mutant is linked with, beside the libraries */
} recipes[] = {
    /* Not ref/'s own precision units: those that a candidate links with. */
    {"ref",
     {"ref"},
     "ref/ref_bf16.c",
     {"tests/mutants/candidate", "ref/shape", "ref/status", "ref/blas_kernels", "ref/blas_threads"}},
    /* The compiler is build-emulated.sh, the rest is among the libraries. */
    {"gpu", {"gpu", "gpu/rooms"}, "gpu", {NULL}},
};

const struct build_recipe *build_recipe_of(const char *tree)
{
    for (size_t i = 0; i < sizeof recipes / sizeof recipes[0]; i++)
        if (strcmp(recipes[i].tree, tree) == 0)
            return &recipes[i];
    return NULL;
}

__attribute__((format(printf, 3, 4))) static int refuse(char *error, size_t error_size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, error_size, format, args);
    va_end(args);
    return -1;
}

/* The compiler with the words of `arguments` (NULL at the end) and, where it links, the libraries. */
static int compile(const struct build *build, const char *const *arguments, int links, const char *log, char *error,
                   size_t error_size)
{
    const char *argv[32] = {"sh", "-c",      "cc=$1 libs=$2; shift 2; exec $cc \"$@\" $libs",
                            "sh", build->cc, links ? build->libs : ""};
    int n = 6;
    while (*arguments && n < 31)
        argv[n++] = *arguments++;
    const int status = process_run(argv, log, COMPILE_SECONDS);
    return status == 0 ? 0 : refuse(error, error_size, "the compiler failed (status %d); see %s", status, log);
}

static void object_path(const struct build *build, size_t i, char path[PATH_TEXT])
{
    snprintf(path, PATH_TEXT, "%s/%s.o", build->work, strrchr(build->recipe->common[i], '/') + 1);
}

int build_common(const struct build *build, char *error, size_t error_size)
{
    char include[PATH_TEXT], log[PATH_TEXT];
    snprintf(include, sizeof include, "-I%s/include", build->srcdir);
    snprintf(log, sizeof log, "%s/common.log", build->work);
    const char *const *common = build->recipe->common;
    for (size_t i = 0; i < COMMON && common[i]; i++) {
        char source[PATH_TEXT], object[PATH_TEXT];
        snprintf(source, sizeof source, "%s/%s.c", build->srcdir, common[i]);
        object_path(build, i, object);
        const char *const arguments[] = {"-c", include, source, "-o", object, NULL};
        if (compile(build, arguments, 0, log, error, error_size) != 0)
            return -1;
    }
    return 0;
}

/* The whole of a file, to be freed; NULL when it cannot be had. */
static char *read_file(const char *path)
{
    struct stat info;
    FILE *in = fopen(path, "r");
    char *text = in && fstat(fileno(in), &info) == 0 ? malloc((size_t)info.st_size + 1) : NULL;
    if (text)
        text[fread(text, 1, (size_t)info.st_size, in)] = '\0';
    if (in)
        fclose(in);
    return text;
}

static int write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    const int written = out && fputs(text, out) != EOF;
    return out && fclose(out) == 0 && written ? 0 : -1;
}

/* The text with the edit made, to be freed; the text before is freed.  NULL with a line in `error`. */
static char *apply(char *text, const struct edit *edit, char *error, size_t error_size)
{
    const char *at = strstr(text, edit->old);
    char *patched = NULL;
    if (!at)
        refuse(error, error_size, "the patch does not apply: %s has no '%.80s'", edit->file, edit->old);
    else if (strstr(at + 1, edit->old))
        refuse(error, error_size, "the patch does not apply: %s has '%.80s' more than once", edit->file, edit->old);
    else if (!(patched = malloc(strlen(text) + strlen(edit->fresh) + 1)))
        refuse(error, error_size, "out of memory");
    else
        sprintf(patched, "%.*s%s%s", (int)(at - text), text, edit->fresh, at + strlen(edit->old));
    free(text);
    return patched;
}

/* A file of the source tree, patched, to be freed; NULL with a line in `error`. */
static char *patched(const struct build *build, const struct mutant *m, const char *file, size_t *edits_made,
                     char *error, size_t error_size)
{
    char path[PATH_TEXT];
    snprintf(path, sizeof path, "%s/%s", build->srcdir, file);
    char *text = read_file(path);
    if (!text)
        refuse(error, error_size, "%s: %s", path, strerror(errno));
    for (size_t i = 0; i < m->edit_count && text; i++)
        if (strcmp(m->edits[i].file, file) == 0) {
            text = apply(text, &m->edits[i], error, error_size);
            ++*edits_made;
        }
    return text;
}

int build_check_patch(const struct build *build, const struct mutant *m, char *error, size_t error_size)
{
    for (size_t i = 0; i < m->edit_count; i++) {
        size_t edits_made = 0;
        char *text = patched(build, m, m->edits[i].file, &edits_made, error, error_size);
        if (!text)
            return -1;
        free(text);
    }
    return 0;
}

/* PART/NAME of the source tree to `folder`/PART/NAME, patched. */
static int copy_patched(const struct build *build, const struct mutant *m, const char *part, const char *name,
                        const char *folder, size_t *edits_made, char *error, size_t error_size)
{
    char to[PATH_TEXT], file[288];
    snprintf(file, sizeof file, "%.31s/%.255s", part, name);
    snprintf(to, sizeof to, "%s/%s", folder, file);
    char *text = patched(build, m, file, edits_made, error, error_size);
    if (!text)
        return -1;
    const int status = write_file(to, text);
    free(text);
    return status == 0 ? 0 : refuse(error, error_size, "%s: %s", to, strerror(errno));
}

static int is_source(const char *name)
{
    static const char *const endings[] = {".c", ".h", ".cu", ".cuh"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++)
        if (strcmp(dot, endings[i]) == 0)
            return 1;
    return 0;
}

/* One folder of the tree, without those in it. */
static int copy_folder(const struct build *build, const struct mutant *m, const char *part, const char *folder,
                       size_t *edits_made, char *error, size_t error_size)
{
    char path[PATH_TEXT];
    int status = 0;
    snprintf(path, sizeof path, "%s/%s", folder, part);
    if (mkdir(path, 0777) != 0)
        return refuse(error, error_size, "%s: %s", path, strerror(errno));
    snprintf(path, sizeof path, "%s/%s", build->srcdir, part);
    DIR *tree = opendir(path);
    if (!tree)
        return refuse(error, error_size, "%s: %s", path, strerror(errno));
    for (const struct dirent *entry; status == 0 && (entry = readdir(tree));)
        if (is_source(entry->d_name))
            status = copy_patched(build, m, part, entry->d_name, folder, edits_made, error, error_size);
    closedir(tree);
    return status;
}

static int copy_tree(const struct build *build, const struct mutant *m, const char *folder, char *error,
                     size_t error_size)
{
    const char *const *folders = build->recipe->folders;
    size_t edits_made = 0;
    int status = 0;
    if (mkdir(folder, 0777) != 0)
        return refuse(error, error_size, "%s: %s", folder, strerror(errno));
    for (int i = 0; i < FOLDERS && folders[i] && status == 0; i++)
        status = copy_folder(build, m, folders[i], folder, &edits_made, error, error_size);
    if (status == 0 && edits_made != m->edit_count)
        return refuse(error, error_size, "the patch does not apply: an edit is of a file that is not there");
    return status;
}

int build_mutant(const struct build *build, const struct mutant *m, const char *folder, char *error, size_t error_size)
{
    char include[PATH_TEXT], source[PATH_TEXT], library[PATH_TEXT], log[PATH_TEXT], objects[COMMON][PATH_TEXT];
    const char *arguments[6 + COMMON] = {"-shared", include, source, "-o", library};
    snprintf(include, sizeof include, "-I%s/include", build->srcdir);
    snprintf(source, sizeof source, "%s/%s", folder, build->recipe->source);
    snprintf(library, sizeof library, "%s/mutant.so", folder);
    snprintf(log, sizeof log, "%s/build.log", folder);
    for (size_t i = 0; i < COMMON && build->recipe->common[i]; i++) {
        object_path(build, i, objects[i]);
        arguments[5 + i] = objects[i];
    }
    if (copy_tree(build, m, folder, error, error_size) != 0)
        return -1;
    return compile(build, arguments, 1, log, error, error_size);
}
