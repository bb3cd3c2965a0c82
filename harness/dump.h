/* SPDX-License-Identifier: MIT
 *
 * A case as a file: its inputs, for a kernel that runs elsewhere, and optionally a candidate's outputs.
 */
#ifndef TTT_HARNESS_DUMP_H
#define TTT_HARNESS_DUMP_H

#include "candidates.h"
#include "shapes.h"

/* Write the inputs and upstream gradients of the case to `path`, of bfloat16 types (or of the candidate's), and the
 * outputs of the candidate (NULL: none) in the directions (bit mask; the gradients need both passes, so XQW is written
 * in any case).  0, or -1 with one line in `error`. */
int ttt_dump(const char *path, const struct ttt_case *c, const struct ttt_candidate *candidate, unsigned directions,
             int threads, char *error, size_t error_size);

#endif
