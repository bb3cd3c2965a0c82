/* SPDX-License-Identifier: MIT
 *
 * Every bad argument of every public function of the reference: its status, and that nothing was written.
 */
#include "harness/rng.h"
#include "tests/ref_run.h"
#include "tests/run.h"
#include <check.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An operand of a pass: where its pointer stands in the argument struct, and which tensor it is. */
struct operand {
    size_t member;
    enum ttt_tensor tensor;
};

#define FORWARD(name, tensor)                                                                                          \
    {                                                                                                                  \
        offsetof(struct ttt_mlp_forward_args, name), tensor                                                            \
    }
#define BACKWARD(name, tensor)                                                                                         \
    {                                                                                                                  \
        offsetof(struct ttt_mlp_backward_args, name), tensor                                                           \
    }

static const struct operand forward_operands[] = {
    FORWARD(XQ, TTT_XQ),
    FORWARD(XK, TTT_XK),
    FORWARD(XV, TTT_XV),
    FORWARD(last_eta, TTT_LAST_ETA),
    FORWARD(token_eta, TTT_TOKEN_ETA),
    FORWARD(ttt_norm_weight, TTT_NORM_WEIGHT),
    FORWARD(ttt_norm_bias, TTT_NORM_BIAS),
    FORWARD(W1_init, TTT_W1_INIT),
    FORWARD(b1_init, TTT_B1_INIT),
    FORWARD(W2_init, TTT_W2_INIT),
    FORWARD(b2_init, TTT_B2_INIT),
    FORWARD(XQW, TTT_XQW),
    FORWARD(W1_checkpoints, TTT_W1_CHECKPOINTS),
    FORWARD(b1_checkpoints, TTT_B1_CHECKPOINTS),
    FORWARD(W2_checkpoints, TTT_W2_CHECKPOINTS),
    FORWARD(b2_checkpoints, TTT_B2_CHECKPOINTS),
    FORWARD(W1_last, TTT_W1_LAST),
    FORWARD(b1_last, TTT_B1_LAST),
    FORWARD(W2_last, TTT_W2_LAST),
    FORWARD(b2_last, TTT_B2_LAST),
};

static const struct operand backward_operands[] = {
    BACKWARD(XQ, TTT_XQ),
    BACKWARD(XK, TTT_XK),
    BACKWARD(XV, TTT_XV),
    BACKWARD(last_eta, TTT_LAST_ETA),
    BACKWARD(token_eta, TTT_TOKEN_ETA),
    BACKWARD(ttt_norm_weight, TTT_NORM_WEIGHT),
    BACKWARD(ttt_norm_bias, TTT_NORM_BIAS),
    BACKWARD(W1_checkpoints, TTT_W1_CHECKPOINTS),
    BACKWARD(b1_checkpoints, TTT_B1_CHECKPOINTS),
    BACKWARD(W2_checkpoints, TTT_W2_CHECKPOINTS),
    BACKWARD(b2_checkpoints, TTT_B2_CHECKPOINTS),
    BACKWARD(grad_L_XQW, TTT_GRAD_XQW),
    BACKWARD(grad_L_W1_last, TTT_GRAD_W1_LAST),
    BACKWARD(grad_L_b1_last, TTT_GRAD_B1_LAST),
    BACKWARD(grad_L_W2_last, TTT_GRAD_W2_LAST),
    BACKWARD(grad_L_b2_last, TTT_GRAD_B2_LAST),
    BACKWARD(grad_L_XQ, TTT_GRAD_XQ),
    BACKWARD(grad_L_XK, TTT_GRAD_XK),
    BACKWARD(grad_L_XV, TTT_GRAD_XV),
    BACKWARD(grad_L_last_eta, TTT_GRAD_LAST_ETA),
    BACKWARD(grad_L_token_eta, TTT_GRAD_TOKEN_ETA),
    BACKWARD(grad_L_ttt_norm_weight, TTT_GRAD_NORM_WEIGHT),
    BACKWARD(grad_L_ttt_norm_bias, TTT_GRAD_NORM_BIAS),
    BACKWARD(grad_L_W1_init, TTT_GRAD_W1_INIT),
    BACKWARD(grad_L_b1_init, TTT_GRAD_B1_INIT),
    BACKWARD(grad_L_W2_init, TTT_GRAD_W2_INIT),
    BACKWARD(grad_L_b2_init, TTT_GRAD_B2_INIT),
};

