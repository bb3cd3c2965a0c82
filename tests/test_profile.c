/* SPDX-License-Identifier: MIT */
#include "harness/profile.h"
#include "run.h"
#include <math.h>
#include <string.h>

/* XQW of 40 heads (two batch entries), 3 mini-batches of 32 with a short tail, F = 48; a block has 4 heads of each. */
enum { HEADS = 20, BLOCK = 4 };
static const struct ttt_mlp_shape shape = {.batch = 2,
                                           .heads = BLOCK,
                                           .seq_len = 72,
                                           .mini_batch_size = 32,
                                           .head_dim = 48,
                                           .hidden_dim = 64,
                                           .checkpoint_group_size = 1};

/* One block whose truth is 1 everywhere: all errors are 0.5 where `k` says so, the replicas' always 0.25. */
static void add_block(struct ttt_profile *p, int64_t head0, int wrong_head, int wrong_piece)
{
    const int64_t head = 72 * 48, n = shape.batch * BLOCK * head;
    struct ttt_groups error, values;
    struct ttt_cost cost = {.replicas = 1, .scale = 1};
    struct ttt_buffer k, r, s;
    ck_assert_int_eq(
        ttt_buffer_alloc(&k, TTT_F64, n) + ttt_buffer_alloc(&r, TTT_F64, n) + ttt_buffer_alloc(&s, TTT_F64, n), 0);
    for (int64_t i = 0; i < n; i++) {
        const int64_t in_block = i / head, of_case = in_block / BLOCK * HEADS + head0 + in_block % BLOCK;
        ttt_buffer_set(&r, i, 1);
        ttt_buffer_set(&s, i, 1.25);
        ttt_buffer_set(&k, i, of_case == wrong_head && i % head / 48 / 32 == wrong_piece ? 1.5 : 1);
    }
    ck_assert_int_eq(ttt_groups_make(&error, TTT_XQW, &shape) + ttt_groups_make(&values, TTT_XQW, &shape) +
                         ttt_groups_make(&cost.spread, TTT_XQW, &shape) +
                         ttt_groups_make(&cost.rounding, TTT_XQW, &shape),
                     0);
    ttt_groups_add(&error, &k, &r);
    ttt_groups_add(&cost.spread, &s, &r);
    ttt_groups_add_values(&values, &r);
    ttt_profile_add(p, &error, &cost, &values, &(struct ttt_part){head0, BLOCK, HEADS});
    ttt_groups_free(&error);
    ttt_groups_free(&values);
    ttt_groups_free(&cost.spread);
    ttt_groups_free(&cost.rounding);
    ttt_buffer_free(&k);
    ttt_buffer_free(&r);
    ttt_buffer_free(&s);
}

static struct ttt_profile profile_of(int wrong_head, int wrong_piece)
{
    static struct ttt_profile p;
    memset(&p, 0, sizeof p);
    for (int64_t head0 = 0; head0 < HEADS; head0 += BLOCK)
        add_block(&p, head0, wrong_head, wrong_piece);
    return p;
}

/* 40 heads share 16 rows; a fault is in the row of its head, the column of its mini-batch, and nowhere else. */
START_TEST(a_fault_is_where_it_is)
{
    const int head = _i;
    const struct ttt_profile p = profile_of(head, 1);
    struct ttt_map map;
    ttt_profile_map_heads(&p, &map);
    ck_assert_int_eq(map.rows, TTT_PROFILE_HEADS);
    ck_assert_int_eq(map.columns, 3);
    ck_assert_int_eq(map.height, 40);
    ck_assert_int_eq(map.width, 3);
    for (int i = 0; i < map.rows * map.columns; i++)
        ck_assert_int_eq(map.values[i] > 0, i == head * TTT_PROFILE_HEADS / 40 * 3 + 1);
    ck_assert_int_eq(ttt_profile_columns(&p), 3);
    ck_assert(p.along[0].error == 0 && p.along[1].error == 0.25 * 32 * 48 && p.along[2].error == 0);
    ck_assert(p.along[1].truth == 40.0 * 32 * 48 && p.along[2].truth == 40.0 * 8 * 48);
}
END_TEST

/* Every element of one head and mini-batch is off by twice the cost: the tiles of the piece show a part of that each.
 */
START_TEST(tiles_fold_all_pieces)
{
    const struct ttt_profile p = profile_of(7, 0);
    struct ttt_map map;
    ttt_profile_map_tile(&p, &map);
    ck_assert_int_eq(map.rows, 2);
    ck_assert_int_eq(map.columns, 3);
    ck_assert_int_eq(map.height, 32);
    ck_assert_int_eq(map.width, 48);
    for (int column = 0; column < 3; column++) {
        /* the first rows of tiles has the tail's 8 rows, too */
        ck_assert_double_eq_tol((double)map.values[column], 2 * sqrt(16 / (40.0 * (16 + 16 + 8))), 1e-6);
        ck_assert_double_eq_tol((double)map.values[3 + column], 2 * sqrt(16 / (40.0 * (16 + 16))), 1e-6);
    }
}
END_TEST

START_TEST(nothing_has_no_cells)
{
    const struct ttt_profile p = {.heads = 0};
    struct ttt_map map;
    ttt_profile_map_heads(&p, &map);
    ck_assert_int_eq(map.rows * map.columns, 0);
    ck_assert_int_eq(ttt_profile_columns(&p), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("profile");
    TCase *tests = tcase_create("profile");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_fault_is_where_it_is, 0, 40);
    tcase_add_test(tests, tiles_fold_all_pieces);
    tcase_add_test(tests, nothing_has_no_cells);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
