/* SPDX-License-Identifier: MIT
 *
 * The CUDA runtime of the emulated device.
 */
#include <cstdio>
#include <cstdlib>
#include <cuda.h>
#include <cuda_runtime.h>
#include <map>
#include <mutex>
#include <vector>

typedef std::function<cudaError_t()> Work;

struct CUgraph_st {
    std::vector<Work> work;
};
struct CUgraphExec_st {
    std::vector<Work> work;
};
struct CUstream_st {
    CUgraph_st *capture;
};

static std::mutex guard; /* of what follows */
static std::map<uintptr_t, size_t> allocations;
static cudaError_t last_error, sticky_error;

static cudaError_t remember(cudaError_t error)
{
    const std::lock_guard<std::mutex> lock(guard);
    if (error == cudaErrorLaunchFailure)
        sticky_error = error;
    if (sticky_error)
        error = sticky_error;
    if (error)
        last_error = error;
    return error;
}

/* Runs work now, or when the graph that its stream is captured into is launched. */
static cudaError_t enqueue(cudaStream_t stream, const Work &work)
{
    if (stream && stream->capture) {
        stream->capture->work.push_back(work);
        return cudaSuccess;
    }
    return sticky_error ? sticky_error : remember(work());
}

/* ---------------------------------------------------------------------------------------------- device */

const char *cudaGetErrorString(cudaError_t error)
{
    switch (error) {
    case cudaSuccess:
        return "no error";
    case cudaErrorInvalidValue:
        return "invalid argument";
    case cudaErrorMemoryAllocation:
        return "out of memory";
    case cudaErrorInvalidConfiguration:
        return "invalid configuration";
    case cudaErrorInvalidDeviceFunction:
        return "invalid device function";
    case cudaErrorLaunchFailure:
        break;
    }
    return "a fault of the emulated kernel";
}

cudaError_t cudaPeekAtLastError()
{
    const std::lock_guard<std::mutex> lock(guard);
    return last_error;
}

cudaError_t cudaGetLastError()
{
    const std::lock_guard<std::mutex> lock(guard);
    const cudaError_t error = last_error;
    last_error = sticky_error;
    return error;
}

cudaError_t cudaDeviceReset()
{
    const std::lock_guard<std::mutex> lock(guard);
    last_error = sticky_error = cudaSuccess;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = 1;
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int *device)
{
    *device = 0;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int)
{
    *properties = {"emulated"};
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int)
{
    *value = attribute == cudaDevAttrComputeCapabilityMajor ? 9
             : attribute == cudaDevAttrMultiProcessorCount  ? 132
             : attribute == cudaDevAttrL2CacheSize          ? 50 << 20
                                                            : 0;
    return cudaSuccess;
}

int emulated::clusters_of_4 = 24, emulated::clusters_of_2 = 66;

int emulated::resident_clusters(const cudaLaunchConfig_t &config)
{
    const unsigned size = config.numAttrs ? config.attrs[0].val.clusterDim.x : 1;
    return size == 4 ? clusters_of_4 : size == 2 ? clusters_of_2 : (int)(132 / size);
}

cudaError_t emulated::check_shared(size_t bytes)
{
    return remember(bytes <= 232448 ? cudaSuccess : cudaErrorInvalidValue);
}

static cudaError_t encode_tensor_map(CUtensorMap *map, CUtensorMapDataType, cuuint32_t rank, void *data,
                                     const cuuint64_t *sizes, const cuuint64_t *strides, const cuuint32_t *box,
                                     const cuuint32_t *steps, CUtensorMapInterleave, CUtensorMapSwizzle swizzle,
                                     CUtensorMapL2promotion, CUtensorMapFloatOOBfill)
{
    for (cuuint32_t k = 0; k < rank; k++)
        if (steps[k] != 1)
            return cudaErrorInvalidValue;
    return emulated::tensor_map_encode(map, data, (int)rank, sizes, strides, box, swizzle == CU_TENSOR_MAP_SWIZZLE_128B)
               ? cudaSuccess
               : cudaErrorInvalidValue;
}

