/* SPDX-License-Identifier: MIT
 *
 * ttt-verify: judge how accurate TTT-MLP kernels are.
 */
#include "calibration.h"
#include "candidates.h"
#include "clock.h"
#include "command.h"
#include "contract.h"
#include "diagnosis.h"
#include "dump.h"
#include "exactness.h"
#include "hidden.h"
#include "jobs.h"
#include "junit.h"
#include "machine.h"
#include "options.h"
#include "output.h"
#include "plugin.h"
#include "progress.h"
#include "relations.h"
#include "report.h"
#include "run.h"
#include "table.h"
#include "verdict.h"
#include "worker.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_PASSED = 0, EXIT_FAILED = 1, EXIT_BAD_INPUT = 2, EXIT_NOTHING_RAN = 77 };

#define ERROR_TEXT 1024

/* One run of the program. */
struct session {
    const struct ttt_options *o;
    struct ttt_jobs jobs;
    struct ttt_contender *contenders;
    const char **specs; /* of the contenders, as --candidate takes them; NULL: the outputs of a file */
    size_t contender_count;
    struct ttt_result *results; /* by job, then by contender */
    size_t done;
    struct ttt_progress progress;
    struct ttt_output json, junit;
    char error[ERROR_TEXT];
};

static int fail(struct session *s, const char *what)
{
    snprintf(s->error, sizeof s->error, "%s", what);
    return -1;
}

static void add_contender(struct session *s, const struct ttt_candidate *candidate, const char *spec)
{
    s->specs[s->contender_count] = spec;
    s->contenders[s->contender_count++] = ttt_contender_of(candidate);
}

/* Who is judged: those who were named, else the best present; by the ground truth the truth itself, too. */
static int choose_contenders(struct session *s)
{
    const size_t room = s->o->candidate_count + ttt_candidate_builtin_count;
    s->contenders = calloc(room, sizeof *s->contenders);
    s->specs = calloc(room, sizeof *s->specs);
    if (!s->contenders || !s->specs)
        return fail(s, "out of memory");
    if (s->o->mode == TTT_MODE_JUDGE) {
        s->contender_count = 1;
        s->contenders[0].points = s->o->points;
        return 0;
    }
    for (size_t i = 0; i < s->o->candidate_count; i++)
        add_contender(s, s->o->candidates[i].candidate, s->o->candidates[i].spec);
    for (size_t i = 0; i < ttt_candidate_builtin_count && s->o->candidate_count == 0; i++) {
        const struct ttt_candidate *candidate = ttt_candidate_builtin[i];
        if (ttt_candidate_is_default(candidate) ||
            (s->o->mode == TTT_MODE_VECTORS && candidate == &ttt_candidate_ref_f64))
            add_contender(s, candidate, candidate->name);
    }
    return 0;
}

/* The command that does one result again. */
static char *repeat_command(const struct session *s, const struct ttt_job *job, const char *spec)
{
    char case_text[TTT_CASE_TEXT], points[TTT_POINTS_TEXT], contract[TTT_POINTS_TEXT + 8], every[24];
    const char *words[12];
    int n = 0;
    words[n++] = "ttt-verify";
    if (spec) {
        words[n++] = "--candidate";
        words[n++] = spec;
    }
    words[n++] = !job->path ? "--case" : s->o->mode == TTT_MODE_JUDGE ? "--judge" : "--vectors";
    if (!job->path)
        ttt_case_format(&job->c, case_text);
    words[n++] = job->path ? job->path : case_text;
    words[n++] = "--direction";
    words[n++] = ttt_direction_name[job->directions];
    if (s->o->points) {
        ttt_points_format(s->o->points, points);
        snprintf(contract, sizeof contract, "bf16+%s", points);
        words[n++] = "--contract";
        words[n++] = contract;
    }
    if (job->every_head) {
        snprintf(every, sizeof every, "%" PRId64, job->every_head);
        words[n++] = "--every-head";
        words[n++] = every;
    }
    return ttt_command_text(n, words);
}

