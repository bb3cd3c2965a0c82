/* SPDX-License-Identifier: MIT
 *
 * The gates, by errors and spreads made by hand.
 */
#include "harness/gates.h"
#include "run.h"
#include <math.h>

/* Four mini-batches of 8 rows in each of two heads; 64 to a row. */
static const char usual[] = "b1h2n32c8f64d8g1";
enum { F = 64, C = 8, NC = 4, HEAD = NC * C * F, REPLICAS = 8 };

/* An error k - r and what it is read against, of one tensor: truth 0, so that nothing rounds. */
struct bench {
    struct ttt_mlp_shape shape;
    struct ttt_groups error;
    struct ttt_cost cost;
    struct ttt_buffer x, zero;
    struct ttt_reading readings[TTT_GATES];
};

static void bench_open(struct bench *b, const char *text, enum ttt_tensor t)
{
    struct ttt_case c;
    char message[256];
    ck_assert_msg(ttt_case_parse(text, &c, message, sizeof message) == 0, "%s", message);
    *b = (struct bench){.shape = c.shape, .cost = {.replicas = REPLICAS, .scale = 1}};
    const int64_t n = ttt_tensor_elements(t, &c.shape);
    ck_assert_int_eq(ttt_groups_make(&b->error, t, &c.shape), 0);
    ck_assert_int_eq(ttt_groups_make(&b->cost.spread, t, &c.shape), 0);
    ck_assert_int_eq(ttt_groups_make(&b->cost.rounding, t, &c.shape), 0);
    ck_assert_int_eq(ttt_buffer_alloc(&b->x, TTT_F64, n), 0);
    ck_assert_int_eq(ttt_buffer_alloc(&b->zero, TTT_F64, n), 0);
    for (int64_t i = 0; i < n; i++)
        ttt_buffer_set(&b->zero, i, 0);
}

static void bench_close(struct bench *b)
{
    ttt_groups_free(&b->error);
    ttt_groups_free(&b->cost.spread);
    ttt_groups_free(&b->cost.rounding);
    ttt_buffer_free(&b->x);
    ttt_buffer_free(&b->zero);
}

/* x of elements [first, first + n), 0 elsewhere. */
static void fill(struct bench *b, int64_t first, int64_t n, double x)
{
    for (int64_t i = 0; i < b->x.elements; i++)
        ttt_buffer_set(&b->x, i, i >= first && i < first + n ? x : 0);
}

/* Every replica is off by x there. */
static void spread(struct bench *b, int64_t first, int64_t n, double x)
{
    fill(b, first, n, x);
    for (int i = 0; i < REPLICAS; i++)
        ttt_groups_add(&b->cost.spread, &b->x, &b->zero);
}

static void error(struct bench *b, int64_t first, int64_t n, double x)
{
    fill(b, first, n, x);
    ttt_groups_add(&b->error, &b->x, &b->zero);
}

static const struct ttt_reading *read_gate(struct bench *b, int gate)
{
    struct ttt_total total = {.elements = 0};
    ttt_gates_read(&b->error, &b->cost, b->readings);
    ttt_total_add(&total, &b->error, &b->cost);
    ttt_total_read(&total, b->cost.replicas, b->cost.scale, b->readings);
    return &b->readings[gate];
}

static void assert_value(struct bench *b, int gate, double value)
{
    const struct ttt_reading *reading = read_gate(b, gate);
    ck_assert_int_gt(reading->place.elements, 0);
    ck_assert_msg(fabs(reading->value - value) <= 1e-12 * value, "%s is %g, not %g", ttt_gate_name(gate),
                  reading->value, value);
}

START_TEST(errors_are_read_in_units_of_sigma)
{
    struct bench b;
    bench_open(&b, usual, TTT_XQW);
    spread(&b, 0, 2 * HEAD, 2);
    error(&b, 0, 2 * HEAD, -1);
    for (int level = 0; level < TTT_LEVEL_COUNT; level++) {
        assert_value(&b, TTT_GATE_G1 + level, 0.5);
        assert_value(&b, TTT_GATE_G3 + level, 0.5);
        ck_assert_int_eq(b.readings[TTT_GATE_G1 + level].place.level, level);
    }
    assert_value(&b, TTT_GATE_G2, 0.5);
    ck_assert_int_eq(b.readings[TTT_GATE_G2].place.level, TTT_LEVEL_ROW);
    bench_close(&b);
}
END_TEST

