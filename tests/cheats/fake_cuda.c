/* SPDX-License-Identifier: MIT
 *
 * A driver of CUDA without a device, for the tests of device memory: its memory is this process's, and it reports an
 * error when it is told to.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int error;

void fake_cuda_fail(void);
int cuInit(unsigned flags);
int cuDevicePrimaryCtxRetain(void **context, int device);
int cuCtxSetCurrent(void *context);
int cuCtxGetCurrent(void **context);
int cuCtxSynchronize(void);
int cuStreamCreate(void **stream, unsigned flags);
int cuStreamSynchronize(void *stream);
int cuMemAlloc_v2(uint64_t *address, size_t bytes);
int cuMemFree_v2(uint64_t address);
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes);
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes);
int cuMemsetD8_v2(uint64_t to, unsigned char byte, size_t bytes);
int cuGetErrorName(int number, const char **name);

void fake_cuda_fail(void)
{
    error = 700;
}

int cuInit(unsigned flags)
{
    return (int)flags;
}

int cuDevicePrimaryCtxRetain(void **context, int device)
{
    *context = &error;
    return device;
}

int cuCtxSetCurrent(void *context)
{
    return context != &error;
}

int cuCtxGetCurrent(void **context)
{
    *context = &error;
    return 0;
}

int cuCtxSynchronize(void)
{
    return error;
}

int cuStreamCreate(void **stream, unsigned flags)
{
    *stream = &error;
    return flags != 1;
}

int cuStreamSynchronize(void *stream)
{
    return stream == &error ? error : 1;
}

int cuMemAlloc_v2(uint64_t *address, size_t bytes)
{
    void *memory = NULL;
    const int status = posix_memalign(&memory, 256, bytes);
    *address = (uint64_t)(uintptr_t)memory;
    return status;
}

int cuMemFree_v2(uint64_t address)
{
    free((void *)(uintptr_t)address);
    return 0;
}

int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes)
{
    memcpy((void *)(uintptr_t)to, from, bytes);
    return error;
}

int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes)
{
    memcpy(to, (const void *)(uintptr_t)from, bytes);
    return error;
}

int cuMemsetD8_v2(uint64_t to, unsigned char byte, size_t bytes)
{
    memset((void *)(uintptr_t)to, byte, bytes);
    return error;
}

int cuGetErrorName(int number, const char **name)
{
    *name = number == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS" : "CUDA_ERROR_UNKNOWN";
    return 0;
}
