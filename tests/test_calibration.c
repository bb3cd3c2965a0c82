/* SPDX-License-Identifier: MIT
 *
 * The calibration table: what is looked up in it, and that a stale or edited one is refused.
 */
#include "harness/calibration.h"
#include "harness/suite.h"
#include "run.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ttt_calibration table;
enum { FLOAT, BFLOAT16 };

static struct ttt_case case_of(const char *text)
{
    struct ttt_case c;
    char error[256];
    ck_assert_msg(ttt_case_parse(text, &c, error, sizeof error) == 0, "%s", error);
    return c;
}

/* Readings of XQW: 1 for each gate, and twice that of `strong`. */
static void setup(void)
{
    memset(&table, 0, sizeof table);
    table.version = TTT_CALIBRATION_VERSION;
    table.gates = TTT_GATES;
    table.tensors = TTT_TENSOR_COUNT;
    for (int types = 0; types < TTT_CALIBRATED_TYPES; types++)
        for (int d = 0; d < TTT_DIST_COUNT; d++)
            for (int size = 0; size < TTT_CLASS_COUNT; size++) {
                struct ttt_calibration_cell *cell = &table.cells[types][d][size];
                cell->runs[TTT_XQW] = 1000;
                for (int gate = 0; gate < TTT_GATES; gate++) {
                    cell->margin[gate] = 1.5;
                    cell->most[TTT_XQW][gate] = d == TTT_DIST_STRONG ? 2 : 1;
                }
            }
    table.checksum = ttt_calibration_checksum(&table);
}

static double threshold(enum ttt_types types, const char *text, int any_distribution, enum ttt_tensor t, int gate)
{
    const struct ttt_case c = case_of(text);
    return ttt_calibration_threshold(&table, types, &c, any_distribution, t, gate, 4096);
}

START_TEST(classes_of_size)
{
    static const struct {
        const char *text;
        int size;
    } cases[] = {{"b1h1n1c64f16d1g1", TTT_CLASS_SHORT},      {"b1h1n256c64f16d1g1", TTT_CLASS_SHORT},
                 {"b1h1n257c64f16d1g1", TTT_CLASS_MEDIUM},   {"b1h1n1024c64f64d1g1", TTT_CLASS_MEDIUM},
                 {"b1h1n1025c64f64d1g1", TTT_CLASS_LONG},    {"b1h1n2048c64f64d1g1", TTT_CLASS_LONG},
                 {"b1h1n2049c64f64d1g1", TTT_CLASS_LONGEST}, {"b1h1n2049c64f15d1g1", TTT_CLASS_NARROW},
                 {"b1h1n1025c64f15d1g1", TTT_CLASS_NARROW},  {"b1h1n1c1f1d1g1", TTT_CLASS_NARROW}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct ttt_case c = case_of(cases[i].text);
        ck_assert_int_eq(ttt_class_of(&c.shape), cases[i].size);
    }
}
END_TEST

START_TEST(threshold_is_margin_times_the_largest_reading)
{
    for (int types = TTT_TYPES_F32; types <= TTT_TYPES_BF16; types++) {
        ck_assert_double_eq(threshold((enum ttt_types)types, "b1h1n64c64f64d64g1 dist=unit", 0, TTT_XQW, 0), 1.5);
        ck_assert_double_eq(threshold((enum ttt_types)types, "b1h1n64c64f64d64g1 dist=strong", 0, TTT_XQW, 0), 3);
    }
    table.cells[BFLOAT16][TTT_DIST_MODEL][TTT_CLASS_LONG].most[TTT_XQW][TTT_GATE_G2] = 8;
    ck_assert_double_eq(threshold(TTT_TYPES_BF16, "b1h1n1025c64f64d64g1 dist=model", 0, TTT_XQW, TTT_GATE_G2), 12);
    ck_assert_double_eq(threshold(TTT_TYPES_BF16, "b1h1n1024c64f64d64g1 dist=model", 0, TTT_XQW, TTT_GATE_G2), 1.5);
    ck_assert_double_eq(threshold(TTT_TYPES_F32, "b1h1n1025c64f64d64g1 dist=model", 0, TTT_XQW, TTT_GATE_G2), 1.5);
    table.cells[BFLOAT16][TTT_DIST_MODEL][TTT_CLASS_LONG].margin[TTT_GATE_G2] = 2;
    ck_assert_double_eq(threshold(TTT_TYPES_BF16, "b1h1n1025c64f64d64g1 dist=model", 0, TTT_XQW, TTT_GATE_G2), 16);
    ck_assert_double_eq(threshold(TTT_TYPES_F32, "b1h1n1025c64f64d64g1 dist=model", 0, TTT_XQW, TTT_GATE_G2), 1.5);
}
END_TEST