cudaError_t cudaGetDriverEntryPointByVersion(const char *name, void **function, unsigned, unsigned long long,
                                             cudaDriverEntryPointQueryResult *found)
{
    *found = strcmp(name, "cuTensorMapEncodeTiled") ? cudaDriverEntryPointSymbolNotFound : cudaDriverEntryPointSuccess;
    *function = *found ? nullptr : reinterpret_cast<void *>(encode_tensor_map);
    return cudaSuccess;
}

/* ---------------------------------------------------------------------------------------------- memory */

cudaError_t cudaMalloc(void **pointer, size_t bytes)
{
    *pointer = aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (!*pointer)
        return remember(cudaErrorMemoryAllocation);
    memset(*pointer, 0xff, bytes);
    const std::lock_guard<std::mutex> lock(guard);
    allocations[(uintptr_t)*pointer] = bytes;
    return cudaSuccess;
}

cudaError_t cudaFree(void *pointer)
{
    const std::lock_guard<std::mutex> lock(guard);
    allocations.erase((uintptr_t)pointer);
    free(pointer);
    return cudaSuccess;
}

static bool on_device(const void *pointer)
{
    const std::lock_guard<std::mutex> lock(guard);
    auto next = allocations.upper_bound((uintptr_t)pointer);
    return next != allocations.begin() && (uintptr_t)pointer - (--next)->first < next->second;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *attributes, const void *pointer)
{
    const bool device = on_device(pointer);
    attributes->type = device ? cudaMemoryTypeDevice : cudaMemoryTypeUnregistered;
    attributes->device = device ? 0 : -2;
    attributes->devicePointer = device ? const_cast<void *>(pointer) : nullptr;
    attributes->hostPointer = nullptr;
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *to, int byte, size_t bytes, cudaStream_t stream)
{
    return enqueue(stream, [=] {
        memset(to, byte, bytes);
        return cudaSuccess;
    });
}

cudaError_t cudaMemset(void *to, int byte, size_t bytes)
{
    return cudaMemsetAsync(to, byte, bytes, nullptr);
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t stream)
{
    return enqueue(stream, [=] {
        memcpy(to, from, bytes);
        return cudaSuccess;
    });
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
    return cudaMemcpyAsync(to, from, bytes, kind, nullptr);
}

/* ---------------------------------------------------------------------------------------------- work */

cudaError_t emulated::launch(const std::function<void()> &kernel, const cudaLaunchConfig_t &config)
{
    unsigned cluster = 0;
    for (unsigned k = 0; k < config.numAttrs; k++)
        if (config.attrs[k].id == cudaLaunchAttributeClusterDimension)
            cluster = config.attrs[k].val.clusterDim.x;
    const cudaLaunchConfig_t c = config;
    return enqueue(config.stream, [=] {
        return run(kernel, c.gridDim, c.blockDim, cluster, c.dynamicSmemBytes) ? cudaSuccess : cudaErrorLaunchFailure;
    });
}

void emulated::launch(const std::function<void()> &kernel, dim3 grid, dim3 block, size_t shared, cudaStream_t stream)
{
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    launch(kernel, config);
}

cudaError_t cudaDeviceSynchronize()
{
    return remember(cudaSuccess);
}

cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    *stream = new CUstream_st();
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    delete stream;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t)
{
    return cudaDeviceSynchronize();
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode)
{
    if (stream->capture)
        return remember(cudaErrorInvalidValue);
    stream->capture = new CUgraph_st();
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    *graph = stream->capture;
    stream->capture = nullptr;
    return *graph ? cudaSuccess : remember(cudaErrorInvalidValue);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *program, cudaGraph_t graph, unsigned long long)
{
    *program = new CUgraphExec_st{graph->work};
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t program, cudaStream_t stream)
{
    for (const Work &work : program->work) {
        const cudaError_t error = enqueue(stream, work);
        if (error)
            return error;
    }
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t program)
{
    delete program;
    return cudaSuccess;
}
