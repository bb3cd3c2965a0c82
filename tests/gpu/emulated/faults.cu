/* SPDX-License-Identifier: MIT
 *
 * The emulated device finds what it claims to find: each kernel here is wrong in one way, and must fail; the right one
 * beside it must not.
 */
#include "../../../gpu/ptx/barrier.cuh"
#include "../../../gpu/ptx/copy.cuh"
#include "../../../gpu/ptx/wgmma.cuh"
#include "../check.h"

using namespace ttt_gpu;

/* Whether a kernel of one cluster ends well. */
template <class Kernel> static bool ends_well(Kernel kernel, unsigned blocks, unsigned threads)
{
    kernel<<<blocks, threads>>>();
    const bool good = cudaDeviceSynchronize() == cudaSuccess;
    CHECK(cudaDeviceReset() == cudaSuccess);
    return good;
}

/* ---------------------------------------------------------------------------------------------- barriers */

enum NamedFault { NAMED_RIGHT, NAMED_MISSING, NAMED_TWICE, NAMED_COUNTS };

template <NamedFault FAULT> __global__ void named_kernel()
{
    const bool producer = threadIdx.x < 32;
    if (producer) {
        if (FAULT != NAMED_MISSING)
            bar_arrive<1, FAULT == NAMED_COUNTS ? 96 : 64>();
        if (FAULT == NAMED_TWICE)
            bar_arrive<1, 64>();
        __syncwarp();
    } else if (threadIdx.x < 64) {
        __syncwarp();
        bar_sync<1, 64>();
    }
}

static void test_named()
{
    CHECK(ends_well(named_kernel<NAMED_RIGHT>, 1, 96));
    CHECK(!ends_well(named_kernel<NAMED_MISSING>, 1, 96));
    CHECK(!ends_well(named_kernel<NAMED_TWICE>, 1, 96));
    CHECK(!ends_well(named_kernel<NAMED_COUNTS>, 1, 96));
}

enum MbarrierFault { MB_RIGHT, MB_UNINITIALISED, MB_NO_FENCE, MB_MORE, MB_LESS, MB_BYTES, MB_OVERWRITTEN, MB_OUTSIDE };

/* Rank 0 sends 16 bytes to rank 1, which waits for them. */
template <MbarrierFault FAULT> __global__ void __cluster_dims__(2, 1, 1) mbarrier_kernel()
{
    __shared__ __align__(16) uint32_t data[4];
    __shared__ uint64_t full;
    if (threadIdx.x == 0 && FAULT != MB_UNINITIALISED) {
        mbarrier_init(&full, FAULT == MB_LESS ? 2 : 1);
        if (FAULT != MB_NO_FENCE)
            mbarrier_init_fence();
        if (FAULT == MB_OVERWRITTEN)
            full = 0;
    }
    cluster_arrive();
    cluster_wait();
    if (threadIdx.x == 0 && cluster_rank() == 0)
        store_async(cluster_address(shared_address(data) + (FAULT == MB_OUTSIDE ? 4096 : 0), 1), uint4{1, 2, 3, 4},
                    cluster_address(shared_address(&full), 1));
    if (cluster_rank() == 1) {
        if (threadIdx.x == 0)
            mbarrier_arrive_expect(&full, FAULT == MB_BYTES ? 32 : 16);
        if (threadIdx.x == 0 && FAULT == MB_MORE) {
            mbarrier_arrive_expect(&full, 16);
            mbarrier_arrive_expect(&full, 16);
        }
        __syncwarp();
        while (!mbarrier_try_wait(&full, 0)) {
        }
        if (data[0] != 1 || data[3] != 4)
            __trap();
    }
    cluster_arrive();
    cluster_wait();
}

static void test_mbarrier()
{
    CHECK(ends_well(mbarrier_kernel<MB_RIGHT>, 2, 32));
    CHECK(!ends_well(mbarrier_kernel<MB_UNINITIALISED>, 2, 32));
    CHECK(!ends_well(mbarrier_kernel<MB_NO_FENCE>, 2, 32));
    CHECK(!ends_well(mbarrier_kernel<MB_MORE>, 2, 32));
    CHECK(!ends_well(mbarrier_kernel<MB_LESS>, 2, 32));
    CHECK(!ends_well(mbarrier_kernel<MB_BYTES>, 2, 32));
    CHECK(!ends_well(mbarrier_kernel<MB_OVERWRITTEN>, 2, 32));
    CHECK(!ends_well(mbarrier_kernel<MB_OUTSIDE>, 2, 32));
}

enum ClusterFault { CLUSTER_RIGHT, CLUSTER_ALONE, CLUSTER_GONE };

template <ClusterFault FAULT> __global__ void __cluster_dims__(2, 1, 1) cluster_kernel()
{
    __shared__ __align__(16) uint32_t data[4];
    __shared__ uint64_t full;
    if (threadIdx.x == 0) {
        mbarrier_init(&full, 1);
        mbarrier_init_fence();
    }
    data[0] = 0;
    if (FAULT != CLUSTER_ALONE || cluster_rank() == 0) {
        cluster_arrive();
        cluster_wait();
    }
    if (FAULT == CLUSTER_GONE && cluster_rank() == 0) {
        for (int k = 0; k < 100; k++) /* until the other block has ended */
            __syncwarp();
        store_async(cluster_address(shared_address(data), 1), uint4{1, 2, 3, 4},
                    cluster_address(shared_address(&full), 1));
    }
}