START_TEST(data_from_elsewhere_has_the_largest_of_all_distributions)
{
    ck_assert_double_eq(threshold(TTT_TYPES_BF16, "b1h1n64c64f64d64g1 dist=unit", 1, TTT_XQW, 0), 3);
    ck_assert_double_eq(threshold(TTT_TYPES_BF16, "b1h4n150c64f64d256g2 eps=0 dist=exact", 0, TTT_XQW, 0), 3);
    table.cells[BFLOAT16][TTT_DIST_STRONG][TTT_CLASS_SHORT].runs[TTT_XQW] = 0;
    ck_assert_double_eq(threshold(TTT_TYPES_BF16, "b1h1n64c64f64d64g1 dist=unit", 1, TTT_XQW, 0), 1.5);
}
END_TEST

START_TEST(without_runs_there_is_no_threshold)
{
    ck_assert_double_nan(threshold(TTT_TYPES_BF16, "b1h1n64c64f64d64g1", 0, TTT_W1_LAST, 0));
    ck_assert_double_nan(threshold(TTT_TYPES_F32, "b1h1n64c64f64d64g1", 1, TTT_W1_LAST, 0));
    table.cells[BFLOAT16][TTT_DIST_UNIT][TTT_CLASS_SHORT].runs[TTT_XQW] = 0;
    ck_assert_double_nan(threshold(TTT_TYPES_BF16, "b1h1n64c64f64d64g1 dist=unit", 0, TTT_XQW, 0));
}
END_TEST

START_TEST(a_gate_that_a_class_never_reads_has_the_threshold_of_the_others)
{
    struct ttt_calibration_cell *cells = table.cells[BFLOAT16][TTT_DIST_UNIT];
    cells[TTT_CLASS_NARROW].most[TTT_XQW][TTT_GATE_G1] = 0;
    cells[TTT_CLASS_LONG].most[TTT_XQW][TTT_GATE_G1] = 4;
    ck_assert_double_eq(threshold(TTT_TYPES_BF16, "b1h1n17c17f5d5g1 dist=unit", 0, TTT_XQW, TTT_GATE_G1), 6);
    ck_assert_double_eq(threshold(TTT_TYPES_BF16, "b1h1n64c64f64d64g1 dist=unit", 0, TTT_XQW, TTT_GATE_G1), 1.5);
}
END_TEST

