/* SPDX-License-Identifier: MIT */
#include "groups.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const ttt_level_name[TTT_LEVEL_COUNT] = {"tensor", "head", "piece", "row", "tile"};

/* ---------------------------------------------------------------------------------------------- geometry */

struct ttt_geometry ttt_geometry_of(enum ttt_tensor t, const struct ttt_mlp_shape *shape)
{
    const char *dims = ttt_tensor_info[t].dims;
    const int64_t N = shape->seq_len, C = shape->mini_batch_size, NC = ttt_shape_mini_batches(shape);
    const int64_t rows = C < N ? C : N, last = N - (NC - 1) * C;
    if (strcmp(dims, "BHNF") == 0)
        return (struct ttt_geometry){shape->batch * shape->heads, NC, rows, shape->head_dim, last, shape->head_dim};
    if (strcmp(dims, "BHN") == 0)
        return (struct ttt_geometry){shape->batch * shape->heads, NC, 1, rows, 1, last};
    int64_t n[TTT_MAX_DIMS];
    const int ndim = ttt_tensor_dims(t, shape, n);
    struct ttt_geometry g = {1, 1, 1, n[ndim - 1], 1, n[ndim - 1]};
    int at = 0;
    if (dims[at] == 'B')
        g.heads *= n[at++];
    if (dims[at] == 'H')
        g.heads *= n[at++];
    if (dims[at] == 'K')
        g.pieces = n[at++];
    if (ndim - at == 2)
        g.rows = g.last_rows = n[at];
    return g;
}

static int64_t tiles_across(int64_t n)
{
    return (n + TTT_TILE - 1) / TTT_TILE;
}

/* Rows, width, rows and tiles before it: of piece `piece` of a head. */
struct piece {
    int64_t rows, width;
    int64_t first, first_row, first_tile; /* in the whole tensor: element, row, tile */
};

static int64_t head_rows(const struct ttt_geometry *g)
{
    return (g->pieces - 1) * g->rows + g->last_rows;
}

static int64_t head_elements(const struct ttt_geometry *g)
{
    return (g->pieces - 1) * g->rows * g->width + g->last_rows * g->last_width;
}

static int64_t head_tiles(const struct ttt_geometry *g)
{
    return (g->pieces - 1) * tiles_across(g->rows) * tiles_across(g->width) +
           tiles_across(g->last_rows) * tiles_across(g->last_width);
}

