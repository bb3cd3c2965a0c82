/* SPDX-License-Identifier: MIT
 *
 * Where in a tensor the error is: along the sequence, over heads x mini-batches, and over the places of a piece (see
 * groups.h).  Of a size that does not grow with the tensor: neighbours share a cell.  Drawn, never judged.
 */
#ifndef TTT_HARNESS_PROFILE_H
#define TTT_HARNESS_PROFILE_H

#include "gates.h"

enum { TTT_PROFILE_ALONG = 32, TTT_PROFILE_HEADS = 16, TTT_PROFILE_TILES = 16 };

/* Sums of squares: k - r, what it must cost (sigma of gates.h), r. */
struct ttt_cell {
    double error, cost, truth;
};

struct ttt_profile {
    int64_t heads, pieces; /* of the tensor in the whole case; 0: nothing was added */
    int64_t rows, width;   /* of a piece */
    struct ttt_cell along[TTT_PROFILE_ALONG];
    struct ttt_cell over_heads[TTT_PROFILE_HEADS][TTT_PROFILE_ALONG];
    struct ttt_cell over_tile[TTT_PROFILE_TILES][TTT_PROFILE_TILES];
};

/* The heads of a block within its case. */
struct ttt_part {
    int64_t head0, heads, heads_total; /* of each batch entry */
};

/* Add a block: its errors, what they must cost, and the values of the truth. */
void ttt_profile_add(struct ttt_profile *p, const struct ttt_groups *error, const struct ttt_cost *cost,
                     const struct ttt_groups *values, const struct ttt_part *part);

/* Parts of the sequence that hold something: min(pieces, TTT_PROFILE_ALONG). */
int ttt_profile_columns(const struct ttt_profile *p);

/* Root mean square errors over what they must cost, row by row. */
struct ttt_map {
    int rows, columns;
    int64_t height, width; /* of what the map is over */
    float values[TTT_PROFILE_HEADS * TTT_PROFILE_ALONG];
};

/* Over heads x pieces, and over a piece: rows x width. */
void ttt_profile_map_heads(const struct ttt_profile *p, struct ttt_map *map);
void ttt_profile_map_tile(const struct ttt_profile *p, struct ttt_map *map);

#endif
