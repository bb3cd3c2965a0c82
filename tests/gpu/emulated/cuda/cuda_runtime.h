/* SPDX-License-Identifier: MIT
 *
 * The CUDA language and runtime for the emulated device: what gpu/ and its tests use of them.  Device memory is memory
 * of the host that cudaMalloc knows; launches run to their end before they return, unless their stream is being
 * captured.
 */
#ifndef TTT_EMULATED_CUDA_RUNTIME_H
#define TTT_EMULATED_CUDA_RUNTIME_H

#include "../machine.h"
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

/* ---------------------------------------------------------------------------------------------- language */

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__    __attribute__((noinline))
#define __restrict__ __restrict
#define __grid_constant__
#define __launch_bounds__(...)
#define __cluster_dims__(...)
#define __align__(bytes) alignas(bytes)

#define threadIdx (emulated::self->thread_index)
#define blockIdx  (emulated::self->block_index)
extern __thread dim3 blockDim, gridDim; /* no macros: configurations have members of these names */

using std::max;
using std::min;

static inline float4 make_float4(float x, float y, float z, float w)
{
    return {x, y, z, w};
}

static inline float2 make_float2(float x, float y)
{
    return {x, y};
}

static inline uint4 make_uint4(uint32_t x, uint32_t y, uint32_t z, uint32_t w)
{
    return {x, y, z, w};
}

static inline uint2 make_uint2(uint32_t x, uint32_t y)
{
    return {x, y};
}

static inline float __uint_as_float(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static inline uint32_t __float_as_uint(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline float rsqrtf(float x)
{
    return (float)(1 / __builtin_sqrt((double)x));
}

/* A value of another lane.  Every lane of `mask` takes part. */
template <class T> T __shfl_sync(unsigned mask, T value, int lane)
{
    static_assert(sizeof(T) == 4, "32-bit values only");
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = emulated::shuffle(mask, bits, lane);
    memcpy(&value, &bits, sizeof bits);
    return value;
}

template <class T> T __shfl_xor_sync(unsigned mask, T value, int lanes)
{
    return __shfl_sync(mask, value, emulated::lane() ^ lanes);
}

template <class T> T __shfl_down_sync(unsigned mask, T value, unsigned delta)
{
    const int from = emulated::lane() + (int)delta;
    return __shfl_sync(mask, value, from < 32 ? from : emulated::lane());
}

template <class T> T __shfl_up_sync(unsigned mask, T value, unsigned delta)
{
    const int from = emulated::lane() - (int)delta;
    return __shfl_sync(mask, value, from >= 0 ? from : emulated::lane());
}

static inline void __syncwarp(unsigned mask = 0xffffffff)
{
    emulated::sync_warp(mask);
}

static inline void __syncthreads()
{
    emulated::sync_block();
}

[[noreturn]] static inline void __trap()
{
    emulated::trap();
}

/* ---------------------------------------------------------------------------------------------- runtime */

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidConfiguration = 9,
    cudaErrorInvalidDeviceFunction = 98,
    cudaErrorLaunchFailure = 719
};

enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
enum cudaDeviceAttr {
    cudaDevAttrMultiProcessorCount = 16,
    cudaDevAttrL2CacheSize = 38,
    cudaDevAttrComputeCapabilityMajor = 75,
    cudaDevAttrComputeCapabilityMinor = 76
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum cudaMemoryType { cudaMemoryTypeUnregistered = 0, cudaMemoryTypeHost, cudaMemoryTypeDevice, cudaMemoryTypeManaged };
enum cudaStreamCaptureMode { cudaStreamCaptureModeGlobal = 0 };
enum cudaDriverEntryPointQueryResult { cudaDriverEntryPointSuccess = 0, cudaDriverEntryPointSymbolNotFound = 1 };
enum { cudaEnableDefault = 0 };

struct CUstream_st;
struct CUgraph_st;
struct CUgraphExec_st;
typedef CUstream_st *cudaStream_t;
typedef CUgraph_st *cudaGraph_t;
typedef CUgraphExec_st *cudaGraphExec_t;

struct cudaPointerAttributes {
    cudaMemoryType type;
    int device;
    void *devicePointer, *hostPointer;
};

enum cudaLaunchAttributeID {
    cudaLaunchAttributeClusterDimension = 4,
    cudaLaunchAttributeProgrammaticStreamSerialization = 6 /* launches run in the order of calls all the same */
};
struct cudaLaunchAttribute {
    cudaLaunchAttributeID id;
    union {
        struct {
            unsigned x, y, z;
        } clusterDim;
        int programmaticStreamSerializationAllowed;
    } val;
};

struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    size_t dynamicSmemBytes;
    cudaStream_t stream;
    cudaLaunchAttribute *attrs;
    unsigned numAttrs;
};

const char *cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();
cudaError_t cudaDeviceReset();
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaGetDevice(int *device);
struct cudaDeviceProp {
    char name[256];
};
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device);
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device);
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *attributes, const void *pointer);
cudaError_t cudaGetDriverEntryPointByVersion(const char *name, void **function, unsigned version,
                                             unsigned long long flags, cudaDriverEntryPointQueryResult *found);
cudaError_t cudaMalloc(void **pointer, size_t bytes);
cudaError_t cudaFree(void *pointer);
cudaError_t cudaMemset(void *to, int byte, size_t bytes);
cudaError_t cudaMemsetAsync(void *to, int byte, size_t bytes, cudaStream_t stream);
cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaStreamCreate(cudaStream_t *stream);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *program, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t program, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t program);

template <class T> cudaError_t cudaMalloc(T **pointer, size_t bytes)
{
    return cudaMalloc(reinterpret_cast<void **>(pointer), bytes);
}

namespace emulated
{

/* What `kernel<<<grid, block, shared, stream>>>(...)` is translated to. */
void launch(const std::function<void()> &kernel, dim3 grid, dim3 block, size_t shared = 0,
            cudaStream_t stream = nullptr);
cudaError_t launch(const std::function<void()> &kernel, const cudaLaunchConfig_t &config);
cudaError_t check_shared(size_t bytes);
int resident_clusters(const cudaLaunchConfig_t &config);

} // namespace emulated

template <class Kernel> cudaError_t cudaFuncSetAttribute(Kernel, cudaFuncAttribute, int bytes)
{
    return emulated::check_shared((size_t)bytes);
}

template <class Kernel>
cudaError_t cudaOccupancyMaxActiveClusters(int *clusters, Kernel, const cudaLaunchConfig_t *config)
{
    *clusters = emulated::resident_clusters(*config);
    return cudaSuccess;
}

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(Parameters...), Arguments... arguments)
{
    return emulated::launch([=] { kernel(arguments...); }, *config);
}

#endif
