/* SPDX-License-Identifier: MIT */
#include "trial.h"
#include "process.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *const end_name[END_COUNT] = {"killed", "survived", "equivalent", "below resolution", "error"};

static const struct mutant clean = {.name = "clean"};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void folder_of(const struct trial *trial, const struct mutant *m, char path[PATH_TEXT])
{
    snprintf(path, PATH_TEXT, "%s/%s", trial->build.work, m->name);
}

static void remove_folder(const char *path)
{
    const char *const argv[] = {"rm", "-rf", path, NULL};
    process_run(argv, "/dev/null", 60);
}

static int fails_itself(struct outcome *out, const char *what, int status, const char *log)
{
    out->end = END_ERROR;
    snprintf(out->error, sizeof out->error, "%s (status %d); see %.150s", what, status, log);
    return -1;
}

/* One run of the judge: 1 when it killed the mutant, 0 when not, -1 when it did not judge. */
static int judge(const struct trial *trial, const struct batch *batch, const char *folder, struct outcome *out)
{
    char library[PATH_TEXT], report[PATH_TEXT], log[PATH_TEXT];
    const char *argv[11 + 2 * CASES_PER_RUN] = {trial->verify, "--quiet", "--threads", "1",           "--candidate",
                                                library,       "--json",  report,      "--direction", trial->direction};
    int n = 10;
    for (size_t i = 0; i < batch->count; i++) {
        argv[n++] = "--case";
        argv[n++] = batch->cases[i];
    }
    snprintf(library, sizeof library, "%s/mutant.so", folder);
    snprintf(report, sizeof report, "%s/report.json", folder);
    snprintf(log, sizeof log, "%s/judge.log", folder);
    remove(report);
    const int status = process_run(argv, log, trial->limit);
    if (status == 0)
        return 0;
    if (status > 128) {
        out->failure = (struct failure){.tier = 0};
        snprintf(out->failure.gate, sizeof out->failure.gate, status == PROCESS_LIMIT ? "time" : "crash");
        snprintf(out->failure.detail, sizeof out->failure.detail, "signal %d", status - 128);
        snprintf(out->failure.case_text, sizeof out->failure.case_text, "%s", batch->cases[0]);
        return 1;
    }
    if (status != 1)
        return fails_itself(out, "the judge did not judge", status, log);
    const int found = verdict_read(report, &out->failure, out->error, sizeof out->error);
    return found == 1 ? 1 : fails_itself(out, "the judge names no failure", status, report);
}

static int judge_all(const struct trial *trial, const char *folder, struct outcome *out)
{
    int killed = 0;
    for (size_t i = 0; i < trial->cases.count && killed == 0; i++)
        killed = judge(trial, &trial->cases.list[i], folder, out);
    return killed;
}

static int same_file(const char *a, const char *b)
{
    const char *const argv[] = {"cmp", "-s", a, b, NULL};
    return process_run(argv, "/dev/null", 60) == 0;
}

/* The outputs of case `index` of the build in `folder`, to `path`. */
static int dump(const struct trial *trial, const char *folder, const char *text, const char *path)
{
    char library[PATH_TEXT + 16];
    snprintf(library, sizeof library, "%s/mutant.so", folder);
    const char *const argv[] = {trial->verify, "--quiet",        "--threads", "1",           "--dump",
                                path,          "--case",         text,        "--candidate", library,
                                "--direction", trial->direction, NULL};
    return process_run(argv, "/dev/null", trial->limit);
}

/* Visit the outputs of every case: write those of the clean build, or compare with them. */
static int dump_all(const struct trial *trial, const char *folder, int compare)
{
    int number = 0;
    for (size_t i = 0; i < trial->cases.count; i++)
        for (size_t c = 0; c < trial->cases.list[i].count; c++, number++) {
            char path[PATH_TEXT + 32], reference[PATH_TEXT + 32];
            snprintf(path, sizeof path, "%s/%d.safetensors", folder, number);
            snprintf(reference, sizeof reference, "%s/clean/%d.safetensors", trial->build.work, number);
            if (dump(trial, folder, trial->cases.list[i].cases[c], path) != 0 ||
                (compare && !same_file(path, reference)))
                return -1;
        }
    return 0;
}

