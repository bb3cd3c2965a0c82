/* SPDX-License-Identifier: MIT
 *
 * Reports: the JSON object, JUnit XML, the table's lines, commands as text, and files that appear whole or not at all.
 */
#include "harness/command.h"
#include "harness/junit.h"
#include "harness/output.h"
#include "harness/report.h"
#include "harness/suite.h"
#include "harness/table.h"
#include "harness/verdict.h"
#include "run.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A result with one tensor whose element 37 is off by `error`. */
static void make_result(struct ttt_result *r, double error)
{
    static double truth[64], output[64];
    const struct ttt_buffer k = {.dtype = TTT_F64, .elements = 64, .data = output};
    const struct ttt_buffer t = {.dtype = TTT_F64, .elements = 64, .data = truth};
    char message[256];
    *r = (struct ttt_result){.candidate = "fake", .types = TTT_TYPES_F64, .directions = TTT_DIRECTION_BOTH};
    ck_assert_int_eq(ttt_case_parse("b1h2n8c3f4d5g1 eps=1e-6", &r->c, message, sizeof message), 0);
    for (int i = 0; i < 64; i++)
        truth[i] = output[i] = 1 + i;
    output[37] += error;
    r->inputs_hash = 0xABCDEF;
    r->tensor_count = 2;
    r->tensors[0].tensor = TTT_XQW;
    ttt_metrics_init(&r->tensors[0].metrics);
    ttt_metrics_add(&r->tensors[0].metrics, &k, &t, 0);
    ttt_verdict_tensor(&r->tensors[0], &(struct ttt_evidence){.types = r->types});
    r->tensors[1] = (struct ttt_tensor_result){.tensor = TTT_W1_LAST, .skipped = "not in the file"};
    ttt_result_check(r, "status");
    r->verdict = ttt_verdict_result(r);
    r->repeat = strdup("ttt-verify --case 'a<b>&\"c\"'");
    r->seconds = 0.5;
}

static struct ttt_summary summary_of(const struct ttt_result *r)
{
    struct ttt_summary s = {
        .command = "ttt-verify --quiet", .started = "2026-01-01T00:00:00Z", .results = r, .count = 1, .seconds = 2};
    s.by_verdict[r->verdict] = 1;
    return s;
}

typedef int writer(FILE *out, const struct ttt_summary *summary);

/* What a report writes, as a string to be freed. */
static char *written_by(writer *write, const struct ttt_summary *summary)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(write(out, summary), 0);
    ck_assert_int_eq(fclose(out), 0);
    return text;
}

static json_t *json_of(const struct ttt_summary *summary)
{
    char *text = written_by(ttt_report_write, summary);
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(root != NULL, "%s", error.text);
    free(text);
    return root;
}

START_TEST(json_has_what_it_promises)
{
    struct ttt_result r;
    make_result(&r, 0.5);
    const struct ttt_summary summary = summary_of(&r);
    json_t *root = json_of(&summary);
    static const char *const keys[] = {"schema",  "program", "command", "version", "revision",
                                       "machine", "started", "notice",  "cases",   "summary"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        ck_assert_msg(json_object_get(root, keys[i]) != NULL, "no key %s", keys[i]);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(root, "summary"), "FAIL")), 1);
    const json_t *c = json_array_get(json_object_get(root, "cases"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(c, "inputs_hash")), "0000000000abcdef");
    ck_assert_str_eq(json_string_value(json_object_get(c, "verdict")), "FAIL");
    ck_assert_str_eq(json_string_value(json_object_get(c, "direction")), "both");
    ck_assert_str_eq(json_string_value(json_object_get(c, "repeat")), r.repeat);
    ck_assert_ptr_null(json_object_get(c, "file"));
    const json_t *t = json_array_get(json_object_get(c, "tensors"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(t, "name")), "XQW");
    ck_assert_double_eq(json_real_value(json_object_get(t, "max_abs")), 0.5);
    ck_assert_str_eq(json_string_value(json_object_get(t, "worst")),
                     "[batch 0, head 1, mini-batch 0, row 1, column 1]");
    const json_t *gate = json_array_get(json_object_get(t, "gates"), 1);
    ck_assert_str_eq(json_string_value(json_object_get(gate, "verdict")), "FAIL");
    ck_assert_double_eq(json_real_value(json_object_get(gate, "bound")), 1e-12);
    t = json_array_get(json_object_get(c, "tensors"), 1);
    ck_assert_str_eq(json_string_value(json_object_get(t, "skipped")), "not in the file");
    json_decref(root);
    ttt_result_free(&r);
}
END_TEST

