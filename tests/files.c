/* SPDX-License-Identifier: MIT */
#include "files.h"
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/ttt-test-XXXXXX";

void files_setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

/* Call `visit` for each file of the directory; how many there are. */
static int each_file(int (*visit)(const char *path))
{
    DIR *d = opendir(directory);
    ck_assert_ptr_nonnull(d);
    int n = 0;
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        n++;
        if (visit)
            visit(files_path(e->d_name));
    }
    closedir(d);
    return n;
}

void files_teardown(void)
{
    each_file(remove);
    rmdir(directory);
    memcpy(directory + sizeof directory - 7, "XXXXXX", 6);
}

const char *files_path(const char *name)
{
    static char path[4][512];
    static unsigned next;
    char *out = path[next++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", directory, name);
    return out;
}

int files_count(void)
{
    return each_file(NULL);
}

void files_write(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, size, f), size);
    ck_assert_int_eq(fclose(f), 0);
}

char *files_read(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
    *size = (size_t)ftell(f);
    rewind(f);
    char *data = malloc(*size + 1);
    ck_assert_ptr_nonnull(data);
    ck_assert_uint_eq(fread(data, 1, *size, f), *size);
    data[*size] = '\0';
    fclose(f);
    return data;
}