static void test_cluster()
{
    CHECK(ends_well(cluster_kernel<CLUSTER_RIGHT>, 2, 32));
    CHECK(!ends_well(cluster_kernel<CLUSTER_ALONE>, 2, 32));
    CHECK(!ends_well(cluster_kernel<CLUSTER_GONE>, 2, 32));
}

/* ---------------------------------------------------------------------------------------------- warps */

enum WarpFault { WARP_RIGHT, WARP_DIVERGED, WARP_MIXED };

template <WarpFault FAULT> __global__ void warp_kernel()
{
    const int lane = (int)threadIdx.x;
    if (FAULT == WARP_MIXED && lane == 3)
        __syncwarp();
    if (FAULT == WARP_DIVERGED && lane == 3)
        return;
    if (__shfl_xor_sync(0xffffffff, lane, 5) != (lane ^ 5))
        __trap();
}

static void test_warp()
{
    CHECK(ends_well(warp_kernel<WARP_RIGHT>, 1, 32));
    CHECK(!ends_well(warp_kernel<WARP_DIVERGED>, 1, 32));
    CHECK(!ends_well(warp_kernel<WARP_MIXED>, 1, 32));
}

/* ---------------------------------------------------------------------------------------------- products */

enum ProductFault {
    PRODUCT_RIGHT,
    PRODUCT_NO_WGMMA_FENCE,
    PRODUCT_NO_PROXY_FENCE,
    PRODUCT_NO_WAIT,
    PRODUCT_NOT_COMMITTED,
    PRODUCT_OVERWRITTEN,
    PRODUCT_ALONE,
    PRODUCT_OUTSIDE
};

/* A tile of zeros, 64 x 16 in core matrices of 8 x 16 bytes, times itself transposed. */
template <ProductFault FAULT> __global__ void product_kernel()
{
    __shared__ __align__(1024) uint4 tile[128];
    const uint32_t own = shared_address(&tile[threadIdx.x]);
    store_shared(own, {0, 0, 0, 0});
    if (FAULT != PRODUCT_NO_PROXY_FENCE)
        proxy_fence();
    __syncthreads();
    const uint64_t start = (shared_address(tile) + (FAULT == PRODUCT_OUTSIDE ? 1024 : 0)) >> 4;
    const uint64_t descriptor = start | (uint64_t)64 << 16 | (uint64_t)8 << 32;
    float d[32];
    if (FAULT != PRODUCT_NO_WGMMA_FENCE)
        wgmma_fence();
    if (FAULT != PRODUCT_ALONE || threadIdx.x < 64)
        wgmma_k16<0, 0>(d, descriptor, descriptor, false);
    if (FAULT == PRODUCT_OVERWRITTEN) {
        __syncthreads();
        store_shared(own, {1, 1, 1, 1});
    }
    if (FAULT != PRODUCT_NOT_COMMITTED)
        wgmma_commit();
    if (FAULT != PRODUCT_NO_WAIT)
        wgmma_wait<0>();
    if (FAULT != PRODUCT_ALONE)
        settle(d);
    if (FAULT == PRODUCT_RIGHT && d[31] != 0.0f)
        __trap();
}

static void test_product()
{
    CHECK(ends_well(product_kernel<PRODUCT_RIGHT>, 1, 128));
    CHECK(!ends_well(product_kernel<PRODUCT_NO_WGMMA_FENCE>, 1, 128));
    CHECK(!ends_well(product_kernel<PRODUCT_NO_PROXY_FENCE>, 1, 128));
    CHECK(!ends_well(product_kernel<PRODUCT_NO_WAIT>, 1, 128));
    CHECK(!ends_well(product_kernel<PRODUCT_NOT_COMMITTED>, 1, 128));
    CHECK(!ends_well(product_kernel<PRODUCT_OVERWRITTEN>, 1, 128));
    CHECK(!ends_well(product_kernel<PRODUCT_ALONE>, 1, 128));
    CHECK(!ends_well(product_kernel<PRODUCT_OUTSIDE>, 1, 128));
}

enum StoreFault { STORE_RIGHT, STORE_NO_FENCE, STORE_NOT_COMMITTED, STORE_NO_WAIT, STORE_LATE };

__device__ uint4 stored;

/* A thread copies 16 bytes to global memory. */
template <StoreFault FAULT> __global__ void store_kernel()
{
    __shared__ __align__(16) uint4 data;
    store_shared(shared_address(&data), {1, 2, 3, 4});
    if (FAULT != STORE_NO_FENCE)
        proxy_fence();
    bulk_store(&stored, &data, sizeof data);
    if (FAULT != STORE_NOT_COMMITTED)
        bulk_store_commit();
    if (FAULT == STORE_LATE)
        store_shared(shared_address(&data), {5, 6, 7, 8});
    if (FAULT != STORE_NO_WAIT)
        bulk_store_wait();
    if (stored.x != 1)
        __trap();
}

static void test_store()
{
    CHECK(ends_well(store_kernel<STORE_RIGHT>, 1, 1));
    CHECK(!ends_well(store_kernel<STORE_NO_FENCE>, 1, 1));
    CHECK(!ends_well(store_kernel<STORE_NOT_COMMITTED>, 1, 1));
    CHECK(!ends_well(store_kernel<STORE_NO_WAIT>, 1, 1));
    CHECK(!ends_well(store_kernel<STORE_LATE>, 1, 1));
}

int main()
{
    test_named();
    test_mbarrier();
    test_cluster();
    test_warp();
    test_product();
    test_store();
    return report("faults");
}