/* A shape of no class: the largest of all classes and distributions; and a mean may be as large as the errors. */
START_TEST(a_shape_that_is_not_covered_has_the_largest_of_all)
{
    static const char *const not_covered[] = {
        "b1h1n64c64f64d63g1", "b1h1n64c64f64d513g1", "b1h1n64c64f129d256g1", "b1h1n80c65f64d64g1", "b1h1n64c8f64d64g1",
        "b1h1n8c64f64d64g1",  "b1h1n64c21f63d64g1",  "b1h1n64c16f2d8g1",     "b1h1n64c16f1d8g1",   "b1h1n64c16f8d49g1"};
    table.cells[BFLOAT16][TTT_DIST_MODEL][TTT_CLASS_LONG].most[TTT_XQW][TTT_GATE_G2] = 8;
    table.cells[BFLOAT16][TTT_DIST_MODEL][TTT_CLASS_LONG].most[TTT_XQW][TTT_GATE_G1 + TTT_LEVEL_ROW] = 6;
    for (size_t i = 0; i < sizeof not_covered / sizeof not_covered[0]; i++) {
        const struct ttt_case c = case_of(not_covered[i]);
        ck_assert_msg(!ttt_calibration_covers(TTT_TYPES_BF16, &c.shape), "%s", not_covered[i]);
        ck_assert_double_eq(threshold(TTT_TYPES_BF16, not_covered[i], 0, TTT_XQW, TTT_GATE_G2), 12);
        ck_assert_double_eq(threshold(TTT_TYPES_BF16, not_covered[i], 0, TTT_XQW, TTT_GATE_G3 + TTT_LEVEL_ROW), 9);
        ck_assert_double_eq(threshold(TTT_TYPES_F32, not_covered[i], 0, TTT_XQW, TTT_GATE_G2), 3);
        ck_assert_double_nan(threshold(TTT_TYPES_BF16, not_covered[i], 0, TTT_W1_LAST, 0));
    }
    ck_assert_double_eq(threshold(TTT_TYPES_BF16, "b1h1n64c64f64d64g1", 0, TTT_XQW, TTT_GATE_G2), 1.5);
}
END_TEST

/* Float's states read more the longer the sequence is: beyond the longest that was calibrated by the root of it. */
START_TEST(long_sequences_of_float_have_the_threshold_of_a_random_walk)
{
    static const char *const at = "b1h1n4608c16f64d64g1", *const narrow = "b1h1n304c16f8d8g1";
    static const char *const beyond[] = {"b1h1n4609c16f64d64g1", "b1h1n41472c16f64d64g1", "b1h1n305c16f8d8g1"};
    const double walk[] = {sqrt(289.0 / 288), 3, 1};
    table.cells[FLOAT][TTT_DIST_MODEL][TTT_CLASS_LONG].most[TTT_XQW][TTT_GATE_G1] = 8;
    ck_assert_double_eq(threshold(TTT_TYPES_F32, at, 0, TTT_XQW, TTT_GATE_G1), 1.5);
    ck_assert_double_eq(threshold(TTT_TYPES_F32, narrow, 0, TTT_XQW, TTT_GATE_G1), 1.5);
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
        const struct ttt_case c = case_of(beyond[i]);
        ck_assert(!ttt_calibration_covers(TTT_TYPES_F32, &c.shape));
        ck_assert(ttt_calibration_covers(TTT_TYPES_BF16, &c.shape));
        ck_assert_double_eq_tol(ttt_calibration_walk(TTT_TYPES_F32, &c.shape), walk[i], 1e-15);
        ck_assert_double_eq_tol(threshold(TTT_TYPES_F32, beyond[i], 0, TTT_XQW, TTT_GATE_G1), 12 * walk[i], 1e-13);
        ck_assert_double_eq_tol(threshold(TTT_TYPES_F32, beyond[i], 0, TTT_XQW, TTT_GATE_G3), 12 * walk[i], 1e-13);
        ck_assert_double_eq(threshold(TTT_TYPES_BF16, beyond[i], 0, TTT_XQW, TTT_GATE_G1), 1.5);
    }
}
END_TEST

/* All of the suites but every size 1 and seven tokens: no other verdict on them rests on the shapes of others. */
START_TEST(the_suites_are_covered)
{
    const struct ttt_suite *all = ttt_suite_find("release");
    for (size_t i = 0; ttt_suite_entry_at(all, i); i++) {
        const struct ttt_case c = case_of(ttt_suite_entry_at(all, i)->text);
        const int exact = c.distribution == TTT_DIST_EXACT, smallest = c.shape.seq_len < 9 && c.shape.head_dim != 8;
        ck_assert_msg(exact || ttt_calibration_covers(TTT_TYPES_BF16, &c.shape) == !smallest, "%s",
                      ttt_suite_entry_at(all, i)->text);
    }
}
END_TEST

