/* SPDX-License-Identifier: MIT
 *
 * Groups: how each tensor is cut, that every element is in exactly one group of each level, and the sums of each group
 * against those of a naive loop over its elements.
 */
#include "harness/groups.h"
#include "harness/rng.h"
#include "run.h"
#include <math.h>
#include <omp.h>
#include <string.h>

static const char *const shapes[] = {
    "b2h3n20c8f8d12g2",            /* a short last mini-batch, a short last checkpoint group */
    "b1h2n7c16f20d33g1",           /* C > N; tiles that do not divide */
    "b1h1n40c17f3d5g9 causal=1",   /* G > NC */
    "b2h1n48c16f32d17g1 causal=1", /* nothing short */
    "b1h1n1c1f1d1g1",              /* every size 1 */
    "b1h1n70c64f33d40g1 causal=1", /* a last piece of few rows */
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static struct ttt_mlp_shape shape_of(const char *text)
{
    struct ttt_case c;
    char error[256];
    ck_assert_msg(ttt_case_parse(text, &c, error, sizeof error) == 0, "%s", error);
    return c.shape;
}

/* Where an element lies, from the dimensions of its tensor alone. */
struct home {
    int64_t head, piece, row, column;
};

static struct home home_of(enum ttt_tensor t, const struct ttt_mlp_shape *shape, int64_t i)
{
    const char *dims = ttt_tensor_info[t].dims;
    int64_t n[TTT_MAX_DIMS];
    const int ndim = ttt_tensor_dims(t, shape, n);
    struct home home = {.column = i % n[ndim - 1]};
    int64_t rest = i / n[ndim - 1];
    if (strcmp(dims, "BHNF") == 0 || strcmp(dims, "BHN") == 0) {
        const int64_t token = dims[3] ? rest % shape->seq_len : home.column;
        home.head = dims[3] ? rest / shape->seq_len : rest;
        home.piece = token / shape->mini_batch_size;
        *(dims[3] ? &home.row : &home.column) = token % shape->mini_batch_size;
        return home;
    }
    const int leading = dims[0] == 'B' ? 2 + (dims[2] == 'K') : dims[0] == 'H';
    if (ndim - leading == 2) {
        home.row = rest % n[ndim - 2];
        rest /= n[ndim - 2];
    }
    if (strchr(dims, 'K')) {
        home.piece = rest % n[2];
        rest /= n[2];
    }
    home.head = rest;
    return home;
}

static int is_in(const struct ttt_place *place, const struct home *home)
{
    switch (place->level) {
    case TTT_LEVEL_TENSOR:
        return 1;
    case TTT_LEVEL_HEAD:
        return place->head == home->head;
    case TTT_LEVEL_PIECE:
        return place->head == home->head && place->piece == home->piece;
    case TTT_LEVEL_ROW:
        return place->head == home->head && place->piece == home->piece && place->row == home->row;
    default:
        return place->head == home->head && place->piece == home->piece &&
               place->row == home->row / TTT_TILE * TTT_TILE && place->column == home->column / TTT_TILE * TTT_TILE;
    }
}

static int is_output(enum ttt_tensor t, const struct ttt_mlp_shape *shape)
{
    return t >= TTT_XQW && (t != TTT_GRAD_TOKEN_ETA || shape->causal);
}

/* Random values; now and then one that is not finite. */
static struct ttt_buffer values(enum ttt_dtype dtype, int64_t n, uint64_t seed)
{
    struct ttt_buffer b;
    ck_assert_int_eq(ttt_buffer_alloc(&b, dtype, n), 0);
    for (int64_t i = 0; i < n; i++) {
        const double x = ttt_rng_normal(seed, 1, (uint64_t)i);
        ttt_buffer_set(&b, i, x > 2.2 ? (double)INFINITY : x < -2.2 ? (double)NAN : x);
    }
    return b;
}

static double finite_or_0(double x)
{
    return isfinite(x) ? x : 0;
}

/* The sums of the elements of a place, by a loop over the whole tensor; how many there are in *count. */
static struct ttt_sums naive(enum ttt_tensor t, const struct ttt_mlp_shape *shape, const struct ttt_place *place,
                             const double *x, int64_t n, int64_t *count)
{
    struct ttt_sums sums = {0, 0, 0};
    *count = 0;
    for (int64_t i = 0; i < n; i++) {
        const struct home home = home_of(t, shape, i);
        if (!is_in(place, &home))
            continue;
        sums.square += x[i] * x[i];
        sums.sum += x[i];
        sums.max = fmax(sums.max, fabs(x[i]));
        ++*count;
    }
    return sums;
}

static void assert_sums(const struct ttt_groups *g, enum ttt_tensor t, const struct ttt_mlp_shape *shape,
                        const double *x, int64_t n)
{
    for (enum ttt_level level = 0; level < TTT_LEVEL_COUNT; level++) {
        int64_t covered = 0;
        for (int64_t i = 0; i < g->count[level]; i++) {
            const struct ttt_place place = ttt_groups_place(&g->geometry, level, i);
            int64_t count;
            const struct ttt_sums want = naive(t, shape, &place, x, n, &count), *have = &g->sums[level][i];
            ck_assert_int_eq(place.level, level);
            ck_assert_msg(count == place.elements && count > 0, "%s of %s: %d elements, not %d", ttt_level_name[level],
                          ttt_tensor_info[t].name, (int)count, (int)place.elements);
            ck_assert_double_eq_tol(have->square, want.square, 1e-12 * (1 + want.square));
            ck_assert_double_eq_tol(have->sum, want.sum, 1e-12 * (1 + want.square));
            ck_assert_double_eq(have->max, want.max);
            covered += count;
        }
        ck_assert_int_eq(covered, n); /* with the counts right, each element is in one group only */
    }
}

START_TEST(sums_are_those_of_a_naive_loop)
{
    const struct ttt_mlp_shape shape = shape_of(shapes[_i]);
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        if (!is_output(t, &shape))
            continue;
        const int64_t n = ttt_tensor_elements(t, &shape);
        static double x[16384];
        ck_assert_int_le(n, (int64_t)(sizeof x / sizeof x[0]));
        struct ttt_buffer k = values(TTT_BF16, n, 1), r = values(TTT_F64, n, 2);
        struct ttt_groups g;
        ck_assert_int_eq(ttt_groups_make(&g, t, &shape), 0);
        ttt_groups_add(&g, &k, &r);
        for (int64_t i = 0; i < n; i++)
            x[i] = finite_or_0(ttt_buffer_get(&k, i) - ttt_buffer_get(&r, i));
        assert_sums(&g, t, &shape, x, n);
        ttt_groups_free(&g);
        ck_assert_int_eq(ttt_groups_make(&g, t, &shape), 0);
        ttt_groups_add_values(&g, &r);
        for (int64_t i = 0; i < n; i++)
            x[i] = finite_or_0(ttt_buffer_get(&r, i));
        assert_sums(&g, t, &shape, x, n);
        ttt_groups_free(&g);
        ttt_buffer_free(&k);
        ttt_buffer_free(&r);
    }
}
END_TEST

