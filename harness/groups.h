/* SPDX-License-Identifier: MIT
 *
 * Errors of one tensor of a block, added up over groups of its elements, so that a gate can look at each place alone.
 *
 * A tensor is cut into pieces: matrices [rows, width] that belong to one (batch, head) and one mini-batch or
 * checkpoint. A piece is cut into its rows and into tiles of 16 x 16.
 *
 *   tensor             pieces               rows x width
 *   [B, H, N, F]       (b, h, mini-batch)   rows of the mini-batch x F
 *   [B, H, N]          (b, h, mini-batch)   1 x rows of the mini-batch
 *   [B, H, (K,) M, N]  (b, h, checkpoint)   M x N
 *   [B, H, (K,) M]     (b, h, checkpoint)   1 x M
 *   [H, F], [C]        (h)                  1 x F, 1 x C
 */
#ifndef TTT_HARNESS_GROUPS_H
#define TTT_HARNESS_GROUPS_H

#include "tensors.h"

enum ttt_level { TTT_LEVEL_TENSOR, TTT_LEVEL_HEAD, TTT_LEVEL_PIECE, TTT_LEVEL_ROW, TTT_LEVEL_TILE, TTT_LEVEL_COUNT };
extern const char *const ttt_level_name[TTT_LEVEL_COUNT]; /* "tensor" ... "tile" */

/* Smaller groups are not judged alone: a mean over so few elements says little.  Their parent has them. */
enum { TTT_GROUP_LEAST = 64, TTT_TILE = 16 };

/* How a tensor of a block is cut. */
struct ttt_geometry {
    int64_t heads;  /* B H of the block; H, or 1, where the tensor has no such dimensions */
    int64_t pieces; /* of one head */
    int64_t rows;   /* of a piece; of the last piece of a head: last_rows */
    int64_t width;  /* of a piece; of the last piece: last_width */
    int64_t last_rows, last_width;
};

struct ttt_geometry ttt_geometry_of(enum ttt_tensor t, const struct ttt_mlp_shape *shape);

/* One group: where it lies. */
struct ttt_place {
    enum ttt_level level;
    int64_t head, piece; /* piece: of its head */
    int64_t row, column; /* of the group's first element in its piece */
    int64_t elements;
};

struct ttt_sums {
    double square, sum, max; /* sum of x^2, sum of x, max |x| */
};
void ttt_sums_add(struct ttt_sums *to, const struct ttt_sums *from);

struct ttt_groups {
    struct ttt_geometry geometry;
    int64_t count[TTT_LEVEL_COUNT];
    struct ttt_sums *sums[TTT_LEVEL_COUNT];
};

/* All zero.  0, or -1 when memory cannot be had; free with ttt_groups_free either way. */
int ttt_groups_make(struct ttt_groups *g, enum ttt_tensor t, const struct ttt_mlp_shape *shape);
void ttt_groups_free(struct ttt_groups *g);

/* Add x = k - r.  Positions where one of them is not finite are left out: they are judged elsewhere. */
void ttt_groups_add(struct ttt_groups *g, const struct ttt_buffer *k, const struct ttt_buffer *r);

/* Add, as x, the root mean square error that rounding r to `dtype` makes: ulp / sqrt(12). */
void ttt_groups_add_rounding(struct ttt_groups *g, const struct ttt_buffer *r, enum ttt_dtype dtype);

/* Add, as x, r itself. */
void ttt_groups_add_values(struct ttt_groups *g, const struct ttt_buffer *r);

/* Where group `i` of a level lies. */
struct ttt_place ttt_groups_place(const struct ttt_geometry *g, enum ttt_level level, int64_t i);

#endif
