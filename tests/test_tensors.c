/* SPDX-License-Identifier: MIT */
#include "harness/distributions.h"
#include "harness/rng.h"
#include "harness/tensors.h"
#include "run.h"
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum {
    INPUTS = 1 << TTT_ROLE_INPUT,
    UPSTREAM = 1 << TTT_ROLE_UPSTREAM,
    FORWARD_OUTPUTS = 1 << TTT_ROLE_FORWARD_OUTPUT,
    BACKWARD_OUTPUTS = 1 << TTT_ROLE_BACKWARD_OUTPUT,
    EVERYTHING = INPUTS | UPSTREAM | FORWARD_OUTPUTS | BACKWARD_OUTPUTS
};

/* AddressSanitizer's allocator, too, is to refuse what cannot be had instead of ending the program. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static struct ttt_case parse(const char *text)
{
    struct ttt_case c;
    char error[1024] = "";
    const int result = ttt_case_parse(text, &c, error, sizeof error);
    ck_assert_msg(result == 0, "%s", error);
    return c;
}

static void make(struct ttt_tensors *t, const struct ttt_case *c, int64_t head0, int64_t heads, enum ttt_types types,
                 unsigned roles)
{
    char error[512] = "";
    const int result = ttt_tensors_make(t, c, head0, heads, types, roles, error, sizeof error);
    ck_assert_msg(result == 0, "%s", error);
}

/* The table against the contract, written down a second time. */
static const struct {
    const char *name, *dims;
    enum ttt_role role;
    int token;
} contract[] = {
    {"XQ", "BHNF", TTT_ROLE_INPUT, 1},
    {"XK", "BHNF", TTT_ROLE_INPUT, 1},
    {"XV", "BHNF", TTT_ROLE_INPUT, 1},
    {"last_eta", "BHN", TTT_ROLE_INPUT, 1},
    {"token_eta", "C", TTT_ROLE_INPUT, 0},
    {"ttt_norm_weight", "HF", TTT_ROLE_INPUT, 0},
    {"ttt_norm_bias", "HF", TTT_ROLE_INPUT, 0},
    {"W1_init", "BHFD", TTT_ROLE_INPUT, 0},
    {"b1_init", "BHD", TTT_ROLE_INPUT, 0},
    {"W2_init", "BHDF", TTT_ROLE_INPUT, 0},
    {"b2_init", "BHF", TTT_ROLE_INPUT, 0},
    {"grad_L_XQW", "BHNF", TTT_ROLE_UPSTREAM, 1},
    {"grad_L_W1_last", "BHFD", TTT_ROLE_UPSTREAM, 0},
    {"grad_L_b1_last", "BHD", TTT_ROLE_UPSTREAM, 0},
    {"grad_L_W2_last", "BHDF", TTT_ROLE_UPSTREAM, 0},
    {"grad_L_b2_last", "BHF", TTT_ROLE_UPSTREAM, 0},
    {"XQW", "BHNF", TTT_ROLE_FORWARD_OUTPUT, 1},
    {"W1_checkpoints", "BHKFD", TTT_ROLE_FORWARD_OUTPUT, 0},
    {"b1_checkpoints", "BHKD", TTT_ROLE_FORWARD_OUTPUT, 0},
    {"W2_checkpoints", "BHKDF", TTT_ROLE_FORWARD_OUTPUT, 0},
    {"b2_checkpoints", "BHKF", TTT_ROLE_FORWARD_OUTPUT, 0},
    {"W1_last", "BHFD", TTT_ROLE_FORWARD_OUTPUT, 0},
    {"b1_last", "BHD", TTT_ROLE_FORWARD_OUTPUT, 0},
    {"W2_last", "BHDF", TTT_ROLE_FORWARD_OUTPUT, 0},
    {"b2_last", "BHF", TTT_ROLE_FORWARD_OUTPUT, 0},
    {"grad_L_XQ", "BHNF", TTT_ROLE_BACKWARD_OUTPUT, 1},
    {"grad_L_XK", "BHNF", TTT_ROLE_BACKWARD_OUTPUT, 1},
    {"grad_L_XV", "BHNF", TTT_ROLE_BACKWARD_OUTPUT, 1},
    {"grad_L_last_eta", "BHN", TTT_ROLE_BACKWARD_OUTPUT, 1},
    {"grad_L_token_eta", "C", TTT_ROLE_BACKWARD_OUTPUT, 0},
    {"grad_L_ttt_norm_weight", "HF", TTT_ROLE_BACKWARD_OUTPUT, 0},
    {"grad_L_ttt_norm_bias", "HF", TTT_ROLE_BACKWARD_OUTPUT, 0},
    {"grad_L_W1_init", "BHFD", TTT_ROLE_BACKWARD_OUTPUT, 0},
    {"grad_L_b1_init", "BHD", TTT_ROLE_BACKWARD_OUTPUT, 0},
    {"grad_L_W2_init", "BHDF", TTT_ROLE_BACKWARD_OUTPUT, 0},
    {"grad_L_b2_init", "BHF", TTT_ROLE_BACKWARD_OUTPUT, 0},
};

