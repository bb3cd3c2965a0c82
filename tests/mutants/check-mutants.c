/* SPDX-License-Identifier: MIT
 *
 * check-mutants: build and judge the planted faults; see corpus.h for how they are written.
 */
#include "harness/text.h"
#include "pool.h"
#include "process.h"
#include "score.h"
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_PASSED = 0, EXIT_FAILED = 1, EXIT_BAD_INPUT = 2 };

static const char usage[] =
    "Usage: check-mutants --srcdir DIR --work DIR --verify PROGRAM --cc COMPILER --libs LIBRARIES --cases FILE\n"
    "                     [--only PATTERN] [--jobs N] [--limit SECONDS] [--json FILE] [--criteria PROGRAM]\n"
    "                     [--tree ref|gpu] [--direction forward|backward|both] CORPUS.mutants...\n"
    "       check-mutants --patches --srcdir DIR CORPUS.mutants...      see only whether every patch applies\n"
    "       check-mutants --build --srcdir DIR --work DIR --cc COMPILER --libs LIBRARIES [--only PATTERN]\n"
    "                     CORPUS.mutants...         build only, DIR/NAME/mutant.so\n"
    "Judge mutants of the reference, or of the emulated kernels.  Exit status: 0 none survived, 1 one did, or the "
    "judge is void, 2 bad input.\n";

/* One run of the program. */
struct session {
    struct trial trial;
    struct corpus corpus;
    const char *cases, *only, *json;
    int jobs, patches, build;
    const struct mutant **list; /* those to be judged; the canaries first */
    size_t count, canaries;
    struct outcome *outcomes;
    char error[ERROR_TEXT];
};

static int fail(struct session *s, const char *what)
{
    snprintf(s->error, sizeof s->error, "%s", what);
    return -1;
}

static int number(struct session *s, const char *option, const char *text, int *value)
{
    uint64_t n;
    if (ttt_text_to_u64(text, strlen(text), 1000000, &n) == 0 && n > 0) {
        *value = (int)n;
        return 0;
    }
    snprintf(s->error, sizeof s->error, "--%s: '%s' is no number from 1 to 1000000", option, TTT_QUOTE(text));
    return -1;
}

/* Every name that the corpus refers to is in it. */
static int check_names(struct session *s)
{
    for (size_t i = 0; i < s->corpus.count; i++) {
        const struct mutant *m = &s->corpus.list[i];
        if (!m->larger || corpus_find(&s->corpus, m->larger))
            continue;
        snprintf(s->error, sizeof s->error, "%s:%d: %s: '! larger: %s' names no mutant of the corpus", m->path, m->line,
                 m->name, TTT_QUOTE(m->larger));
        return -1;
    }
    return 0;
}

/* Options: those that must be given (to build, those before VERIFY), other texts, and the rest. */
enum { SRCDIR, WORK, CC, LIBS, VERIFY, CASES, REQUIRED, ONLY = REQUIRED, JSON, CRITERIA, TREE, DIRECTION, TEXTS };
enum { JOBS = TEXTS, LIMIT, PATCHES, BUILD };

static const struct option options[] = {{"srcdir", required_argument, NULL, SRCDIR},
                                        {"work", required_argument, NULL, WORK},
                                        {"cc", required_argument, NULL, CC},
                                        {"libs", required_argument, NULL, LIBS},
                                        {"verify", required_argument, NULL, VERIFY},
                                        {"cases", required_argument, NULL, CASES},
                                        {"only", required_argument, NULL, ONLY},
                                        {"json", required_argument, NULL, JSON},
                                        {"criteria", required_argument, NULL, CRITERIA},
                                        {"tree", required_argument, NULL, TREE},
                                        {"direction", required_argument, NULL, DIRECTION},
                                        {"jobs", required_argument, NULL, JOBS},
                                        {"limit", required_argument, NULL, LIMIT},
                                        {"patches", no_argument, NULL, PATCHES},
                                        {"build", no_argument, NULL, BUILD},
                                        {NULL, 0, NULL, 0}};

