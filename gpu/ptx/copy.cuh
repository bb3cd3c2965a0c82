/* SPDX-License-Identifier: MIT
 *
 * Moving data: tensor copies from global memory, stores into another block's shared memory, and the store of matrix
 * fragments.
 */
#ifndef TTT_GPU_PTX_COPY_CUH
#define TTT_GPU_PTX_COPY_CUH

#include "device.cuh"
#include <cuda.h>

namespace ttt_gpu
{

/* Fetches the descriptor of a tensor map ahead of its first copy. */
TTT_DEVICE void tensor_map_prefetch(const CUtensorMap *map)
{
    asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

/* Copies the box at (column, row, sequence) into shared memory; rows past the end arrive as zeros, and their bytes
 * count at the mbarrier like any others. */
TTT_DEVICE void tensor_copy(void *to, const CUtensorMap *map, int column, int row, int sequence, uint64_t *barrier)
{
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4}], "
        "[%5];" ::"r"(shared_address(to)),
        "l"(map), "r"(column), "r"(row), "r"(sequence), "r"(shared_address(barrier))
        : "memory");
}

/* Copies `bytes`, a multiple of 16, into shared memory as they lie; they count at the mbarrier. */
TTT_DEVICE void bulk_copy(void *to, const void *global, int bytes, uint64_t *barrier)
{
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                     shared_address(to)),
                 "l"(global), "r"(bytes), "r"(shared_address(barrier))
                 : "memory");
}

/* Copies `bytes`, a multiple of 16, from shared to global memory; one of the thread's open group of such copies. */
TTT_DEVICE void bulk_store(void *global, const void *from, int bytes)
{
    asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(global), "r"(shared_address(from)),
                 "r"(bytes)
                 : "memory");
}

/* Closes the thread's group of such copies. */
TTT_DEVICE void bulk_store_commit()
{
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}

/* Waits until all its groups have read what they copy. */
TTT_DEVICE void bulk_store_wait()
{
    asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
}

/* Brings the line of this address to the L2 cache. */
TTT_DEVICE void prefetch_l2(const void *global)
{
    asm volatile("prefetch.global.L2 [%0];" ::"l"(global) : "memory");
}

/* This block's rank in its cluster. */
TTT_DEVICE int cluster_rank()
{
    uint32_t rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return (int)rank;
}

/* The cluster-wide address of what lies at `address` in the block of that rank. */
TTT_DEVICE uint32_t cluster_address(uint32_t address, int rank)
{
    uint32_t mapped;
    asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(mapped) : "r"(address), "r"(rank));
    return mapped;
}

/* Stores 16 bytes in another block's shared memory; they count at that block's mbarrier.  Cluster-wide addresses. */
TTT_DEVICE void store_async(uint32_t to, uint4 v, uint32_t barrier)
{
    asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%0], {%1, %2, %3, %4}, [%5];" ::"r"(to),
                 "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w), "r"(barrier)
                 : "memory");
}

/* The same with 8 bytes. */
TTT_DEVICE void store_async(uint32_t to, float2 v, uint32_t barrier)
{
    asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.v2.f32 [%0], {%1, %2}, [%3];" ::"r"(to),
                 "f"(v.x), "f"(v.y), "r"(barrier)
                 : "memory");
}

/* Stores 16 bytes in this block's shared memory. */
TTT_DEVICE void store_shared(uint32_t to, uint4 v)
{
    asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w)
                 : "memory");
}

/* Stores four 8 x 8 matrices of 16-bit elements: lane l gives the address of row l % 8 of matrix l / 8. */
TTT_DEVICE void store_matrix(uint32_t row_address, const uint32_t *v)
{
    asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(row_address), "r"(v[0]),
                 "r"(v[1]), "r"(v[2]), "r"(v[3])
                 : "memory");
}

} // namespace ttt_gpu

#endif
