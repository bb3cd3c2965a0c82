/* SPDX-License-Identifier: MIT
 *
 * The machine that the program runs on.
 */
#ifndef TTT_HARNESS_MACHINE_H
#define TTT_HARNESS_MACHINE_H

#include <stddef.h>
#include <stdint.h>

enum { TTT_MACHINE_GPUS = 16 };

struct ttt_machine {
    char system[256]; /* "Linux 6.1.0 x86_64" */
    char cpu[128];    /* model, "unknown" where the system does not say */
    int64_t cores;
    int64_t memory_bytes;
    int gpus;
    char gpu[TTT_MACHINE_GPUS][96]; /* the name of each: "NVIDIA H200" */
};

void ttt_machine_probe(struct ttt_machine *machine);

/* Could `bytes` be had at once?  0, or -1 with one line in `error`: what needs them, how many, how many there are. */
int ttt_machine_fits(const char *what, int64_t bytes, char *error, size_t error_size);

/* The largest resident set of this process so far, or since the last reset. */
int64_t ttt_peak_rss_bytes(void);

/* Begin anew with what is resident now; without effect where the system does not offer it. */
void ttt_peak_rss_reset(void);

#endif
