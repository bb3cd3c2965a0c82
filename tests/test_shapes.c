/* SPDX-License-Identifier: MIT */
#include "harness/rng.h"
#include "harness/shapes.h"
#include "run.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int same(const struct ttt_case *a, const struct ttt_case *b)
{
    const struct ttt_mlp_shape *x = &a->shape, *y = &b->shape;
    return x->batch == y->batch && x->heads == y->heads && x->seq_len == y->seq_len &&
           x->mini_batch_size == y->mini_batch_size && x->head_dim == y->head_dim && x->hidden_dim == y->hidden_dim &&
           x->checkpoint_group_size == y->checkpoint_group_size &&
           memcmp(&x->ln_eps, &y->ln_eps, sizeof x->ln_eps) == 0 && x->causal == y->causal &&
           a->distribution == b->distribution && a->seed == b->seed && a->state_grads == b->state_grads;
}

static struct ttt_case parse(const char *text)
{
    struct ttt_case c;
    char error[1024] = "";
    const int result = ttt_case_parse(text, &c, error, sizeof error);
    ck_assert_msg(result == 0, "%s", error);
    return c;
}

START_TEST(sizes_and_defaults)
{
    const struct ttt_case c = parse("b2h3n192c64f32d96g4");
    const struct ttt_case expected = {.shape = {.batch = 2,
                                                .heads = 3,
                                                .seq_len = 192,
                                                .mini_batch_size = 64,
                                                .head_dim = 32,
                                                .hidden_dim = 96,
                                                .checkpoint_group_size = 4,
                                                .ln_eps = 1e-6,
                                                .causal = 0},
                                      .distribution = TTT_DIST_UNIT,
                                      .seed = 1,
                                      .state_grads = 1};
    ck_assert(same(&c, &expected));
}
END_TEST

START_TEST(keys_in_any_order)
{
    const struct ttt_case a = parse("b1h2n192c64f64d256g4 eps=1e-8 dist=model seed=7 causal=1 state_grads=0");
    const struct ttt_case b = parse("b1h2n192c64f64d256g4 state_grads=0 causal=1 seed=7 dist=model eps=0.00000001");
    ck_assert(same(&a, &b));
    ck_assert_double_eq(a.shape.ln_eps, 1e-8);
    ck_assert_int_eq(a.distribution, TTT_DIST_MODEL);
    ck_assert_uint_eq(a.seed, 7);
    ck_assert_int_eq(a.shape.causal, 1);
    ck_assert_int_eq(a.state_grads, 0);
}
END_TEST

START_TEST(limits_are_legal)
{
    ck_assert_double_eq(parse("b1h1n1c1f1d1g1 eps=0").shape.ln_eps, 0);
    ck_assert_uint_eq(parse("b1h1n1c1f1d1g1 seed=18446744073709551615").seed, UINT64_MAX);
    ck_assert_uint_eq(parse("b1h1n1c1f1d1g1 seed=0").seed, 0);
    ck_assert_int_eq(parse("b1h1n1c1f1d1g9223372036854775807").shape.checkpoint_group_size, INT64_MAX);
    ck_assert_int_eq(parse("b1h1n1c2147483647f1d1g1").shape.mini_batch_size, INT32_MAX);
    ck_assert_int_eq(parse("b1h1n288230376151711743c2147483647f1d1g2147483647").shape.seq_len, INT64_MAX / 32);
}
END_TEST

START_TEST(format_spells_every_key)
{
    char text[TTT_CASE_TEXT];
    const struct ttt_case c = parse("b1h2n3c4f5d6g7");
    ttt_case_format(&c, text);
    ck_assert_str_eq(text, "b1h2n3c4f5d6g7 eps=1e-06 dist=unit seed=1 causal=0 state_grads=1");
}
END_TEST

START_TEST(longest_text_fits)
{
    const struct ttt_case c = {.shape = {.batch = INT64_MAX,
                                         .heads = INT64_MAX,
                                         .seq_len = INT64_MAX,
                                         .mini_batch_size = INT64_MAX,
                                         .head_dim = INT64_MAX,
                                         .hidden_dim = INT64_MAX,
                                         .checkpoint_group_size = INT64_MAX,
                                         .ln_eps = 1.2345678901234568e-300,
                                         .causal = 1},
                               .distribution = TTT_DIST_STRONG,
                               .seed = UINT64_MAX,
                               .state_grads = 1};
    char text[TTT_CASE_TEXT];
    ttt_case_format(&c, text);
    ck_assert_ptr_nonnull(strstr(text, " eps=1.2345678901234568e-300 dist=strong seed=18446744073709551615 causal=1"));
    ck_assert_str_eq(text + strlen(text) - 14, " state_grads=1");
}
END_TEST