#define MOST_OPERANDS 27
_Static_assert(sizeof backward_operands == MOST_OPERANDS * sizeof backward_operands[0], "the longer table");
/* Each pointer of the structs is in its table. */
_Static_assert(sizeof forward_operands / sizeof forward_operands[0] ==
                   sizeof(struct ttt_mlp_forward_args) / sizeof(void *),
               "all pointers of the forward pass");
_Static_assert(MOST_OPERANDS == sizeof(struct ttt_mlp_backward_args) / sizeof(void *),
               "all pointers of the backward pass");

/* Optional groups of four, by their first tensor. */
static int is_optional(int backward, enum ttt_tensor t)
{
    if (t == TTT_TOKEN_ETA || t == TTT_GRAD_TOKEN_ETA)
        return 1;
    return backward ? t >= TTT_GRAD_W1_LAST && t <= TTT_GRAD_B2_LAST : t >= TTT_W1_CHECKPOINTS && t <= TTT_B2_LAST;
}

/* One pass over one block of memory that holds all operands and the workspace, so that one comparison shows any write.
 */
struct world {
    const struct ref_functions *functions;
    int precision, backward, count; /* precision: an enum ttt_types or REF_C128 */
    const struct operand *operands;
    struct ttt_mlp_shape shape;
    struct ttt_ref_options options;
    char *memory, *before;
    size_t memory_bytes;
    char *place[MOST_OPERANDS + 1]; /* of each operand, then of the workspace */
    size_t bytes[MOST_OPERANDS + 1];
    union {
        struct ttt_mlp_forward_args forward;
        struct ttt_mlp_backward_args backward;
        char raw[1];
    } args;
    void *workspace;
    size_t workspace_bytes;
};

static void set(struct world *w, int i, const void *p)
{
    memcpy(w->args.raw + w->operands[i].member, &p, sizeof p);
}

static size_t element(const struct world *w, int i)
{
    if (i == w->count)
        return 64;
    if (w->precision == REF_C128)
        return 16;
    return ttt_dtype_size(ttt_tensor_dtype(w->operands[i].tensor, (enum ttt_types)w->precision));
}

static int is_output(const struct world *w, int i)
{
    return i == w->count || ttt_tensor_info[w->operands[i].tensor].role ==
                                (w->backward ? TTT_ROLE_BACKWARD_OUTPUT : TTT_ROLE_FORWARD_OUTPUT);
}

static const char *name(const struct world *w, int i)
{
    return i == w->count ? "workspace" : ttt_tensor_info[w->operands[i].tensor].name;
}

/* All operands where they belong: as after world_open. */
static void reset(struct world *w)
{
    for (int i = 0; i < w->count; i++)
        set(w, i, w->shape.causal || !strstr(name(w, i), "token_eta") ? w->place[i] : NULL);
    w->workspace = w->place[w->count];
    w->workspace_bytes = w->bytes[w->count];
}

static enum ttt_status query(const struct world *w, const struct ttt_mlp_shape *shape,
                             const struct ttt_ref_options *options, size_t *bytes)
{
    return (w->backward ? w->functions->backward_workspace : w->functions->forward_workspace)(shape, options, bytes);
}

static enum ttt_status pass(const struct world *w, const struct ttt_mlp_shape *shape, int with_args,
                            const struct ttt_ref_options *options)
{
    return w->backward ? w->functions->backward(shape, with_args ? &w->args.backward : NULL, options, w->workspace,
                                                w->workspace_bytes)
                       : w->functions->forward(shape, with_args ? &w->args.forward : NULL, options, w->workspace,
                                               w->workspace_bytes);
}