START_TEST(table_is_the_contracts)
{
    ck_assert_uint_eq(sizeof contract / sizeof *contract, TTT_TENSOR_COUNT);
    for (size_t i = 0; i < TTT_TENSOR_COUNT; i++) {
        const enum ttt_tensor t = ttt_tensor_find(contract[i].name);
        ck_assert_msg(t != TTT_TENSOR_COUNT, "%s", contract[i].name);
        ck_assert_str_eq(ttt_tensor_info[t].name, contract[i].name);
        ck_assert_str_eq(ttt_tensor_info[t].dims, contract[i].dims);
        ck_assert_int_eq(ttt_tensor_info[t].role, contract[i].role);
        ck_assert_int_eq(ttt_tensor_info[t].token, contract[i].token);
        ck_assert_int_eq(ttt_tensor_dtype(t, TTT_TYPES_F64), TTT_F64);
        ck_assert_int_eq(ttt_tensor_dtype(t, TTT_TYPES_F32), TTT_F32);
        ck_assert_int_eq(ttt_tensor_dtype(t, TTT_TYPES_BF16), contract[i].token ? TTT_BF16 : TTT_F32);
    }
    const char *const unknown[] = {"", "xq", "XQ ", "XQWW", "W1", "grad_L_", "__metadata__"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        ck_assert_int_eq(ttt_tensor_find(unknown[i]), TTT_TENSOR_COUNT);
}
END_TEST

START_TEST(dims_follow_the_letters)
{
    const struct ttt_case c = parse("b2h3n50c7f11d13g3");
    static const char letters[] = "BHNCFDK";
    static const int64_t sizes[] = {2, 3, 50, 7, 11, 13, 3}; /* NC = 8, so K = 3 */
    for (size_t i = 0; i < TTT_TENSOR_COUNT; i++) {
        const enum ttt_tensor t = ttt_tensor_find(contract[i].name);
        int64_t dims[TTT_MAX_DIMS], product = 1;
        const int n = ttt_tensor_dims(t, &c.shape, dims);
        ck_assert_int_eq(n, (int)strlen(contract[i].dims));
        for (int d = 0; d < n; d++) {
            const char letter = contract[i].dims[d];
            const int64_t expected = sizes[strchr(letters, letter) - letters];
            ck_assert_int_eq(dims[d], expected);
            product *= dims[d];
        }
        ck_assert_int_eq(ttt_tensor_elements(t, &c.shape), product);
        const struct ttt_split split = ttt_tensor_split(t, &c.shape);
        ck_assert_int_eq(split.batches, strchr(contract[i].dims, 'B') ? 2 : 1);
        ck_assert_int_eq(split.heads, strchr(contract[i].dims, 'H') ? 3 : 1);
        ck_assert_int_eq(split.batches * split.heads * split.inner, product);
    }
}
END_TEST

START_TEST(elements_overflow_is_told)
{
    struct ttt_mlp_shape s = {INT64_MAX, 1, 1, 1, 1, 1, 1, 1e-6, 0};
    ck_assert_int_eq(ttt_tensor_elements(TTT_XQ, &s), INT64_MAX);
    s.heads = 2;
    ck_assert_int_eq(ttt_tensor_elements(TTT_XQ, &s), -1);
    s = (struct ttt_mlp_shape){INT64_C(1) << 32, INT64_C(1) << 32, 1, 1, 1, 1, 1, 1e-6, 0};
    ck_assert_int_eq(ttt_tensor_elements(TTT_LAST_ETA, &s), -1);
    ck_assert_int_eq(ttt_tensor_elements(TTT_NORM_WEIGHT, &s), INT64_C(1) << 32);
}
END_TEST

START_TEST(presence_follows_the_case)
{
    for (int causal = 0; causal < 2; causal++)
        for (int grads = 0; grads < 2; grads++) {
            const struct ttt_case c = {.shape.causal = causal, .state_grads = grads};
            for (enum ttt_tensor t = TTT_XQ; t < TTT_TENSOR_COUNT; t++) {
                const char *name = ttt_tensor_info[t].name;
                int expected = 1;
                if (strstr(name, "token_eta"))
                    expected = causal;
                else if (ttt_tensor_info[t].role == TTT_ROLE_UPSTREAM && strcmp(name, "grad_L_XQW") != 0)
                    expected = grads;
                ck_assert_msg(ttt_tensor_present(t, &c) == expected, "%s", name);
            }
        }
}
END_TEST

static const char *const cases[] = {
    "b2h3n20c8f6d10g2 dist=unit seed=11",
    "b2h3n20c8f6d10g2 dist=model seed=12 causal=1",
    "b2h3n20c8f6d10g2 dist=strong seed=13 causal=1 state_grads=0",
    "b1h4n5c16f1d1g9 dist=model seed=18446744073709551615",
    "b3h2n1c1f5d3g1 dist=strong seed=0",
};
enum { CASES = sizeof cases / sizeof *cases };

/* Whatever the block, each element is the one that ttt_tensor_value makes alone. */
START_TEST(blocks_do_not_change_values)
{
    const struct ttt_case c = parse(cases[_i]);
    for (int64_t heads = 1; heads <= c.shape.heads; heads++)
        for (int64_t head0 = 0; head0 + heads <= c.shape.heads; head0++) {
            struct ttt_tensors t;
            make(&t, &c, head0, heads, TTT_TYPES_F64, INPUTS | UPSTREAM);
            ck_assert_int_eq(t.c.shape.heads, heads);
            ck_assert_int_eq(t.head0, head0);
            ck_assert_int_eq(t.heads_total, c.shape.heads);
            for (enum ttt_tensor k = TTT_XQ; k < TTT_XQW; k++) {
                const struct ttt_split whole = ttt_tensor_split(k, &c.shape), part = ttt_tensor_split(k, &t.c.shape);
                const int per_head = strchr(ttt_tensor_info[k].dims, 'H') != NULL;
                for (int64_t i = 0; i < t.buffer[k].elements; i++) {
                    const int64_t batch = i / (part.heads * part.inner), head = i / part.inner % part.heads;
                    const int64_t at =
                        (batch * whole.heads + head + (per_head ? head0 : 0)) * whole.inner + i % part.inner;
                    const double value = ttt_buffer_get(&t.buffer[k], i);
                    if (value != ttt_tensor_value(k, &c, at))
                        ck_abort_msg("%s[%ld] in heads %ld + %ld", ttt_tensor_info[k].name, (long)i, (long)head0,
                                     (long)heads);
                }
            }
            ttt_tensors_free(&t);
        }
}
END_TEST

START_TEST(type_sets_hold_the_same_values)
{
    const struct ttt_case c = parse(cases[_i]);
    struct ttt_tensors t[3], copy;
    for (int types = 0; types < 3; types++)
        make(&t[types], &c, 0, c.shape.heads, (enum ttt_types)types, INPUTS | UPSTREAM);
    for (enum ttt_tensor k = TTT_XQ; k < TTT_XQW; k++) {
        ck_assert_int_eq(t[0].buffer[k].data != NULL, ttt_tensor_present(k, &c));
        for (int64_t i = 0; i < t[0].buffer[k].elements; i++) {
            const double x = ttt_buffer_get(&t[0].buffer[k], i);
            ck_assert(isfinite(x));
            ck_assert_double_eq(ttt_buffer_get(&t[1].buffer[k], i), x);
            ck_assert_double_eq(ttt_buffer_get(&t[2].buffer[k], i), x);
        }
    }
    ck_assert_uint_eq(ttt_tensors_inputs_hash(&t[0]), ttt_tensors_inputs_hash(&t[1]));
    ck_assert_uint_eq(ttt_tensors_inputs_hash(&t[0]), ttt_tensors_inputs_hash(&t[2]));
    char error[256];
    ck_assert_int_eq(ttt_tensors_alloc(&copy, &c, 0, c.shape.heads, TTT_TYPES_F64, INPUTS | UPSTREAM, error, 256), 0);
    ck_assert_uint_ne(ttt_tensors_inputs_hash(&copy), ttt_tensors_inputs_hash(&t[0]));
    ttt_tensors_convert_inputs(&copy, &t[2]);
    ck_assert_uint_eq(ttt_tensors_inputs_hash(&copy), ttt_tensors_inputs_hash(&t[0]));
    for (int types = 0; types < 3; types++)
        ttt_tensors_free(&t[types]);
    ttt_tensors_free(&copy);
}
END_TEST

START_TEST(threads_do_not_change_values)
{
    const struct ttt_case c = parse("b1h2n2000c8f9d10g2 dist=model seed=3 causal=1");
    ck_assert_int_gt(2000 * 9, TTT_PARALLEL_ELEMENTS);
    struct ttt_tensors t[2];
    uint64_t hash[2];
    for (int i = 0; i < 2; i++) {
        omp_set_num_threads(i ? 5 : 1);
        make(&t[i], &c, 0, 2, TTT_TYPES_BF16, INPUTS | UPSTREAM);
        hash[i] = ttt_tensors_inputs_hash(&t[i]);
    }
    ck_assert_uint_eq(hash[0], hash[1]);
    for (enum ttt_tensor k = TTT_XQ; k < TTT_XQW; k++)
        ck_assert_uint_eq(ttt_buffer_hash(&t[0].buffer[k]), ttt_buffer_hash(&t[1].buffer[k]));
    ttt_tensors_free(&t[0]);
    ttt_tensors_free(&t[1]);
}
END_TEST

START_TEST(hashes_of_blocks_add_up)
{
    const struct ttt_case c = parse("b2h5n12c5f4d6g2 seed=9 causal=1");
    struct ttt_tensors t;
    make(&t, &c, 0, 5, TTT_TYPES_F32, INPUTS | UPSTREAM);
    const uint64_t whole = ttt_tensors_inputs_hash(&t);
    ttt_tensors_free(&t);
    static const int64_t cuts[][6] = {{1, 1, 1, 1, 1, 0}, {2, 3, 0}, {3, 1, 1, 0}};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        uint64_t sum = 0;
        int64_t head = 0;
        for (const int64_t *cut = cuts[i]; *cut; head += *cut++) {
            make(&t, &c, head, *cut, TTT_TYPES_BF16, INPUTS | UPSTREAM);
            sum += ttt_tensors_inputs_hash(&t);
            ttt_tensors_free(&t);
        }
        ck_assert_uint_eq(sum, whole);
    }
}
END_TEST

