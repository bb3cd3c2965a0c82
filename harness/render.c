/* SPDX-License-Identifier: MIT */
#include "render.h"
#include "arguments.h"
#include "command.h"
#include "output.h"
#include "page.h"
#include "plots.h"
#include "template.h"
#include "templates.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ERROR_TEXT 1024
#define PATH_TEXT  4096

enum { EXIT_PASSED = 0, EXIT_FAILED = 1, EXIT_BAD_INPUT = 2 };

struct options {
    const char *folder;
    int quiet;
};

static int parse(struct options *o, int argc, char **argv, char *error, size_t error_size)
{
    static const struct option long_options[] = {
        {"output", required_argument, NULL, 'o'}, {"quiet", no_argument, NULL, 'q'}, {NULL, 0, NULL, 0}};
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, ":o:", long_options, NULL)) != -1) {
        if (option == '?' || option == ':')
            return ttt_argument_unknown(argv[optind - 1], option, error, error_size);
        if (option == 'o')
            o->folder = optarg;
        else
            o->quiet = 1;
    }
    if (!*o->folder)
        snprintf(error, error_size, "render: --output DIR is missing; see --help");
    else if (optind == argc)
        snprintf(error, error_size, "render: no report is named; see --help");
    else
        return 0;
    return -1;
}

/* What is written, each from its template. */
static const struct {
    const char *name, *text;
    enum ttt_escape escape;
} files[] = {
    {"report.html", ttt_template_page, TTT_ESCAPE_HTML},
    {"report.md", ttt_template_markdown, TTT_ESCAPE_MARKDOWN},
    {"summary.md", ttt_template_summary, TTT_ESCAPE_MARKDOWN},
    {"picture.svg", ttt_template_picture, TTT_ESCAPE_HTML},
};
enum { FILES = sizeof files / sizeof files[0] };

static int write_files(const struct options *o, const json_t *values, char *error, size_t error_size)
{
    char paths[FILES][PATH_TEXT];
    struct ttt_output out[FILES] = {{.stream = NULL}};
    int status = 0;
    if (mkdir(o->folder, 0777) != 0 && errno != EEXIST) {
        snprintf(error, error_size, "--output: %s: %s", o->folder, strerror(errno));
        return -1;
    }
    for (int i = 0; i < FILES && status == 0; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%s", o->folder, files[i].name);
        status = ttt_output_open(&out[i], paths[i], error, error_size);
        if (status == 0)
            status = ttt_template_write(out[i].stream, files[i].text, values, files[i].escape, error, error_size);
    }
    for (int i = 0; i < FILES && status == 0; i++)
        status = ttt_output_commit(&out[i], error, error_size);
    for (int i = 0; i < FILES; i++)
        ttt_output_abandon(&out[i]);
    return status;
}

static int render(const struct options *o, int count, char **paths, const char *command, char *error, size_t error_size)
{
    struct ttt_loaded *loaded = calloc((size_t)count, sizeof *loaded);
    struct ttt_page page = {.values = NULL};
    int status = loaded ? 0 : -1;
    if (!loaded)
        snprintf(error, error_size, "out of memory");
    for (int i = 0; i < count && status == 0; i++)
        status = ttt_load(paths[i], &loaded[i], error, error_size);
    if (status == 0)
        status = ttt_page_make(&page, loaded, (size_t)count, command, error, error_size);
    if (status == 0)
        status = ttt_plots_make(&page, error, error_size);
    if (status == 0)
        status = write_files(o, page.values, error, error_size);
    if (status == 0 && !o->quiet)
        printf("%s: %s (%s/report.html)\n", ttt_load_text(page.values, "answer"), ttt_load_text(page.values, "reason"),
               o->folder);
    if (status == 0 && strcmp(ttt_load_text(page.values, "answer_class"), "bad") == 0)
        status = EXIT_FAILED;
    ttt_page_free(&page);
    for (int i = 0; loaded && i < count; i++)
        json_decref(loaded[i].root);
    free(loaded);
    return status;
}

int ttt_render_main(int argc, char **argv)
{
    struct options o = {.folder = ""};
    char error[ERROR_TEXT];
    char *command = ttt_command_text(argc, (const char *const *)argv);
    int status = command ? parse(&o, argc, argv, error, sizeof error) : -1;
    if (!command)
        snprintf(error, sizeof error, "out of memory");
    if (status == 0)
        status = render(&o, argc - optind, argv + optind, command, error, sizeof error);
    free(command);
    if (status < 0)
        fprintf(stderr, "ttt-report: %s\n", error);
    return status < 0 ? EXIT_BAD_INPUT : status;
}