/* Operands and workspace one after the other, `gap` bytes (a multiple of 64, or 0: only alignment) between them.  The
 * bytes are 0x3c: small positive numbers in every type. */
static void world_open(struct world *w, int precision_and_direction, int causal, size_t gap)
{
    *w = (struct world){.precision = precision_and_direction / 2};
    w->functions = &ref_functions[w->precision];
    w->backward = precision_and_direction % 2;
    w->operands = w->backward ? backward_operands : forward_operands;
    w->count = w->backward ? MOST_OPERANDS : (int)(sizeof forward_operands / sizeof forward_operands[0]);
    w->shape = (struct ttt_mlp_shape){2, 2, 5, 2, 4, 6, 2, 1e-6, causal};
    w->options = (struct ttt_ref_options){.threads = 2};
    size_t offset[MOST_OPERANDS + 1], end = gap;
    for (int i = 0; i <= w->count; i++) {
        if (i < w->count)
            w->bytes[i] = element(w, i) * (size_t)ttt_tensor_elements(w->operands[i].tensor, &w->shape);
        else
            ck_assert_int_eq(query(w, &w->shape, &w->options, &w->bytes[i]), TTT_OK);
        const size_t unit = gap ? 64 : element(w, i);
        offset[i] = (end + unit - 1) / unit * unit;
        end = offset[i] + w->bytes[i] + gap;
    }
    w->memory_bytes = (end + 63) / 64 * 64;
    w->memory = aligned_alloc(64, w->memory_bytes);
    w->before = malloc(w->memory_bytes);
    ck_assert(w->memory && w->before);
    memset(w->memory, 0x3c, w->memory_bytes);
    memset(w->before, 0x3c, w->memory_bytes);
    for (int i = 0; i <= w->count; i++)
        w->place[i] = w->memory + offset[i];
    reset(w);
}

/* The same call with nothing wrong is served, so each refusal had the reason that the test gave it. */
static void world_close(struct world *w)
{
    reset(w);
    ck_assert_int_eq(pass(w, &w->shape, 1, &w->options), TTT_OK);
    ck_assert(memcmp(w->memory, w->before, w->memory_bytes));
    free(w->memory);
    free(w->before);
}

static void assert_refused(const struct world *w, enum ttt_status got, enum ttt_status wanted, const char *what,
                           const char *where)
{
    ck_assert_msg(got == wanted, "%s %s, %s %s: \"%s\" instead of \"%s\"", ref_types_name[w->precision],
                  w->backward ? "backward" : "forward", what, where, ttt_status_string(got), ttt_status_string(wanted));
    ck_assert_msg(!memcmp(w->memory, w->before, w->memory_bytes), "%s %s: memory was written", what, where);
}

/* Pass and query refuse a shape or options. */
static void assert_both(const struct world *w, const struct ttt_mlp_shape *shape, const struct ttt_ref_options *options,
                        enum ttt_status wanted, const char *what, const char *where)
{
    size_t bytes = 12345;
    assert_refused(w, query(w, shape, options, &bytes), wanted, what, where);
    ck_assert_uint_eq(bytes, 12345);
    assert_refused(w, pass(w, shape, 1, options), wanted, what, where);
}

#define SIZES 7
static int64_t *size_member(struct ttt_mlp_shape *s, int i)
{
    int64_t *const member[SIZES] = {&s->mini_batch_size, &s->head_dim, &s->hidden_dim,           &s->batch,
                                    &s->heads,           &s->seq_len,  &s->checkpoint_group_size};
    return member[i];
}