/* Any changed element, two exchanged ones, or another seed give another hash. */
START_TEST(hash_sees_every_element)
{
    const struct ttt_case c = parse("b1h2n3c2f2d2g1 causal=1");
    struct ttt_tensors t;
    make(&t, &c, 0, 2, TTT_TYPES_F64, INPUTS | UPSTREAM);
    const uint64_t hash = ttt_tensors_inputs_hash(&t);
    for (enum ttt_tensor k = TTT_XQ; k < TTT_XQW; k++)
        for (int64_t i = 0; i < t.buffer[k].elements; i++) {
            const double x = ttt_buffer_get(&t.buffer[k], i), y = ttt_buffer_get(&t.buffer[k], 0);
            const double others[] = {-x, nextafter(x, 9), (double)NAN};
            for (int o = 0; o < 3; o++) {
                ttt_buffer_set(&t.buffer[k], i, others[o]);
                ck_assert_uint_ne(ttt_tensors_inputs_hash(&t), hash);
            }
            ttt_buffer_set(&t.buffer[k], i, y);
            ttt_buffer_set(&t.buffer[k], 0, x);
            ck_assert_int_eq(ttt_tensors_inputs_hash(&t) == hash, i == 0 || x == y);
            ttt_buffer_set(&t.buffer[k], 0, y);
            ttt_buffer_set(&t.buffer[k], i, x);
        }
    ck_assert_uint_eq(ttt_tensors_inputs_hash(&t), hash);
    ttt_tensors_free(&t);
    const struct ttt_case other = parse("b1h2n3c2f2d2g1 causal=1 seed=2");
    make(&t, &other, 0, 2, TTT_TYPES_F64, INPUTS | UPSTREAM);
    ck_assert_uint_ne(ttt_tensors_inputs_hash(&t), hash);
    ttt_tensors_free(&t);
}
END_TEST

