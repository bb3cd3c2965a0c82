/* SPDX-License-Identifier: MIT
 *
 * Hostile arguments to what a program or a plug-in reaches through the harness: a status or a line, nothing touched.
 */
#include "harness/arguments.h"
#include "harness/candidates.h"
#include "harness/rng.h"
#include "harness/tensors.h"
#include "run.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EVERY                                                                                                          \
    (1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_UPSTREAM | 1u << TTT_ROLE_FORWARD_OUTPUT | 1u << TTT_ROLE_BACKWARD_OUTPUT)

/* AddressSanitizer's allocator, too, is to refuse what cannot be had instead of ending the program. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static uint64_t draw(uint64_t stream, uint64_t index)
{
    return ttt_rng_bits(7, stream, index) >> 8;
}

/* A shape with one to three members that no backend can serve. */
static struct ttt_mlp_shape hostile_shape(uint64_t round)
{
    static const int64_t sizes[] = {0, -1, INT64_MIN, INT64_MAX, INT64_MAX / 2};
    struct ttt_mlp_shape s = {1, 2, 9, 4, 8, 16, 2, 1e-6, (int)(round % 2)};
    int64_t *const members[] = {&s.batch, &s.heads, &s.seq_len, &s.mini_batch_size, &s.head_dim, &s.hidden_dim};
    for (uint64_t fault = 0; fault <= round % 3; fault++) {
        const uint64_t which = draw(1 + fault, round) % 8, how = draw(11 + fault, round);
        if (which < 6)
            *members[which] = sizes[how % 5];
        else if (which == 6)
            s.ln_eps = how % 3 == 0 ? -1 : how % 3 == 1 ? (double)NAN : (double)INFINITY;
        else
            s.causal = how % 2 ? 2 : -1;
    }
    return s;
}

/* Every built-in candidate, asked for shapes that do not exist, with the buffers of one that does. */
START_TEST(candidates_refuse_hostile_shapes)
{
    const struct ttt_candidate_call call = {.threads = 1};
    const struct ttt_candidate *candidate = ttt_candidate_builtin[_i];
    struct ttt_case c;
    struct ttt_tensors t;
    char error[512] = "";
    ck_assert_int_eq(ttt_case_parse("b1h2n9c4f8d16g2", &c, error, sizeof error), 0);
    ck_assert_int_eq(ttt_tensors_make(&t, &c, 0, c.shape.heads, candidate->types, EVERY, error, sizeof error), 0);
    for (uint64_t round = 0; round < 2000; round++) {
        const struct ttt_mlp_shape shape = hostile_shape(round);
        const struct ttt_mlp_forward_args forward = ttt_tensors_forward_args(&t);
        const struct ttt_mlp_backward_args backward = ttt_tensors_backward_args(&t);
        for (enum ttt_direction d = TTT_FORWARD; d <= TTT_BACKWARD; d++) {
            ck_assert_int_ne(candidate->supports(candidate->self, &shape, d), TTT_OK);
            ck_assert_uint_eq(candidate->workspace ? candidate->workspace(candidate->self, &shape, d, 1) : 0, 0);
        }
        ck_assert_int_ne(candidate->forward(candidate->self, &shape, &forward, &call), TTT_OK);
        ck_assert_int_ne(candidate->backward(candidate->self, &shape, &backward, &call), TTT_OK);
    }
    for (enum ttt_tensor i = TTT_XQW; i < TTT_TENSOR_COUNT; i++)
        ck_assert(!t.buffer[i].data || ttt_buffer_poison_left(&t.buffer[i]) == t.buffer[i].elements);
    ttt_tensors_free(&t);
}
END_TEST

/* A good shape, and pointers that are missing. */
START_TEST(candidates_refuse_missing_operands)
{
    const struct ttt_candidate_call call = {.threads = 1};
    const struct ttt_candidate *candidate = ttt_candidate_builtin[_i];
    const struct ttt_mlp_shape shape = {1, 2, 9, 4, 8, 16, 2, 1e-6, 0};
    const struct ttt_mlp_forward_args forward = {.XQ = NULL};
    const struct ttt_mlp_backward_args backward = {.XQ = NULL};
    ck_assert_int_ne(candidate->forward(candidate->self, &shape, &forward, &call), TTT_OK);
    ck_assert_int_ne(candidate->backward(candidate->self, &shape, &backward, &call), TTT_OK);
    ck_assert_int_ne(candidate->forward(candidate->self, &shape, NULL, &call), TTT_OK);
    ck_assert_int_ne(candidate->backward(candidate->self, NULL, &backward, &call), TTT_OK);
}
END_TEST

