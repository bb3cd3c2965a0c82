/* SPDX-License-Identifier: MIT */
#include "target.h"
#include <stdlib.h>
#include <unistd.h>

static char memory[] = "/dev/shm/target-XXXXXX", disk[] = "/tmp/target-XXXXXX";
static const char *path;

static void remove_file(void)
{
    unlink(path);
}

const char *target_file(const uint8_t *data, size_t size)
{
    static int fd = -1;
    if (fd < 0) {
        path = memory;
        fd = mkstemp(memory);
        if (fd < 0) {
            path = disk;
            fd = mkstemp(disk);
        }
        TARGET_REQUIRE(fd >= 0 && atexit(remove_file) == 0);
    }
    TARGET_REQUIRE(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    return path;
}
