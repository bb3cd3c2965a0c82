/* SPDX-License-Identifier: MIT
 *
 * ttt-fuzz: try a TTT-MLP kernel on random shapes and values.
 */
#include "attempt.h"
#include "draw.h"
#include "finding.h"
#include "harness/campaign.h"
#include "harness/clock.h"
#include "harness/command.h"
#include "harness/contract.h"
#include "harness/given.h"
#include "harness/progress.h"
#include "harness/rng.h"
#include "harness/worker.h"
#include "ledger.h"
#include "options.h"
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_PASSED = 0, EXIT_FAILED = 1, EXIT_BAD_INPUT = 2, EXIT_NOTHING_RAN = 77 };

#define ERROR_TEXT 1024

static const double save_every = 2; /* seconds: what a rank that is killed loses */

/* One run of the program. */
struct session {
    const struct fuzz_options *o;
    struct fuzz_lab lab;
    struct fuzz_ledger ledger;
    struct ttt_progress progress;
    int hung; /* the candidate is not called again */
    char folder[256], scratch[320];
    char error[ERROR_TEXT];
};

static volatile sig_atomic_t stopped;
static double end_of_campaign; /* by ttt_clock_seconds */

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

static int is_over(void)
{
    return stopped || ttt_clock_seconds() >= end_of_campaign;
}

static int fail(struct session *s, const char *what)
{
    snprintf(s->error, sizeof s->error, "%s", what);
    return -1;
}

/* The command that tries this case, or this file, again. */
static int set_repeat(const struct session *s, struct fuzz_finding *finding)
{
    char text[FUZZ_CASE_TEXT];
    fuzz_case_format(&finding->f, text);
    const char *const words[] = {
        "ttt-fuzz", "--candidate", s->o->candidate.spec, "--direction", ttt_direction_name[s->o->directions],
        "--case",   text};
    char *command = ttt_command_text(sizeof words / sizeof words[0], words);
    if (!command)
        return -1;
    snprintf(finding->repeat, sizeof finding->repeat, "%s", command);
    free(command);
    return 0;
}

/* Index `index` of the campaign. */
static void make_case(const struct fuzz_options *o, uint64_t index, struct fuzz_case *f)
{
    memset(f, 0, sizeof *f);
    if (o->hold == FUZZ_HOLD_SHAPE)
        f->c = o->held.c;
    else
        fuzz_draw_shape(o->seed, index, &f->c);
    if (o->hold != FUZZ_HOLD_VALUES) {
        fuzz_draw_values(o->seed, index, f);
        return;
    }
    char why[256];
    f->c.distribution = o->held.c.distribution;
    f->c.seed = o->held.c.seed;
    for (enum ttt_tensor t = 0; t < TTT_XQW; t++)
        if (ttt_tensor_present(t, &f->c))
            f->field[t] = o->held.field[t];
    if (ttt_case_check(&f->c, why, sizeof why) != 0)
        f->c.distribution = TTT_DIST_UNIT; /* exact data exist for some sizes only */
}

/* A sample of the cases is judged whatever the screen says, a smaller one tried on the relations. */
static enum fuzz_depth depth_of(const struct fuzz_options *o, uint64_t index)
{
    enum { DEPTH_STREAM = 2001 };
    const uint64_t roll = ttt_rng_bits(o->seed, DEPTH_STREAM, index) % 64;
    return roll == 0 ? FUZZ_RELATE : roll < 4 ? FUZZ_JUDGE : FUZZ_SCREEN;
}

static void print_finding(const struct fuzz_finding *found)
{
    printf("  %s: %s\n", found->outcome.gate, found->outcome.detail);
    if (found->place[0])
        printf("  first divergence: %s\n", found->place);
    if (found->equation[0])
        printf("  first divergent equation: %s\n", found->equation);
    if (found->path[0])
        printf("  saved: %s\n", found->path);
    if (found->repeat[0])
        printf("FAIL %s\n", found->repeat);
}

/* Shrink, save, explain and print a failure that is new. */
static int follow_up(struct session *s, uint64_t index, const struct fuzz_finding *found)
{
    struct fuzz_finding shrunk = *found;
    struct fuzz_subject subject = {.file = NULL};
    char text[FUZZ_CASE_TEXT];
    ttt_progress_clear(&s->progress);
    fuzz_case_format(&found->f, text);
    printf("FAIL #%" PRIu64 " %s\n  %s: %s\n", index, text, found->outcome.gate, found->outcome.detail);
    fflush(stdout);
    int status = fuzz_finding_shrink(&s->lab, &shrunk, s->error, sizeof s->error);
    if (status == 0)
        status = fuzz_subject_make(&subject, &shrunk.f, s->error, sizeof s->error);
    if (status == 0)
        status = fuzz_finding_explain(&s->lab, s->o->candidate.spec, &subject, &shrunk, s->error, sizeof s->error);
    snprintf(shrunk.path, sizeof shrunk.path, "%s/fuzz-%" PRIu64 "-%" PRIu64 ".safetensors", s->o->save, s->o->seed,
             index);
    if (status == 0)
        status = fuzz_finding_save(&s->lab, &subject, &shrunk, s->error, sizeof s->error);
    fuzz_subject_free(&subject);
    if (status != 0)
        return -1;
    fuzz_case_format(&shrunk.f, text);
    printf("  shrunk in %d tries%s: %s\n", shrunk.tries, is_over() ? ", until the time was over" : "", text);
    if (set_repeat(s, &shrunk) != 0 || fuzz_ledger_find(&s->ledger, index, found, &shrunk) != 0)
        return fail(s, "out of memory");
    print_finding(&shrunk);
    fflush(stdout);
    return 0;
}