/* So is every case that planted faults are judged on: what the judge can find does not rest on other shapes either. */
START_TEST(the_cases_of_the_mutants_are_covered)
{
    const char *srcdir = getenv("TTT_SRCDIR");
    char path[4096], line[1024];
    int cases = 0;
    snprintf(path, sizeof path, "%s/tests/mutants/cases.txt", srcdir ? srcdir : ".");
    FILE *in = fopen(path, "r");
    ck_assert_msg(in != NULL, "%s", path);
    while (fgets(line, sizeof line, in))
        for (char *text = strtok(line, ";\n"); text && line[0] != '#'; text = strtok(NULL, ";\n"), cases++) {
            text += strspn(text, " ");
            text[strlen(text) - (text[strlen(text) - 1] == ' ')] = '\0';
            const struct ttt_case c = case_of(text);
            ck_assert_msg(ttt_calibration_covers(TTT_TYPES_F32, &c.shape), "%s", text);
        }
    ck_assert_int_ge(cases, 11);
    fclose(in);
}
END_TEST

START_TEST(few_elements_have_a_wider_threshold)
{
    const struct ttt_case c = case_of("b1h1n64c64f64d64g1 dist=unit");
    ck_assert_double_eq(ttt_calibration_threshold(&table, TTT_TYPES_BF16, &c, 0, TTT_XQW, TTT_GATE_G1, 64), 1.5);
    ck_assert_double_eq(ttt_calibration_threshold(&table, TTT_TYPES_BF16, &c, 0, TTT_XQW, TTT_GATE_G1, 16), 3);
    ck_assert_double_eq(ttt_calibration_threshold(&table, TTT_TYPES_BF16, &c, 0, TTT_XQW, TTT_GATE_G3, 1024), 3);
}
END_TEST

/* 1 / 64 is what 4096 independent errors have. */
START_TEST(a_mean_of_errors_may_be_that_of_independent_ones)
{
    const int g3_row = TTT_GATE_G3 + TTT_LEVEL_ROW;
    table.cells[BFLOAT16][TTT_DIST_UNIT][TTT_CLASS_SHORT].most[TTT_XQW][g3_row] = 1e-9F;
    table.cells[FLOAT][TTT_DIST_UNIT][TTT_CLASS_SHORT].most[TTT_XQW][g3_row] = 1e-9F;
    table.cells[BFLOAT16][TTT_DIST_UNIT][TTT_CLASS_SHORT].most[TTT_XQW][TTT_GATE_G1] = 1e-9F;
    ck_assert_double_eq(threshold(TTT_TYPES_BF16, "b1h1n64c64f64d64g1 dist=unit", 0, TTT_XQW, g3_row), 1.5 / 64);
    ck_assert_double_eq(threshold(TTT_TYPES_F32, "b1h1n64c64f64d64g1 dist=unit", 0, TTT_XQW, g3_row), 1.5 / 64);
    ck_assert_double_lt(threshold(TTT_TYPES_BF16, "b1h1n64c64f64d64g1 dist=unit", 0, TTT_XQW, TTT_GATE_G1), 1e-8);
}
END_TEST

static void assert_refused(const char *what)
{
    char error[256] = "";
    ck_assert_int_eq(ttt_calibration_check(&table, error, sizeof error), -1);
    ck_assert_msg(strstr(error, what) != NULL, "'%s' does not say '%s'", error, what);
    ck_assert_ptr_nonnull(strstr(error, "make regen-calibration"));
    ck_assert_ptr_null(strchr(error, '\n'));
    setup();
}

START_TEST(edited_and_stale_tables_are_refused)
{
    char error[256] = "";
    ck_assert_int_eq(ttt_calibration_check(&table, error, sizeof error), 0);
    table.cells[BFLOAT16][TTT_DIST_UNIT][TTT_CLASS_SHORT].most[TTT_XQW][TTT_GATE_G1] *= 1.01F;
    assert_refused("edited");
    table.cells[FLOAT][TTT_DIST_STRONG][TTT_CLASS_LONG].runs[TTT_XQW]++;
    assert_refused("edited");
    table.cells[BFLOAT16][TTT_DIST_UNIT][TTT_CLASS_SHORT].margin[TTT_GATE_G2] = 2;
    assert_refused("edited");
    table.checksum ^= 1;
    assert_refused("edited");
    table.version++;
    assert_refused("stale");
    table.gates--;
    assert_refused("stale");
    table.tensors++;
    assert_refused("stale");
}
END_TEST

