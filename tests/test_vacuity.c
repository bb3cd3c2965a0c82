/* SPDX-License-Identifier: MIT
 *
 * Data that cannot see an operand: which ones are said to be invisible, and that such a case is not a failure.
 */
#include "files.h"
#include "harness/candidates.h"
#include "harness/safetensors.h"
#include "harness/tier0.h"
#include "harness/vacuity.h"
#include "run.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static struct ttt_case case_of(const char *text)
{
    struct ttt_case c;
    char error[256];
    ck_assert_msg(ttt_case_parse(text, &c, error, sizeof error) == 0, "%s", error);
    return c;
}

static void make(struct ttt_tensors *t, const struct ttt_case *c, int64_t head0, int64_t heads, enum ttt_types types)
{
    char error[256];
    ck_assert_msg(ttt_tensors_make(t, c, head0, heads, types, ~0U, error, sizeof error) == 0, "%s", error);
}

static void set_all(struct ttt_tensors *t, enum ttt_tensor which, double x)
{
    for (int64_t i = 0; i < t->buffer[which].elements; i++)
        ttt_buffer_set(&t->buffer[which], i, x);
}

/* The blind tensors, and no others, are those of the list, which TTT_TENSOR_COUNT ends. */
static void assert_blind(const struct ttt_vacuity *v, const enum ttt_tensor *list)
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        int listed = 0;
        for (const enum ttt_tensor *i = list; *i != TTT_TENSOR_COUNT; i++)
            listed |= *i == t;
        ck_assert_msg(ttt_vacuity_blind(v, t) == listed, "%s", ttt_tensor_info[t].name);
    }
}

START_TEST(constant_inputs_are_blind)
{
    static const enum ttt_tensor none[] = {TTT_TENSOR_COUNT};
    static const enum ttt_tensor model[] = {TTT_NORM_WEIGHT, TTT_NORM_BIAS, TTT_B1_INIT, TTT_B2_INIT, TTT_TENSOR_COUNT};
    const char *text[] = {"b1h2n16c8f8d8g1 dist=unit causal=1", "b1h2n16c8f8d8g1 dist=model"};
    for (int i = 0; i < 2; i++) {
        const struct ttt_case c = case_of(text[i]);
        struct ttt_vacuity v = {.seen = {0}};
        struct ttt_tensors t;
        assert_blind(&v, none);
        make(&t, &c, 0, 2, TTT_TYPES_F64);
        ttt_vacuity_add(&v, &t);
        assert_blind(&v, i ? model : none);
        ttt_tensors_free(&t);
    }
}
END_TEST

START_TEST(all_blocks_count)
{
    static const enum ttt_tensor both[] = {TTT_XV, TTT_GRAD_W1_LAST, TTT_TENSOR_COUNT},
                                 one[] = {TTT_XV, TTT_TENSOR_COUNT};
    const struct ttt_case c = case_of("b2h2n16c8f8d8g1 dist=unit");
    struct ttt_vacuity v = {.seen = {0}};
    for (int64_t head = 0; head < 2; head++) {
        struct ttt_tensors t;
        make(&t, &c, head, 1, TTT_TYPES_F64);
        set_all(&t, TTT_XV, 1);
        set_all(&t, TTT_GRAD_W1_LAST, (double)head); /* each block's is constant */
        ttt_vacuity_add(&v, &t);
        assert_blind(&v, head == 0 ? both : one);
        ttt_tensors_free(&t);
    }
}
END_TEST

START_TEST(last_element_counts_and_nan_differs)
{
    static const enum ttt_tensor none[] = {TTT_TENSOR_COUNT};
    const struct ttt_case c = case_of("b1h1n16c8f8d8g1 dist=unit state_grads=0");
    struct ttt_vacuity v = {.seen = {0}};
    struct ttt_tensors t;
    make(&t, &c, 0, 1, TTT_TYPES_BF16);
    ck_assert_ptr_null(t.buffer[TTT_GRAD_W1_LAST].data); /* absent is not blind */
    set_all(&t, TTT_XV, 1);
    ttt_buffer_set(&t.buffer[TTT_XV], t.buffer[TTT_XV].elements - 1, 1.0078125);
    set_all(&t, TTT_XK, (double)NAN);
    ttt_vacuity_add(&v, &t);
    assert_blind(&v, none);
    ttt_tensors_free(&t);
}
END_TEST

/* The data of the public script: V = 1, norm weight 1, bias 0; outputs by ref-bf16 or, as a truth, ref-f64. */
static const char *write_public(const char *text, enum ttt_types types)
{
    const struct ttt_candidate *candidate = types == TTT_TYPES_BF16 ? &ttt_candidate_ref_bf16 : &ttt_candidate_ref_f64;
    const struct ttt_case c = case_of(text);
    const char *path = files_path("public.safetensors");
    struct ttt_tensors t;
    char error[512];
    make(&t, &c, 0, c.shape.heads, types);
    set_all(&t, TTT_XV, 1);
    set_all(&t, TTT_NORM_WEIGHT, 1);
    set_all(&t, TTT_NORM_BIAS, 0);
    for (int direction = TTT_FORWARD; direction <= TTT_BACKWARD; direction++) {
        const struct ttt_call call = {.candidate = candidate, .direction = (enum ttt_direction)direction, .threads = 1};
        ck_assert_int_eq(ttt_call_plain(&call, &t), TTT_OK);
    }
    ck_assert_msg(ttt_safetensors_write(path, &t, ~0U, error, sizeof error) == 0, "%s", error);
    ttt_tensors_free(&t);
    return path;
}

/* What ttt-verify says about the file; its exit status must be 0. */
static const char *verify(const char *option, const char *path)
{
    static char text[8192];
    const char *build = getenv("TTT_BUILDDIR");
    char command[1024];
    snprintf(command, sizeof command, "'%s/ttt-verify' --candidate ref-bf16 %s '%s'", build ? build : ".", option,
             path);
    if (strcmp(option, "--judge") == 0)
        snprintf(command, sizeof command, "'%s/ttt-verify' --judge '%s'", build ? build : ".", path);
    FILE *out = popen(command, "r");
    ck_assert_ptr_nonnull(out);
    text[fread(text, 1, sizeof text - 1, out)] = '\0';
    const int status = pclose(out);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: %s", command, text);
    return text;
}

START_TEST(public_data_is_vacuous)
{
    static const char *const options[] = {"--judge", "--vectors"};
    static const enum ttt_types types[] = {TTT_TYPES_BF16, TTT_TYPES_F64};
    const char *path = write_public("b1h2n64c16f16d64g2 eps=1e-6 dist=unit seed=2", types[_i]);
    const char *text = verify(options[_i], path);
    ck_assert_msg(strstr(text, "\nVACUOUS ") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "  VACUOUS for XV, ttt_norm_weight, ttt_norm_bias (constant)\n") != NULL, "%s", text);
    ck_assert_ptr_nonnull(strstr(text, "0 passed, 0 failed, 0 skipped, 1 vacuous, 0 ill-conditioned"));
    ck_assert_ptr_nonnull(strstr(text, "operands that no case could see: XV, ttt_norm_weight, ttt_norm_bias\n"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vacuity");
    TCase *tests = tcase_create("vacuity");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, files_setup, files_teardown);
    tcase_add_test(tests, constant_inputs_are_blind);
    tcase_add_test(tests, all_blocks_count);
    tcase_add_test(tests, last_element_counts_and_nan_differs);
    tcase_add_loop_test(tests, public_data_is_vacuous, 0, 2);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