START_TEST(names_of_candidates_that_are_none)
{
    static char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    const char *const specs[] = {"",       " ",         "ref-f6", "ref-f64 ",       "/",    "./", ".so", ":",
                                 "./.so:", "/dev/null", "%s%n",   "/dev/null.so:x", longest};
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        struct ttt_opened opened = {.spec = "untouched"};
        char error[512] = "";
        ck_assert_int_eq(ttt_candidate_open_spec(specs[i], &opened, error, sizeof error), -1);
        ck_assert_msg(error[0] && !strchr(error, '\n'), "'%s'", error);
        ck_assert_str_eq(opened.spec, "untouched");
    }
}
END_TEST

/* Blocks of heads that a case does not have, and cases that are none. */
START_TEST(blocks_that_do_not_exist)
{
    static const int64_t values[] = {INT64_MIN, -1, 0, 1, 2, 3, INT64_MAX};
    struct ttt_case c;
    char error[512] = "";
    ck_assert_int_eq(ttt_case_parse("b1h2n9c4f8d16g2", &c, error, sizeof error), 0);
    for (size_t i = 0; i < 7; i++)
        for (size_t j = 0; j < 7; j++) {
            struct ttt_tensors t;
            const int good = values[i] >= 0 && values[j] >= 1 && values[i] <= 1 && values[j] <= 2 - values[i];
            const int got = ttt_tensors_alloc(&t, &c, values[i], values[j], TTT_TYPES_F32, EVERY, error, sizeof error);
            ck_assert_int_eq(got, good ? 0 : -1);
            ttt_tensors_free(&t);
        }
    for (uint64_t round = 0; round < 500; round++) {
        struct ttt_tensors t;
        c.shape = hostile_shape(round);
        c.shape.causal = 0; /* a case is read from text, where it is a digit */
        if (c.shape.batch == 1 && c.shape.heads == 2 && c.shape.seq_len == 9 && c.shape.mini_batch_size == 4 &&
            c.shape.head_dim == 8 && c.shape.hidden_dim == 16 && c.shape.ln_eps == 1e-6)
            continue;
        error[0] = '\0';
        ck_assert_int_eq(ttt_case_check(&c, error, sizeof error), -1);
        ck_assert(error[0] && !strchr(error, '\n'));
        ck_assert_int_eq(ttt_tensors_make(&t, &c, 0, 1, TTT_TYPES_F64, EVERY, error, sizeof error), -1);
        ttt_tensors_free(&t);
    }
}
END_TEST

START_TEST(numbers_that_are_none)
{
    static const char *const values[] = {"",    "-1",  "+1", " 1", "1 ", "0x1", "1e3", "18446744073709551616",
                                         "1.0", "\xff"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        uint64_t number = 42;
        unsigned directions = 42;
        struct ttt_case c = {.seed = 42};
        char error[512] = "";
        ck_assert_int_eq(ttt_argument_number("threads", values[i], 1, 100, &number, error, sizeof error), -1);
        ck_assert_int_eq(ttt_argument_directions(values[i], &directions, error, sizeof error), -1);
        ck_assert_int_eq(ttt_argument_case(values[i], &c, error, sizeof error), -1);
        ck_assert(number == 42 && directions == 42 && c.seed == 42);
        ck_assert(error[0] && !strchr(error, '\n'));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hostile");
    TCase *tc = tcase_create("arguments");
    tcase_add_loop_test(tc, candidates_refuse_hostile_shapes, 0, (int)ttt_candidate_builtin_count);
    tcase_add_loop_test(tc, candidates_refuse_missing_operands, 0, (int)ttt_candidate_builtin_count);
    tcase_add_test(tc, names_of_candidates_that_are_none);
    tcase_add_test(tc, blocks_that_do_not_exist);
    tcase_add_test(tc, numbers_that_are_none);
    tcase_set_timeout(tc, 120);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