START_TEST(one_element_is_found)
{
    struct bench b;
    bench_open(&b, usual, TTT_XQW);
    spread(&b, 0, 2 * HEAD, 1);
    const int64_t at = HEAD + (2 * C + 5) * F + 33; /* head 1, mini-batch 2, row 5, column 33 */
    error(&b, at, 1, -7);
    assert_value(&b, TTT_GATE_G2, 7);
    const struct ttt_place row = b.readings[TTT_GATE_G2].place, tile = b.readings[TTT_GATE_G1 + TTT_LEVEL_TILE].place;
    ck_assert(row.head == 1 && row.piece == 2 && row.row == 5 && row.elements == F);
    ck_assert(tile.head == 1 && tile.piece == 2 && tile.row == 0 && tile.column == 32 && tile.elements == C * TTT_TILE);
    assert_value(&b, TTT_GATE_G1 + TTT_LEVEL_ROW, 7 / sqrt(F));
    assert_value(&b, TTT_GATE_G1 + TTT_LEVEL_TILE, 7 / sqrt(C * TTT_TILE));
    assert_value(&b, TTT_GATE_G1 + TTT_LEVEL_PIECE, 7 / sqrt(C * F));
    assert_value(&b, TTT_GATE_G1 + TTT_LEVEL_HEAD, 7 / sqrt(HEAD));
    assert_value(&b, TTT_GATE_G1, 7 / sqrt(2 * HEAD));
    assert_value(&b, TTT_GATE_G3 + TTT_LEVEL_ROW, 7.0 / F);
    assert_value(&b, TTT_GATE_G3, 7.0 / (2 * HEAD));
    bench_close(&b);
}
END_TEST

START_TEST(errors_of_both_signs_have_no_mean)
{
    struct bench b;
    bench_open(&b, usual, TTT_XQW);
    spread(&b, 0, 2 * HEAD, 1);
    for (int64_t i = 0; i < b.x.elements; i++)
        ttt_buffer_set(&b.x, i, i % 2 ? 1 : -1);
    ttt_groups_add(&b.error, &b.x, &b.zero);
    for (int level = 0; level < TTT_LEVEL_COUNT; level++) {
        assert_value(&b, TTT_GATE_G1 + level, 1);
        assert_value(&b, TTT_GATE_G3 + level, 0);
    }
    bench_close(&b);
}
END_TEST

START_TEST(nothing_over_nothing_is_no_error)
{
    struct bench b;
    bench_open(&b, usual, TTT_XQW);
    for (int gate = 0; gate < TTT_GATES; gate++)
        assert_value(&b, gate, 0);
    bench_close(&b);
}
END_TEST

START_TEST(error_where_nothing_may_err_is_infinite)
{
    struct bench b;
    bench_open(&b, usual, TTT_XQW);
    spread(&b, HEAD, HEAD, 1); /* of the other head */
    error(&b, 3, 1, 1e-30);
    for (int level = TTT_LEVEL_HEAD; level < TTT_LEVEL_COUNT; level++)
        ck_assert_double_eq(read_gate(&b, TTT_GATE_G1 + level)->value, (double)INFINITY);
    ck_assert_double_eq(read_gate(&b, TTT_GATE_G2)->value, (double)INFINITY);
    ck_assert_double_eq(read_gate(&b, TTT_GATE_G3 + TTT_LEVEL_HEAD)->value, (double)INFINITY);
    ck_assert_int_eq(read_gate(&b, TTT_GATE_G2)->place.head, 0);
    bench_close(&b);
}
END_TEST

START_TEST(sigma_of_a_row_is_at_least_that_of_its_piece)
{
    struct bench b;
    bench_open(&b, usual, TTT_XQW);
    spread(&b, 0, F, sqrt(C)); /* row 0 only: sigma of mini-batch 0 is 1 */
    error(&b, 3 * F, F, 3);
    assert_value(&b, TTT_GATE_G1 + TTT_LEVEL_ROW, 3);
    assert_value(&b, TTT_GATE_G2, 3);
    assert_value(&b, TTT_GATE_G1 + TTT_LEVEL_PIECE, 3 / sqrt(C));
    bench_close(&b);
    bench_open(&b, usual, TTT_XQW);
    spread(&b, 0, F, sqrt(C));
    error(&b, 0, F, 3);
    assert_value(&b, TTT_GATE_G1 + TTT_LEVEL_ROW, 3 / sqrt(C));
    assert_value(&b, TTT_GATE_G1 + TTT_LEVEL_TILE, 3 / sqrt(C));
    bench_close(&b);
}
END_TEST

START_TEST(rounding_of_the_output_is_added_in_quadrature)
{
    struct bench b;
    bench_open(&b, usual, TTT_XQW);
    spread(&b, 0, 2 * HEAD, 3);
    fill(&b, 0, 2 * HEAD, 4);
    ttt_groups_add(&b.cost.rounding, &b.x, &b.zero);
    error(&b, 0, 2 * HEAD, 10);
    assert_value(&b, TTT_GATE_G1 + TTT_LEVEL_TILE, 2);
    assert_value(&b, TTT_GATE_G1, 2);
    b.cost.scale = 0; /* scale is that of the operands' rounding, not of the output's */
    assert_value(&b, TTT_GATE_G1, 2.5);
    bench_close(&b);
}
END_TEST

