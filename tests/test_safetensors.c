/* SPDX-License-Identifier: MIT
 *
 * The file format: what is read from a good file, and that nothing else gets in.
 */
#include "files.h"
#include "harness/rng.h"
#include "harness/safetensors.h"
#include "run.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Write a file of this header and `data` bytes 0, 1, 2 ...; its path. */
static const char *write_file(const char *header, size_t header_size, size_t data)
{
    const char *path = files_path("file");
    unsigned char *bytes = malloc(8 + header_size + data);
    ck_assert_ptr_nonnull(bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)header_size >> 8 * i);
    memcpy(bytes + 8, header, header_size);
    for (size_t i = 0; i < data; i++)
        bytes[8 + header_size + i] = (unsigned char)i;
    files_write(path, bytes, 8 + header_size + data);
    free(bytes);
    return path;
}

/* It must be refused with one line that begins with the path and contains `says`. */
static void assert_refused(const char *path, const char *says)
{
    char error[2048] = "";
    struct ttt_safetensors *s = ttt_safetensors_open(path, error, sizeof error);
    ck_assert_msg(s == NULL, "taken, though it should be refused with: %s", says);
    ck_assert_msg(strncmp(error, path, strlen(path)) == 0 && error[strlen(path)] == ':', "%s", error);
    ck_assert_msg(strstr(error, says) != NULL, "expected '%s' in: %s", says, error);
    for (const char *c = error; *c; c++)
        ck_assert_msg(*c >= 0x20 && *c < 0x7f, "unprintable byte %d in: %s", *c, error);
}

static struct ttt_safetensors *open_good(const char *path)
{
    char error[2048] = "";
    struct ttt_safetensors *s = ttt_safetensors_open(path, error, sizeof error);
    ck_assert_msg(s != NULL, "%s", error);
    return s;
}

START_TEST(good_file_is_read)
{
    static const char header[] = "{\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[8,32]},"
                                 "\"__metadata__\":{\"key\":\"value\",\"empty\":\"\"},"
                                 "\"a\":{\"data_offsets\":[0,8],\"shape\":[4],\"dtype\":\"BF16\"},"
                                 "\"none\":{\"dtype\":\"F64\",\"shape\":[3,0,5],\"data_offsets\":[32,32]},"
                                 "\"scalar\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[32,40]}}   ";
    struct ttt_safetensors *s = open_good(write_file(header, sizeof header - 1, 40));
    ck_assert_uint_eq(ttt_safetensors_count(s), 4);
    const char *const order[] = {"a", "b", "none", "scalar"};
    for (size_t i = 0; i < 4; i++)
        ck_assert_str_eq(ttt_safetensors_entry(s, i)->name, order[i]);
    ck_assert_ptr_null(ttt_safetensors_entry(s, 4));
    const struct ttt_safetensors_entry *b = ttt_safetensors_find(s, "b");
    ck_assert_ptr_nonnull(b);
    ck_assert_int_eq(b->dtype, TTT_F32);
    ck_assert_int_eq(b->ndim, 2);
    ck_assert(b->dims[0] == 2 && b->dims[1] == 3 && b->elements == 6 && b->begin == 8 && b->end == 32);
    ck_assert_int_eq(ttt_safetensors_find(s, "none")->elements, 0);
    ck_assert_int_eq(ttt_safetensors_find(s, "scalar")->elements, 1);
    ck_assert_ptr_null(ttt_safetensors_find(s, "__metadata__"));
    ck_assert_ptr_null(ttt_safetensors_find(s, "c"));
    ck_assert_str_eq(ttt_safetensors_metadata(s, "key"), "value");
    ck_assert_str_eq(ttt_safetensors_metadata(s, "empty"), "");
    ck_assert_ptr_null(ttt_safetensors_metadata(s, "other"));
    ttt_safetensors_close(s);
    ttt_safetensors_close(NULL);
}
END_TEST

