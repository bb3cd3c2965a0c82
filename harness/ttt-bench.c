/* SPDX-License-Identifier: MIT
 *
 * ttt-bench: measure how fast TTT-MLP kernels are.
 */
#include "bench.h"
#include "bench_options.h"
#include "bench_report.h"
#include "command.h"
#include "output.h"
#include "progress.h"
#include "result.h"
#include "worker.h"
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_MEASURED = 0, EXIT_FAILED = 1, EXIT_BAD_INPUT = 2, EXIT_NOTHING_RAN = 77 };

#define ERROR_TEXT 1024

/* One run of the program. */
struct session {
    const struct ttt_bench_options *o;
    struct ttt_measurement *list; /* by case, then by candidate, then by direction */
    struct ttt_bench_summary summary;
    struct ttt_progress progress;
    struct ttt_output json;
    char error[ERROR_TEXT];
};

static void show_repetition(void *context, int repetition)
{
    ttt_progress_show(context, "repetition %d", repetition);
}

static int measure(struct session *s, const struct ttt_bench *bench)
{
    struct ttt_measurement *m = &s->list[s->summary.count];
    const int status = ttt_bench_run(bench, m, s->error, sizeof s->error);
    ttt_progress_clear(&s->progress);
    if (status != 0)
        return -1;
    s->summary.count++;
    s->summary.by_outcome[m->outcome]++;
    if (!s->o->quiet)
        ttt_bench_table_line(stdout, m);
    fflush(stdout);
    return 0;
}

static int check(struct session *s, const struct ttt_bench *bench)
{
    return ttt_bench_check(bench, s->error, sizeof s->error);
}

/* Do something for each case, candidate and direction, as long as it returns 0. */
static int for_each(struct session *s, int (*action)(struct session *, const struct ttt_bench *))
{
    const struct ttt_bench_options *o = s->o;
    struct ttt_bench bench = {.threads = o->threads,
                              .repetitions = o->repetitions,
                              .progress = show_repetition,
                              .progress_context = &s->progress};
    for (size_t i = 0; i < o->case_count; i++) {
        char case_text[TTT_CASE_TEXT];
        bench.c = o->cases[i];
        ttt_case_format(&bench.c, case_text);
        ttt_progress_case(&s->progress, i, o->case_count, case_text);
        for (size_t j = 0; j < o->candidate_count; j++)
            for (bench.direction = TTT_FORWARD; bench.direction <= TTT_BACKWARD; bench.direction++) {
                bench.candidate = o->candidates[j].candidate;
                bench.timer = ttt_candidate_timer(bench.candidate);
                if (o->directions & 1u << bench.direction && action(s, &bench) != 0)
                    return -1;
            }
    }
    return 0;
}

static int measure_all(struct session *s)
{
    s->list = calloc(2 * s->o->case_count * s->o->candidate_count, sizeof *s->list);
    if (!s->list) {
        snprintf(s->error, sizeof s->error, "out of memory");
        return -1;
    }
    s->summary.list = s->list;
    if (!s->o->quiet)
        ttt_bench_table_header(stdout);
    if (for_each(s, measure) != 0)
        return -1;
    s->summary.seconds = ttt_progress_seconds(&s->progress);
    return 0;
}

static int write_report(struct session *s)
{
    if (!s->json.stream)
        return 0;
    if (ttt_bench_report_write(s->json.stream, &s->summary) != 0) {
        snprintf(s->error, sizeof s->error, "--json: the report could not be written");
        return -1;
    }
    return ttt_output_commit(&s->json, s->error, sizeof s->error);
}

/* Measure everything and write the report; the exit status, or -1 with a line in s->error. */
static int run(struct session *s)
{
    if (for_each(s, check) != 0 ||
        (s->o->json && ttt_output_open(&s->json, s->o->json, s->error, sizeof s->error) != 0) || measure_all(s) != 0 ||
        write_report(s) != 0)
        return -1;
    if (s->summary.by_outcome[TTT_BENCH_FAILED] > 0)
        return EXIT_FAILED;
    if (s->summary.by_outcome[TTT_BENCH_MEASURED] > 0)
        return EXIT_MEASURED;
    fprintf(stderr, "ttt-bench: nothing could run: no candidate supports any of the cases\n");
    return EXIT_NOTHING_RAN;
}

static int run_program(const struct ttt_bench_options *o, const char *command)
{
    struct session s = {.o = o, .summary = {.command = command}};
    ttt_clock_date(s.summary.started);
    ttt_progress_open(&s.progress, o->quiet);
    const int status = run(&s);
    free(s.list);
    ttt_output_abandon(&s.json);
    if (status < 0)
        fprintf(stderr, "ttt-bench: %s\n", s.error);
    return status < 0 ? EXIT_BAD_INPUT : status;
}

int main(int argc, char **argv)
{
    const int worker = ttt_worker_main(argc, argv);
    if (worker >= 0)
        return worker;
    struct ttt_bench_options o;
    char error[ERROR_TEXT];
    char *command = ttt_command_text(argc, (const char *const *)argv);
    int status = command ? ttt_bench_options_parse(&o, argc, argv, error, sizeof error) : -1;
    if (!command)
        snprintf(error, sizeof error, "out of memory");
    if (status < 0)
        fprintf(stderr, "ttt-bench: %s\n", error);
    const int exit_status = status < 0 ? EXIT_BAD_INPUT : status > 0 ? EXIT_MEASURED : run_program(&o, command);
    if (command)
        ttt_bench_options_free(&o);
    free(command);
    /* Output that could not be written (a full disk, say) must not look like success. */
    if (fclose(stdout) != 0 && exit_status == EXIT_MEASURED) {
        fprintf(stderr, "ttt-bench: standard output could not be written\n");
        return EXIT_BAD_INPUT;
    }
    return exit_status;
}