START_TEST(float_candidates_are_read_against_float_arithmetic)
{
    struct bench b;
    ck_assert_double_eq(ttt_gates_scale(TTT_TYPES_BF16), 1);
    ck_assert_double_eq(ttt_gates_scale(TTT_TYPES_F32), 0x1p-16);
    bench_open(&b, usual, TTT_XQW);
    spread(&b, 0, 2 * HEAD, 1);
    error(&b, 0, 2 * HEAD, 0x1p-16);
    b.cost.scale = ttt_gates_scale(TTT_TYPES_F32);
    assert_value(&b, TTT_GATE_G1, 1);
    assert_value(&b, TTT_GATE_G2, 1);
    bench_close(&b);
}
END_TEST

START_TEST(small_groups_are_read_with_their_head)
{
    struct bench b;
    bench_open(&b, "b1h1n17c8f16d8g1", TTT_XQW); /* rows of 16; the last mini-batch has one */
    spread(&b, 0, 17 * 16, 1);
    error(&b, 16 * 16 + 3, 1, 5);
    ck_assert_int_eq(read_gate(&b, TTT_GATE_G1 + TTT_LEVEL_ROW)->place.elements, 0);
    assert_value(&b, TTT_GATE_G1 + TTT_LEVEL_PIECE, 0); /* not the last one */
    assert_value(&b, TTT_GATE_G1 + TTT_LEVEL_HEAD, 5 / sqrt(17 * 16));
    assert_value(&b, TTT_GATE_G2, 5);
    ck_assert_int_eq(b.readings[TTT_GATE_G2].place.level, TTT_LEVEL_HEAD);
    bench_close(&b);
    bench_open(&b, "b2h2n3c8f3d2g1", TTT_XQW); /* no head has 64 */
    spread(&b, 0, 36, 1);
    error(&b, 35, 1, 5);
    for (int gate = 0; gate < TTT_GATES; gate++)
        ck_assert_int_eq(read_gate(&b, gate)->place.elements,
                         gate == TTT_GATE_G1 || gate == TTT_GATE_G2 || gate == TTT_GATE_G3 ? 36 : 0);
    assert_value(&b, TTT_GATE_G2, 5);
    bench_close(&b);
}
END_TEST

START_TEST(groups_that_are_the_same_are_read_once)
{
    struct bench b;
    bench_open(&b, "b2h3n8c8f64d64g1", TTT_GRAD_NORM_WEIGHT);
    error(&b, 0, 3 * F, 1);
    for (int level = TTT_LEVEL_PIECE; level < TTT_LEVEL_COUNT; level++)
        ck_assert_int_eq(read_gate(&b, TTT_GATE_G1 + level)->place.elements, 0);
    ck_assert_int_eq(read_gate(&b, TTT_GATE_G1 + TTT_LEVEL_HEAD)->place.elements, F);
    ck_assert_int_eq(read_gate(&b, TTT_GATE_G2)->place.level, TTT_LEVEL_HEAD);
    bench_close(&b);
    bench_open(&b, "b1h2n128c64f64d64g1", TTT_GRAD_LAST_ETA);
    error(&b, 0, 256, 1);
    ck_assert_int_eq(read_gate(&b, TTT_GATE_G1 + TTT_LEVEL_PIECE)->place.elements, 64);
    ck_assert_int_eq(read_gate(&b, TTT_GATE_G1 + TTT_LEVEL_ROW)->place.elements, 0);
    ck_assert_int_eq(read_gate(&b, TTT_GATE_G2)->place.level, TTT_LEVEL_PIECE);
    bench_close(&b);
}
END_TEST

START_TEST(few_elements_weigh_less)
{
    ck_assert_double_eq(ttt_gate_weight(TTT_GATE_G1 + TTT_LEVEL_ROW, 64), 1);
    ck_assert_double_eq(ttt_gate_weight(TTT_GATE_G1, 16), 0.5);
    ck_assert_double_eq(ttt_gate_weight(TTT_GATE_G2, 1), 0.125);
    ck_assert_double_eq(ttt_gate_weight(TTT_GATE_G3, 64), 0.125);
    ck_assert_double_eq(ttt_gate_weight(TTT_GATE_G3 + TTT_LEVEL_TILE, 4096), 1);
    ck_assert_double_eq(ttt_gate_weight(TTT_GATE_G3, 1 << 20), 1);
    struct ttt_reading reading = {.value = 0};
    const struct ttt_reading few = {3, {.elements = 64}}, many = {1, {.elements = 4096}};
    ttt_reading_keep(&reading, TTT_GATE_G3, &few);
    ttt_reading_keep(&reading, TTT_GATE_G3, &many);
    ck_assert_double_eq(reading.value, 1);
    ttt_reading_keep(&reading, TTT_GATE_G3, &few);
    ck_assert_double_eq(reading.value, 1);
}
END_TEST

