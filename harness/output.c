/* SPDX-License-Identifier: MIT */
#include "output.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct ttt_output *out, const char *path, int code, char *error, size_t error_size)
{
    snprintf(error, error_size, "%s: cannot write: %s", path, strerror(code));
    ttt_output_abandon(out);
    return -1;
}

int ttt_output_open(struct ttt_output *out, const char *path, char *error, size_t error_size)
{
    struct stat info;
    *out = (struct ttt_output){.path = path};
    const int exists = stat(path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode))
        return fail(out, path, EISDIR, error, error_size);
    if (!exists || S_ISREG(info.st_mode)) {
        const size_t size = strlen(path) + sizeof ".tmp";
        out->temporary = malloc(size);
        if (!out->temporary)
            return fail(out, path, ENOMEM, error, error_size);
        snprintf(out->temporary, size, "%s.tmp", path);
    }
    out->stream = fopen(out->temporary ? out->temporary : path, "w");
    return out->stream ? 0 : fail(out, path, errno, error, error_size);
}

int ttt_output_commit(struct ttt_output *out, char *error, size_t error_size)
{
    const int bad = ferror(out->stream) ? EIO : 0;
    const int closed = fclose(out->stream);
    out->stream = NULL;
    if (bad || closed != 0)
        return fail(out, out->path, bad ? bad : errno, error, error_size);
    if (out->temporary && rename(out->temporary, out->path) != 0)
        return fail(out, out->path, errno, error, error_size);
    free(out->temporary);
    out->temporary = NULL;
    return 0;
}

void ttt_output_abandon(struct ttt_output *out)
{
    if (out->stream)
        fclose(out->stream);
    if (out->temporary) {
        unlink(out->temporary);
        free(out->temporary);
    }
    out->stream = NULL;
    out->temporary = NULL;
}