START_TEST(json_spells_what_is_not_finite)
{
    struct ttt_result r;
    make_result(&r, NAN);
    const struct ttt_summary summary = summary_of(&r);
    json_t *root = json_of(&summary);
    const json_t *t = json_array_get(json_object_get(json_array_get(json_object_get(root, "cases"), 0), "tensors"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(t, "rel_l2")), "nan");
    json_decref(root);
    ttt_result_free(&r);
}
END_TEST

START_TEST(json_holds_the_proof_of_the_gradients)
{
    static const struct ttt_gradproof proof = {
        .count = 2,
        .ratio = 3e-12,
        .rows = {{.input = TTT_XK, .found = {.checked = 12, .ratio = 2e-16, .slopes = 2, .slope = 2.01}},
                 {.input = TTT_TOKEN_ETA, .causal = 1, .found = {.ratio = 3e-12}, .verdict = TTT_FAIL}},
    };
    const struct ttt_summary summary = {.command = "ttt-verify --prove-gradients", .gradients = &proof};
    json_t *root = json_of(&summary);
    const json_t *section = json_object_get(root, "gradient_proof"), *rows = json_object_get(section, "rows");
    ck_assert_double_eq(json_real_value(json_object_get(section, "bound")), 1e-12);
    ck_assert_double_eq(json_real_value(json_object_get(section, "ratio")), 3e-12);
    ck_assert_uint_eq(json_array_size(rows), 2);
    const json_t *good = json_array_get(rows, 0), *bad = json_array_get(rows, 1);
    ck_assert_str_eq(json_string_value(json_object_get(good, "input")), "XK");
    ck_assert_str_eq(json_string_value(json_object_get(good, "form")), "non-causal");
    ck_assert_str_eq(json_string_value(json_object_get(good, "verdict")), "PASS");
    ck_assert_double_eq(json_real_value(json_object_get(good, "slope")), 2.01);
    ck_assert_str_eq(json_string_value(json_object_get(bad, "form")), "causal");
    ck_assert_str_eq(json_string_value(json_object_get(bad, "verdict")), "FAIL");
    ck_assert(json_is_null(json_object_get(bad, "slope")));
    json_decref(root);
}
END_TEST

START_TEST(json_survives_a_path_that_is_not_utf8)
{
    struct ttt_result r;
    make_result(&r, 0);
    r.file = strdup("dir/\xff\"file");
    const struct ttt_summary summary = summary_of(&r);
    json_t *root = json_of(&summary);
    const json_t *c = json_array_get(json_object_get(root, "cases"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(c, "file")), "dir/\\xff\"file");
    json_decref(root);
    ttt_result_free(&r);
}
END_TEST

