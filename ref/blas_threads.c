/* SPDX-License-Identifier: MIT */
#include "blas_threads.h"
#include <cblas.h>

/* The number of threads is one setting for the whole process: the first concurrent pass saves it, the last puts it
 * back. */
static int passes_in_flight, threads_before;

void ttt_ref_blas_enter(void)
{
#pragma omp critical(ttt_ref_blas_threads)
    if (passes_in_flight++ == 0) {
        threads_before = openblas_get_num_threads();
        openblas_set_num_threads(1);
    }
}

void ttt_ref_blas_leave(void)
{
#pragma omp critical(ttt_ref_blas_threads)
    if (--passes_in_flight == 0)
        openblas_set_num_threads(threads_before);
}