START_TEST(sizes_out_of_range_are_refused)
{
    static const char *const size_name[SIZES] = {"C", "F", "D", "B", "H", "N", "G"};
    static const int64_t too_small[] = {0, -1, INT64_MIN};
    struct world w;
    world_open(&w, _i, 1, 256);
    for (int i = 0; i < SIZES; i++) {
        for (int j = 0; j < 3; j++) {
            struct ttt_mlp_shape shape = w.shape;
            *size_member(&shape, i) = too_small[j];
            assert_both(&w, &shape, &w.options, TTT_ERROR_SIZE, "too small", size_name[i]);
        }
        struct ttt_mlp_shape shape = w.shape;
        *size_member(&shape, i) = i < 3 ? (int64_t)INT32_MAX + 1 : INT64_MAX;
        if (i < 6)
            assert_both(&w, &shape, &w.options, i < 3 ? TTT_ERROR_SIZE : TTT_ERROR_OVERFLOW, "too large", size_name[i]);
        *size_member(&shape, i) = i < 3 ? INT64_MAX : INT64_MAX / 16;
        if (i < 6)
            assert_both(&w, &shape, &w.options, i < 3 ? TTT_ERROR_SIZE : TTT_ERROR_OVERFLOW, "too large", size_name[i]);
    }
    world_close(&w);
}
END_TEST

START_TEST(products_that_overflow_are_refused)
{
    static const int64_t large[][SIZES] = {
        /* C, F, D, B, H, N, G */
        {1, 4, 6, (int64_t)1 << 32, (int64_t)1 << 32, 1, 1},
        {1, 4, 6, (int64_t)1 << 31, 1, (int64_t)1 << 31, 1},
        {1, INT32_MAX, INT32_MAX, 1, 1, 1, 1},
        {1, 1 << 20, 1 << 20, 1, 1, (int64_t)1 << 22, 1},
        {1, 1, 1, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX},
    };
    struct world w;
    world_open(&w, _i, 0, 256);
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
        struct ttt_mlp_shape shape = w.shape;
        for (int j = 0; j < SIZES; j++)
            *size_member(&shape, j) = large[i][j];
        assert_both(&w, &shape, &w.options, TTT_ERROR_OVERFLOW, "product", "");
    }
    /* All tensors fit, and so does the forward workspace, but not the states of a backward group. */
    struct ttt_mlp_shape shape = {1, 1, (int64_t)1 << 42, 1, 1 << 10, 1 << 10, (int64_t)1 << 42, 1e-6, 0};
    size_t bytes = 12345;
    if (w.backward)
        assert_both(&w, &shape, &w.options, TTT_ERROR_OVERFLOW, "workspace", "");
    else
        ck_assert_int_eq(query(&w, &shape, &w.options, &bytes), TTT_OK);
    world_close(&w);
}
END_TEST

START_TEST(extreme_but_legal_shapes_are_served)
{
    struct world w;
    world_open(&w, _i, 0, 256);
    struct ttt_mlp_shape shape = w.shape;
    shape.checkpoint_group_size = 3; /* NC = 3: one group */
    size_t one_group = 0, huge_group = 0;
    ck_assert_int_eq(query(&w, &shape, &w.options, &one_group), TTT_OK);
    shape.checkpoint_group_size = INT64_MAX;
    ck_assert_int_eq(query(&w, &shape, &w.options, &huge_group), TTT_OK);
    ck_assert_uint_eq(one_group, huge_group);
    shape.mini_batch_size = INT32_MAX; /* one short mini-batch */
    ck_assert_int_eq(query(&w, &shape, &w.options, &huge_group), TTT_OK);
    shape.ln_eps = DBL_MAX;
    ck_assert_int_eq(query(&w, &shape, &w.options, &huge_group), TTT_OK);
    shape.ln_eps = -0.0;
    ck_assert_int_eq(query(&w, &shape, &w.options, &huge_group), TTT_OK);
    ck_assert_int_eq(query(&w, &shape, &(struct ttt_ref_options){.threads = 4096}, &huge_group), TTT_OK);
    world_close(&w);
}
END_TEST