START_TEST(geometry_of_each_kind)
{
    const struct ttt_mlp_shape s = shape_of("b2h3n20c8f5d7g2 causal=1");
    static const struct {
        enum ttt_tensor tensor;
        int64_t heads, pieces, rows, width, last_rows, last_width;
    } table[] = {
        {TTT_XQW, 6, 3, 8, 5, 4, 5},
        {TTT_GRAD_LAST_ETA, 6, 3, 1, 8, 1, 4},
        {TTT_W1_LAST, 6, 1, 5, 7, 5, 7},
        {TTT_W2_CHECKPOINTS, 6, 2, 7, 5, 7, 5},
        {TTT_B1_CHECKPOINTS, 6, 2, 1, 7, 1, 7},
        {TTT_GRAD_B2_INIT, 6, 1, 1, 5, 1, 5},
        {TTT_GRAD_NORM_BIAS, 3, 1, 1, 5, 1, 5},
        {TTT_GRAD_TOKEN_ETA, 1, 1, 1, 8, 1, 8},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct ttt_geometry g = ttt_geometry_of(table[i].tensor, &s);
        ck_assert_int_eq(g.heads, table[i].heads);
        ck_assert_int_eq(g.pieces, table[i].pieces);
        ck_assert_int_eq(g.rows, table[i].rows);
        ck_assert_int_eq(g.width, table[i].width);
        ck_assert_int_eq(g.last_rows, table[i].last_rows);
        ck_assert_int_eq(g.last_width, table[i].last_width);
    }
    const struct ttt_mlp_shape large_C = shape_of("b1h1n7c16f5d7g2");
    ck_assert_int_eq(ttt_geometry_of(TTT_XQW, &large_C).rows, 7);
    ck_assert_int_eq(ttt_geometry_of(TTT_XQW, &large_C).last_rows, 7);
    ck_assert_int_eq(ttt_geometry_of(TTT_GRAD_LAST_ETA, &large_C).width, 7);
}
END_TEST