/* Say that heads were left out. */
static void note_heads(const struct ttt_job *job, struct ttt_result *result)
{
    const int64_t heads = job->c.shape.heads, every = job->every_head;
    if (every > 1 && heads > 1)
        ttt_result_note(result, "all-heads", TTT_SKIPPED,
                        "a sample of %" PRId64 " of %" PRId64 " heads was run and judged: 0, %" PRId64 ", ...",
                        (heads + every - 1) / every, heads, every);
}

/* Has no job before this one been of its kind and gone well?  Then a hidden case is worth its time. */
static int is_new_kind(const struct session *s, const struct ttt_job *job, size_t contender)
{
    for (const struct ttt_job *before = s->jobs.list; before < job; before++) {
        const size_t done = (size_t)(before - s->jobs.list) * s->contender_count + contender;
        if (before->directions == job->directions && s->results[done].verdict != TTT_FAIL &&
            ttt_hidden_same_kind(&before->c, &job->c))
            return 0;
    }
    return 1;
}

/* Run one job on every contender; the results are the next ones of s->results. */
static int run_job(struct session *s, const struct ttt_job *job, struct ttt_safetensors *file)
{
    struct ttt_result *results = s->results + s->done;
    const struct ttt_run run = {
        .c = job->c,
        .file = file,
        .truth_in_file = s->o->mode == TTT_MODE_VECTORS,
        .directions = job->directions,
        .every_head = job->every_head,
        .threads = s->o->threads,
        .budget = TTT_RUN_BUDGET,
        .progress = ttt_progress_heads,
        .progress_context = &s->progress,
    };
    if (s->o->mode == TTT_MODE_JUDGE)
        s->contenders[0].types = job->types;
    if (ttt_run_case(&run, s->contenders, (int)s->contender_count, results, s->error, sizeof s->error) != 0)
        return -1;
    for (size_t i = 0; i < s->contender_count; i++) {
        results[i].repeat = repeat_command(s, job, s->specs[i]);
        results[i].file = job->path ? strdup(job->path) : NULL;
        s->done++;
        if (!results[i].repeat || (job->path && !results[i].file))
            return fail(s, "out of memory");
        const struct ttt_candidate *candidate = s->contenders[i].candidate;
        note_heads(job, &results[i]);
        if (run.c.distribution == TTT_DIST_EXACT &&
            ttt_exactness_run(&run, &results[i], s->error, sizeof s->error) != 0)
            return -1;
        if (candidate && (run.truth_in_file || ttt_relations_suit(&run.c)) &&
            ttt_relations_run(&run, candidate, &results[i], s->error, sizeof s->error) != 0)
            return -1;
        if (candidate && ttt_candidate_is_plugin(candidate) && is_new_kind(s, job, i) &&
            ttt_hidden_run(&run, candidate, &results[i], s->error, sizeof s->error) != 0)
            return -1;
        if (results[i].verdict == TTT_FAIL &&
            ttt_diagnose(&run, &s->contenders[i], &results[i], s->error, sizeof s->error) != 0)
            return -1;
    }
    return 0;
}

static int run_jobs(struct session *s)
{
    const size_t n = s->contender_count;
    s->results = calloc(s->jobs.count * n, sizeof *s->results);
    if (!s->results)
        return fail(s, "out of memory");
    for (size_t i = 0; i < s->jobs.count; i++) {
        const struct ttt_job *job = &s->jobs.list[i];
        char case_text[TTT_CASE_TEXT];
        ttt_case_format(&job->c, case_text);
        ttt_progress_case(&s->progress, i, s->jobs.count, case_text);
        struct ttt_safetensors *file = job->path ? ttt_safetensors_open(job->path, s->error, sizeof s->error) : NULL;
        const int status = job->path && !file ? -1 : run_job(s, job, file);
        ttt_safetensors_close(file);
        ttt_progress_clear(&s->progress);
        if (status != 0)
            return -1;
        if (i == 0 && !s->o->quiet)
            ttt_table_header(stdout);
        for (size_t r = i * n; r < (i + 1) * n; r++)
            if (s->o->quiet)
                ttt_table_failures(stdout, &s->results[r]);
            else
                ttt_table_result(stdout, &s->results[r]);
        fflush(stdout);
    }
    return 0;
}

