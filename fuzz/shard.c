/* SPDX-License-Identifier: MIT */
#include "shard.h"
#include "harness/text.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MOST_RANKS = 1 << 16 };

typedef const char *environment_fn(const char *name);

/* Launchers, the most specific first: under Slurm an Open MPI job has the variables of both.  PMIx itself tells no
 * size; the launchers that come with it (Open MPI, PRRTE) do. */
static const struct {
    const char *rank, *size;
} launchers[] = {
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
    {"PMI_RANK", "PMI_SIZE"},
    {"SLURM_PROCID", "SLURM_NTASKS"},
    {"PMIX_RANK", "PMIX_SIZE"},
};
static const char *const local_ranks[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID",
                                          "PMIX_LOCAL_RANK"};

/* The number in a variable.  1 found, 0 not set, -1 no number, with one line in `error`. */
static int read_number(environment_fn *environment, const char *name, uint64_t *value, char *error, size_t error_size)
{
    const char *text = environment(name);
    if (!text)
        return 0;
    if (ttt_text_to_u64(text, strlen(text), MOST_RANKS, value) == 0)
        return 1;
    snprintf(error, error_size, "--shard auto: %s is '%s' (allowed: an integer 0 to %d)", name, TTT_QUOTE(text),
             MOST_RANKS);
    return -1;
}

/* The processes that the launcher started. */
static int read_step(environment_fn *environment, struct fuzz_shard *shard, char *error, size_t error_size)
{
    for (size_t i = 0; i < sizeof launchers / sizeof launchers[0]; i++) {
        const int rank = read_number(environment, launchers[i].rank, &shard->rank, error, error_size);
        const int size = rank > 0 ? read_number(environment, launchers[i].size, &shard->size, error, error_size) : 0;
        if (rank < 0 || size < 0)
            return -1;
        if (rank > 0 && size > 0)
            return 0;
        if (rank > 0) {
            snprintf(error, error_size, "--shard auto: %s is set, but %s is not (say --shard i/n)", launchers[i].rank,
                     launchers[i].size);
            return -1;
        }
    }
    *shard = (struct fuzz_shard){0, 1};
    return 0;
}

/* The tasks of a Slurm array around them. */
static int read_array(environment_fn *environment, struct fuzz_shard *array, char *error, size_t error_size)
{
    uint64_t id, least, step = 1;
    const int there = read_number(environment, "SLURM_ARRAY_TASK_ID", &id, error, error_size);
    *array = (struct fuzz_shard){0, 1};
    if (there <= 0)
        return there;
    if (read_number(environment, "SLURM_ARRAY_TASK_MIN", &least, error, error_size) <= 0 ||
        read_number(environment, "SLURM_ARRAY_TASK_COUNT", &array->size, error, error_size) <= 0 ||
        read_number(environment, "SLURM_ARRAY_TASK_STEP", &step, error, error_size) < 0 || id < least || step == 0) {
        snprintf(error, error_size,
                 "--shard auto: SLURM_ARRAY_TASK_ID is set, but _MIN, _COUNT and _STEP do not go "
                 "with it (say --shard i/n)");
        return -1;
    }
    array->rank = (id - least) / step;
    return 0;
}

static int check(const struct fuzz_shard *shard, char *error, size_t error_size)
{
    if (shard->rank < shard->size && shard->size <= MOST_RANKS)
        return 0;
    snprintf(error, error_size, "--shard: rank %" PRIu64 " of %" PRIu64 " (allowed: i/n with i < n <= %d)", shard->rank,
             shard->size, MOST_RANKS);
    return -1;
}

int fuzz_shard_parse(const char *text, environment_fn *environment, struct fuzz_shard *shard, char *error,
                     size_t error_size)
{
    const char *slash = strchr(text, '/');
    struct fuzz_shard step, array;
    if (strcmp(text, "auto") == 0) {
        if (read_step(environment, &step, error, error_size) != 0 ||
            read_array(environment, &array, error, error_size) != 0)
            return -1;
        *shard = (struct fuzz_shard){array.rank * step.size + step.rank, array.size * step.size};
        return check(shard, error, error_size);
    }
    if (!slash || ttt_text_to_u64(text, (size_t)(slash - text), MOST_RANKS, &shard->rank) != 0 ||
        ttt_text_to_u64(slash + 1, strlen(slash + 1), MOST_RANKS, &shard->size) != 0) {
        snprintf(error, error_size, "--shard: '%s' is not i/n or auto", TTT_QUOTE(text));
        return -1;
    }
    return check(shard, error, error_size);
}

void fuzz_shard_device(environment_fn *environment, char *device, size_t size)
{
    const char *visible = environment("CUDA_VISIBLE_DEVICES");
    char ignored[256];
    uint64_t local = 0;
    int found = 0;
    device[0] = '\0';
    for (size_t i = 0; i < sizeof local_ranks / sizeof local_ranks[0] && found <= 0; i++)
        found = read_number(environment, local_ranks[i], &local, ignored, sizeof ignored);
    if (found <= 0)
        return;
    uint64_t listed = 1;
    for (const char *p = visible; p && *p; p++)
        listed += *p == ',';
    if (!visible) {
        snprintf(device, size, "%" PRIu64, local);
        return;
    }
    for (local %= listed; local > 0; local--)
        visible += strcspn(visible, ",") + 1;
    snprintf(device, size, "%.*s", (int)strcspn(visible, ","), visible);
}
