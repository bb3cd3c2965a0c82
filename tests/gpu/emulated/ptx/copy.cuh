/* SPDX-License-Identifier: MIT
 *
 * Twin of gpu/ptx/copy.cuh.
 */
#ifndef TTT_GPU_PTX_COPY_CUH
#define TTT_GPU_PTX_COPY_CUH

#include "device.cuh"
#include <cuda.h>

namespace ttt_gpu
{

TTT_DEVICE void tensor_map_prefetch(const CUtensorMap *)
{
}

TTT_DEVICE void tensor_copy(void *to, const CUtensorMap *map, int column, int row, int sequence, uint64_t *barrier)
{
    const int at[3] = {column, row, sequence};
    emulated::tensor_copy(to, map, at, barrier);
}

TTT_DEVICE void bulk_copy(void *to, const void *global, int bytes, uint64_t *barrier)
{
    emulated::bulk_copy(to, global, bytes, barrier);
}

TTT_DEVICE void bulk_store(void *global, const void *from, int bytes)
{
    emulated::bulk_store(global, from, bytes);
}

TTT_DEVICE void bulk_store_commit()
{
    emulated::bulk_store_commit();
}

TTT_DEVICE void bulk_store_wait()
{
    emulated::bulk_store_wait();
}

TTT_DEVICE void prefetch_l2(const void *)
{
}

TTT_DEVICE int cluster_rank()
{
    return emulated::cluster_rank();
}

TTT_DEVICE uint32_t cluster_address(uint32_t address, int rank)
{
    return emulated::cluster_address(address, rank);
}

TTT_DEVICE void store_async(uint32_t to, uint4 v, uint32_t barrier)
{
    emulated::store_async(to, &v, sizeof v, barrier);
}

TTT_DEVICE void store_async(uint32_t to, float2 v, uint32_t barrier)
{
    emulated::store_async(to, &v, sizeof v, barrier);
}

TTT_DEVICE void store_shared(uint32_t to, uint4 v)
{
    emulated::store_shared(to, &v, sizeof v);
}

TTT_DEVICE void store_matrix(uint32_t row_address, const uint32_t *v)
{
    emulated::store_matrix(row_address, v, 4, false);
}

} // namespace ttt_gpu

#endif