/* 20,000 random cases, any finite eps bit pattern among them, come back as they were. */
START_TEST(round_trip)
{
    uint64_t index = 0;
    for (int i = 0; i < 20000; i++) {
        struct ttt_case c = {0}, back;
        int64_t *const sizes[7] = {&c.shape.batch,
                                   &c.shape.heads,
                                   &c.shape.seq_len,
                                   &c.shape.mini_batch_size,
                                   &c.shape.head_dim,
                                   &c.shape.hidden_dim,
                                   &c.shape.checkpoint_group_size};
        for (int s = 0; s < 7; s++) {
            index++;
            *sizes[s] = 1 + (int64_t)(ttt_rng_bits(1, 1, index) >> (56 + ttt_rng_bits(1, 2, index) % 8));
        }
        c.seed = ttt_rng_bits(1, 3, index) >> ttt_rng_bits(1, 4, index) % 64;
        c.distribution = (enum ttt_distribution)(ttt_rng_bits(1, 5, index) % TTT_DIST_COUNT);
        c.shape.causal = (int)(ttt_rng_bits(1, 6, index) & 1);
        c.state_grads = (int)(ttt_rng_bits(1, 7, index) & 1);
        const uint64_t bits = ttt_rng_bits(1, 8, index) >> 1;
        memcpy(&c.shape.ln_eps, &bits, sizeof bits);
        if (!isfinite(c.shape.ln_eps))
            c.shape.ln_eps = 1e-8;
        char text[TTT_CASE_TEXT], error[1024] = "";
        ttt_case_format(&c, text);
        if (ttt_case_parse(text, &back, error, sizeof error) || !same(&c, &back))
            ck_abort_msg("'%s' came back otherwise; %s", text, error);
    }
}
END_TEST