START_TEST(hash_tells_tensors_apart_and_nans_not)
{
    const struct ttt_case c = parse("b1h1n3c2f2d2g1");
    struct ttt_tensors t;
    make(&t, &c, 0, 1, TTT_TYPES_F64, INPUTS);
    const uint64_t hash = ttt_tensors_inputs_hash(&t);
    const struct ttt_buffer queries = t.buffer[TTT_XQ];
    t.buffer[TTT_XQ] = t.buffer[TTT_XK];
    t.buffer[TTT_XK] = queries;
    ck_assert_uint_ne(ttt_tensors_inputs_hash(&t), hash);
    uint64_t *bits = t.buffer[TTT_XQ].data; /* payloads do not survive a change of type, so they must not count */
    bits[0] = 0x7FF8000000000000u;
    const uint64_t quiet = ttt_tensors_inputs_hash(&t);
    bits[0] = 0xFFF8000000001234u;
    ck_assert_uint_eq(ttt_tensors_inputs_hash(&t), quiet);
    ttt_tensors_free(&t);
}
END_TEST

struct moments {
    double mean, deviation, min, max;
    int64_t n;
};

static struct moments measure(const struct ttt_tensors *t, const char *name)
{
    const struct ttt_buffer *b = &t->buffer[ttt_tensor_find(name)];
    struct moments m = {.min = HUGE_VAL, .max = -HUGE_VAL, .n = b->elements};
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < b->elements; i++) {
        const double x = ttt_buffer_get(b, i);
        sum += x;
        squares += x * x;
        m.min = fmin(m.min, x);
        m.max = fmax(m.max, x);
    }
    m.mean = sum / (double)b->elements;
    m.deviation = sqrt(fmax(squares / (double)b->elements - m.mean * m.mean, 0));
    return m;
}