static int write_reports(struct session *s, const struct ttt_summary *summary)
{
    if (s->json.stream && ttt_report_write(s->json.stream, summary) != 0)
        return fail(s, "--json: the report could not be written");
    if (s->junit.stream && ttt_junit_write(s->junit.stream, summary) != 0)
        return fail(s, "--junit: the report could not be written");
    if (s->json.stream && ttt_output_commit(&s->json, s->error, sizeof s->error) != 0)
        return -1;
    return s->junit.stream ? ttt_output_commit(&s->junit, s->error, sizeof s->error) : 0;
}

/* Run everything and write the reports; the exit status, or -1 with a line in s->error. */
static int verify(struct session *s, struct ttt_summary *summary)
{
    const struct ttt_options *o = s->o;
    if (ttt_calibration_check(&ttt_calibration_table, s->error, sizeof s->error) != 0 || choose_contenders(s) != 0 ||
        ttt_jobs_make(&s->jobs, o, s->error, sizeof s->error) != 0)
        return -1;
    if (s->jobs.count == 0) {
        fprintf(stderr, "ttt-verify: nothing to run: no case has the direction and form asked for\n");
        return EXIT_NOTHING_RAN;
    }
    if ((o->json && ttt_output_open(&s->json, o->json, s->error, sizeof s->error) != 0) ||
        (o->junit && ttt_output_open(&s->junit, o->junit, s->error, sizeof s->error) != 0) || run_jobs(s) != 0)
        return -1;
    summary->results = s->results;
    summary->count = s->done;
    for (size_t i = 0; i < s->done; i++)
        summary->by_verdict[s->results[i].verdict]++;
    summary->seconds = ttt_progress_seconds(&s->progress);
    summary->peak_rss_bytes = ttt_peak_rss_bytes();
    if (!o->quiet)
        ttt_table_summary(stdout, summary);
    if (write_reports(s, summary) != 0)
        return -1;
    if (summary->by_verdict[TTT_SKIPPED] == s->done) {
        fprintf(stderr, "ttt-verify: nothing could run: every case was skipped\n");
        return EXIT_NOTHING_RAN;
    }
    return summary->by_verdict[TTT_FAIL] > 0 ? EXIT_FAILED : EXIT_PASSED;
}

/* Prove the gradients of the reference; the exit status, or -1 with a line in s->error. */
static int prove(struct session *s, struct ttt_summary *summary)
{
    const struct ttt_options *o = s->o;
    struct ttt_gradproof proof = {.count = 0};
    if (o->json && ttt_output_open(&s->json, o->json, s->error, sizeof s->error) != 0)
        return -1;
    const int status = ttt_gradproof_run(&proof, &s->progress, s->error, sizeof s->error);
    ttt_progress_clear(&s->progress);
    if (status != 0)
        return -1;
    ttt_gradproof_judge(&proof);
    summary->gradients = &proof;
    memcpy(summary->by_verdict, proof.by_verdict, sizeof proof.by_verdict);
    summary->seconds = ttt_progress_seconds(&s->progress);
    summary->peak_rss_bytes = ttt_peak_rss_bytes();
    ttt_gradproof_print(stdout, &proof, o->quiet);
    if (!o->quiet)
        printf("\n%zu gradients proven, %zu not, on %d cases in %.1f s; the worst ratio is %.2g (bound %g)\n",
               proof.by_verdict[TTT_PASS], proof.by_verdict[TTT_FAIL], proof.cases, summary->seconds, proof.ratio,
               TTT_GRADPROOF_RATIO);
    const int written = write_reports(s, summary);
    summary->gradients = NULL;
    if (written != 0)
        return -1;
    return proof.by_verdict[TTT_FAIL] > 0 ? EXIT_FAILED : EXIT_PASSED;
}