START_TEST(junit_escapes_and_counts)
{
    struct ttt_result r;
    make_result(&r, 0.5);
    const struct ttt_summary summary = summary_of(&r);
    char *text = written_by(ttt_junit_write, &summary);
    ck_assert_ptr_nonnull(strstr(text, "tests=\"1\" failures=\"1\" errors=\"0\" skipped=\"0\""));
    ck_assert_ptr_nonnull(strstr(text, "'a&lt;b&gt;&amp;&quot;c&quot;'"));
    ck_assert_ptr_nonnull(strstr(text, "XQW: rel_l2"));
    ck_assert_ptr_null(strstr(text, "a<b>"));
    free(text);
    ttt_result_free(&r);
    make_result(&r, 0);
    r.verdict = TTT_SKIPPED;
    const struct ttt_summary skipped = summary_of(&r);
    text = written_by(ttt_junit_write, &skipped);
    ck_assert_ptr_nonnull(strstr(text, "<skipped/>"));
    ck_assert_ptr_null(strstr(text, "<failure"));
    free(text);
    ttt_result_free(&r);
}
END_TEST

/* JUnit knows neither verdict. */
START_TEST(junit_says_what_was_not_judged)
{
    struct ttt_result r;
    make_result(&r, 0);
    r.blind[TTT_XV] = r.blind[TTT_B1_INIT] = 1;
    r.one_mini_batch = 1;
    r.verdict = ttt_verdict_result(&r);
    ck_assert_int_eq(r.verdict, TTT_VACUOUS);
    struct ttt_summary summary = summary_of(&r);
    char *text = written_by(ttt_junit_write, &summary);
    ck_assert_ptr_nonnull(strstr(text, "tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"0\""));
    ck_assert_ptr_nonnull(strstr(text, "<system-out>VACUOUS for XV, b1_init (constant), and the updated state (one "
                                       "mini-batch)</system-out></testcase>"));
    free(text);
    r.tensors[0].ill_conditioned = 1;
    r.verdict = ttt_verdict_result(&r);
    ck_assert_int_eq(r.verdict, TTT_ILL_CONDITIONED);
    summary = summary_of(&r);
    text = written_by(ttt_junit_write, &summary);
    ck_assert_ptr_nonnull(strstr(text, "tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"1\""));
    ck_assert_ptr_nonnull(strstr(text,
                                 "<skipped message=\"ILL-CONDITIONED XQW: replicas of the contract disagree by more "
                                 "than half of it; VACUOUS for XV"));
    free(text);
    ttt_result_free(&r);
}
END_TEST

START_TEST(limits_are_lines_of_what_did_not_fail)
{
    struct ttt_result r;
    char line[TTT_TABLE_LINE];
    make_result(&r, 0);
    ck_assert(!ttt_table_limit(&r, 0, line));
    r.one_mini_batch = 1;
    r.verdict = ttt_verdict_result(&r);
    ck_assert(ttt_table_limit(&r, 0, line));
    ck_assert_str_eq(line, "VACUOUS for the updated state (one mini-batch)");
    ck_assert(!ttt_table_limit(&r, 1, line));
    r.verdict = TTT_FAIL;
    ck_assert(!ttt_table_limit(&r, 0, line));
    ttt_result_free(&r);
}
END_TEST

