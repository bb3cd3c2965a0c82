/* SPDX-License-Identifier: MIT
 *
 * Which part of a campaign's cases is this process's: rank i of n does the indices that are i modulo n.
 */
#ifndef TTT_FUZZ_SHARD_H
#define TTT_FUZZ_SHARD_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_shard {
    uint64_t rank, size;
};

/* "i/n", or "auto": what the launcher says in the environment (Slurm arrays and steps, Open MPI, PMIx and PMI); one
 * process where there is none.  `environment` reads a variable, as getenv does.
 * 0, or -1 with one line in `error`. */
int fuzz_shard_parse(const char *text, const char *(*environment)(const char *name), struct fuzz_shard *shard,
                     char *error, size_t error_size);

/* Which GPU of the machine a rank should take: the text for CUDA_VISIBLE_DEVICES, or "" to leave that variable alone.
 * The launcher's local rank counts around the devices that the variable lists now. */
void fuzz_shard_device(const char *(*environment)(const char *name), char *device, size_t size);

#endif
