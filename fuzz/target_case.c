/* SPDX-License-Identifier: MIT
 *
 * Case strings: what parses has a spelling that parses to the same, and what does not leaves the result alone and says
 * why in one line.
 */
#include "fuzz_case.h"
#include "shard.h"
#include "target.h"
#include <stdlib.h>
#include <string.h>

const char target_name[] = "case";

static int is_line(const char *error, size_t size)
{
    const size_t n = strnlen(error, size);
    return n > 0 && n < size && !memchr(error, '\n', n);
}

static void try_plain(const char *text)
{
    struct ttt_case c = {.seed = 42}, again;
    char error[512] = "", spelling[TTT_CASE_TEXT];
    if (ttt_case_parse(text, &c, error, sizeof error) != 0) {
        TARGET_REQUIRE(is_line(error, sizeof error) && c.seed == 42 && c.shape.batch == 0);
        return;
    }
    TARGET_REQUIRE(ttt_case_check(&c, error, sizeof error) == 0);
    ttt_case_format(&c, spelling);
    TARGET_REQUIRE(ttt_case_parse(spelling, &again, error, sizeof error) == 0);
    TARGET_REQUIRE(again.shape.ln_eps == c.shape.ln_eps && again.seed == c.seed &&
                   again.distribution == c.distribution && again.shape.hidden_dim == c.shape.hidden_dim);
}

static void try_hard(const char *text)
{
    struct fuzz_case f = {.c = {.seed = 42}}, again;
    char error[512] = "", spelling[FUZZ_CASE_TEXT];
    if (fuzz_case_parse(text, &f, error, sizeof error) != 0) {
        TARGET_REQUIRE(is_line(error, sizeof error) && f.c.seed == 42);
        return;
    }
    fuzz_case_format(&f, spelling);
    TARGET_REQUIRE(fuzz_case_parse(spelling, &again, error, sizeof error) == 0);
    for (enum ttt_tensor t = 0; t < TTT_XQW; t++)
        TARGET_REQUIRE(again.field[t].kind == f.field[t].kind && again.field[t].at == f.field[t].at);
}

/* Lines NAME=VALUE of the input, as the environment of a rank. */
static const char *lines;

static const char *environment(const char *name)
{
    static char value[64];
    const size_t n = strlen(name);
    for (const char *at = lines; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (strncmp(at, name, n) == 0 && at[n] == '=') {
            const size_t length = strcspn(at + n + 1, "\n");
            const size_t kept = length < sizeof value ? length : sizeof value - 1;
            memcpy(value, at + n + 1, kept);
            value[kept] = '\0';
            return value;
        }
    return NULL;
}

static void try_shard(const char *text)
{
    struct fuzz_shard shard;
    char error[512] = "", device[16];
    if (fuzz_shard_parse(text, environment, &shard, error, sizeof error) == 0)
        TARGET_REQUIRE(shard.rank < shard.size);
    else
        TARGET_REQUIRE(is_line(error, sizeof error));
    fuzz_shard_device(environment, device, sizeof device);
    TARGET_REQUIRE(memchr(device, '\0', sizeof device) && !strchr(device, ','));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    lines = text;
    try_plain(text);
    try_hard(text);
    try_shard(text);
    try_shard("auto");
    free(text);
    return 0;
}
