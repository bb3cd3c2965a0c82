/* SPDX-License-Identifier: MIT
 *
 * Give every file of a folder of the corpus (its name, below fuzz/corpus of the source tree) to a target of libFuzzer.
 */
#include "target.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static int give(const char *folder, const char *name)
{
    char path[4400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *in = fopen(path, "rb");
    static uint8_t data[1 << 20];
    const size_t size = in ? fread(data, 1, sizeof data, in) : 0;
    if (!in || !feof(in)) {
        fprintf(stderr, "replay: %s cannot be read, or is larger than a mebibyte\n", path);
        return -1;
    }
    fclose(in);
    return LLVMFuzzerTestOneInput(data, size);
}

int main(void)
{
    const char *srcdir = getenv("TTT_SRCDIR");
    char folder[4000];
    int files = 0, failed = 0;
    snprintf(folder, sizeof folder, "%s/fuzz/corpus/%s", srcdir ? srcdir : ".", target_name);
    DIR *corpus = opendir(folder);
    for (const struct dirent *entry; corpus && (entry = readdir(corpus));)
        if (entry->d_name[0] != '.') {
            failed |= give(folder, entry->d_name);
            files++;
        }
    if (corpus)
        closedir(corpus);
    printf("%s: %d files\n", target_name, files);
    return failed || files < 10;
}