static void session_free(struct session *s)
{
    for (size_t i = 0; i < s->done; i++)
        ttt_result_free(&s->results[i]);
    free(s->results);
    free(s->contenders);
    free(s->specs);
    ttt_jobs_free(&s->jobs);
    ttt_output_abandon(&s->json);
    ttt_output_abandon(&s->junit);
}

static int dump(struct session *s)
{
    const struct ttt_options *o = s->o;
    if (ttt_jobs_make(&s->jobs, o, s->error, sizeof s->error) != 0)
        return -1;
    const struct ttt_job *job = &s->jobs.list[0];
    const struct ttt_candidate *candidate = o->candidate_count > 0 ? o->candidates[0].candidate : NULL;
    if (ttt_dump(o->path, &job->c, candidate, job->directions, o->threads, s->error, sizeof s->error) != 0)
        return -1;
    char case_text[TTT_CASE_TEXT];
    ttt_case_format(&job->c, case_text);
    if (!o->quiet)
        printf("wrote %s: inputs%s%s of %s\n", o->path, candidate ? " and outputs of " : "",
               candidate ? candidate->name : "", case_text);
    return EXIT_PASSED;
}

static void list(void)
{
    printf("Candidates\n");
    for (size_t i = 0; i < ttt_candidate_builtin_count; i++)
        printf("  %-10s %s (%s)\n", ttt_candidate_builtin[i]->name, ttt_candidate_builtin[i]->about,
               ttt_candidate_types(ttt_candidate_builtin[i]->types));
    for (size_t i = 0; i < ttt_suite_count; i++) {
        const struct ttt_suite *suite = &ttt_suites[i];
        printf("\nSuite %s: %s%s%s\n", suite->name, suite->about, suite->base ? "; all of " : "",
               suite->base ? suite->base->name : "");
        for (size_t e = 0; e < suite->count; e++)
            printf("  %-75s %-8s %s\n", suite->entries[e].text, ttt_direction_name[suite->entries[e].directions],
                   suite->entries[e].reason);
    }
}

/* As the options say; the exit status. */
static int run_program(const struct ttt_options *o, const char *command)
{
    struct session s = {.o = o};
    struct ttt_summary summary = {.command = command};
    ttt_clock_date(summary.started);
    ttt_progress_open(&s.progress, o->quiet);
    int status = EXIT_PASSED;
    if (o->mode == TTT_MODE_LIST)
        list();
    else
        status = o->mode == TTT_MODE_DUMP        ? dump(&s)
                 : o->mode == TTT_MODE_GRADIENTS ? prove(&s, &summary)
                                                 : verify(&s, &summary);
    session_free(&s);
    if (status < 0)
        fprintf(stderr, "ttt-verify: %s\n", s.error);
    return status < 0 ? EXIT_BAD_INPUT : status;
}

int main(int argc, char **argv)
{
    const int worker = ttt_worker_main(argc, argv);
    if (worker >= 0)
        return worker;
    struct ttt_options o;
    char error[ERROR_TEXT];
    char *command = ttt_command_text(argc, (const char *const *)argv);
    int status = command ? ttt_options_parse(&o, argc, argv, error, sizeof error) : -1;
    if (!command)
        snprintf(error, sizeof error, "out of memory");
    if (status < 0)
        fprintf(stderr, "ttt-verify: %s\n", error);
    const int exit_status = status < 0 ? EXIT_BAD_INPUT : status > 0 ? EXIT_PASSED : run_program(&o, command);
    if (command)
        ttt_options_free(&o);
    free(command);
    /* Output that could not be written (a full disk, say) must not look like success. */
    if (fclose(stdout) != 0 && exit_status == EXIT_PASSED) {
        fprintf(stderr, "ttt-verify: standard output could not be written\n");
        return EXIT_BAD_INPUT;
    }
    return exit_status;
}
