/* SPDX-License-Identifier: MIT */
#include "files.h"
#include "harness/text.h"
#include "run.h"
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

START_TEST(quote_keeps_printable_text)
{
    char out[32];
    ck_assert_str_eq(ttt_text_quote(out, sizeof out, "plain ~text!", 12), "plain ~text!");
    ck_assert_str_eq(ttt_text_quote(out, sizeof out, "plain", 3), "pla");
    ck_assert_str_eq(ttt_text_quote(out, sizeof out, "", 0), "");
}
END_TEST

START_TEST(quote_escapes_everything_else)
{
    char out[64];
    ck_assert_str_eq(ttt_text_quote(out, sizeof out, "a\n\x1b[31m\x7f\xff\0b", 11), "a\\x0a\\x1b[31m\\x7f\\xff\\x00b");
}
END_TEST

/* Whatever the room, the result is terminated, fits, and says by "..." that something is missing. */
START_TEST(quote_cuts_to_the_room)
{
    const char text[] = "ab\ncdefgh\n";
    for (size_t room = 4; room < 24; room++) {
        char out[32];
        memset(out, 'X', sizeof out);
        ttt_text_quote(out, room, text, sizeof text - 1);
        const size_t length = strlen(out);
        ck_assert_uint_lt(length, room);
        ck_assert_int_eq(out[room], 'X');
        const int whole = strcmp(out, "ab\\x0acdefgh\\x0a") == 0;
        ck_assert(whole || strcmp(out + length - 3, "...") == 0);
        ck_assert_int_eq(whole, room >= sizeof "ab\\x0acdefgh\\x0a");
    }
}
END_TEST

START_TEST(integers_are_digits_only)
{
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x10", "1e3", "1.0", "one", "1_000", "\xd9\xa1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t value = 77;
        ck_assert_msg(ttt_text_to_u64(bad[i], strlen(bad[i]), UINT64_MAX, &value) == -1, "'%s' was taken", bad[i]);
        ck_assert_uint_eq(value, 77);
    }
}
END_TEST

START_TEST(integers_reach_the_limit_and_no_further)
{
    static const struct {
        const char *text;
        uint64_t max;
        int result;
        uint64_t value;
    } cases[] = {
        {"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, -1, 0},
        {"99999999999999999999", UINT64_MAX, -1, 0},
        {"184467440737095516150", UINT64_MAX, -1, 0},
        {"9223372036854775807", INT64_MAX, 0, INT64_MAX},
        {"9223372036854775808", INT64_MAX, -1, 0},
        {"0", 0, 0, 0},
        {"1", 0, -1, 0},
        {"10", 9, -1, 0},
        {"9", 9, 0, 9},
        {"000000000000000000000000000000042", 100, 0, 42},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t value = 0;
        const int result = ttt_text_to_u64(cases[i].text, strlen(cases[i].text), cases[i].max, &value);
        ck_assert_msg(result == cases[i].result && value == cases[i].value, "'%s'", cases[i].text);
    }
}
END_TEST

START_TEST(numbers_are_decimal_finite_and_not_negative)
{
    static const char *const bad[] = {"",      "-1",  "-0",    "+1",     "nan",  "inf",   "infinity",   "0x1p-20",
                                      "1e999", "1e",  "e5",    "1e-999", ".",    "1..2",  "1e5.5",      " 1",
                                      "1 ",    "1,5", "1e-6x", "1e--6",  "1d-6", "1.0.0", "0.0001e-330"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value = 77;
        ck_assert_msg(ttt_text_to_double(bad[i], strlen(bad[i]), &value) == -1, "'%s' was taken as %g", bad[i], value);
        ck_assert_double_eq(value, 77);
    }
    char digits[200];
    memset(digits, '1', sizeof digits);
    double value;
    ck_assert_int_eq(ttt_text_to_double(digits, sizeof digits, &value), -1);
}
END_TEST

START_TEST(numbers_have_their_value)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {{"1e-6", 1e-6},     {"1E-06", 1e-6},
                {"0", 0},           {"0.0", 0},
                {"0e5", 0},         {".5", 0.5},
                {"5.", 5},          {"1e+3", 1000},
                {"007", 7},         {"4.9406564584124654e-324", 0x1p-1074},
                {"1e-310", 1e-310}, {"1.7976931348623157e308", DBL_MAX}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double value = -1;
        ck_assert_int_eq(ttt_text_to_double(good[i].text, strlen(good[i].text), &value), 0);
        ck_assert_double_eq(value, good[i].value);
    }
}
END_TEST

START_TEST(doubles_round_trip_in_their_shortest_form)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{1e-6, "1e-06"}, {0.1, "0.1"}, {0, "0"}, {1.0 / 3, "0.3333333333333333"}, {1e300, "1e+300"}};
    char text[TTT_TEXT_DOUBLE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ttt_text_from_double(text, cases[i].value);
        ck_assert_str_eq(text, cases[i].text);
    }
    const double hard[] = {
        DBL_MAX, DBL_MIN, 0x1p-1074, 1 + DBL_EPSILON, 5e-324, 123456789.123456789, 0x1.fffffffffffffp-1000};
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) {
        double back = -1;
        ttt_text_from_double(text, hard[i]);
        ck_assert_int_eq(ttt_text_to_double(text, strlen(text), &back), 0);
        ck_assert_double_eq(back, hard[i]);
    }
}
END_TEST

START_TEST(message_is_one_line_that_begins_with_the_path)
{
    char error[128];
    const struct ttt_message message = {"a\nb", error, sizeof error};
    ck_assert_int_eq(ttt_message_refuse(&message, "is %d", 7), -1);
    ck_assert_str_eq(error, "a\\x0ab: is 7");
    char small[8];
    const struct ttt_message cut = {"path", small, sizeof small};
    ttt_message_refuse(&cut, "something long");
    ck_assert_str_eq(small, "path: s");
}
END_TEST

/* Of any length, also that of the room that is taken at once; a directory and nothing are refused. */
START_TEST(a_file_is_read_whole)
{
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 300000};
    static char data[300000];
    size_t size;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 2654435761u >> 13);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        files_write(files_path("file"), data, sizes[i]);
        char *text = ttt_text_read(files_path("file"), &size);
        ck_assert_ptr_nonnull(text);
        ck_assert_uint_eq(size, sizes[i]);
        ck_assert_mem_eq(text, data, size);
        ck_assert_int_eq(text[size], 0);
        free(text);
    }
    ck_assert_ptr_null(ttt_text_read(files_path("missing"), &size));
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_ptr_null(ttt_text_read("/", &size));
    ck_assert_int_eq(errno, EISDIR);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *tests = tcase_create("text");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, quote_keeps_printable_text);
    tcase_add_test(tests, quote_escapes_everything_else);
    tcase_add_test(tests, quote_cuts_to_the_room);
    tcase_add_test(tests, integers_are_digits_only);
    tcase_add_test(tests, integers_reach_the_limit_and_no_further);
    tcase_add_test(tests, numbers_are_decimal_finite_and_not_negative);
    tcase_add_test(tests, numbers_have_their_value);
    tcase_add_test(tests, doubles_round_trip_in_their_shortest_form);
    tcase_add_test(tests, message_is_one_line_that_begins_with_the_path);
    tcase_add_checked_fixture(tests, files_setup, files_teardown);
    tcase_add_test(tests, a_file_is_read_whole);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