START_TEST(elements_are_read_where_they_lie)
{
    static const char header[] = "{\"a\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[0,8]},"
                                 "\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[8,32]}}";
    struct ttt_safetensors *s = open_good(write_file(header, sizeof header - 1, 32));
    const struct ttt_safetensors_entry *b = ttt_safetensors_find(s, "b");
    unsigned char data[24];
    char error[512];
    for (int64_t first = 0; first <= 6; first++)
        for (int64_t count = 0; first + count <= 6; count++) {
            memset(data, 0xEE, sizeof data);
            ck_assert_int_eq(ttt_safetensors_read(s, b, first, count, data, error, sizeof error), 0);
            for (int64_t i = 0; i < 24; i++)
                ck_assert_int_eq(data[i], i < 4 * count ? 8 + 4 * first + i : 0xEE);
        }
    static const int64_t outside[][2] = {{-1, 1}, {0, 7}, {6, 1}, {7, 0}, {0, -1}, {INT64_MAX, 1}, {1, INT64_MAX}};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        ck_assert_int_eq(ttt_safetensors_read(s, b, outside[i][0], outside[i][1], data, error, sizeof error), -1);
        ck_assert_ptr_nonnull(strstr(error, "tensor 'b' has no "));
    }
    ttt_safetensors_close(s);
}
END_TEST

START_TEST(file_that_shrinks_is_told)
{
    static const char header[] = "{\"a\":{\"dtype\":\"F64\",\"shape\":[4],\"data_offsets\":[0,32]}}";
    const char *path = write_file(header, sizeof header - 1, 32);
    struct ttt_safetensors *s = open_good(path);
    ck_assert_int_eq(truncate(path, 8 + sizeof header - 1 + 20), 0);
    double data[4];
    char error[512];
    ck_assert_int_eq(ttt_safetensors_read(s, ttt_safetensors_find(s, "a"), 0, 4, data, error, sizeof error), -1);
    ck_assert_ptr_nonnull(strstr(error, "became shorter"));
    ttt_safetensors_close(s);
}
END_TEST

START_TEST(what_is_not_a_file_is_refused)
{
    assert_refused(files_path("absent"), "cannot be opened: No such file");
    assert_refused(files_path(""), "is not a regular file");
    assert_refused("/dev/null", "is not a regular file");
    const char *fifo = files_path("fifo"); /* must not wait for a writer */
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    assert_refused(fifo, "is not a regular file");
    assert_refused("", "cannot be opened");
}
END_TEST

START_TEST(control_characters_of_the_path_are_escaped)
{
    char error[512];
    ck_assert_ptr_null(ttt_safetensors_open("/nowhere/\x1b[31m\n", error, sizeof error));
    ck_assert_str_eq(error, "/nowhere/\\x1b[31m\\x0a: cannot be opened: No such file or directory");
}
END_TEST

