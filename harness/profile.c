/* SPDX-License-Identifier: MIT */
#include "profile.h"
#include <math.h>
#include <string.h>

static int at_most(int64_t n, int most)
{
    return n < most ? (int)n : most;
}

int ttt_profile_columns(const struct ttt_profile *p)
{
    return at_most(p->pieces, TTT_PROFILE_ALONG);
}

static int rows_of(const struct ttt_profile *p)
{
    return at_most(p->heads, TTT_PROFILE_HEADS);
}

static int tiles_across(int64_t elements)
{
    return at_most((elements + TTT_TILE - 1) / TTT_TILE, TTT_PROFILE_TILES);
}

static void add(struct ttt_cell *to, const struct ttt_cell *from)
{
    to->error += from->error;
    to->cost += from->cost;
    to->truth += from->truth;
}

/* The sums of group `i` of a level. */
static struct ttt_cell cell_of(const struct ttt_groups *error, const struct ttt_cost *cost,
                               const struct ttt_groups *values, enum ttt_level level, int64_t i)
{
    return (struct ttt_cell){
        .error = error->sums[level][i].square,
        .cost = cost->scale * cost->scale * cost->spread.sums[level][i].square / cost->replicas +
                cost->rounding.sums[level][i].square,
        .truth = values->sums[level][i].square,
    };
}

/* Cell of `cells` that place `i` of `n` falls into. */
static int64_t share(int64_t i, int64_t n, int cells)
{
    return i * cells / n;
}

static void add_pieces(struct ttt_profile *p, const struct ttt_groups *error, const struct ttt_cost *cost,
                       const struct ttt_groups *values, const struct ttt_part *part)
{
    const int64_t pieces = error->geometry.pieces;
    for (int64_t i = 0; i < error->count[TTT_LEVEL_PIECE]; i++) {
        const int64_t in_block = i / pieces, batch = in_block / part->heads;
        const int64_t head = batch * part->heads_total + part->head0 + in_block % part->heads;
        const struct ttt_cell cell = cell_of(error, cost, values, TTT_LEVEL_PIECE, i);
        const int64_t column = share(i % pieces, pieces, ttt_profile_columns(p));
        add(&p->along[column], &cell);
        add(&p->over_heads[share(head, p->heads, rows_of(p))][column], &cell);
    }
}

static void add_tiles(struct ttt_profile *p, const struct ttt_groups *error, const struct ttt_cost *cost,
                      const struct ttt_groups *values)
{
    const int64_t rows = (p->rows + TTT_TILE - 1) / TTT_TILE, columns = (p->width + TTT_TILE - 1) / TTT_TILE;
    for (int64_t i = 0; i < error->count[TTT_LEVEL_TILE]; i++) {
        const struct ttt_place place = ttt_groups_place(&error->geometry, TTT_LEVEL_TILE, i);
        const struct ttt_cell cell = cell_of(error, cost, values, TTT_LEVEL_TILE, i);
        add(&p->over_tile[share(place.row / TTT_TILE, rows, tiles_across(p->rows))]
                         [share(place.column / TTT_TILE, columns, tiles_across(p->width))],
            &cell);
    }
}

void ttt_profile_add(struct ttt_profile *p, const struct ttt_groups *error, const struct ttt_cost *cost,
                     const struct ttt_groups *values, const struct ttt_part *part)
{
    const struct ttt_geometry *g = &error->geometry;
    p->heads = (g->heads + part->heads - 1) / part->heads * part->heads_total;
    p->pieces = g->pieces;
    p->rows = g->rows;
    p->width = g->width;
    add_pieces(p, error, cost, values, part);
    add_tiles(p, error, cost, values);
}

/* `cells`: rows of `stride` cells. */
static void fill(struct ttt_map *map, const struct ttt_cell *cells, int stride)
{
    for (int i = 0; i < map->rows * map->columns; i++) {
        const struct ttt_cell *cell = &cells[i / map->columns * stride + i % map->columns];
        map->values[i] = cell->error == 0 ? 0 : (float)sqrt(cell->error / cell->cost);
    }
}

static int is_empty(const struct ttt_cell *row)
{
    double sum = 0;
    for (int i = 0; i < TTT_PROFILE_ALONG; i++)
        sum += row[i].error + row[i].cost + row[i].truth;
    return sum == 0;
}

void ttt_profile_map_heads(const struct ttt_profile *p, struct ttt_map *map)
{
    struct ttt_cell rows[TTT_PROFILE_HEADS][TTT_PROFILE_ALONG];
    *map = (struct ttt_map){0, ttt_profile_columns(p), p->heads, p->pieces, {0}};
    /* Of a sample of heads the rest have no row. */
    for (int i = 0; i < rows_of(p); i++)
        if (!is_empty(p->over_heads[i]))
            memcpy(rows[map->rows++], p->over_heads[i], sizeof rows[0]);
    fill(map, rows[0], TTT_PROFILE_ALONG);
}

void ttt_profile_map_tile(const struct ttt_profile *p, struct ttt_map *map)
{
    *map = (struct ttt_map){tiles_across(p->rows), tiles_across(p->width), p->rows, p->width, {0}};
    fill(map, p->over_tile[0], TTT_PROFILE_TILES);
}