START_TEST(eps_and_form_out_of_range_are_refused)
{
    static const double eps[] = {-DBL_TRUE_MIN, -1e-6, -INFINITY, INFINITY, NAN, -NAN};
    static const int causal[] = {2, -1, INT_MIN, INT_MAX};
    struct world w;
    world_open(&w, _i, 1, 256);
    for (size_t i = 0; i < sizeof eps / sizeof eps[0]; i++) {
        struct ttt_mlp_shape shape = w.shape;
        shape.ln_eps = eps[i];
        assert_both(&w, &shape, &w.options, TTT_ERROR_EPS, "ln_eps", "");
    }
    for (size_t i = 0; i < sizeof causal / sizeof causal[0]; i++) {
        struct ttt_mlp_shape shape = w.shape;
        shape.causal = causal[i];
        assert_both(&w, &shape, &w.options, TTT_ERROR_FORM, "causal", "");
    }
    world_close(&w);
}
END_TEST

START_TEST(token_eta_belongs_to_the_causal_form)
{
    struct world w;
    world_open(&w, _i, 0, 256);
    for (int i = 0; i < w.count; i++)
        if (strstr(name(&w, i), "token_eta")) {
            set(&w, i, w.place[i]);
            assert_refused(&w, pass(&w, &w.shape, 1, &w.options), TTT_ERROR_FORM, "without causal", name(&w, i));
            reset(&w);
        }
    world_close(&w);
    world_open(&w, _i, 1, 256); /* and may be absent there, one without the other too */
    for (int i = 0; i < w.count; i++)
        if (strstr(name(&w, i), "token_eta")) {
            set(&w, i, NULL);
            ck_assert_int_eq(pass(&w, &w.shape, 1, &w.options), TTT_OK);
            reset(&w);
        }
    world_close(&w);
}
END_TEST

START_TEST(options_out_of_range_are_refused)
{
    static const struct ttt_ref_options bad[] = {{.threads = -1},      {.threads = 4097},     {.threads = INT_MIN},
                                                 {.threads = INT_MAX}, {.exact_outputs = 2},  {.exact_outputs = -1},
                                                 {.points = 16},       {.exchange_parts = 1}, {.points = 2},
                                                 {.points = 1},        {.exact_outputs = 1},  {.stochastic_seed = 1}};
    const size_t count = sizeof bad / sizeof bad[0];
    struct world w;
    world_open(&w, _i, 1, 256);
    for (size_t i = 0; i < (w.precision == TTT_TYPES_BF16 ? count - 2 : count); i++)
        assert_both(&w, &w.shape, &bad[i], TTT_ERROR_UNSUPPORTED, "options", "");
    size_t by_default = 0, by_zero = 1;
    ck_assert_int_eq(query(&w, &w.shape, NULL, &by_default), TTT_OK);
    ck_assert_int_eq(query(&w, &w.shape, &(struct ttt_ref_options){0}, &by_zero), TTT_OK);
    ck_assert_uint_eq(by_default, by_zero);
    world_close(&w);
}
END_TEST

START_TEST(missing_pointers_are_refused)
{
    struct world w;
    world_open(&w, _i, 1, 256);
    for (int i = 0; i < w.count; i++) {
        if (is_optional(w.backward, w.operands[i].tensor))
            continue;
        set(&w, i, NULL);
        assert_refused(&w, pass(&w, &w.shape, 1, &w.options), TTT_ERROR_NULL, "NULL", name(&w, i));
        reset(&w);
    }
    w.workspace = NULL;
    assert_refused(&w, pass(&w, &w.shape, 1, &w.options), TTT_ERROR_NULL, "NULL", "workspace");
    reset(&w);
    assert_refused(&w, pass(&w, &w.shape, 0, &w.options), TTT_ERROR_NULL, "NULL", "args");
    assert_both(&w, NULL, &w.options, TTT_ERROR_NULL, "NULL", "shape");
    assert_refused(&w, query(&w, &w.shape, &w.options, NULL), TTT_ERROR_NULL, "NULL", "bytes");
    world_close(&w);
}
END_TEST