/* Normal with this mean and deviation: five standard errors, and half a bf16 ulp more for the deviation. */
static void assert_normal(const struct ttt_tensors *t, const char *name, double mean, double deviation)
{
    const struct moments m = measure(t, name);
    ck_assert_msg(fabs(m.mean - mean) <= 5 * deviation / sqrt((double)m.n), "%s: mean %g", name, m.mean);
    ck_assert_msg(fabs(m.deviation - deviation) <= deviation * (5 / sqrt(2 * (double)m.n) + 1e-3), "%s: deviation %g",
                  name, m.deviation);
    if (deviation > 0)
        ck_assert_msg(m.max < mean + 7 * deviation && m.min > mean - 7 * deviation && m.max > mean + 2 * deviation,
                      "%s: %g to %g", name, m.min, m.max);
}

static void assert_upstream(const struct ttt_tensors *t)
{
    assert_normal(t, "grad_L_XQW", 0, 1);
    assert_normal(t, "grad_L_W1_last", 0, 0.1);
    assert_normal(t, "grad_L_b1_last", 0, 0.1);
    assert_normal(t, "grad_L_W2_last", 0, 0.1);
    assert_normal(t, "grad_L_b2_last", 0, 0.1);
}

static void assert_weights(const struct ttt_tensors *t, double weight, double bias)
{
    assert_normal(t, "W1_init", 0, weight);
    assert_normal(t, "W2_init", 0, weight);
    assert_normal(t, "b1_init", 0, bias);
    assert_normal(t, "b2_init", 0, bias);
}

START_TEST(distribution_unit)
{
    const struct ttt_case c = parse("b2h8n256c16f64d96g4 dist=unit seed=5");
    struct ttt_tensors t;
    make(&t, &c, 0, 8, TTT_TYPES_BF16, INPUTS | UPSTREAM);
    assert_normal(&t, "XQ", 0, 1);
    assert_normal(&t, "XK", 0, 1);
    assert_normal(&t, "XV", 0, 1);
    const struct moments eta = measure(&t, "last_eta"); /* half normal */
    ck_assert_double_ge(eta.min, 0);
    ck_assert_double_le(fabs(eta.mean - 0.02 * sqrt(2 / 3.14159265358979)), 5 * 0.02 * 0.61 / sqrt((double)eta.n));
    assert_weights(&t, 0.02, 0.02);
    assert_normal(&t, "ttt_norm_weight", 1, 0.1);
    assert_normal(&t, "ttt_norm_bias", 0, 0.02);
    assert_upstream(&t);
    ttt_tensors_free(&t);
}
END_TEST

/* Rows of XQ and XK have the 2-norm 1, up to bf16's rounding of each element. */
static void assert_unit_rows(const struct ttt_buffer *b, int64_t width)
{
    for (int64_t row = 0; row < b->elements / width; row++) {
        double sum = 0;
        for (int64_t i = 0; i < width; i++)
            sum += pow(ttt_buffer_get(b, row * width + i), 2);
        ck_assert_double_eq_tol(sqrt(sum), 1, 0x1p-8);
    }
}