int trial_clean_again(const struct trial *trial, char *error, size_t error_size)
{
    char folder[PATH_TEXT];
    struct outcome out = {.end = END_SURVIVED};
    folder_of(trial, &clean, folder);
    const int killed = judge_all(trial, folder, &out);
    if (killed > 0)
        snprintf(error, error_size, "the clean build was failed: %s %s in %s (%s)", out.failure.gate,
                 out.failure.tensor, out.failure.case_text, out.failure.detail);
    else if (killed < 0)
        snprintf(error, error_size, "the clean build: %s", out.error);
    return killed == 0 ? 0 : -1;
}

int trial_clean(const struct trial *trial, char *error, size_t error_size)
{
    char folder[PATH_TEXT];
    folder_of(trial, &clean, folder);
    if (build_mutant(&trial->build, &clean, folder, error, error_size) != 0 ||
        trial_clean_again(trial, error, error_size) != 0)
        return -1;
    if (dump_all(trial, folder, 0) == 0)
        return 0;
    snprintf(error, error_size, "the outputs of the clean build cannot be written");
    return -1;
}

/* Each criterion's digit is 1 where some case fails it. */
static void ask_criteria(const struct trial *trial, const char *folder, struct outcome *out)
{
    char library[PATH_TEXT + 16], log[PATH_TEXT + 16], line[PATH_TEXT];
    snprintf(library, sizeof library, "%s/mutant.so", folder);
    snprintf(log, sizeof log, "%s/criteria.log", folder);
    for (size_t i = 0; i < trial->cases.count; i++)
        for (size_t c = 0; c < trial->cases.list[i].count; c++) {
            const char *const argv[] = {
                trial->criteria, "--candidate", library, "--case", trial->cases.list[i].cases[c], NULL};
            FILE *in = process_run(argv, log, trial->limit) == 0 ? fopen(log, "r") : NULL;
            const size_t digits = in && fgets(line, sizeof line, in) ? strspn(line, "01") : 0;
            for (size_t d = 0; d < digits && d + 1 < sizeof out->criteria; d++)
                out->criteria[d] = out->criteria[d] == '1' ? '1' : line[d];
            if (in)
                fclose(in);
        }
}

static void trial_end(const struct trial *trial, const struct mutant *m, const char *folder, struct outcome *out)
{
    if (m->promise != PROMISE_EQUIVALENT) {
        const int killed = judge_all(trial, folder, out);
        if (killed < 0)
            return;
        if (killed > 0) {
            out->end = END_KILLED;
            return;
        }
    }
    out->same_bits = dump_all(trial, folder, 1) == 0;
    if (m->promise == PROMISE_DIES)
        out->end = END_SURVIVED;
    else if (m->promise == PROMISE_BELOW)
        out->end = END_BELOW;
    else if (out->same_bits)
        out->end = END_EQUIVALENT;
    else
        fails_itself(out, "said to be equivalent, but its outputs are not those of the clean build", 0, folder);
}

void trial_run(const struct trial *trial, const struct mutant *m, struct outcome *out)
{
    char folder[PATH_TEXT];
    *out = (struct outcome){.end = END_ERROR};
    folder_of(trial, m, folder);
    const double start = now();
    if (build_mutant(&trial->build, m, folder, out->error, sizeof out->error) != 0)
        return;
    const double built = now();
    trial_end(trial, m, folder, out);
    if (trial->criteria && m->promise != PROMISE_EQUIVALENT)
        ask_criteria(trial, folder, out);
    out->build_seconds = built - start;
    out->judge_seconds = now() - built;
    if (out->end == END_KILLED || out->end == END_EQUIVALENT)
        remove_folder(folder);
}
