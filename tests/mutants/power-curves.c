/* SPDX-License-Identifier: MIT
 *
 * power-curves: for each output, and each part of it, the smallest relative fault that the judge's gates find in 95 of
 * 100 data seeds.  The faults are planted by fault.so; sizes are powers of two, found by bisection.
 *
 * Only the gates of the tensor itself count.  The exact relations, which find a fault of one place at any size, are not
 * tried: fault.so says that it is not deterministic.
 */
#include "harness/tensors.h"
#include "harness/text.h"
#include "process.h"
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_PASSED = 0, EXIT_BAD_INPUT = 2 };

#define PATH_TEXT     1024
#define SPEC_TEXT     1200
#define PERCENT       95
#define SMALLEST      12 /* 2^-12 */
#define SEEDS_PER_RUN 5
#define SECONDS       1800
#define FIRST_SEED    7001
#define MOST_PLACES   64

static const char usage[] =
    "Usage: power-curves --verify PROGRAM --plugin FAULT.so --work DIR [--seeds N] [--jobs N] [--json FILE] CASE...\n"
    "CASE is a case without its seed.\n";

/* Where a fault is planted, and what is known of the smallest one that is found. */
struct place {
    const char *tensor, *scope;
    int found; /* 2^-found is found; -1: not even 1 */
    int lost;  /* 2^-lost is not; SMALLEST + 1 where all are */
};

struct session {
    const char *verify, *plugin, *work, *json;
    int seeds, jobs;
    struct place places[MOST_PLACES];
    int place_count;
};

static int size_tried(const struct place *p)
{
    return (p->found + p->lost) / 2;
}

static int settled(const struct place *p)
{
    return p->lost - p->found <= 1;
}

static void add_place(struct session *s, enum ttt_tensor t, const char *scope)
{
    s->places[s->place_count++] =
        (struct place){.tensor = ttt_tensor_info[t].name, .scope = scope, .found = -1, .lost = SMALLEST + 1};
}

/* Every output of the case but the checkpoints, whole and in parts that its shape has. */
static void choose_places(struct session *s, int causal)
{
    s->place_count = 0;
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        const char *dims = ttt_tensor_info[t].dims;
        const int output =
            ttt_tensor_info[t].role == TTT_ROLE_FORWARD_OUTPUT || ttt_tensor_info[t].role == TTT_ROLE_BACKWARD_OUTPUT;
        if (!output || strchr(dims, 'K') || (t == TTT_GRAD_TOKEN_ETA && !causal))
            continue;
        const int matrix = strlen(dims) == 4;
        add_place(s, t, "whole");
        if (strcmp(dims, "C") != 0)
            add_place(s, t, matrix ? "row" : strchr(dims, 'N') ? "batch" : "head");
        if (matrix)
            add_place(s, t, "tile");
    }
}

/* Did a gate of the tensor fail in this result? */
static int gate_failed(const json_t *result, const char *tensor)
{
    size_t i, j;
    const json_t *t, *gate;
    json_array_foreach(json_object_get(result, "tensors"), i, t)
    {
        if (strcmp(json_string_value(json_object_get(t, "name")), tensor) != 0)
            continue;
        json_array_foreach(json_object_get(t, "gates"), j, gate)
        {
            const char *verdict = json_string_value(json_object_get(gate, "verdict"));
            if (verdict && strcmp(verdict, "FAIL") == 0)
                return 1;
        }
    }
    return 0;
}

/* Add to hits[place] how often it was found; results lie by case, then by candidate. */
static int read_hits(const struct session *s, const char *report, int cases, const int *open, int open_count, int *hits)
{
    json_error_t fault;
    json_t *root = json_load_file(report, 0, &fault);
    const json_t *results = json_object_get(root, "cases");
    const int complete = json_array_size(results) == (size_t)cases * (size_t)open_count;
    for (int i = 0; complete && i < cases * open_count; i++)
        hits[open[i % open_count]] +=
            gate_failed(json_array_get(results, (size_t)i), s->places[open[i % open_count]].tensor);
    json_decref(root);
    return complete ? 0 : -1;
}

/* One run of the judge: every place that is not settled, on `cases` seeds from `seed` on. */
static int run_judge(const struct session *s, const char *text, int seed, int cases, int *hits)
{
    static char specs[MOST_PLACES][SPEC_TEXT], seeds[SEEDS_PER_RUN][SPEC_TEXT];
    const char *argv[8 + 2 * MOST_PLACES + 2 * SEEDS_PER_RUN] = {s->verify, "--quiet", "--threads", "1", "--json"};
    char report[PATH_TEXT], log[PATH_TEXT];
    int open[MOST_PLACES], open_count = 0, n = 6;
    snprintf(report, sizeof report, "%s/%d.json", s->work, seed);
    snprintf(log, sizeof log, "%s/%d.log", s->work, seed);
    argv[5] = report;
    for (int i = 0; i < s->place_count; i++) {
        if (settled(&s->places[i]))
            continue;
        snprintf(specs[i], SPEC_TEXT, "%s:tensor=%s,scope=%s,size=%.12g", s->plugin, s->places[i].tensor,
                 s->places[i].scope, 1.0 / (1 << size_tried(&s->places[i])));
        argv[n++] = "--candidate";
        argv[n++] = specs[i];
        open[open_count++] = i;
    }
    for (int i = 0; i < cases; i++) {
        snprintf(seeds[i], SPEC_TEXT, "%s seed=%d", text, seed + i);
        argv[n++] = "--case";
        argv[n++] = seeds[i];
    }
    const int status = process_run(argv, log, SECONDS);
    const int read = status > 1 || status < 0 ? -1 : read_hits(s, report, cases, open, open_count, hits);
    remove(report);
    return read;
}