START_TEST(distribution_model)
{
    const struct ttt_case c = parse("b2h8n256c16f64d96g4 dist=model seed=6");
    struct ttt_tensors t;
    make(&t, &c, 0, 8, TTT_TYPES_BF16, INPUTS | UPSTREAM);
    assert_unit_rows(&t.buffer[TTT_XQ], 64);
    assert_unit_rows(&t.buffer[TTT_XK], 64);
    assert_normal(&t, "XQ", 0, 0.125);
    assert_normal(&t, "XK", 0, 0.125);
    assert_normal(&t, "XV", 0, sqrt(1 + 1.0 / 64));
    double product = 0; /* XV contains XK: their covariance is the variance of XK */
    for (int64_t i = 0; i < t.buffer[TTT_XV].elements; i++)
        product += ttt_buffer_get(&t.buffer[TTT_XV], i) * ttt_buffer_get(&t.buffer[TTT_XK], i);
    const double n = (double)t.buffer[TTT_XV].elements;
    ck_assert_double_le(fabs(product / n - 1.0 / 64), 5 * 0.125 / sqrt(n));
    const struct moments eta = measure(&t, "last_eta"); /* sigmoid of a normal: mean 0.5, deviation 0.2083 */
    ck_assert_double_le(fabs(eta.mean * 16 * 64 / 0.1 - 0.5), 5 * 0.2083 / sqrt((double)eta.n) + 1e-4);
    ck_assert_double_le(fabs(eta.deviation * 16 * 64 / 0.1 - 0.2083), 0.01);
    assert_weights(&t, 0.02, 0);
    assert_normal(&t, "ttt_norm_weight", 1, 0);
    assert_normal(&t, "ttt_norm_bias", 0, 0);
    assert_upstream(&t);
    for (int64_t i = 0; i < t.buffer[TTT_B1_INIT].elements; i++)
        ck_assert(!signbit(ttt_buffer_get(&t.buffer[TTT_B1_INIT], i)));
    ttt_tensors_free(&t);
}
END_TEST

START_TEST(distribution_strong)
{
    const struct ttt_case c = parse("b2h8n256c16f64d96g4 dist=strong seed=7");
    struct ttt_tensors t;
    make(&t, &c, 0, 8, TTT_TYPES_BF16, INPUTS | UPSTREAM);
    assert_normal(&t, "XQ", 0, 1);
    assert_normal(&t, "XK", 0, 1);
    assert_normal(&t, "XV", 0, 1);
    const struct moments eta = measure(&t, "last_eta"); /* uniform up to 0.5 / C */
    ck_assert(eta.min >= 0 && eta.min < 0.001 / 16 && eta.max <= 0.5 / 16 && eta.max > 0.499 / 16);
    ck_assert_double_le(fabs(eta.mean * 16 - 0.25), 5 * 0.5 / sqrt(12 * (double)eta.n) + 1e-4);
    assert_weights(&t, 0.12, 0.1);
    assert_normal(&t, "ttt_norm_weight", 1, 0.3);
    assert_normal(&t, "ttt_norm_bias", 0, 0.02);
    assert_upstream(&t);
    ttt_tensors_free(&t);
}
END_TEST

START_TEST(token_eta_falls_like_one_over_r)
{
    const struct ttt_case c = parse("b1h1n1c4096f1d1g1 causal=1");
    struct ttt_tensors t;
    make(&t, &c, 0, 1, TTT_TYPES_F64, INPUTS);
    double *x = t.buffer[TTT_TOKEN_ETA].data, sum = 0, squares = 0;
    for (int r = 0; r < 4096; r++) {
        ck_assert(x[r] > 0);
        const double z = (x[r] * (r + 1) - 1) / 0.1;
        ck_assert_double_eq_tol(z, ttt_rng_normal(1, 5, (uint64_t)r), 1e-5); /* stream 5 is that of token_eta */
        sum += z / 4096;
        squares += z * z / 4096;
    }
    ck_assert_double_le(fabs(sum), 5.0 / 64);
    ck_assert_double_le(fabs(squares - 1), 5 * sqrt(2.0) / 64);
    ttt_tensors_free(&t);
}
END_TEST

/* The meaning of a seed: these never change (the normals are pinned in the generator's own tests). */
START_TEST(values_are_pinned)
{
    const struct ttt_case unit = parse("b1h1n2c1f2d1g1 seed=7"), model = parse("b1h1n2c1f2d1g1 seed=7 dist=model");
    ck_assert_double_eq(ttt_tensor_value(TTT_XK, &unit, 0), 0x1.58p-4);
    ck_assert_double_eq(ttt_tensor_value(TTT_XK, &unit, 1), -0x1.38p0);
    /* The row (0.08382, -1.22089) over its norm is (0.06849, -0.99765). */
    ck_assert_double_eq(ttt_tensor_value(TTT_XK, &model, 0), 0x1.18p-4);
    ck_assert_double_eq(ttt_tensor_value(TTT_XK, &model, 1), -0x1.FEp-1);
    /* XV contains that row, not a row normalised in another way. */
    ck_assert_double_eq_tol(ttt_tensor_value(TTT_XV, &model, 0), ttt_rng_normal(7, 3, 0) + 0.06849, 0x1p-8);
    ck_assert_double_eq_tol(ttt_tensor_value(TTT_XV, &model, 1), ttt_rng_normal(7, 3, 1) - 0.99765, 0x1p-7);
}
END_TEST

