/* SPDX-License-Identifier: MIT */
#include "tests/ref_run.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

const struct ref_functions ref_functions[4] = {
    [TTT_TYPES_F64] = {ttt_ref_mlp_forward_workspace_f64, ttt_ref_mlp_backward_workspace_f64, ttt_ref_mlp_forward_f64,
                       ttt_ref_mlp_backward_f64},
    [TTT_TYPES_F32] = {ttt_ref_mlp_forward_workspace_f32, ttt_ref_mlp_backward_workspace_f32, ttt_ref_mlp_forward_f32,
                       ttt_ref_mlp_backward_f32},
    [TTT_TYPES_BF16] = {ttt_ref_mlp_forward_workspace_bf16, ttt_ref_mlp_backward_workspace_bf16,
                        ttt_ref_mlp_forward_bf16, ttt_ref_mlp_backward_bf16},
    [REF_C128] = {ttt_ref_mlp_forward_workspace_c128, NULL, ttt_ref_mlp_forward_c128, NULL},
};

const char *const ref_types_name[4] = {"f64", "f32", "bf16", "c128"};

static const unsigned all_roles =
    1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_UPSTREAM | 1u << TTT_ROLE_FORWARD_OUTPUT | 1u << TTT_ROLE_BACKWARD_OUTPUT;

void ref_make(struct ttt_tensors *t, const struct ttt_case *c, enum ttt_types types, int exact_outputs)
{
    char error[200];
    ck_assert_msg(!ttt_tensors_make(t, c, 0, c->shape.heads, types, all_roles, error, sizeof error), "%s", error);
    for (enum ttt_tensor i = TTT_XQW; exact_outputs && i < TTT_TENSOR_COUNT; i++)
        if (ttt_tensor_info[i].token) {
            ttt_buffer_free(&t->buffer[i]);
            ck_assert(!ttt_tensors_add(t, i, TTT_F32, error, sizeof error));
        }
}

void ref_make_text(struct ttt_tensors *t, const char *text, enum ttt_types types)
{
    struct ttt_case c;
    char error[200];
    ck_assert_msg(!ttt_case_parse(text, &c, error, sizeof error), "%s", error);
    ref_make(t, &c, types, 0);
}

void ref_copy(struct ttt_tensors *to, const struct ttt_tensors *from)
{
    *to = *from;
    for (enum ttt_tensor i = TTT_XQ; i < TTT_TENSOR_COUNT; i++) {
        const struct ttt_buffer *b = &from->buffer[i];
        to->buffer[i] = (struct ttt_buffer){.data = NULL};
        if (!b->data)
            continue;
        ck_assert(!ttt_buffer_alloc(&to->buffer[i], b->dtype, b->elements));
        if (i < TTT_XQW)
            memcpy(to->buffer[i].data, b->data, (size_t)b->elements * ttt_dtype_size(b->dtype));
    }
}

static int has_exact_outputs(const struct ttt_tensors *t)
{
    return t->types == TTT_TYPES_BF16 && t->buffer[TTT_XQW].dtype == TTT_F32;
}

static void *workspace_alloc(size_t bytes)
{
    void *p = NULL;
    ck_assert(!posix_memalign(&p, 64, bytes ? bytes : 1));
    memset(p, 0xff, bytes); /* NaN: what is read before it is written shows */
    return p;
}

void ref_forward(struct ttt_tensors *t, struct ttt_ref_options o)
{
    const struct ttt_mlp_forward_args args = ttt_tensors_forward_args(t);
    size_t bytes = 0;
    o.exact_outputs = has_exact_outputs(t);
    ck_assert_int_eq(ref_functions[t->types].forward_workspace(&t->c.shape, &o, &bytes), TTT_OK);
    void *workspace = workspace_alloc(bytes);
    ck_assert_int_eq(ref_functions[t->types].forward(&t->c.shape, &args, &o, workspace, bytes), TTT_OK);
    free(workspace);
}

void ref_backward(struct ttt_tensors *t, struct ttt_ref_options o)
{
    const struct ttt_mlp_backward_args args = ttt_tensors_backward_args(t);
    size_t bytes = 0;
    o.exact_outputs = has_exact_outputs(t);
    ck_assert_int_eq(ref_functions[t->types].backward_workspace(&t->c.shape, &o, &bytes), TTT_OK);
    void *workspace = workspace_alloc(bytes);
    ck_assert_int_eq(ref_functions[t->types].backward(&t->c.shape, &args, &o, workspace, bytes), TTT_OK);
    free(workspace);
}

void ref_run(struct ttt_tensors *t, int threads)
{
    ref_forward(t, (struct ttt_ref_options){.threads = threads});
    ref_backward(t, (struct ttt_ref_options){.threads = threads});
}

int ref_same_part(const struct ttt_buffer *a, int64_t first_a, const struct ttt_buffer *b, int64_t first_b, int64_t n)
{
    const size_t size = ttt_dtype_size(a->dtype);
    ck_assert(a->dtype == b->dtype && first_a + n <= a->elements && first_b + n <= b->elements);
    return !memcmp((const char *)a->data + (size_t)first_a * size, (const char *)b->data + (size_t)first_b * size,
                   (size_t)n * size);
}

int ref_same(const struct ttt_buffer *a, const struct ttt_buffer *b)
{
    return a->elements == b->elements && ref_same_part(a, 0, b, 0, a->elements);
}

void ref_assert_same(const struct ttt_tensors *a, const struct ttt_tensors *b, enum ttt_tensor begin,
                     enum ttt_tensor end, const char *what)
{
    for (enum ttt_tensor i = begin; i < end; i++)
        if (a->buffer[i].data && b->buffer[i].data)
            ck_assert_msg(ref_same(&a->buffer[i], &b->buffer[i]), "%s: %s differs (%s)", what, ttt_tensor_info[i].name,
                          ref_types_name[a->types]);
}