/* All patterns of presence of the four tensors from `first` on. */
static void try_group(struct world *w, int first)
{
    for (int pattern = 0; pattern < 16; pattern++) {
        for (int j = 0; j < 4; j++)
            set(w, first + j, pattern & 1 << j ? w->place[first + j] : NULL);
        if (pattern == 0) {
            ck_assert_int_eq(pass(w, &w->shape, 1, &w->options), TTT_OK);
            memset(w->memory, 0x3c, w->memory_bytes);
        } else if (pattern < 15) {
            assert_refused(w, pass(w, &w->shape, 1, &w->options), TTT_ERROR_NULL, "in part", name(w, first));
        }
    }
    reset(w);
}

START_TEST(optional_groups_in_part_are_refused)
{
    struct world w;
    int groups = 0;
    world_open(&w, _i, 1, 256);
    for (int i = 0; i < w.count; i++)
        if (is_optional(w.backward, w.operands[i].tensor) && !strncmp(name(&w, i) + (w.backward ? 7 : 0), "W1_", 3)) {
            try_group(&w, i);
            groups++;
        }
    ck_assert_int_eq(groups, w.backward ? 1 : 2);
    world_close(&w);
}
END_TEST

START_TEST(misaligned_pointers_are_refused)
{
    struct world w;
    world_open(&w, _i, 1, 256);
    for (int i = 0; i < w.count; i++)
        for (size_t shift = 1; shift < element(&w, i); shift++) {
            set(&w, i, w.place[i] + shift);
            assert_refused(&w, pass(&w, &w.shape, 1, &w.options), TTT_ERROR_ALIGNMENT, "misaligned", name(&w, i));
            reset(&w);
        }
    for (size_t shift = 1; shift < 64; shift++) {
        w.workspace = w.place[w.count] + shift;
        assert_refused(&w, pass(&w, &w.shape, 1, &w.options), TTT_ERROR_ALIGNMENT, "misaligned", "workspace");
    }
    world_close(&w);
}
END_TEST

/* Operand i (not the workspace) moves over operand j: onto it, onto its last bytes, and with its own last element onto
 * j's first. */
static void try_overlaps(struct world *w, int i, int j)
{
    const size_t unit = element(w, i);
    const uintptr_t there = (uintptr_t)w->place[j];
    const uintptr_t moved[] = {there, (there + w->bytes[j] - 1) / unit * unit, there + unit - w->bytes[i]};
    for (int k = 0; k < 3; k++) {
        set(w, i, (const void *)moved[k]);
        assert_refused(w, pass(w, &w->shape, 1, &w->options), TTT_ERROR_ALIAS, name(w, i), name(w, j));
    }
    reset(w);
}

START_TEST(overlaps_are_refused)
{
    struct world w;
    int pairs = 0;
    world_open(&w, _i, 1, 4096);
    for (int i = 0; i < w.count; i++)
        for (int j = 0; j <= w.count; j++)
            if (i != j && (is_output(&w, i) || is_output(&w, j))) {
                try_overlaps(&w, i, j);
                pairs++;
            }
    ck_assert_int_eq(pairs, w.backward ? 27 * 27 - 16 * 15 : 20 * 20 - 11 * 10);
    world_close(&w);
}
END_TEST

START_TEST(neighbours_without_a_gap_are_served)
{
    struct world w;
    world_open(&w, _i, 1, 0);
    world_close(&w);
}
END_TEST

START_TEST(inputs_may_be_the_same_memory)
{
    struct world w;
    world_open(&w, _i, 1, 256);
    set(&w, 1, w.place[0]);
    set(&w, 2, w.place[0]);
    ck_assert_int_eq(pass(&w, &w.shape, 1, &w.options), TTT_OK);
    world_close(&w);
}
END_TEST

START_TEST(a_small_workspace_is_refused)
{
    struct world w;
    world_open(&w, _i, 1, 256);
    const size_t needed = w.workspace_bytes, given[] = {needed - 1, needed / 2, 1, 0};
    for (int i = 0; i < 4; i++) {
        w.workspace_bytes = given[i];
        assert_refused(&w, pass(&w, &w.shape, 1, &w.options), TTT_ERROR_WORKSPACE, "workspace", "too small");
    }
    world_close(&w);
}
END_TEST

