/* SPDX-License-Identifier: MIT */
#include "diff.h"
#include "arguments.h"
#include "compare.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define ERROR_TEXT 1024

enum { EXIT_PASSED = 0, EXIT_FAILED = 1, EXIT_BAD_INPUT = 2 };

static int parse(int *quiet, int argc, char **argv, char *error, size_t error_size)
{
    static const struct option long_options[] = {{"quiet", no_argument, NULL, 'q'}, {NULL, 0, NULL, 0}};
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (option != 'q')
            return ttt_argument_unknown(argv[optind - 1], option, error, error_size);
        *quiet = 1;
    }
    if (argc - optind == 2)
        return 0;
    snprintf(error, error_size, "diff: %d reports are named (allowed: two, OLD and NEW); see --help", argc - optind);
    return -1;
}

static size_t count_of(const struct ttt_differences *d, enum ttt_change change)
{
    size_t n = 0;
    for (size_t i = 0; i < d->count; i++)
        n += d->list[i].change == change;
    return n;
}

static void print(const struct ttt_differences *d)
{
    for (size_t i = 0; i < d->count; i++)
        printf("%-9s %s\n", ttt_change_name[d->list[i].change], d->list[i].text);
    printf("%zu worse, %zu vanished, %zu better, %zu new; %zu readings compared, of which changes of an error below "
           "%.0f %% are noise\n",
           count_of(d, TTT_WORSE), count_of(d, TTT_VANISHED), count_of(d, TTT_BETTER), count_of(d, TTT_NEW),
           d->compared, 100 * (ttt_compare_noise(1) - 1));
}

static int diff(char **paths, int quiet, char *error, size_t error_size)
{
    struct ttt_loaded old = {.root = NULL}, new = {.root = NULL};
    struct ttt_differences d = {.list = NULL};
    int status = ttt_load(paths[0], &old, error, error_size);
    if (status == 0)
        status = ttt_load(paths[1], &new, error, error_size);
    if (status == 0)
        status = ttt_compare(&old, &new, &d, error, error_size);
    if (status == 0 && !quiet)
        print(&d);
    if (status == 0 && count_of(&d, TTT_WORSE) + count_of(&d, TTT_VANISHED) > 0)
        status = EXIT_FAILED;
    free(d.list);
    json_decref(old.root);
    json_decref(new.root);
    return status;
}

int ttt_diff_main(int argc, char **argv)
{
    char error[ERROR_TEXT];
    int quiet = 0, status = parse(&quiet, argc, argv, error, sizeof error);
    if (status == 0)
        status = diff(argv + optind, quiet, error, sizeof error);
    if (status < 0)
        fprintf(stderr, "ttt-report: %s\n", error);
    return status < 0 ? EXIT_BAD_INPUT : status == 0 ? EXIT_PASSED : EXIT_FAILED;
}
