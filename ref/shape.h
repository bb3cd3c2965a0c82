/* SPDX-License-Identifier: MIT
 *
 * What is the same in every precision: counts, checks of arguments, and the layout of a workspace.
 */
#ifndef TTT_REF_SHAPE_H
#define TTT_REF_SHAPE_H

#include <stddef.h>
#include <stdint.h>
#include <ttt/ttt_ref.h>

#define TTT_REF_MAX_THREADS 4096
#define TTT_REF_ALIGNMENT   64 /* of the workspace and of each array in it: a cache line, and any vector register */

/* Element sizes of a backend: what the caller's tensors hold. */
struct ttt_ref_sizes {
    size_t token_in, token_out, state;
};

int64_t ttt_ref_mini_batches(const struct ttt_mlp_shape *shape);
int64_t ttt_ref_checkpoints(const struct ttt_mlp_shape *shape);

enum ttt_status ttt_ref_check_shape(const struct ttt_mlp_shape *shape, const struct ttt_ref_options *options,
                                    struct ttt_ref_sizes sizes);
enum ttt_status ttt_ref_check_forward(const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                                      struct ttt_ref_sizes sizes, const void *workspace, size_t bytes);
enum ttt_status ttt_ref_check_backward(const struct ttt_mlp_shape *shape, const struct ttt_mlp_backward_args *args,
                                       struct ttt_ref_sizes sizes, const void *workspace, size_t bytes);

/* How threads and heads meet.  Teams work on different heads; the members of a team share the parts of a stage. */
int ttt_ref_threads(const struct ttt_ref_options *options);
int ttt_ref_parts(const struct ttt_mlp_shape *shape);
int ttt_ref_teams(const struct ttt_mlp_shape *shape, int threads);

/* A workspace handed out piece by piece.  With base NULL it only counts. */
struct ttt_ref_arena {
    char *base;
    size_t used;
    int overflow;
};

/* `rows` times `width` times `size` bytes, aligned; NULL while counting. */
void *ttt_ref_arena_take(struct ttt_ref_arena *arena, int64_t rows, int64_t width, size_t size);

#endif