static struct piece piece_at(const struct ttt_geometry *g, int64_t head, int64_t piece)
{
    const int last = piece == g->pieces - 1;
    return (struct piece){
        .rows = last ? g->last_rows : g->rows,
        .width = last ? g->last_width : g->width,
        .first = head * head_elements(g) + piece * g->rows * g->width,
        .first_row = head * head_rows(g) + piece * g->rows,
        .first_tile = head * head_tiles(g) + piece * tiles_across(g->rows) * tiles_across(g->width),
    };
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

struct ttt_place ttt_groups_place(const struct ttt_geometry *g, enum ttt_level level, int64_t i)
{
    struct ttt_place place = {.level = level};
    if (level == TTT_LEVEL_TENSOR) {
        place.elements = g->heads * head_elements(g);
        return place;
    }
    const int64_t per_head = level == TTT_LEVEL_HEAD    ? 1
                             : level == TTT_LEVEL_PIECE ? g->pieces
                             : level == TTT_LEVEL_ROW   ? head_rows(g)
                                                        : head_tiles(g);
    const int64_t in_head = i % per_head;
    place.head = i / per_head;
    place.elements = head_elements(g);
    if (level == TTT_LEVEL_HEAD)
        return place;
    const int64_t per_piece = level == TTT_LEVEL_PIECE ? 1
                              : level == TTT_LEVEL_ROW ? g->rows
                                                       : tiles_across(g->rows) * tiles_across(g->width);
    place.piece = smaller(in_head / per_piece, g->pieces - 1);
    const struct piece p = piece_at(g, 0, place.piece);
    const int64_t in_piece = in_head - place.piece * per_piece, across = tiles_across(p.width);
    place.elements = p.rows * p.width;
    if (level == TTT_LEVEL_ROW) {
        place.row = in_piece;
        place.elements = p.width;
    } else if (level == TTT_LEVEL_TILE) {
        place.row = in_piece / across * TTT_TILE;
        place.column = in_piece % across * TTT_TILE;
        place.elements = smaller(TTT_TILE, p.rows - place.row) * smaller(TTT_TILE, p.width - place.column);
    }
    return place;
}

/* ---------------------------------------------------------------------------------------------- sums */

int ttt_groups_make(struct ttt_groups *g, enum ttt_tensor t, const struct ttt_mlp_shape *shape)
{
    *g = (struct ttt_groups){.geometry = ttt_geometry_of(t, shape)};
    const int64_t heads = g->geometry.heads;
    const int64_t count[TTT_LEVEL_COUNT] = {1, heads, heads * g->geometry.pieces, heads * head_rows(&g->geometry),
                                            heads * head_tiles(&g->geometry)};
    for (int level = 0; level < TTT_LEVEL_COUNT; level++) {
        g->count[level] = count[level];
        g->sums[level] = calloc((size_t)count[level], sizeof *g->sums[level]);
        if (!g->sums[level])
            return -1;
    }
    return 0;
}

void ttt_groups_free(struct ttt_groups *g)
{
    for (int level = 0; level < TTT_LEVEL_COUNT; level++) {
        free(g->sums[level]);
        g->sums[level] = NULL;
    }
}

void ttt_sums_add(struct ttt_sums *to, const struct ttt_sums *from)
{
    to->square += from->square;
    to->sum += from->sum;
    to->max = from->max > to->max ? from->max : to->max;
}

/* What is added up: a difference, or something made of r alone. */
enum what { DIFFERENCE, ROUNDING, VALUES };

/* The spacing of `dtype` at x; its subnormal spacing near 0. */
static double spacing(double x, enum ttt_dtype dtype)
{
    static const int digits[TTT_DTYPE_COUNT] = {8, 24, 53}, least[TTT_DTYPE_COUNT] = {-133, -149, -1074};
    const double magnitude = fabs(x);
    if (!(magnitude > 0))
        return 0; /* 0 is exact */
    const int exponent = ilogb(magnitude) - digits[dtype] + 1;
    return ldexp(1, exponent > least[dtype] ? exponent : least[dtype]);
}

struct source {
    enum what what;
    const struct ttt_buffer *k, *r;
    enum ttt_dtype dtype;
};

/* `n` elements from element `first`, as double. */
static void read(const struct ttt_buffer *b, int64_t first, int64_t n, double *x)
{
    if (b->dtype == TTT_BF16)
        for (int64_t i = 0; i < n; i++)
            x[i] = ttt_bf16_to_double(((const uint16_t *)b->data)[first + i]);
    else if (b->dtype == TTT_F32)
        for (int64_t i = 0; i < n; i++)
            x[i] = (double)((const float *)b->data)[first + i];
    else
        memcpy(x, (const double *)b->data + first, (size_t)n * sizeof *x);
}

/* What is added up for elements [first, first + n), n <= TTT_TILE. */
static void terms(const struct source *s, int64_t first, int64_t n, double *x)
{
    double k[TTT_TILE];
    read(s->r, first, n, x);
    if (s->what == DIFFERENCE)
        read(s->k, first, n, k);
    for (int64_t i = 0; i < n; i++) {
        if (s->what == DIFFERENCE)
            x[i] = k[i] - x[i];
        else if (s->what == ROUNDING)
            x[i] = spacing(x[i], s->dtype) / sqrt(12);
        x[i] = x[i] - x[i] == 0 ? x[i] : 0;
    }
}

static struct ttt_sums sums_of(int64_t n, const double *x)
{
    struct ttt_sums s = {0, 0, 0};
    for (int64_t i = 0; i < n; i++) {
        s.square += x[i] * x[i];
        s.sum += x[i];
        s.max = fabs(x[i]) > s.max ? fabs(x[i]) : s.max;
    }
    return s;
}

/* Rows and tiles of one piece, then the piece itself. */
static void add_piece(struct ttt_groups *g, const struct source *s, int64_t index)
{
    const struct piece p = piece_at(&g->geometry, index / g->geometry.pieces, index % g->geometry.pieces);
    const int64_t across = tiles_across(p.width);
    struct ttt_sums whole = {0, 0, 0};
    for (int64_t r = 0; r < p.rows; r++) {
        struct ttt_sums row = {0, 0, 0};
        for (int64_t tile = 0; tile < across; tile++) {
            double x[TTT_TILE];
            const int64_t column = tile * TTT_TILE, n = smaller(TTT_TILE, p.width - column);
            terms(s, p.first + r * p.width + column, n, x);
            const struct ttt_sums part = sums_of(n, x);
            ttt_sums_add(&g->sums[TTT_LEVEL_TILE][p.first_tile + r / TTT_TILE * across + tile], &part);
            ttt_sums_add(&row, &part);
        }
        ttt_sums_add(&g->sums[TTT_LEVEL_ROW][p.first_row + r], &row);
        ttt_sums_add(&whole, &row);
    }
    ttt_sums_add(&g->sums[TTT_LEVEL_PIECE][index], &whole);
}

/* Heads and tensor follow from the pieces, in their order, so that threads change no bit. */
static void add_all(struct ttt_groups *g, const struct source *s)
{
    const int64_t pieces = g->count[TTT_LEVEL_PIECE];
#pragma omp parallel for schedule(static) if (s->r->elements >= TTT_PARALLEL_ELEMENTS)
    for (int64_t i = 0; i < pieces; i++)
        add_piece(g, s, i);
    memset(g->sums[TTT_LEVEL_HEAD], 0, (size_t)g->count[TTT_LEVEL_HEAD] * sizeof *g->sums[TTT_LEVEL_HEAD]);
    *g->sums[TTT_LEVEL_TENSOR] = (struct ttt_sums){0, 0, 0};
    for (int64_t i = 0; i < pieces; i++)
        ttt_sums_add(&g->sums[TTT_LEVEL_HEAD][i / g->geometry.pieces], &g->sums[TTT_LEVEL_PIECE][i]);
    for (int64_t h = 0; h < g->geometry.heads; h++)
        ttt_sums_add(g->sums[TTT_LEVEL_TENSOR], &g->sums[TTT_LEVEL_HEAD][h]);
}

void ttt_groups_add(struct ttt_groups *g, const struct ttt_buffer *k, const struct ttt_buffer *r)
{
    add_all(g, &(struct source){.what = DIFFERENCE, .k = k, .r = r});
}

void ttt_groups_add_rounding(struct ttt_groups *g, const struct ttt_buffer *r, enum ttt_dtype dtype)
{
    add_all(g, &(struct source){.what = ROUNDING, .r = r, .dtype = dtype});
}

void ttt_groups_add_values(struct ttt_groups *g, const struct ttt_buffer *r)
{
    add_all(g, &(struct source){.what = VALUES, .r = r});
}
