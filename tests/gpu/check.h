/* SPDX-License-Identifier: MIT
 *
 * The least that a GPU test needs: count what failed, say where; skip aloud without a device.  (No fork: a CUDA context
 * does not survive one, so these are not Check suites.)
 */
#ifndef TTT_TESTS_GPU_CHECK_H
#define TTT_TESTS_GPU_CHECK_H

#include <cstdio>
#include <cstdlib>
#include <cuda_runtime.h>

static int failures;

#define CHECK(condition)                                                                                               \
    ((condition) ? (void)0 : (void)(failures++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition)))

/* Whether there is a device of compute capability 9.0; else the test ends with 77. */
static inline void need_hopper()
{
    int count = 0, major = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0 ||
        cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0) != cudaSuccess || major != 9) {
        puts("SKIPPED: no GPU of compute capability 9.0");
        exit(77);
    }
}

static inline int report(const char *name)
{
    printf("%s: %s\n", name, failures ? "FAILED" : "passed");
    return failures != 0;
}

#endif
