/* SPDX-License-Identifier: MIT */
#include "jobs.h"
#include "given.h"
#include "run.h"
#include "text.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A job that is known to fit the machine: better now than after an hour. */
static int add(struct ttt_jobs *jobs, const struct ttt_job *job, char *error, size_t error_size)
{
    const struct ttt_run run = {.c = job->c, .directions = job->directions, .budget = TTT_RUN_BUDGET};
    if (ttt_run_heads_per_block(&run, error, error_size) < 0)
        return -1;
    if (jobs->count == jobs->room) {
        const size_t room = 2 * jobs->room + 16;
        struct ttt_job *list = realloc(jobs->list, room * sizeof *list);
        if (!list) {
            snprintf(error, error_size, "out of memory");
            return -1;
        }
        jobs->list = list;
        jobs->room = room;
    }
    jobs->list[jobs->count++] = *job;
    return 0;
}

/* A generated case, as the options change it. */
static int add_case(struct ttt_jobs *jobs, const struct ttt_options *o, const struct ttt_case *c, unsigned directions,
                    int64_t every_head, char *error, size_t error_size)
{
    struct ttt_job job = {.c = *c, .directions = directions, .every_head = every_head};
    if (o->has_seed)
        job.c.seed = o->seed;
    if (o->causal)
        job.c.shape.causal = 1;
    if (o->directions)
        job.directions &= o->directions;
    return job.directions ? add(jobs, &job, error, error_size) : 0;
}

static int add_suite(struct ttt_jobs *jobs, const struct ttt_options *o, char *error, size_t error_size)
{
    const struct ttt_suite_entry *entry;
    for (size_t i = 0; (entry = ttt_suite_entry_at(o->suite, i)) != NULL; i++) {
        struct ttt_case c;
        if (ttt_case_parse(entry->text, &c, error, error_size) != 0)
            return -1;
        if (o->causal && !c.shape.causal)
            continue;
        if (add_case(jobs, o, &c, entry->directions, entry->every_head, error, error_size) != 0)
            return -1;
    }
    return 0;
}

/* A file, read up to its header. */
static int add_file(struct ttt_jobs *jobs, const struct ttt_options *o, const char *path, char *error,
                    size_t error_size)
{
    struct ttt_safetensors *file = ttt_safetensors_open(path, error, error_size);
    if (!file)
        return -1;
    struct ttt_job job = {.path = NULL};
    int status = ttt_safetensors_case(file, &job.c, error, error_size);
    if (status == 0)
        status = o->mode == TTT_MODE_JUDGE
                     ? ttt_given_outputs(file, &job.c, o->directions, &job.directions, &job.types, error, error_size)
                     : ttt_given_truth(file, &job.c, o->directions, &job.directions, error, error_size);
    ttt_safetensors_close(file);
    if (status != 0 || (o->causal && !job.c.shape.causal))
        return status;
    job.path = strdup(path);
    if (!job.path)
        snprintf(error, error_size, "out of memory");
    if (!job.path || add(jobs, &job, error, error_size) != 0) {
        free(job.path);
        return -1;
    }
    return 0;
}

static int is_safetensors(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && strcmp(dot, ".safetensors") == 0;
}

static int add_directory(struct ttt_jobs *jobs, const struct ttt_options *o, char *error, size_t error_size)
{
    struct dirent **names = NULL;
    const int n = scandir(o->path, &names, is_safetensors, alphasort);
    const struct ttt_message message = {o->path, error, error_size};
    int status = n < 0    ? ttt_message_refuse(&message, "%s", strerror(errno))
                 : n == 0 ? ttt_message_refuse(&message, "no *.safetensors file in this directory")
                          : 0;
    for (int i = 0; i < n; i++) {
        const size_t size = strlen(o->path) + strlen(names[i]->d_name) + 2;
        char *path = status == 0 ? malloc(size) : NULL;
        if (path) {
            const size_t length = strlen(o->path);
            const char *slash = o->path[length - 1] == '/' ? "" : "/";
            snprintf(path, size, "%s%s%s", o->path, slash, names[i]->d_name);
            status = add_file(jobs, o, path, error, error_size);
        } else if (status == 0) {
            status = ttt_message_refuse(&message, "out of memory");
        }
        free(path);
        free(names[i]);
    }
    free(names);
    return status;
}

int ttt_jobs_make(struct ttt_jobs *jobs, const struct ttt_options *o, char *error, size_t error_size)
{
    struct stat info;
    *jobs = (struct ttt_jobs){.count = 0};
    switch (o->mode) {
    case TTT_MODE_SUITE:
        return add_suite(jobs, o, error, error_size);
    case TTT_MODE_VECTORS:
        if (stat(o->path, &info) == 0 && S_ISDIR(info.st_mode))
            return add_directory(jobs, o, error, error_size);
        return add_file(jobs, o, o->path, error, error_size);
    case TTT_MODE_JUDGE:
        return add_file(jobs, o, o->path, error, error_size);
    default:
        for (size_t i = 0; i < o->case_count; i++)
            if (add_case(jobs, o, &o->cases[i], TTT_DIRECTION_BOTH, o->every_head, error, error_size) != 0)
                return -1;
        return 0;
    }
}

void ttt_jobs_free(struct ttt_jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++)
        free(jobs->list[i].path);
    free(jobs->list);
}