START_TEST(groups_have_places)
{
    struct ttt_case c;
    char error[256], place[TTT_DETAIL_TEXT];
    ck_assert_int_eq(ttt_case_parse("b2h3n10c4f5d7g1 eps=1e-6 causal=1", &c, error, sizeof error), 0);
    static const struct {
        enum ttt_tensor tensor;
        struct ttt_place place;
        const char *text;
    } table[] = {
        {TTT_XQW, {TTT_LEVEL_TENSOR, 0, 0, 0, 0, 300}, "[the whole tensor]"},
        {TTT_XQW, {TTT_LEVEL_HEAD, 4, 0, 0, 0, 50}, "[batch 1, head 1]"},
        {TTT_XQW, {TTT_LEVEL_PIECE, 4, 2, 0, 0, 10}, "[batch 1, head 1, mini-batch 2]"},
        {TTT_XQW, {TTT_LEVEL_ROW, 4, 2, 1, 0, 5}, "[batch 1, head 1, mini-batch 2, row 1]"},
        {TTT_GRAD_XK,
         {TTT_LEVEL_TILE, 4, 1, 0, 0, 20},
         "[batch 1, head 1, mini-batch 1, tile of rows 0 and columns 0 on]"},
        {TTT_W1_CHECKPOINTS, {TTT_LEVEL_PIECE, 5, 1, 0, 0, 35}, "[batch 1, head 2, checkpoint 1]"},
        {TTT_GRAD_W1_INIT, {TTT_LEVEL_ROW, 5, 0, 3, 0, 7}, "[batch 1, head 2, row 3]"},
        {TTT_GRAD_NORM_BIAS, {TTT_LEVEL_HEAD, 2, 0, 0, 0, 5}, "[head 2]"},
        {TTT_GRAD_TOKEN_ETA, {TTT_LEVEL_TENSOR, 0, 0, 0, 0, 4}, "[the whole tensor]"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        ttt_group_place(table[i].tensor, &c.shape, &table[i].place, place);
        ck_assert_str_eq(place, table[i].text);
    }
}
END_TEST

START_TEST(places_have_names)
{
    struct ttt_case c;
    char error[256], place[TTT_DETAIL_TEXT];
    ck_assert_int_eq(ttt_case_parse("b2h3n10c4f5d7g1 eps=1e-6 causal=1", &c, error, sizeof error), 0);
    static const struct {
        enum ttt_tensor tensor;
        int64_t index;
        const char *place;
    } table[] = {
        {TTT_XQW, 0, "[batch 0, head 0, mini-batch 0, row 0, column 0]"},
        {TTT_XQW, ((1 * 3 + 2) * 10 + 9) * 5 + 4, "[batch 1, head 2, mini-batch 2, row 1, column 4]"},
        {TTT_GRAD_LAST_ETA, (1 * 3 + 0) * 10 + 4, "[batch 1, head 0, mini-batch 1, row 0]"},
        {TTT_W1_CHECKPOINTS, ((1 * 3 + 2) * 3 + 1) * 35 + 2 * 7 + 6,
         "[batch 1, head 2, checkpoint 1, row 2, column 6]"},
        {TTT_GRAD_W2_INIT, 2 * 35 + 6 * 5 + 1, "[batch 0, head 2, row 6, column 1]"},
        {TTT_GRAD_B1_INIT, 8, "[batch 0, head 1, column 1]"},
        {TTT_GRAD_NORM_BIAS, 11, "[head 2, column 1]"},
        {TTT_GRAD_TOKEN_ETA, 3, "[row 3]"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        ttt_tensor_place(table[i].tensor, &c.shape, table[i].index, place);
        ck_assert_str_eq(place, table[i].place);
    }
}
END_TEST

START_TEST(worst_tensor_is_the_nearest_to_its_bound)
{
    struct ttt_result *r = calloc(1, sizeof *r);
    ck_assert_ptr_nonnull(r);
    ck_assert_ptr_null(ttt_result_worst(r));
    static const double ratio[] = {0.5, 0.9, 0.1};
    r->tensor_count = 3;
    for (int i = 0; i < 3; i++) {
        r->tensors[i].gate_count = 2;
        r->tensors[i].gates[1] = (struct ttt_gate){.value = ratio[i] * 1e-3, .bound = 1e-3};
    }
    ck_assert_ptr_eq(ttt_result_worst(r), &r->tensors[1]);
    r->tensors[2].gates[1].value = NAN;
    ck_assert_ptr_eq(ttt_result_worst(r), &r->tensors[2]);
    strcpy(r->tensors[2].skipped, "x");
    ck_assert_ptr_eq(ttt_result_worst(r), &r->tensors[1]);
    free(r);
}
END_TEST

START_TEST(commands_are_quoted_for_a_shell)
{
    const char *words[] = {"ttt-verify", "--case", "a b", "it's", "", "x=1e-6,y", "$HOME"};
    char *text = ttt_command_text(7, words);
    ck_assert_str_eq(text, "ttt-verify --case 'a b' 'it'\\''s' '' x=1e-6,y '$HOME'");
    free(text);
}
END_TEST

START_TEST(output_appears_whole_or_not_at_all)
{
    char directory[] = "/tmp/ttt-output-XXXXXX", path[64], temporary[80], error[256];
    struct ttt_output out;
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/report", directory);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    ck_assert_int_eq(ttt_output_open(&out, path, error, sizeof error), 0);
    fputs("half", out.stream);
    ttt_output_abandon(&out);
    ttt_output_abandon(&out);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_ne(access(temporary, F_OK), 0);
    ck_assert_int_eq(ttt_output_open(&out, path, error, sizeof error), 0);
    fputs("whole", out.stream);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_eq(ttt_output_commit(&out, error, sizeof error), 0);
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_assert_int_ne(access(temporary, F_OK), 0);
    ttt_output_abandon(&out);
    ck_assert_int_eq(access(path, F_OK), 0);
    unlink(path);
    ck_assert_int_eq(ttt_output_open(&out, directory, error, sizeof error), -1);
    ck_assert_ptr_nonnull(strstr(error, directory));
    rmdir(directory);
    ck_assert_int_eq(ttt_output_open(&out, path, error, sizeof error), -1);
    ck_assert_ptr_nonnull(strstr(error, path));
}
END_TEST

START_TEST(full_disk_is_an_error)
{
    struct ttt_output out;
    char error[256];
    ck_assert_int_eq(ttt_output_open(&out, "/dev/full", error, sizeof error), 0);
    fputs("text", out.stream);
    ck_assert_int_eq(ttt_output_commit(&out, error, sizeof error), -1);
    ck_assert_ptr_nonnull(strstr(error, "/dev/full"));
}
END_TEST

START_TEST(suites_hold_valid_cases)
{
    for (size_t s = 0; s < ttt_suite_count; s++) {
        size_t n = 0;
        const struct ttt_suite_entry *entry;
        for (; (entry = ttt_suite_entry_at(&ttt_suites[s], n)) != NULL; n++) {
            struct ttt_case c;
            char error[256];
            ck_assert_msg(ttt_case_parse(entry->text, &c, error, sizeof error) == 0, "%s", error);
            ck_assert(entry->directions >= TTT_DIRECTION_FORWARD && entry->directions <= TTT_DIRECTION_BOTH);
            ck_assert_str_ne(entry->reason, "");
            if (c.distribution == TTT_DIST_STRONG)
                ck_assert_int_le(ttt_shape_mini_batches(&c.shape), 4);
        }
        ck_assert_uint_eq(n, ttt_suites[s].count + (s > 0 ? ttt_suites[s - 1].count : 0) +
                                 (s > 1 ? ttt_suites[s - 2].count : 0));
        ck_assert_ptr_eq(ttt_suite_find(ttt_suites[s].name), &ttt_suites[s]);
    }
    ck_assert_ptr_null(ttt_suite_find("nonesuch"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("report");
    TCase *tests = tcase_create("report");
    tcase_add_test(tests, json_has_what_it_promises);
    tcase_add_test(tests, json_spells_what_is_not_finite);
    tcase_add_test(tests, json_holds_the_proof_of_the_gradients);
    tcase_add_test(tests, json_survives_a_path_that_is_not_utf8);
    tcase_add_test(tests, junit_escapes_and_counts);
    tcase_add_test(tests, junit_says_what_was_not_judged);
    tcase_add_test(tests, limits_are_lines_of_what_did_not_fail);
    tcase_add_test(tests, groups_have_places);
    tcase_add_test(tests, places_have_names);
    tcase_add_test(tests, worst_tensor_is_the_nearest_to_its_bound);
    tcase_add_test(tests, commands_are_quoted_for_a_shell);
    tcase_add_test(tests, output_appears_whole_or_not_at_all);
    tcase_add_test(tests, full_disk_is_an_error);
    tcase_add_test(tests, suites_hold_valid_cases);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