static int parse_options(struct session *s, int argc, char **argv)
{
    struct trial *t = &s->trial;
    const char *tree = "ref";
    const char **const text[TEXTS] = {&t->build.srcdir, &t->build.work, &t->build.cc, &t->build.libs,
                                      &t->verify,       &s->cases,      &s->only,     &s->json,
                                      &t->criteria,     &tree,          &t->direction};
    int limit = 60, option;
    s->jobs = (int)sysconf(_SC_NPROCESSORS_ONLN);
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?')
            return fail(s, "see the usage above");
        if (option < TEXTS)
            *text[option] = optarg;
        else if (option == PATCHES)
            s->patches = 1;
        else if (option == BUILD)
            s->build = 1;
        else if (number(s, option == JOBS ? "jobs" : "limit", optarg, option == JOBS ? &s->jobs : &limit) != 0)
            return -1;
    }
    t->limit = (unsigned)limit;
    for (int i = 0; i < (s->patches ? WORK : s->build ? VERIFY : REQUIRED); i++)
        if (!*text[i])
            return fail(s, usage);
    t->build.recipe = build_recipe_of(tree);
    return t->build.recipe ? 0 : fail(s, "--tree: 'ref' and 'gpu' are allowed");
}

static int parse(struct session *s, int argc, char **argv)
{
    if (parse_options(s, argc, argv) != 0)
        return -1;
    for (int i = optind; i < argc; i++)
        if (corpus_read(&s->corpus, argv[i], s->error, sizeof s->error) != 0)
            return -1;
    if (check_names(s) != 0)
        return -1;
    return s->patches || s->build ? 0 : cases_read(&s->trial.cases, s->cases, s->error, sizeof s->error);
}

static int is_canary(const struct mutant *m)
{
    return strcmp(m->group, "canary") == 0;
}

static int choose(struct session *s)
{
    s->list = calloc(s->corpus.count + 1, sizeof(void *));
    s->outcomes = calloc(s->corpus.count + 1, sizeof *s->outcomes);
    if (!s->list || !s->outcomes)
        return fail(s, "out of memory");
    for (size_t i = 0; i < s->corpus.count; i++)
        if (is_canary(&s->corpus.list[i]))
            s->list[s->count++] = &s->corpus.list[i];
    s->canaries = s->count;
    if (s->canaries == 0)
        return fail(s, "the corpus has no canary: a mutant of the class 'canary', which must die");
    for (size_t i = 0; i < s->corpus.count; i++)
        if (!is_canary(&s->corpus.list[i]) && (!s->only || fnmatch(s->only, s->corpus.list[i].name, 0) == 0))
            s->list[s->count++] = &s->corpus.list[i];
    return s->count > s->canaries ? 0 : fail(s, "no mutant has a name like that of --only");
}

static void tell(size_t done, size_t count)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%zu of %zu mutants%s", done, count, done == count ? "\n" : "");
}

/* A mutant that must die, and the clean build, which must live. */
static int controls(struct session *s)
{
    if (build_common(&s->trial.build, s->error, sizeof s->error) != 0)
        return -1;
    if (trial_clean(&s->trial, s->error, sizeof s->error) != 0) {
        printf("VOID: %s\n", s->error);
        return EXIT_FAILED;
    }
    pool_run(&s->trial, s->list, s->canaries, s->jobs, s->outcomes, NULL);
    for (size_t i = 0; i < s->canaries; i++)
        if (s->outcomes[i].end != END_KILLED) {
            printf("VOID: the canary %s: %s %s\n", s->list[i]->name, end_name[s->outcomes[i].end],
                   s->outcomes[i].error);
            return EXIT_FAILED;
        }
    return EXIT_PASSED;
}