START_TEST(rounding_is_that_of_the_spacing)
{
    const struct ttt_mlp_shape s = shape_of("b1h1n8c8f1d1g1");
    static double r[8] = {1, -1.5, 0, 3, 0x1p-133, 0x1p-140, INFINITY, 0x1p100};
    const struct ttt_buffer b = {.dtype = TTT_F64, .elements = 8, .data = r};
    static const double ulp[8] = {0x1p-7, 0x1p-7, 0, 0x1p-6, 0x1p-133, 0x1p-133, 0, 0x1p93};
    struct ttt_groups g;
    ck_assert_int_eq(ttt_groups_make(&g, TTT_XQW, &s), 0);
    ttt_groups_add_rounding(&g, &b, TTT_BF16);
    for (int i = 0; i < 8; i++)
        ck_assert_double_eq_tol(g.sums[TTT_LEVEL_ROW][i].max, ulp[i] / sqrt(12), 1e-15 * ulp[i] + 1e-300);
    ttt_groups_free(&g);
    ck_assert_int_eq(ttt_groups_make(&g, TTT_XQW, &s), 0);
    ttt_groups_add_rounding(&g, &b, TTT_F32);
    ck_assert_double_eq_tol(g.sums[TTT_LEVEL_ROW][0].max, 0x1p-23 / sqrt(12), 1e-22);
    ttt_groups_free(&g);
}
END_TEST

START_TEST(sums_add_up_over_calls)
{
    const struct ttt_mlp_shape s = shape_of("b1h2n20c8f8d12g2");
    const int64_t n = ttt_tensor_elements(TTT_XQW, &s);
    struct ttt_buffer k = values(TTT_F32, n, 3), r = values(TTT_F64, n, 4);
    struct ttt_groups once, twice;
    ck_assert_int_eq(ttt_groups_make(&once, TTT_XQW, &s), 0);
    ck_assert_int_eq(ttt_groups_make(&twice, TTT_XQW, &s), 0);
    ttt_groups_add(&once, &k, &r);
    ttt_groups_add(&twice, &k, &r);
    ttt_groups_add(&twice, &k, &r);
    for (enum ttt_level level = 0; level < TTT_LEVEL_COUNT; level++)
        for (int64_t i = 0; i < once.count[level]; i++) {
            ck_assert_double_eq_tol(twice.sums[level][i].square, 2 * once.sums[level][i].square, 1e-10);
            ck_assert_double_eq_tol(twice.sums[level][i].sum, 2 * once.sums[level][i].sum, 1e-10);
            ck_assert_double_eq(twice.sums[level][i].max, once.sums[level][i].max);
        }
    ttt_groups_free(&once);
    ttt_groups_free(&twice);
    ttt_groups_free(&twice);
    ttt_buffer_free(&k);
    ttt_buffer_free(&r);
}
END_TEST

START_TEST(threads_change_no_bit)
{
    const struct ttt_mlp_shape s = shape_of("b1h4n70c8f64d12g2");
    const int64_t n = ttt_tensor_elements(TTT_XQW, &s);
    ck_assert_int_ge(n, TTT_PARALLEL_ELEMENTS);
    struct ttt_buffer k = values(TTT_F32, n, 5), r = values(TTT_F64, n, 6);
    struct ttt_groups g[2];
    for (int i = 0; i < 2; i++) {
        omp_set_num_threads(i == 0 ? 1 : 3);
        ck_assert_int_eq(ttt_groups_make(&g[i], TTT_XQW, &s), 0);
        ttt_groups_add(&g[i], &k, &r);
    }
    for (enum ttt_level level = 0; level < TTT_LEVEL_COUNT; level++)
        ck_assert_mem_eq(g[0].sums[level], g[1].sums[level], (size_t)g[0].count[level] * sizeof(struct ttt_sums));
    for (int i = 0; i < 2; i++)
        ttt_groups_free(&g[i]);
    ttt_buffer_free(&k);
    ttt_buffer_free(&r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("groups");
    TCase *tests = tcase_create("groups");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, sums_are_those_of_a_naive_loop, 0, SHAPES);
    tcase_add_test(tests, geometry_of_each_kind);
    tcase_add_test(tests, rounding_is_that_of_the_spacing);
    tcase_add_test(tests, sums_add_up_over_calls);
    tcase_add_test(tests, threads_change_no_bit);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
