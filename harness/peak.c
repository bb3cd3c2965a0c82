/* SPDX-License-Identifier: MIT */
#include "peak.h"
#include "clock.h"
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = TTT_PEAK_SIZE };

static int allocate(struct ttt_peak *peak)
{
    const size_t count = (size_t)N * N;
    const size_t size = peak->types == TTT_TYPES_F64 ? sizeof(double) : sizeof(float);
    for (int m = 0; m < 3; m++) {
        peak->matrices[m] = aligned_alloc(64, count * size);
        if (!peak->matrices[m])
            return -1;
        /* Values in [-1, 1), so that nothing is special about them. */
        for (size_t i = 0; i < count; i++) {
            const double x = (double)(i * 2654435761u % 2048) / 1024 - 1;
            if (peak->types == TTT_TYPES_F64)
                ((double *)peak->matrices[m])[i] = x;
            else
                ((float *)peak->matrices[m])[i] = (float)x;
        }
    }
    return 0;
}

int ttt_peak_check(int threads, char *error, size_t error_size)
{
    const int before = openblas_get_num_threads();
    openblas_set_num_threads(threads);
    const int taken = openblas_get_num_threads();
    openblas_set_num_threads(before);
    if (taken == threads)
        return 0;
    snprintf(error, error_size, "--threads: OpenBLAS, the measure, runs %d threads instead of %d", taken, threads);
    return -1;
}

int ttt_peak_open(struct ttt_peak *peak, enum ttt_types types, int threads, char *error, size_t error_size)
{
    *peak = (struct ttt_peak){.name = types == TTT_TYPES_F64 ? "dgemm" : "sgemm",
                              .flops = 2.0 * N * N * N,
                              .threads = threads,
                              .types = types};
    if (allocate(peak) != 0) {
        ttt_peak_close(peak);
        snprintf(error, error_size, "out of memory: three matrices of %d x %d", N, N);
        return -1;
    }
    ttt_peak_seconds(peak);
    return 0;
}

double ttt_peak_seconds(const struct ttt_peak *peak)
{
    void *const *m = peak->matrices;
    const int before = openblas_get_num_threads();
    openblas_set_num_threads(peak->threads);
    const double start = ttt_clock_seconds();
    if (peak->types == TTT_TYPES_F64)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, N, N, N, 1, m[0], N, m[1], N, 0, m[2], N);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, N, N, N, 1, m[0], N, m[1], N, 0, m[2], N);
    const double seconds = ttt_clock_seconds() - start;
    openblas_set_num_threads(before);
    return seconds;
}

void ttt_peak_close(struct ttt_peak *peak)
{
    for (int m = 0; m < 3; m++) {
        free(peak->matrices[m]);
        peak->matrices[m] = NULL;
    }
}

const char *ttt_peak_library(void)
{
    return openblas_get_config();
}
