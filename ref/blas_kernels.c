/* SPDX-License-Identifier: MIT */
#include "blas_kernels.h"
#include <cblas.h>
#include <stdatomic.h>
#include <string.h>

/* The cores whose kernels come with such for small matrices: those with AVX-512. */
static int is_known(const char *core)
{
    return strcmp(core, "SkylakeX") == 0 || strcmp(core, "Cooperlake") == 0 || strcmp(core, "SapphireRapids") == 0;
}

int ttt_ref_blas_multiplies_in_place(void)
{
    static atomic_int answer; /* 0: not asked yet, 1: no, 2: yes */
    int known = atomic_load_explicit(&answer, memory_order_relaxed);
    if (known == 0) {
        known = 1 + is_known(openblas_get_corename());
        atomic_store_explicit(&answer, known, memory_order_relaxed);
    }
    return known == 2;
}