static int run_index(struct session *s, uint64_t index)
{
    struct fuzz_finding found = {.tries = 0};
    struct fuzz_subject subject;
    make_case(s->o, index, &found.f);
    int status = fuzz_subject_make(&subject, &found.f, s->error, sizeof s->error);
    if (status == 0)
        status = fuzz_attempt(&s->lab, &subject, depth_of(s->o, index), &found.outcome, s->error, sizeof s->error);
    fuzz_subject_free(&subject);
    if (status != 0)
        return -1;
    if (fuzz_ledger_add(&s->ledger, index, &found.f, &found.outcome) != 0)
        return fail(s, "out of memory");
    s->hung = found.outcome.verdict == TTT_FAIL && strcmp(found.outcome.gate, "hang") == 0;
    if (found.outcome.verdict != TTT_FAIL || fuzz_ledger_knows(&s->ledger, &found.outcome))
        return 0;
    return follow_up(s, index, &found);
}

static void print_summary(const struct session *s, double seconds)
{
    const json_t *report = s->ledger.report;
    int64_t cases = 0;
    for (int v = 0; v < TTT_VERDICT_COUNT; v++)
        cases += ttt_campaign_counted(report, "cases", "all", ttt_verdict_name[v]);
    const json_t *nearest = json_object_get(report, "nearest");
    printf("%" PRId64 " cases in %.1f s:", cases, s->ledger.seconds_before + seconds);
    for (int v = 0; v < TTT_VERDICT_COUNT; v++)
        if (v != TTT_VACUOUS)
            printf(" %" PRId64 " %s", ttt_campaign_counted(report, "cases", "all", ttt_verdict_name[v]),
                   ttt_verdict_name[v]);
    printf("; nearest to its bound: %.2g", json_number_value(json_object_get(nearest, "value")));
    printf("%s%s\n", json_number_value(json_object_get(nearest, "value")) > 0 ? " in " : "",
           json_string_value(json_object_get(nearest, "case")));
}

/* The exit status, or -1 with a line in s->error. */
static int campaign(struct session *s, const char *command)
{
    const struct fuzz_options *o = s->o;
    const double start = ttt_clock_seconds();
    double saved = start;
    if (fuzz_ledger_open(&s->ledger, o, command, s->error, sizeof s->error) != 0)
        return -1;
    end_of_campaign = start + o->seconds;
    while (!is_over() && !s->hung && s->ledger.next < o->cases) {
        char at[64];
        snprintf(at, sizeof at, "case %" PRIu64, s->ledger.next);
        ttt_progress_show(&s->progress, "%s", at);
        if (run_index(s, s->ledger.next) != 0)
            return -1;
        s->ledger.next += o->shard.size;
        if (o->first && json_array_size(json_object_get(s->ledger.report, "findings")) > 0)
            break;
        const double now = ttt_clock_seconds();
        if (now - saved < save_every)
            continue;
        saved = now;
        if (fuzz_ledger_save(&s->ledger, now - start, 0, s->error, sizeof s->error) != 0)
            return -1;
    }
    ttt_progress_clear(&s->progress);
    const double seconds = ttt_clock_seconds() - start;
    const int complete = s->ledger.next >= o->cases || (o->cases == UINT64_MAX && !stopped && !s->hung);
    if (fuzz_ledger_save(&s->ledger, seconds, complete, s->error, sizeof s->error) != 0)
        return -1;
    if (s->hung)
        printf("ended early: a candidate that hung is not called again\n");
    if (!o->quiet)
        print_summary(s, seconds);
    const json_t *report = s->ledger.report;
    if (ttt_campaign_counted(report, "cases", "all", ttt_verdict_name[TTT_FAIL]) > 0)
        return EXIT_FAILED;
    if (ttt_campaign_counted(report, "cases", "all", ttt_verdict_name[TTT_PASS]) +
            ttt_campaign_counted(report, "cases", "all", ttt_verdict_name[TTT_ILL_CONDITIONED]) >
        0)
        return EXIT_PASSED;
    fprintf(stderr, "ttt-fuzz: nothing could run: the candidate serves none of the cases\n");
    return EXIT_NOTHING_RAN;
}