/* What is wrong, and a piece of the message that says so. */
static const struct {
    const char *text, *says;
} malformed[] = {
    {"", "column 1: expected 'b'"},
    {" ", "column 1: expected 'b'"},
    {"\t", "'\\x09', column 1"},
    {" b1h1n1c1f1d1g1", "column 1: expected 'b'"},
    {"eps=1e-6", "column 1: expected 'b'"},
    {"h1n1c1f1d1g1", "column 1: expected 'b'"},
    {"b1n1c1f1d1g1", "column 3: expected 'h'"},
    {"b1h1c1f1d1g1", "column 5: expected 'n'"},
    {"b1h1n1f1d1g1", "column 7: expected 'c'"},
    {"b1h1n1c1d1g1", "column 9: expected 'f'"},
    {"b1h1n1c1f1g1", "column 11: expected 'd'"},
    {"b1h1n1c1f1d1", "column 13: expected 'g'"},
    {"h1b1n1c1f1d1g1", "column 1: expected 'b'"},
    {"B1h1n1c1f1d1g1", "column 1: expected 'b'"},
    {"b1 h1n1c1f1d1g1", "column 3: expected 'h'"},
    {"b1h1n1c1f1d1g", "column 14: size 'g'"},
    {"bh1n1c1f1d1g1", "column 2: size 'b'"},
    {"b0h1n1c1f1d1g1", "column 2: size 'b'"},
    {"b1h1n1c1f1d1g0", "size 'g' must be an integer 1 to"},
    {"b1h-1n1c1f1d1g1", "size 'h'"},
    {"b1h+1n1c1f1d1g1", "size 'h'"},
    {"b1h1.5n1c1f1d1g1", "column 5: expected 'n'"},
    {"b1h1n0x10c1f1d1g1", "size 'n'"},
    {"b1h1n9223372036854775808c1f1d1g1", "size 'n'"},
    {"b1h1n99999999999999999999999999c1f1d1g1", "size 'n'"},
    {"b1h1n1c1f1d1g1x", "column 15: expected a space or the end"},
    {"b1h1n1c1f1d1g1,eps=1", "column 15: expected a space or the end"},
    {"b1h1n1c1f1d1g1\n", "expected a space or the end"},
    {"b1h1n1c1f1d1g1\teps=1", "expected a space or the end"},
    {"b1h1n1c1f1d1g1 ", "one space between words"},
    {"b1h1n1c1f1d1g1  eps=1", "one space between words"},
    {"b1h1n1c1f1d1g1 eps=1 ", "one space between words"},
    {"b1h1n1c1f1d1g1 eps", "column 16: unknown key"},
    {"b1h1n1c1f1d1g1 =1", "unknown key"},
    {"b1h1n1c1f1d1g1 ep=1", "unknown key"},
    {"b1h1n1c1f1d1g1 epsx=1", "unknown key"},
    {"b1h1n1c1f1d1g1 EPS=1", "unknown key"},
    {"b1h1n1c1f1d1g1 threads=1", "unknown key (allowed: eps= dist= seed= causal= state_grads=)"},
    {"b1h1n1c1f1d1g1 eps=1 eps=1", "column 22: eps is given twice"},
    {"b1h1n1c1f1d1g1 seed=1 dist=unit seed=2", "seed is given twice"},
    {"b1h1n1c1f1d1g1 eps=", "eps must be a decimal number >= 0"},
    {"b1h1n1c1f1d1g1 eps=nan", "eps must be"},
    {"b1h1n1c1f1d1g1 eps=inf", "eps must be"},
    {"b1h1n1c1f1d1g1 eps=-1e-6", "eps must be"},
    {"b1h1n1c1f1d1g1 eps=-0", "eps must be"},
    {"b1h1n1c1f1d1g1 eps=0x1p-20", "eps must be"},
    {"b1h1n1c1f1d1g1 eps=1e999", "eps must be"},
    {"b1h1n1c1f1d1g1 eps=1e-999", "eps must be"},
    {"b1h1n1c1f1d1g1 eps=1e-6f", "eps must be"},
    {"b1h1n1c1f1d1g1 eps=1=1", "eps must be"},
    {"b1h1n1c1f1d1g1 dist=", "dist must be unit, model, strong or exact"},
    {"b1h1n1c1f1d1g1 dist=Unit", "dist must be"},
    {"b1h1n1c1f1d1g1 dist=uni", "dist must be"},
    {"b1h1n1c1f1d1g1 dist=units", "dist must be"},
    {"b1h1n1c1f1d1g1 seed=", "seed must be an integer 0 to 2^64 - 1"},
    {"b1h1n1c1f1d1g1 seed=-1", "seed must be"},
    {"b1h1n1c1f1d1g1 seed=1.0", "seed must be"},
    {"b1h1n1c1f1d1g1 seed=0x7", "seed must be"},
    {"b1h1n1c1f1d1g1 seed=18446744073709551616", "seed must be"},
    {"b1h1n1c1f1d1g1 causal=2", "causal must be 0 or 1"},
    {"b1h1n1c1f1d1g1 causal=", "causal must be"},
    {"b1h1n1c1f1d1g1 causal=01", "causal must be"},
    {"b1h1n1c1f1d1g1 causal=yes", "causal must be"},
    {"b1h1n1c1f1d1g1 causal=-1", "causal must be"},
    {"b1h1n1c1f1d1g1 state_grads=2", "state_grads must be 0 or 1"},
    {"b1h1n1c2147483648f1d1g1", "mini_batch_size is 2147483648 (allowed: 1 to 2147483647)"},
    {"b1h1n1c1f2147483648d1g1", "head_dim is 2147483648"},
    {"b1h1n1c1f1d2147483648g1", "hidden_dim is 2147483648"},
    {"b1h1n288230376151711744c1f1d1g1", "XQ would have more than 2^58 elements"},
    {"b9223372036854775807h2n1c1f1d1g1", "the sizes overflow: XQ"},
    {"b1h4294967296n4294967296c1f1d1g1", "the sizes overflow: XQ"},
    {"b1h1n1c1f2147483647d2147483647g1", "the sizes overflow: W1_init"},
    {"b1h1n4294967296c1f65536d65536g1", "the sizes overflow: W1_checkpoints"},
};

START_TEST(malformed_text_is_refused)
{
    struct ttt_case out, before;
    memset(&out, 0x5a, sizeof out);
    before = out;
    char error[1024] = "";
    const int result = ttt_case_parse(malformed[_i].text, &out, error, sizeof error);
    ck_assert_msg(result == -1, "'%s' was taken", malformed[_i].text);
    ck_assert_msg(strstr(error, malformed[_i].says), "'%s' gave: %s", malformed[_i].text, error);
    ck_assert_msg(strchr(error, '\n') == NULL, "%s", error);
    ck_assert_mem_eq(&out, &before, sizeof out);
}
END_TEST

