/* SPDX-License-Identifier: MIT */
#include "pool.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* A running trial. */
struct worker {
    pid_t pid; /* 0: none */
    int pipe;  /* its outcome comes from here */
    size_t index;
};

static void fail(struct outcome *out, const char *what)
{
    *out = (struct outcome){.end = END_ERROR};
    snprintf(out->error, sizeof out->error, "%s", what);
}

static int start(struct worker *w, const struct trial *trial, const struct mutant *m, size_t index)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    const pid_t pid = fork();
    if (pid == 0) {
        struct outcome out;
        trial_run(trial, m, &out);
        _exit(write(ends[1], &out, sizeof out) == (ssize_t)sizeof out ? 0 : 1);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return -1;
    }
    *w = (struct worker){.pid = pid, .pipe = ends[0], .index = index};
    return 0;
}

/* Wait for one of the workers; an outcome is smaller than a pipe holds, so none waits for us. */
static void collect(struct worker *workers, int jobs, struct outcome *outcomes)
{
    int status;
    const pid_t pid = wait(&status);
    for (int i = 0; i < jobs; i++) {
        struct worker *w = &workers[i];
        if (w->pid != pid || pid <= 0)
            continue;
        struct outcome *out = &outcomes[w->index];
        if (read(w->pipe, out, sizeof *out) != (ssize_t)sizeof *out)
            fail(out, "the trial itself ended early");
        close(w->pipe);
        w->pid = 0;
    }
}

static struct worker *idle(struct worker *workers, int jobs)
{
    for (int i = 0; i < jobs; i++)
        if (workers[i].pid == 0)
            return &workers[i];
    return NULL;
}

void pool_run(const struct trial *trial, const struct mutant *const *list, size_t count, int jobs,
              struct outcome *outcomes, void (*told)(size_t done, size_t count))
{
    struct worker *workers = calloc((size_t)jobs, sizeof *workers);
    size_t next = 0, done = 0;
    while (done < count) {
        struct worker *w = workers ? idle(workers, jobs) : NULL;
        if (next < count && w && start(w, trial, list[next], next) == 0) {
            next++;
            continue;
        }
        if (next < count && (!workers || w)) {
            fail(&outcomes[next++], "a process could not be started");
        } else {
            collect(workers, jobs, outcomes);
        }
        done++;
        if (told)
            told(done, count);
    }
    free(workers);
}