/* One subject, whole: the exit status, or -1. */
static int one(struct session *s, const struct fuzz_subject *subject, struct fuzz_finding *finding)
{
    if (fuzz_attempt(&s->lab, subject, FUZZ_RELATE, &finding->outcome, s->error, sizeof s->error) != 0)
        return -1;
    const enum ttt_verdict verdict = finding->outcome.verdict;
    if (verdict == TTT_FAIL && s->lab.candidate &&
        fuzz_finding_explain(&s->lab, s->o->candidate.spec, subject, finding, s->error, sizeof s->error) != 0)
        return -1;
    if (!s->o->quiet || verdict == TTT_FAIL)
        printf("%s%s\n", ttt_verdict_name[verdict],
               verdict == TTT_FAIL            ? ""
               : finding->outcome.nearest > 0 ? ", within the bounds"
                                              : "");
    if (verdict == TTT_FAIL)
        print_finding(finding);
    if (verdict == TTT_SKIPPED) {
        fprintf(stderr, "ttt-fuzz: nothing could run: the candidate does not serve this case\n");
        return EXIT_NOTHING_RAN;
    }
    return verdict == TTT_FAIL ? EXIT_FAILED : EXIT_PASSED;
}

static int run_case(struct session *s)
{
    struct fuzz_finding finding = {.f = s->o->held};
    struct fuzz_subject subject;
    int status = fuzz_subject_make(&subject, &finding.f, s->error, sizeof s->error);
    if (status == 0)
        status = one(s, &subject, &finding);
    fuzz_subject_free(&subject);
    return status;
}

static int replay(struct session *s)
{
    struct fuzz_finding finding = {.tries = 0};
    struct fuzz_subject subject = {.file = NULL};
    struct ttt_safetensors *file = ttt_safetensors_open(s->o->replay, s->error, sizeof s->error);
    if (!file)
        return -1;
    int status = fuzz_subject_load(&subject, file, s->error, sizeof s->error);
    if (status == 0 && !s->lab.candidate)
        status = ttt_given_outputs(file, &subject.c, 0, &s->lab.directions, &s->lab.types, s->error, sizeof s->error);
    if (status == 0)
        status = one(s, &subject, &finding);
    fuzz_subject_free(&subject);
    ttt_safetensors_close(file);
    return status;
}

/* A folder of our own for the file that the judge reads. */
static int scratch_open(struct session *s)
{
    const char *folder = getenv("TMPDIR");
    snprintf(s->folder, sizeof s->folder, "%s/ttt-fuzz-XXXXXX", folder && folder[0] ? folder : "/tmp");
    if (!mkdtemp(s->folder)) {
        snprintf(s->error, sizeof s->error, "TMPDIR: no folder can be made in '%.200s'", s->folder);
        s->folder[0] = '\0';
        return -1;
    }
    snprintf(s->scratch, sizeof s->scratch, "%s/case.safetensors", s->folder);
    return 0;
}

static void session_close(struct session *s)
{
    if (s->folder[0]) {
        unlink(s->scratch);
        rmdir(s->folder);
    }
    fuzz_ledger_free(&s->ledger);
    free(s->lab.result);
}

static int run_program(const struct fuzz_options *o, const char *command)
{
    struct session s = {.o = o, .lab = {.candidate = o->candidate.candidate, .directions = o->directions}};
    s.lab.threads = o->threads;
    s.lab.types = o->candidate.candidate ? o->candidate.candidate->types : TTT_TYPES_F64;
    s.lab.points = o->candidate.candidate ? ttt_points_declared(o->candidate.candidate) : 0;
    s.lab.result = calloc(1, sizeof *s.lab.result);
    s.lab.scratch = s.scratch;
    s.lab.over = is_over;
    omp_set_num_threads(o->threads);
    ttt_progress_open(&s.progress, o->quiet);
    ttt_progress_case(&s.progress, 0, 1, o->candidate.spec ? o->candidate.spec : "replay");
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    int status = s.lab.result ? scratch_open(&s) : fail(&s, "out of memory");
    if (status == 0)
        status = o->mode == FUZZ_MODE_CAMPAIGN ? campaign(&s, command)
                 : o->mode == FUZZ_MODE_CASE   ? run_case(&s)
                                               : replay(&s);
    session_close(&s);
    if (status < 0)
        fprintf(stderr, "ttt-fuzz: %s\n", s.error);
    return status < 0 ? EXIT_BAD_INPUT : status;
}

int main(int argc, char **argv)
{
    const int worker = ttt_worker_main(argc, argv);
    if (worker >= 0)
        return worker;
    struct fuzz_options o;
    char error[ERROR_TEXT];
    char *command = ttt_command_text(argc, (const char *const *)argv);
    int status = command ? fuzz_options_parse(&o, argc, argv, error, sizeof error) : -1;
    if (!command)
        snprintf(error, sizeof error, "out of memory");
    if (status < 0)
        fprintf(stderr, "ttt-fuzz: %s\n", error);
    const int exit_status = status < 0 ? EXIT_BAD_INPUT : status > 0 ? EXIT_PASSED : run_program(&o, command);
    if (command)
        fuzz_options_free(&o);
    free(command);
    /* Output that could not be written (a full disk, say) must not look like success. */
    if (fclose(stdout) != 0 && exit_status == EXIT_PASSED) {
        fprintf(stderr, "ttt-fuzz: standard output could not be written\n");
        return EXIT_BAD_INPUT;
    }
    return exit_status;
}
