/* SPDX-License-Identifier: MIT */
#include "process.h"
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

int process_run(const char *const argv[], const char *log, unsigned seconds)
{
    const pid_t child = fork();
    if (child < 0)
        return -1;
    if (child == 0) {
        const int out = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (out < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
            _exit(127);
        alarm(seconds); /* outlives exec, and nobody here catches SIGALRM */
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    int status;
    if (waitpid(child, &status, 0) != child)
        return -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