/* No two tensors are made of the same numbers. */
START_TEST(tensors_have_streams_of_their_own)
{
    const struct ttt_case c = parse("b1h1n64c64f64d64g1 dist=strong causal=1");
    for (enum ttt_tensor a = TTT_XQ; a < TTT_XQW; a++)
        for (enum ttt_tensor b = TTT_XQ; b < a; b++) {
            double aa = 0, bb = 0, ab = 0, sum_a = 0, sum_b = 0;
            for (int64_t i = 0; i < 64; i++) {
                const double x = ttt_tensor_value(a, &c, i), y = ttt_tensor_value(b, &c, i);
                sum_a += x / 64;
                sum_b += y / 64;
                aa += x * x / 64;
                bb += y * y / 64;
                ab += x * y / 64;
            }
            const double correlation = (ab - sum_a * sum_b) / sqrt((aa - sum_a * sum_a) * (bb - sum_b * sum_b));
            ck_assert_msg(fabs(correlation) < 5.0 / 8, "%s and %s", ttt_tensor_info[a].name, ttt_tensor_info[b].name);
        }
}
END_TEST

START_TEST(roles_choose_what_is_made)
{
    const struct ttt_case c = parse("b1h2n6c2f2d3g2 causal=1");
    for (unsigned roles = 0; roles <= EVERYTHING; roles++) {
        struct ttt_tensors t;
        make(&t, &c, 0, 2, TTT_TYPES_BF16, roles);
        int64_t bytes = 0;
        for (enum ttt_tensor k = TTT_XQ; k < TTT_TENSOR_COUNT; k++) {
            const struct ttt_buffer *b = &t.buffer[k];
            ck_assert_int_eq(b->data != NULL, (int)(roles >> ttt_tensor_info[k].role & 1));
            bytes += b->elements * (int64_t)ttt_dtype_size(b->dtype);
            if (b->data)
                ck_assert_int_eq(ttt_buffer_poison_left(b), k < TTT_XQW ? 0 : b->elements);
        }
        ck_assert_int_eq(ttt_tensors_bytes(&c, 2, TTT_TYPES_BF16, roles), bytes);
        ttt_tensors_free(&t);
    }
}
END_TEST

START_TEST(bytes_saturate)
{
    const struct ttt_case c = parse("b1h1n288230376151711743c1f1d1g1"); /* 8 N = 2^61 - 8 */
    ck_assert_int_eq(ttt_tensors_bytes(&c, 1, TTT_TYPES_F64, INPUTS), INT64_MAX);
    ck_assert_int_eq(ttt_tensors_bytes(&c, 1, TTT_TYPES_F64, EVERYTHING), INT64_MAX);
}
END_TEST

START_TEST(what_cannot_be_made_is_refused)
{
    const struct ttt_case c = parse("b1h4n6c2f2d3g2");
    static const int64_t ranges[][2] = {{-1, 1}, {0, 0},         {0, 5},         {4, 1},
                                        {3, 2},  {INT64_MAX, 1}, {1, INT64_MAX}, {0, -1}};
    char error[512];
    struct ttt_tensors t;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        ck_assert_int_eq(ttt_tensors_make(&t, &c, ranges[i][0], ranges[i][1], TTT_TYPES_F32, INPUTS, error, 512), -1);
        ck_assert_ptr_nonnull(strstr(error, "the case has 4"));
        ttt_tensors_free(&t);
    }
    struct ttt_case bad = c;
    bad.shape.head_dim = 0;
    ck_assert_int_eq(ttt_tensors_make(&t, &bad, 0, 1, TTT_TYPES_F32, INPUTS, error, 512), -1);
    ck_assert_ptr_nonnull(strstr(error, "head_dim is 0"));
    ttt_tensors_free(&t);
    const struct ttt_case huge = parse("b1h1n200000000000000000c1f1d1g1");
    ck_assert_int_eq(ttt_tensors_make(&t, &huge, 0, 1, TTT_TYPES_F64, INPUTS, error, 512), -1);
    ck_assert_ptr_nonnull(strstr(error, "out of memory: XQ of this case takes 1600000000000000000 bytes"));
    ttt_tensors_free(&t);
}
END_TEST