START_TEST(nan_stays)
{
    struct ttt_reading reading = {.value = 0};
    const struct ttt_reading nan = {(double)NAN, {.elements = 64}}, one = {1, {.elements = 64}},
                             infinite = {(double)INFINITY, {.elements = 64}}, nothing = {.value = 2};
    ttt_reading_keep(&reading, TTT_GATE_G2, &nothing);
    ck_assert_int_eq(reading.place.elements, 0);
    ttt_reading_keep(&reading, TTT_GATE_G2, &one);
    ttt_reading_keep(&reading, TTT_GATE_G2, &infinite);
    ck_assert_double_eq(reading.value, (double)INFINITY);
    ttt_reading_keep(&reading, TTT_GATE_G2, &nan);
    ttt_reading_keep(&reading, TTT_GATE_G2, &infinite);
    ck_assert_double_nan(reading.value);
    ck_assert_double_nan(ttt_gates_larger((double)NAN, 1));
    ck_assert_double_nan(ttt_gates_larger(1, (double)NAN));
    ck_assert_double_eq(ttt_gates_larger(1, 2), 2);
    ck_assert_double_eq(ttt_gates_larger(2, 1), 2);
    struct bench b; /* errors whose squares overflow are no number, and no pass */
    bench_open(&b, usual, TTT_XQW);
    spread(&b, 0, 2 * HEAD, 1e200);
    error(&b, 0, 2 * HEAD, 1e200);
    ck_assert_double_nan(read_gate(&b, TTT_GATE_G1)->value);
    ck_assert_double_nan(read_gate(&b, TTT_GATE_G1 + TTT_LEVEL_ROW)->value);
    bench_close(&b);
}
END_TEST

START_TEST(tensor_is_read_over_all_blocks)
{
    struct bench b;
    struct ttt_total total = {.elements = 0};
    struct ttt_reading readings[TTT_GATES] = {{.value = 0}};
    ttt_total_read(&total, REPLICAS, 1, readings);
    ck_assert_int_eq(readings[TTT_GATE_G1].place.elements, 0);
    bench_open(&b, usual, TTT_XQW);
    spread(&b, 0, 2 * HEAD, 1);
    error(&b, 0, HEAD, 4);
    ttt_total_add(&total, &b.error, &b.cost);
    ttt_total_add(&total, &b.error, &b.cost);
    ttt_total_read(&total, REPLICAS, 1, readings);
    ck_assert_int_eq(readings[TTT_GATE_G1].place.elements, 4 * HEAD);
    ck_assert_double_eq_tol(readings[TTT_GATE_G1].value, 4 / sqrt(2), 1e-12);
    ck_assert_double_eq_tol(readings[TTT_GATE_G3].value, 2, 1e-12);
    bench_close(&b);
}
END_TEST

START_TEST(disagreement_is_that_of_the_worst_head)
{
    struct bench b;
    struct ttt_groups values;
    bench_open(&b, usual, TTT_XQW);
    ck_assert_int_eq(ttt_groups_make(&values, TTT_XQW, &b.shape), 0);
    ck_assert_double_eq(ttt_gates_disagreement(&b.cost.spread, &values, REPLICAS), 0);
    fill(&b, 0, 2 * HEAD, 10);
    ttt_groups_add_values(&values, &b.x);
    spread(&b, HEAD, HEAD, 3);
    ck_assert_double_eq_tol(ttt_gates_disagreement(&b.cost.spread, &values, REPLICAS), 0.3, 1e-12);
    ttt_groups_free(&values);
    bench_close(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gates");
    TCase *tests = tcase_create("gates");
    tcase_add_test(tests, errors_are_read_in_units_of_sigma);
    tcase_add_test(tests, one_element_is_found);
    tcase_add_test(tests, errors_of_both_signs_have_no_mean);
    tcase_add_test(tests, nothing_over_nothing_is_no_error);
    tcase_add_test(tests, error_where_nothing_may_err_is_infinite);
    tcase_add_test(tests, sigma_of_a_row_is_at_least_that_of_its_piece);
    tcase_add_test(tests, rounding_of_the_output_is_added_in_quadrature);
    tcase_add_test(tests, float_candidates_are_read_against_float_arithmetic);
    tcase_add_test(tests, small_groups_are_read_with_their_head);
    tcase_add_test(tests, groups_that_are_the_same_are_read_once);
    tcase_add_test(tests, few_elements_weigh_less);
    tcase_add_test(tests, nan_stays);
    tcase_add_test(tests, tensor_is_read_over_all_blocks);
    tcase_add_test(tests, disagreement_is_that_of_the_worst_head);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
