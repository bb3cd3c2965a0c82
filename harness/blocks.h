/* SPDX-License-Identifier: MIT
 *
 * Where the tensors of a block of heads lie in those of the whole case.
 */
#ifndef TTT_HARNESS_BLOCKS_H
#define TTT_HARNESS_BLOCKS_H

#include "tensors.h"

/* `count` runs of `length` elements; run i starts at element i * length of the block's buffer and at element
 * first + i * stride of the whole tensor. */
struct ttt_runs {
    int64_t count, length;
    int64_t first, stride;
};

struct ttt_runs ttt_block_runs(const struct ttt_tensors *block, enum ttt_tensor t);

/* Run i of a tensor of the block as a buffer without red zones of its own (do not free). */
struct ttt_buffer ttt_block_run(const struct ttt_tensors *block, enum ttt_tensor t, const struct ttt_runs *runs,
                                int64_t i);

/* Copy values, converted to the dtype of `to`; both have the same number of elements. */
void ttt_buffer_convert(struct ttt_buffer *to, const struct ttt_buffer *from);

#endif