/* A fault of the call, drawn: one that alone is refused, and that no other one undoes. */
static void plant(struct world *w, struct ttt_mlp_shape *shape, struct ttt_ref_options *options, uint64_t draw)
{
    static const int64_t sizes[] = {0, -1, INT64_MIN, INT64_MAX};
    static const double eps[] = {-1e-30, -1, -(double)INFINITY, (double)INFINITY, (double)NAN};
    static const int threads[] = {-1, 4097, INT_MAX, INT_MIN};
    const uint64_t kind = draw % 8, which = draw / 8 % 64, how = draw / 512;
    const int operand = (int)(which % (uint64_t)w->count), other = (int)(how % (uint64_t)w->count);
    if (kind == 0)
        *size_member(shape, (int)(which % 6)) = sizes[how % 4];
    else if (kind == 1)
        shape->ln_eps = eps[how % 5];
    else if (kind == 2)
        shape->causal = how % 2 ? 2 : INT_MIN;
    else if (kind == 3)
        options->threads = threads[how % 4];
    else if (kind == 4 && !is_optional(w->backward, w->operands[operand].tensor))
        set(w, operand, NULL);
    else if (kind == 5)
        set(w, operand, w->place[operand] + 1 + how % (element(w, operand) - 1));
    else if (kind == 6 && operand != other && is_output(w, operand))
        set(w, operand, w->place[other]);
    else
        w->workspace = how % 2 ? NULL : w->place[w->count] + 1 + how % 63;
}

/* One to four faults at once: some status, and nothing written. */
START_TEST(any_mixture_of_faults_is_refused)
{
    struct world w;
    world_open(&w, _i, 1, 256);
    for (uint64_t round = 0; round < 3000; round++) {
        struct ttt_mlp_shape shape = w.shape;
        struct ttt_ref_options options = w.options;
        reset(&w);
        for (uint64_t fault = 0; fault <= round % 4; fault++)
            plant(&w, &shape, &options, ttt_rng_bits(1, 100 + fault, round * 16 + (uint64_t)_i) >> 8);
        const enum ttt_status status = pass(&w, &shape, 1, &options);
        ck_assert_msg(status != TTT_OK, "round %d: served", (int)round);
        ck_assert_msg(!memcmp(w.memory, w.before, w.memory_bytes), "round %d: memory was written", (int)round);
    }
    world_close(&w);
}
END_TEST

START_TEST(each_status_has_words_of_its_own)
{
    for (int i = TTT_OK; i <= TTT_ERROR_MEMORY; i++) {
        const char *text = ttt_status_string((enum ttt_status)i);
        ck_assert_str_ne(text, "");
        ck_assert_str_ne(text, "unknown status");
        for (int j = TTT_OK; j < i; j++)
            ck_assert_str_ne(text, ttt_status_string((enum ttt_status)j));
    }
    ck_assert_str_eq(ttt_status_string((enum ttt_status)(TTT_ERROR_MEMORY + 1)), "unknown status");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ref_api");
    TCase *tc = tcase_create("statuses");
    const TTest *const every_pass[] = {
        sizes_out_of_range_are_refused,       products_that_overflow_are_refused,
        extreme_but_legal_shapes_are_served,  eps_and_form_out_of_range_are_refused,
        token_eta_belongs_to_the_causal_form, options_out_of_range_are_refused,
        missing_pointers_are_refused,         optional_groups_in_part_are_refused,
        misaligned_pointers_are_refused,      overlaps_are_refused,
        neighbours_without_a_gap_are_served,  inputs_may_be_the_same_memory,
        a_small_workspace_is_refused,         any_mixture_of_faults_is_refused,
    };
    for (size_t i = 0; i < sizeof every_pass / sizeof every_pass[0]; i++)
        tcase_add_loop_test(tc, every_pass[i], 0, 7); /* two directions of three precisions, and the complex one */
    tcase_add_test(tc, each_status_has_words_of_its_own);
    tcase_set_timeout(tc, 120);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
