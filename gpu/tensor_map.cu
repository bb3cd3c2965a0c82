/* SPDX-License-Identifier: MIT */
#include "config.h"
#include "tensor_map.h"
#include <cuda_runtime.h>

namespace ttt_gpu
{

typedef CUresult (*EncodeTiled)(CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *, const cuuint64_t *,
                                const cuuint64_t *, const cuuint32_t *, const cuuint32_t *, CUtensorMapInterleave,
                                CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);

/* The driver's encoder, asked of the runtime, so that nothing links the driver library. */
static EncodeTiled find_encoder()
{
    void *function = nullptr;
    cudaDriverEntryPointQueryResult found;
    if (cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found) !=
            cudaSuccess ||
        found != cudaDriverEntryPointSuccess)
        return nullptr;
    return reinterpret_cast<EncodeTiled>(function);
}

bool tensor_map_make(CUtensorMap *map, const void *data, int64_t sequences, int64_t rows, int box_rows)
{
    static const EncodeTiled encode = find_encoder(); /* once, thread-safely */
    if (!encode)
        return false;
    const cuuint64_t sizes[3] = {F, (cuuint64_t)rows, (cuuint64_t)sequences};
    const cuuint64_t strides[2] = {F * 2, (cuuint64_t)rows * F * 2};
    const cuuint32_t box[3] = {F, (cuuint32_t)box_rows, 1};
    const cuuint32_t steps[3] = {1, 1, 1};
    return encode(map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3, const_cast<void *>(data), sizes, strides, box, steps,
                  CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
                  CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

} // namespace ttt_gpu
