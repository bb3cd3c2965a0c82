/* SPDX-License-Identifier: MIT
 *
 * Tensor maps: how the copy engine sees a token tensor.
 */
#ifndef TTT_GPU_TENSOR_MAP_H
#define TTT_GPU_TENSOR_MAP_H

#include <cstdint>
#include <cuda.h>

namespace ttt_gpu
{

/* Map of tokens [sequences, rows, F] bfloat16 at `data`, copied `box_rows` rows of one sequence at a time into a
 * swizzled tile; rows past the end read as zeros.  False if the driver refuses it or is too old. */
bool tensor_map_make(CUtensorMap *map, const void *data, int64_t sequences, int64_t rows, int box_rows);

} // namespace ttt_gpu

#endif