START_TEST(the_table_of_the_program_is_whole)
{
    char error[256] = "";
    ck_assert_msg(ttt_calibration_check(&ttt_calibration_table, error, sizeof error) == 0, "%s", error);
    table = ttt_calibration_table;
    table.cells[FLOAT][TTT_DIST_UNIT][TTT_CLASS_SHORT].most[TTT_XQW][TTT_GATE_G1] *= 1.01F;
    ck_assert_int_eq(ttt_calibration_check(&table, error, sizeof error), -1);
}
END_TEST

/* Every gate that a real layer is read by has been calibrated. */
START_TEST(real_layers_are_calibrated)
{
    static const char *const shapes[] = {"b2h2n192c64f64d256g2 causal=1", "b2h2n640c64f64d256g4 causal=1",
                                         "b2h2n2048c64f64d256g16 causal=1", "b2h2n4096c64f64d256g16 causal=1"};
    _Static_assert(sizeof shapes / sizeof shapes[0] == TTT_CLASS_NARROW,
                   "one of each class of size but the narrow one");
    for (int i = 0; i < TTT_CLASS_NARROW * TTT_DIST_COUNT; i++) {
        struct ttt_case c = case_of(shapes[i / TTT_DIST_COUNT]);
        c.distribution = (enum ttt_distribution)(i % TTT_DIST_COUNT);
        if (c.distribution == TTT_DIST_STRONG && ttt_class_of(&c.shape) != TTT_CLASS_SHORT)
            continue; /* too few of those can be judged */
        for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++) {
            struct ttt_groups none;
            struct ttt_reading readings[TTT_GATES];
            ck_assert_int_eq(ttt_groups_make(&none, t, &c.shape), 0);
            ttt_gates_read(&none, &(struct ttt_cost){.spread = none, .rounding = none, .replicas = 1}, readings);
            readings[TTT_GATE_G1].place.elements = readings[TTT_GATE_G3].place.elements = 64;
            for (int gate = 0; gate < TTT_GATES; gate++)
                for (int types = TTT_TYPES_F32; types <= TTT_TYPES_BF16; types++)
                    if (readings[gate].place.elements > 0 &&
                        (t != TTT_GRAD_TOKEN_ETA || gate == TTT_GATE_G1 || gate == TTT_GATE_G3))
                        ck_assert_msg(ttt_calibration_threshold(&ttt_calibration_table, (enum ttt_types)types, &c, 0, t,
                                                                gate, 4096) > 0,
                                      "%s of %s is not calibrated for %s %s", ttt_gate_name(gate),
                                      ttt_tensor_info[t].name, shapes[i / TTT_DIST_COUNT],
                                      ttt_distribution_name[c.distribution]);
            ttt_groups_free(&none);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("calibration");
    TCase *tests = tcase_create("calibration");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, classes_of_size);
    tcase_add_test(tests, threshold_is_margin_times_the_largest_reading);
    tcase_add_test(tests, data_from_elsewhere_has_the_largest_of_all_distributions);
    tcase_add_test(tests, without_runs_there_is_no_threshold);
    tcase_add_test(tests, a_gate_that_a_class_never_reads_has_the_threshold_of_the_others);
    tcase_add_test(tests, a_shape_that_is_not_covered_has_the_largest_of_all);
    tcase_add_test(tests, long_sequences_of_float_have_the_threshold_of_a_random_walk);
    tcase_add_test(tests, the_suites_are_covered);
    tcase_add_test(tests, the_cases_of_the_mutants_are_covered);
    tcase_add_test(tests, few_elements_have_a_wider_threshold);
    tcase_add_test(tests, a_mean_of_errors_may_be_that_of_independent_ones);
    tcase_add_test(tests, edited_and_stale_tables_are_refused);
    tcase_add_test(tests, the_table_of_the_program_is_whole);
    tcase_add_test(tests, real_layers_are_calibrated);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