START_TEST(header_size_is_checked)
{
    static const struct {
        size_t file;
        uint64_t header;
        const char *says;
    } bad[] = {{0, 0, "has 0 bytes, fewer than the 8"},
               {1, 0, "has 1 bytes"},
               {7, 0, "has 7 bytes"},
               {8, 0, "header size is 0 (allowed: 1 to 100000000)"},
               {100, 0, "header size is 0"},
               {8, 1, "header size is 1, beyond the end of the file (8 bytes)"},
               {100, 93, "header size is 93, beyond the end of the file (100 bytes)"},
               {100, 100000000, "header size is 100000000, beyond the end"},
               {100, 100000001, "is not a safetensors file: its header size is 100000001"},
               {100, UINT64_C(1) << 63, "its header size is 9223372036854775808"},
               {100, UINT64_MAX, "its header size is 18446744073709551615"},
               {100, UINT64_MAX - 7, "its header size is 18446744073709551608"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        unsigned char bytes[100] = {0};
        for (int b = 0; b < 8; b++)
            bytes[b] = (unsigned char)(bad[i].header >> 8 * b);
        const char *path = files_path("file");
        files_write(path, bytes, bad[i].file);
        assert_refused(path, bad[i].says);
    }
}
END_TEST

#define ENTRY(dtype, shape, offsets) "{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define A(dtype, shape, offsets)     "{\"A\":" ENTRY(dtype, shape, offsets) "}"
#define AB(a, b)                     "{\"A\":" ENTRY("\"BF16\"", "[4]", a) ",\"B\":" ENTRY("\"BF16\"", "[4]", b) "}"
#define OK_A                         "\"A\":" ENTRY("\"BF16\"", "[4]", "[0,8]")
#define META(m)                      "{\"__metadata__\":" m "," OK_A "}"

static const struct {
    const char *header;
    size_t data;
    const char *says;
} hostile[] = {
    /* not JSON, or not an object */
    {" {" OK_A "}", 8, "must begin with '{'"},
    {"[]", 0, "must begin with '{'"},
    {"null", 0, "must begin with '{'"},
    {"\"A\"", 0, "must begin with '{'"},
    {"{", 0, "not valid JSON"},
    {"{" OK_A, 8, "not valid JSON"},
    {"{" OK_A "}}", 8, "not valid JSON"},
    {"{" OK_A "} x", 8, "not valid JSON"},
    {"{" OK_A ",}", 8, "not valid JSON"},
    {"{'A':1}", 0, "not valid JSON"},
    {"{\"\xff\":1}", 0, "not valid JSON"},
    {"{\"\\u0000\":1}", 0, "not valid JSON"},
    {"{\"\\ud800\":1}", 0, "not valid JSON"},
    {"{\"A\n\":1}", 0, "not valid JSON"},
    {"{" OK_A "," OK_A "}", 8, "duplicate object key"},
    {"{\"A\":{\"dtype\":\"BF16\",\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,8]}}", 8, "duplicate object key"},
    {META("{\"batch\":\"1\",\"batch\":\"2\"}"), 8, "duplicate object key"},
    /* entries */
    {"{\"A\":1}", 0, "tensor 'A' is not an object"},
    {"{\"A\":null}", 0, "tensor 'A' is not an object"},
    {"{\"A\":[]}", 0, "tensor 'A' is not an object"},
    {"{\"A\":{}}", 0, "tensor 'A' has no dtype"},
    {"{\"A\":{\"dtype\":\"F32\",\"shape\":[]}}", 0, "tensor 'A' has no data_offsets"},
    {"{\"A\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "tensor 'A' has no shape"},
    {"{\"A\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[0,8],\"x\":1}}", 8, "tensor 'A' has an unknown key"},
    {"{\"A\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[0,8],\"A\":{\"A\":{}}}}", 8, "unknown key"},
    {"{\"\\u001b[31m\\n\":1}", 0, "tensor '\\x1b[31m\\x0a' is not an object"},
    {"{\"\xc3\xa9\":1}", 0, "tensor '\\xc3\\xa9' is not an object"},
    {"{\"\":1}", 0, "tensor '' is not an object"},
    /* dtype */
    {A("1", "[4]", "[0,8]"), 8, "tensor 'A': dtype is not a string (allowed: BF16, F32, F64)"},
    {A("null", "[4]", "[0,8]"), 8, "dtype is not a string"},
    {A("\"F16\"", "[4]", "[0,8]"), 8, "tensor 'A': dtype is 'F16' (allowed: BF16, F32, F64)"},
    {A("\"I64\"", "[1]", "[0,8]"), 8, "dtype is 'I64'"},
    {A("\"bf16\"", "[4]", "[0,8]"), 8, "dtype is 'bf16'"},
    {A("\"\"", "[4]", "[0,8]"), 8, "dtype is ''"},
    {A("\"F32 \"", "[2]", "[0,8]"), 8, "dtype is 'F32 '"},
    {A("\"\\n\\u0007\"", "[2]", "[0,8]"), 8, "dtype is '\\x0a\\x07'"},
    /* shape */
    {A("\"BF16\"", "4", "[0,8]"), 8, "tensor 'A': shape is not an array"},
    {A("\"BF16\"", "\"4\"", "[0,8]"), 8, "shape is not an array"},
    {A("\"BF16\"", "{}", "[0,8]"), 8, "shape is not an array"},
    {A("\"BF16\"", "[1,1,1,1,1,1,1,1,4]", "[0,8]"), 8, "at most 8 sizes"},
    {A("\"BF16\"", "[4.0]", "[0,8]"), 8, "tensor 'A': shape[0] is not an integer >= 0"},
    {A("\"BF16\"", "[2,\"2\"]", "[0,8]"), 8, "shape[1] is not an integer"},
    {A("\"BF16\"", "[null]", "[0,8]"), 8, "shape[0] is not an integer"},
    {A("\"BF16\"", "[[4]]", "[0,8]"), 8, "shape[0] is not an integer"},
    {A("\"BF16\"", "[-4]", "[0,8]"), 8, "shape[0] is not an integer >= 0"},
    {A("\"BF16\"", "[-2,-2]", "[0,8]"), 8, "shape[0] is not an integer >= 0"},
    {A("\"BF16\"", "[4e0]", "[0,8]"), 8, "shape[0] is not an integer"},
    {A("\"BF16\"", "[9223372036854775808]", "[0,8]"), 8, "not valid JSON"},
    {A("\"BF16\"", "[9223372036854775807]", "[0,8]"), 8, "tensor 'A': the product of its sizes overflows"},
    {A("\"BF16\"", "[4294967296,4294967296]", "[0,0]"), 0, "the product of its sizes overflows"},
    {A("\"F64\"", "[2305843009213693952]", "[0,0]"), 0, "the product of its sizes overflows"},
    {A("\"F64\"", "[4611686018427387904,4]", "[0,0]"), 0, "the product of its sizes overflows"},
    {A("\"F64\"", "[0,9223372036854775807,9223372036854775807]", "[0,8]"), 8,
     "span 8 bytes, its shape and dtype take 0"},
    /* data_offsets */
    {A("\"BF16\"", "[4]", "8"), 8, "tensor 'A': data_offsets is not an array of two integers"},
    {A("\"BF16\"", "[4]", "[]"), 8, "not an array of two integers"},
    {A("\"BF16\"", "[4]", "[0]"), 8, "not an array of two integers"},
    {A("\"BF16\"", "[4]", "[0,8,8]"), 8, "not an array of two integers"},
    {A("\"BF16\"", "[4]", "[0,8.0]"), 8, "not an array of two integers"},
    {A("\"BF16\"", "[4]", "[\"0\",8]"), 8, "not an array of two integers"},
    {A("\"BF16\"", "[4]", "[0,[8]]"), 8, "not an array of two integers"},
    {A("\"BF16\"", "[4]", "{\"0\":0,\"1\":8}"), 8, "not an array of two integers"},
    {A("\"BF16\"", "[4]", "[-8,0]"), 8, "tensor 'A': data_offsets are [-8, 0] (allowed: 0 <= begin <= end <= 8"},
    {A("\"BF16\"", "[4]", "[0,-8]"), 8, "data_offsets are [0, -8]"},
    {A("\"BF16\"", "[4]", "[8,0]"), 8, "data_offsets are [8, 0]"},
    {A("\"BF16\"", "[4]", "[0,16]"), 8, "data_offsets are [0, 16]"},
    {A("\"BF16\"", "[4]", "[1,9]"), 8, "data_offsets are [1, 9]"},
    {A("\"BF16\"", "[4]", "[-9223372036854775808,9223372036854775807]"), 8, "data_offsets are [-9223372036854775808"},
    {A("\"BF16\"", "[4]", "[0,18446744073709551616]"), 8, "not valid JSON"},
    {A("\"BF16\"", "[4]", "[0,7]"), 8, "tensor 'A': data_offsets span 7 bytes, its shape and dtype take 8"},
    {A("\"F32\"", "[4]", "[0,8]"), 8, "span 8 bytes, its shape and dtype take 16"},
    {A("\"BF16\"", "[1152921504606846975]", "[0,8]"), 8, "its shape and dtype take 2305843009213693950"},
    {A("\"BF16\"", "[4]", "[4,4]"), 8, "span 0 bytes"},
    /* coverage */
    {"{}", 1, "the last 1 bytes belong to no tensor"},
    {A("\"BF16\"", "[4]", "[0,8]"), 9, "the last 1 bytes belong to no tensor"},
    {A("\"BF16\"", "[4]", "[1,9]"), 9, "bytes 0 to 1 of the data, before tensor 'A', belong to no tensor"},
    {AB("[0,8]", "[0,8]"), 8, "overlap at byte 0"},
    {AB("[0,8]", "[4,12]"), 12, "tensors 'A' and 'B' overlap at byte 4"},
    {AB("[7,15]", "[0,8]"), 15, "tensors 'B' and 'A' overlap at byte 7"},
    {AB("[0,8]", "[10,18]"), 18, "bytes 8 to 10 of the data, before tensor 'B', belong to no tensor"},
    {AB("[10,18]", "[1,9]"), 18, "bytes 0 to 1 of the data, before tensor 'B'"},
    /* metadata */
    {META("1"), 8, "__metadata__ is not an object"},
    {META("[]"), 8, "__metadata__ is not an object"},
    {META("null"), 8, "__metadata__ is not an object"},
    {META("{\"batch\":1}"), 8, "__metadata__: the value of 'batch' is not a string"},
    {META("{\"x\":\"1\",\"batch\":null}"), 8, "the value of 'batch' is not a string"},
    {META("{\"\\t\":{}}"), 8, "the value of '\\x09' is not a string"},
};

START_TEST(hostile_header_is_refused)
{
    assert_refused(write_file(hostile[_i].header, strlen(hostile[_i].header), hostile[_i].data), hostile[_i].says);
}
END_TEST

START_TEST(raw_zero_bytes_are_refused)
{
    static const char after[] = "{" OK_A "}\0", inside[] = "{\"A\0\":1}";
    assert_refused(write_file(after, sizeof after - 1, 8), "not valid JSON");
    assert_refused(write_file(inside, sizeof inside - 1, 0), "not valid JSON");
}
END_TEST

/* `open` repeated, "0", `close` repeated: the parser must not run out of stack, in objects or in arrays. */
START_TEST(deep_nesting_is_refused)
{
    enum { DEPTH = 1000000 };
    static const char *const nests[][3] = {{"{\"A\":", "{\"A\":", "}"}, {"{\"A\":", "[", "]"}};
    for (int n = 0; n < 2; n++)
        for (size_t depth = 10; depth <= DEPTH; depth *= 10) {
            const size_t step = strlen(nests[n][1]), size = strlen(nests[n][0]) + depth * (step + 1) + 2;
            char *header = malloc(size), *at = header;
            ck_assert_ptr_nonnull(header);
            const size_t first = strlen(nests[n][0]);
            at = (char *)memcpy(at, nests[n][0], first) + first;
            for (size_t i = 0; i < depth; i++)
                at = (char *)memcpy(at, nests[n][1], step) + step;
            *at++ = '0';
            memset(at, nests[n][2][0], depth);
            at[depth] = '}';
            const int parsed = depth < 2000;
            assert_refused(write_file(header, size, 0), !parsed ? "maximum parsing depth"
                                                        : n     ? "not an object"
                                                                : "has no");
            free(header);
        }
}
END_TEST

START_TEST(very_long_names_are_cut)
{
    enum { LENGTH = 1 << 20 };
    char *header = malloc(LENGTH + 8);
    ck_assert_ptr_nonnull(header);
    memset(header, 'x', LENGTH + 8);
    memcpy(header, "{\"", 2);
    memcpy(header + LENGTH, "\":1}", 4);
    const char *path = write_file(header, LENGTH + 4, 0);
    assert_refused(path, "xxxxx...' is not an object");
    char error[2048];
    ck_assert_ptr_null(ttt_safetensors_open(path, error, sizeof error));
    ck_assert_uint_lt(strlen(error), 300);
    free(header);
}
END_TEST

static const char small[] = "{\"A\":{\"dtype\":\"BF16\",\"shape\":[2,2],\"data_offsets\":[0,8]},"
                            "\"B\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]},"
                            "\"__metadata__\":{\"batch\":\"1\"}}";

START_TEST(truncated_anywhere_is_refused)
{
    const char *path = write_file(small, sizeof small - 1, 12);
    size_t size;
    char *bytes = files_read(path, &size);
    ttt_safetensors_close(open_good(path));
    for (size_t n = 0; n < size; n++) {
        files_write(path, bytes, n);
        assert_refused(path, "");
    }
    free(bytes);
}
END_TEST

/* One to four random bytes of header and size changed: refused in one line, or a file that holds what it says. */
START_TEST(random_damage_does_no_harm)
{
    const char *path = write_file(small, sizeof small - 1, 12);
    size_t size;
    char *bytes = files_read(path, &size);
    int taken = 0;
    for (uint64_t i = 0; i < 2000; i++) {
        char *copy = malloc(size), error[1024] = "";
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, bytes, size);
        for (uint64_t change = 0; change <= ttt_rng_bits(1, 1, i) % 4; change++) {
            static const char likely[] = "0123456789-.eE[]{}\",:AB";
            const uint64_t r = ttt_rng_bits(1, 2 + change, i);
            copy[r % (8 + sizeof small - 1)] = r >> 60 ? likely[(r >> 32) % (sizeof likely - 1)] : (char)(r >> 40);
        }
        files_write(path, copy, size);
        free(copy);
        struct ttt_safetensors *s = ttt_safetensors_open(path, error, sizeof error);
        taken += s != NULL;
        if (!s && (error[0] == '\0' || strchr(error, '\n')))
            ck_abort_msg("change %d: '%s'", (int)i, error);
        for (size_t e = 0; s && e < ttt_safetensors_count(s); e++) {
            const struct ttt_safetensors_entry *entry = ttt_safetensors_entry(s, e);
            double data[8];
            if (ttt_safetensors_read(s, entry, 0, entry->elements, data, error, sizeof error))
                ck_abort_msg("%s", error);
        }
        ttt_safetensors_close(s);
    }
    ck_assert_int_gt(taken, 10);
    free(bytes);
}
END_TEST

START_TEST(error_may_be_cut_anywhere)
{
    const char *path = write_file("{\"A\":1}", 7, 0);
    for (size_t size = 1; size < 100; size += 7) {
        char *error = malloc(size);
        ck_assert_ptr_nonnull(error);
        ck_assert_ptr_null(ttt_safetensors_open(path, error, size));
        ck_assert_uint_lt(strlen(error), size);
        free(error);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *tests = tcase_create("safetensors");
    tcase_add_checked_fixture(tests, files_setup, files_teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, good_file_is_read);
    tcase_add_test(tests, elements_are_read_where_they_lie);
    tcase_add_test(tests, file_that_shrinks_is_told);
    tcase_add_test(tests, what_is_not_a_file_is_refused);
    tcase_add_test(tests, control_characters_of_the_path_are_escaped);
    tcase_add_test(tests, header_size_is_checked);
    tcase_add_loop_test(tests, hostile_header_is_refused, 0, (int)(sizeof hostile / sizeof *hostile));
    tcase_add_test(tests, raw_zero_bytes_are_refused);
    tcase_add_test(tests, deep_nesting_is_refused);
    tcase_add_test(tests, very_long_names_are_cut);
    tcase_add_test(tests, truncated_anywhere_is_refused);
    tcase_add_test(tests, random_damage_does_no_harm);
    tcase_add_test(tests, error_may_be_cut_anywhere);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
