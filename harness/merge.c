/* SPDX-License-Identifier: MIT */
#include "merge.h"
#include "arguments.h"
#include "campaign.h"
#include "command.h"
#include "output.h"
#include "result.h"
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_TEXT 1024

enum { EXIT_PASSED = 0, EXIT_FAILED = 1, EXIT_BAD_INPUT = 2 };

struct options {
    const char *json;
    int quiet;
};

static int parse(struct options *o, int argc, char **argv, char *error, size_t error_size)
{
    static const struct option long_options[] = {
        {"json", required_argument, NULL, 'j'}, {"quiet", no_argument, NULL, 'q'}, {NULL, 0, NULL, 0}};
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (option == '?' || option == ':')
            return ttt_argument_unknown(argv[optind - 1], option, error, error_size);
        if (option == 'j')
            o->json = optarg;
        else
            o->quiet = 1;
    }
    if (optind < argc)
        return 0;
    snprintf(error, error_size, "merge: no report is named; see --help");
    return -1;
}

/* All reports as one, whose head says how it was made; NULL with one line in `error`. */
static json_t *join(int count, char **paths, const char *command, char *error, size_t error_size)
{
    json_t *joined = NULL;
    for (int i = 0; i < count; i++) {
        char what[512];
        json_t *report = ttt_campaign_read(paths[i], error, error_size);
        if (!report || !joined) {
            joined = report;
            if (!report)
                return NULL;
            continue;
        }
        const int status = ttt_campaign_add(joined, report, what, sizeof what);
        json_decref(report);
        if (status != 0) {
            snprintf(error, error_size, "%s: %s", paths[i], what);
            json_decref(joined);
            return NULL;
        }
    }
    json_object_set_new(joined, "program", json_string("ttt-report"));
    json_object_set_new(joined, "command", json_sprintf("ttt-report %s", command));
    json_object_del(joined, "missing");
    return joined;
}

static void print_summary(const json_t *report)
{
    for (int v = 0; v < TTT_VERDICT_COUNT; v++)
        printf("%s%" PRId64 " %s", v ? ", " : "", ttt_campaign_counted(report, "cases", "all", ttt_verdict_name[v]),
               ttt_verdict_name[v]);
    const json_t *findings = json_object_get(report, "findings");
    printf("; %zu findings, %.0f s of work\n", json_array_size(findings),
           json_number_value(json_object_get(report, "seconds")));
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *f = json_array_get(findings, i);
        printf("FAIL #%" JSON_INTEGER_FORMAT " %s: %s\n", json_integer_value(json_object_get(f, "index")),
               json_string_value(json_object_get(f, "case")), json_string_value(json_object_get(f, "detail")));
    }
}

static int write_report(const char *path, const json_t *report, char *error, size_t error_size)
{
    struct ttt_output out;
    if (ttt_output_open(&out, path, error, error_size) != 0)
        return -1;
    if (json_dumpf(report, out.stream, JSON_INDENT(1) | JSON_SORT_KEYS) != 0 || fputc('\n', out.stream) == EOF) {
        snprintf(error, error_size, "--json: the report could not be written");
        ttt_output_abandon(&out);
        return -1;
    }
    return ttt_output_commit(&out, error, error_size);
}

static int merge(const struct options *o, int count, char **paths, const char *command, char *error, size_t error_size)
{
    json_t *report = join(count, paths, command, error, error_size);
    if (!report)
        return -1;
    const size_t missing = ttt_campaign_settle(report, o->quiet ? NULL : stdout);
    int status = missing == SIZE_MAX ? -1 : 0;
    if (status != 0)
        snprintf(error, error_size, "out of memory");
    if (status == 0 && o->json)
        status = write_report(o->json, report, error, error_size);
    if (status == 0 && !o->quiet)
        print_summary(report);
    if (status == 0 && (missing > 0 || json_array_size(json_object_get(report, "findings")) > 0))
        status = EXIT_FAILED;
    json_decref(report);
    return status;
}

int ttt_merge_main(int argc, char **argv)
{
    struct options o = {.json = NULL};
    char error[ERROR_TEXT];
    char *command = ttt_command_text(argc, (const char *const *)argv);
    int status = command ? parse(&o, argc, argv, error, sizeof error) : -1;
    if (!command)
        snprintf(error, sizeof error, "out of memory");
    if (status == 0)
        status = merge(&o, argc - optind, argv + optind, command, error, sizeof error);
    free(command);
    if (status < 0)
        fprintf(stderr, "ttt-report: %s\n", error);
    return status < 0 ? EXIT_BAD_INPUT : status;
}