START_TEST(very_long_text_is_refused_in_one_short_line)
{
    enum { LENGTH = 1000000 };
    char *text = malloc(LENGTH + 1), error[2048] = "";
    ck_assert_ptr_nonnull(text);
    struct ttt_case out;
    const char *const fill[] = {"b", "1", "b1h1n1c1f1d1g1 ", "\x01"};
    for (size_t f = 0; f < sizeof fill / sizeof *fill; f++) {
        const size_t period = strlen(fill[f]);
        for (size_t i = 0; i < LENGTH; i++)
            text[i] = fill[f][i % period];
        text[LENGTH] = '\0';
        ck_assert_int_eq(ttt_case_parse(text, &out, error, sizeof error), -1);
        ck_assert_uint_lt(strlen(error), 512);
    }
    memset(text, '0', LENGTH); /* a long spelling of 1 is still 1 */
    memcpy(text, "b", 1);
    memcpy(text + LENGTH - 13, "1h1n1c1f1d1g1", 13);
    ck_assert_int_eq(ttt_case_parse(text, &out, error, sizeof error), 0);
    ck_assert_int_eq(out.shape.batch, 1);
    free(text);
}
END_TEST

START_TEST(error_may_be_cut_anywhere)
{
    for (size_t size = 1; size < 64; size++) {
        char *error = malloc(size); /* exactly, so that a sanitizer sees one byte more */
        struct ttt_case out;
        ck_assert_ptr_nonnull(error);
        ck_assert_int_eq(ttt_case_parse("b1h1n1c1f1d1g1 eps=-1", &out, error, size), -1);
        ck_assert_uint_lt(strlen(error), size);
        free(error);
    }
}
END_TEST

START_TEST(check_refuses_what_cannot_be_spelled)
{
    const struct ttt_case good = parse("b1h1n1c1f1d1g1");
    char error[256];
    ck_assert_int_eq(ttt_case_check(&good, error, sizeof error), 0);
    const double eps[] = {-1e-6, HUGE_VAL, -HUGE_VAL, (double)NAN};
    for (size_t i = 0; i < sizeof eps / sizeof *eps; i++) {
        struct ttt_case bad = good;
        bad.shape.ln_eps = eps[i];
        ck_assert_int_eq(ttt_case_check(&bad, error, sizeof error), -1);
        ck_assert_ptr_nonnull(strstr(error, "ln_eps"));
    }
    const int64_t sizes[] = {0, -1, INT64_MIN};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct ttt_case bad = good;
        bad.shape.seq_len = sizes[i];
        ck_assert_int_eq(ttt_case_check(&bad, error, sizeof error), -1);
        ck_assert_ptr_nonnull(strstr(error, "seq_len"));
    }
}
END_TEST

START_TEST(mini_batches_and_checkpoints_round_up)
{
    static const struct {
        const char *text;
        int64_t mini_batches, checkpoints;
    } cases[] = {{"b1h1n1c1f1d1g1", 1, 1},
                 {"b1h1n64c64f1d1g1", 1, 1},
                 {"b1h1n65c64f1d1g1", 2, 2},
                 {"b1h1n65c64f1d1g2", 2, 1},
                 {"b1h1n10c3f1d1g3", 4, 2},
                 {"b1h1n5c16f1d1g100", 1, 1},
                 {"b1h1n12c3f1d1g2", 4, 2},
                 {"b1h1n13c3f1d1g2", 5, 3},
                 {"b1h1n288230376151711743c2147483647f1d1g9223372036854775807", 134217729, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct ttt_case c = parse(cases[i].text);
        ck_assert_int_eq(ttt_shape_mini_batches(&c.shape), cases[i].mini_batches);
        ck_assert_int_eq(ttt_shape_checkpoints(&c.shape), cases[i].checkpoints);
    }
}
END_TEST

START_TEST(distributions_are_found_by_their_whole_name)
{
    ck_assert_int_eq(ttt_distribution_find("unit", 4), TTT_DIST_UNIT);
    ck_assert_int_eq(ttt_distribution_find("model, and more", 5), TTT_DIST_MODEL);
    ck_assert_int_eq(ttt_distribution_find("strong", 6), TTT_DIST_STRONG);
    ck_assert_int_eq(ttt_distribution_find("strong", 5), TTT_DIST_NONE);
    ck_assert_int_eq(ttt_distribution_find("", 0), TTT_DIST_NONE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shapes");
    TCase *tests = tcase_create("shapes");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, sizes_and_defaults);
    tcase_add_test(tests, keys_in_any_order);
    tcase_add_test(tests, limits_are_legal);
    tcase_add_test(tests, format_spells_every_key);
    tcase_add_test(tests, longest_text_fits);
    tcase_add_test(tests, round_trip);
    tcase_add_loop_test(tests, malformed_text_is_refused, 0, (int)(sizeof malformed / sizeof *malformed));
    tcase_add_test(tests, very_long_text_is_refused_in_one_short_line);
    tcase_add_test(tests, error_may_be_cut_anywhere);
    tcase_add_test(tests, check_refuses_what_cannot_be_spelled);
    tcase_add_test(tests, mini_batches_and_checkpoints_round_up);
    tcase_add_test(tests, distributions_are_found_by_their_whole_name);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