/* What one of the jobs does: every jobs-th run of a round. */
static int run_share(const struct session *s, const char *text, int job, int *hits)
{
    int status = 0;
    for (int i = job * SEEDS_PER_RUN; i < s->seeds && status == 0; i += s->jobs * SEEDS_PER_RUN)
        status = run_judge(s, text, FIRST_SEED + i, s->seeds - i < SEEDS_PER_RUN ? s->seeds - i : SEEDS_PER_RUN, hits);
    return status;
}

/* Every open place on every seed, by several processes.  0, or -1 when the judge did not judge. */
static int run_round(const struct session *s, const char *text, int *hits)
{
    int status = 0, ends[2];
    if (pipe(ends) != 0)
        return -1;
    for (int job = 0; job < s->jobs; job++)
        if (fork() == 0) {
            int mine[MOST_PLACES] = {0};
            const int failed = run_share(s, text, job, mine) != 0 || write(ends[1], mine, sizeof mine) < 0;
            _exit(failed);
        }
    for (int job = 0, ended; job < s->jobs; job++)
        status |= wait(&ended) < 0 || ended != 0;
    for (int job = 0; job < s->jobs && status == 0; job++) {
        int theirs[MOST_PLACES];
        status |= read(ends[0], theirs, sizeof theirs) != (ssize_t)sizeof theirs;
        for (int i = 0; i < s->place_count && status == 0; i++)
            hits[i] += theirs[i];
    }
    close(ends[0]);
    close(ends[1]);
    return status ? -1 : 0;
}

static int measure(struct session *s, const char *text)
{
    choose_places(s, strstr(text, "causal=1") != NULL);
    for (int open = 1; open;) {
        int hits[MOST_PLACES] = {0};
        if (run_round(s, text, hits) != 0)
            return -1;
        open = 0;
        for (int i = 0; i < s->place_count; i++) {
            struct place *p = &s->places[i];
            if (settled(p))
                continue;
            if (hits[i] * 100 >= s->seeds * PERCENT)
                p->found = size_tried(p);
            else
                p->lost = size_tried(p);
            open |= !settled(p);
        }
    }
    return 0;
}

static json_t *print_case(const struct session *s, const char *text)
{
    json_t *rows = json_array();
    printf("%s\nthe smallest relative fault that is found in %d of 100 of %d seeds\n", text, PERCENT, s->seeds);
    for (int i = 0; i < s->place_count; i++) {
        const struct place *p = &s->places[i];
        char size[24];
        snprintf(size, sizeof size, p->found < 0 ? "above 1" : "2^-%d", p->found);
        printf("  %-24s %-6s %s\n", p->tensor, p->scope, size);
        json_array_append_new(rows, json_pack("{s:s, s:s, s:i}", "tensor", p->tensor, "scope", p->scope, "exponent",
                                              p->found < 0 ? 1 : -p->found));
    }
    fflush(stdout);
    return json_pack("{s:s, s:i, s:o}", "case", text, "seeds", s->seeds, "smallest", rows);
}

static int parse(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {{"verify", required_argument, NULL, 0},
                                            {"plugin", required_argument, NULL, 1},
                                            {"work", required_argument, NULL, 2},
                                            {"json", required_argument, NULL, 3},
                                            {"seeds", required_argument, NULL, 4},
                                            {"jobs", required_argument, NULL, 5},
                                            {NULL, 0, NULL, 0}};
    const char **const text[] = {&s->verify, &s->plugin, &s->work, &s->json};
    int option;
    uint64_t n;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?')
            return -1;
        if (option < 4)
            *text[option] = optarg;
        else if (ttt_text_to_u64(optarg, strlen(optarg), 100000, &n) != 0 || n == 0)
            return -1;
        else
            *(option == 4 ? &s->seeds : &s->jobs) = (int)n;
    }
    return s->verify && s->plugin && s->work && optind < argc ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct session s = {.seeds = 100, .jobs = (int)sysconf(_SC_NPROCESSORS_ONLN)};
    if (parse(&s, argc, argv) != 0 || mkdir(s.work, 0777) != 0) {
        fprintf(stderr, "%s", usage);
        return EXIT_BAD_INPUT;
    }
    json_t *cases = json_array();
    int status = 0;
    for (int i = optind; i < argc && status == 0; i++) {
        status = measure(&s, argv[i]);
        if (status == 0)
            json_array_append_new(cases, print_case(&s, argv[i]));
    }
    json_t *root = json_pack("{s:s, s:s, s:o}", "schema", "ttt-power-1", "program", "power-curves", "cases", cases);
    if (status == 0 && s.json)
        status = json_dump_file(root, s.json, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    json_decref(root);
    if (status != 0)
        fprintf(stderr, "power-curves: the judge did not judge; see %s\n", s.work);
    return status == 0 ? EXIT_PASSED : EXIT_BAD_INPUT;
}
