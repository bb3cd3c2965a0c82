/* SPDX-License-Identifier: MIT
 *
 * What the machine can do, to hold a candidate against: a product of two 2048 x 2048 matrices by OpenBLAS, in the type
 * that the candidate computes in, on as many threads.
 */
#ifndef TTT_HARNESS_PEAK_H
#define TTT_HARNESS_PEAK_H

#include <stddef.h>
#include <ttt/ttt_mlp.h>

#define TTT_PEAK_SIZE 2048

struct ttt_peak {
    const char *name; /* "sgemm" or "dgemm" */
    double flops;     /* of one product */
    int threads;
    enum ttt_types types;
    void *matrices[3]; /* private */
};

/* Can OpenBLAS run that many threads?  0, or -1 with one line in `error`. */
int ttt_peak_check(int threads, char *error, size_t error_size);

/* Make the matrices and multiply them once.  0, or -1 with one line in `error`. */
int ttt_peak_open(struct ttt_peak *peak, enum ttt_types types, int threads, char *error, size_t error_size);

/* The seconds of one product. */
double ttt_peak_seconds(const struct ttt_peak *peak);

void ttt_peak_close(struct ttt_peak *peak);

/* Version, build and kernels of OpenBLAS as it describes them. */
const char *ttt_peak_library(void);

#endif