/* What is below resolution stands on its larger self, where this run has judged that: it was killed. */
static void check_larger(const struct session *s)
{
    for (size_t i = 0; i < s->count; i++)
        for (size_t j = 0; j < s->count && s->list[i]->larger; j++)
            if (strcmp(s->list[j]->name, s->list[i]->larger) == 0 && s->outcomes[i].end == END_BELOW &&
                s->outcomes[j].end != END_KILLED)
                s->outcomes[i].end = END_SURVIVED;
}

/* The names of the criteria, one per line of a file. */
static int name_criteria(struct session *s, char path[PATH_TEXT])
{
    const char *const argv[] = {s->trial.criteria, "--names", NULL};
    snprintf(path, PATH_TEXT, "%s/criteria.names", s->trial.build.work);
    return process_run(argv, path, s->trial.limit) == 0 ? 0 : fail(s, "--criteria: the program does not say its names");
}

static int run(struct session *s)
{
    char names[PATH_TEXT];
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (choose(s) != 0)
        return -1;
    if (mkdir(s->trial.build.work, 0777) != 0)
        return fail(s, "--work: the folder must not exist, and its parent must");
    if (s->trial.criteria && name_criteria(s, names) != 0)
        return -1;
    const int status = controls(s);
    if (status != EXIT_PASSED)
        return status;
    struct score score = {.list = s->list + s->canaries,
                          .outcomes = s->outcomes + s->canaries,
                          .count = s->count - s->canaries,
                          .criteria = s->trial.criteria ? names : NULL};
    pool_run(&s->trial, score.list, score.count, s->jobs, s->outcomes + s->canaries, tell);
    check_larger(s);
    if (trial_clean_again(&s->trial, s->error, sizeof s->error) != 0) {
        printf("VOID: %s\n", s->error);
        return EXIT_FAILED;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    score.seconds = (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    score_print(stdout, &score);
    if (s->json && score_write(s->json, &score) != 0)
        return fail(s, "--json: the file cannot be written");
    return score_count(&score, END_SURVIVED) + score_count(&score, END_ERROR) == 0 ? EXIT_PASSED : EXIT_FAILED;
}

/* Quick, so that `make check` finds a patch that a change of ref/ has left behind. */
static int check_patches(struct session *s)
{
    int status = EXIT_PASSED;
    for (size_t i = 0; i < s->corpus.count; i++) {
        const struct mutant *m = &s->corpus.list[i];
        if (build_check_patch(&s->trial.build, m, s->error, sizeof s->error) == 0)
            continue;
        printf("%s:%d: %s: %s\n", m->path, m->line, m->name, s->error);
        status = EXIT_FAILED;
    }
    return status;
}

/* For other judges than ttt-verify. */
static int build_only(struct session *s)
{
    if (choose(s) != 0)
        return -1;
    if (mkdir(s->trial.build.work, 0777) != 0)
        return fail(s, "--work: the folder must not exist, and its parent must");
    if (build_common(&s->trial.build, s->error, sizeof s->error) != 0)
        return -1;
    for (size_t i = s->canaries; i < s->count; i++) {
        char folder[PATH_TEXT];
        snprintf(folder, sizeof folder, "%s/%s", s->trial.build.work, s->list[i]->name);
        if (build_mutant(&s->trial.build, s->list[i], folder, s->error, sizeof s->error) != 0)
            return -1;
    }
    return EXIT_PASSED;
}

int main(int argc, char **argv)
{
    struct session s = {.trial = {.direction = "both"}};
    int status = parse(&s, argc, argv);
    if (status == 0)
        status = s.patches ? check_patches(&s) : s.build ? build_only(&s) : run(&s);
    if (status < 0)
        fprintf(stderr, "check-mutants: %s\n", s.error);
    free(s.list);
    free(s.outcomes);
    cases_free(&s.trial.cases);
    corpus_free(&s.corpus);
    return status < 0 ? EXIT_BAD_INPUT : status;
}