START_TEST(arguments_point_at_the_tensors_of_their_name)
{
    const struct ttt_case c = parse("b1h2n6c2f2d3g2 causal=1");
    struct ttt_tensors t;
    make(&t, &c, 0, 2, TTT_TYPES_F32, EVERYTHING);
    const struct ttt_mlp_forward_args f = ttt_tensors_forward_args(&t);
    const struct ttt_mlp_backward_args b = ttt_tensors_backward_args(&t);
    const struct {
        const char *name;
        const void *data;
    } bound[] = {{"XQ", f.XQ},
                 {"XK", f.XK},
                 {"XV", f.XV},
                 {"last_eta", f.last_eta},
                 {"token_eta", f.token_eta},
                 {"ttt_norm_weight", f.ttt_norm_weight},
                 {"ttt_norm_bias", f.ttt_norm_bias},
                 {"W1_init", f.W1_init},
                 {"b1_init", f.b1_init},
                 {"W2_init", f.W2_init},
                 {"b2_init", f.b2_init},
                 {"XQW", f.XQW},
                 {"W1_checkpoints", f.W1_checkpoints},
                 {"b1_checkpoints", f.b1_checkpoints},
                 {"W2_checkpoints", f.W2_checkpoints},
                 {"b2_checkpoints", f.b2_checkpoints},
                 {"W1_last", f.W1_last},
                 {"b1_last", f.b1_last},
                 {"W2_last", f.W2_last},
                 {"b2_last", f.b2_last},
                 {"XQ", b.XQ},
                 {"XK", b.XK},
                 {"XV", b.XV},
                 {"last_eta", b.last_eta},
                 {"token_eta", b.token_eta},
                 {"ttt_norm_weight", b.ttt_norm_weight},
                 {"ttt_norm_bias", b.ttt_norm_bias},
                 {"W1_checkpoints", b.W1_checkpoints},
                 {"b1_checkpoints", b.b1_checkpoints},
                 {"W2_checkpoints", b.W2_checkpoints},
                 {"b2_checkpoints", b.b2_checkpoints},
                 {"grad_L_XQW", b.grad_L_XQW},
                 {"grad_L_W1_last", b.grad_L_W1_last},
                 {"grad_L_b1_last", b.grad_L_b1_last},
                 {"grad_L_W2_last", b.grad_L_W2_last},
                 {"grad_L_b2_last", b.grad_L_b2_last},
                 {"grad_L_XQ", b.grad_L_XQ},
                 {"grad_L_XK", b.grad_L_XK},
                 {"grad_L_XV", b.grad_L_XV},
                 {"grad_L_last_eta", b.grad_L_last_eta},
                 {"grad_L_token_eta", b.grad_L_token_eta},
                 {"grad_L_ttt_norm_weight", b.grad_L_ttt_norm_weight},
                 {"grad_L_ttt_norm_bias", b.grad_L_ttt_norm_bias},
                 {"grad_L_W1_init", b.grad_L_W1_init},
                 {"grad_L_b1_init", b.grad_L_b1_init},
                 {"grad_L_W2_init", b.grad_L_W2_init},
                 {"grad_L_b2_init", b.grad_L_b2_init}};
    ck_assert_uint_eq(sizeof bound / sizeof *bound, (sizeof f + sizeof b) / sizeof(void *)); /* none left out */
    for (size_t i = 0; i < sizeof bound / sizeof *bound; i++)
        ck_assert_msg(bound[i].data && bound[i].data == t.buffer[ttt_tensor_find(bound[i].name)].data, "%s",
                      bound[i].name);
    ttt_tensors_free(&t);
    make(&t, &c, 0, 2, TTT_TYPES_F32, 0);
    ck_assert_ptr_null(ttt_tensors_forward_args(&t).XQ);
    ck_assert_ptr_null(ttt_tensors_backward_args(&t).grad_L_b2_init);
    ttt_tensors_free(&t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tensors");
    TCase *tests = tcase_create("tensors");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, table_is_the_contracts);
    tcase_add_test(tests, dims_follow_the_letters);
    tcase_add_test(tests, elements_overflow_is_told);
    tcase_add_test(tests, presence_follows_the_case);
    tcase_add_loop_test(tests, blocks_do_not_change_values, 0, CASES);
    tcase_add_loop_test(tests, type_sets_hold_the_same_values, 0, CASES);
    tcase_add_test(tests, threads_do_not_change_values);
    tcase_add_test(tests, hashes_of_blocks_add_up);
    tcase_add_test(tests, hash_sees_every_element);
    tcase_add_test(tests, hash_tells_tensors_apart_and_nans_not);
    tcase_add_test(tests, distribution_unit);
    tcase_add_test(tests, distribution_model);
    tcase_add_test(tests, distribution_strong);
    tcase_add_test(tests, token_eta_falls_like_one_over_r);
    tcase_add_test(tests, values_are_pinned);
    tcase_add_test(tests, tensors_have_streams_of_their_own);
    tcase_add_test(tests, roles_choose_what_is_made);
    tcase_add_test(tests, bytes_saturate);
    tcase_add_test(tests, what_cannot_be_made_is_refused);
    tcase_add_test(tests, arguments_point_at_the_tensors_of_their_name);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
