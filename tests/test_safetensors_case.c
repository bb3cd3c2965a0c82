/* SPDX-License-Identifier: MIT
 *
 * Cases in files: written, read back as a case and as blocks of heads, and refused when file and case disagree.
 */
#include "files.h"
#include "harness/safetensors.h"
#include "run.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum {
    INPUTS = 1 << TTT_ROLE_INPUT,
    UPSTREAM = 1 << TTT_ROLE_UPSTREAM,
    FORWARD_OUTPUTS = 1 << TTT_ROLE_FORWARD_OUTPUT,
    BACKWARD_OUTPUTS = 1 << TTT_ROLE_BACKWARD_OUTPUT,
    EVERYTHING = INPUTS | UPSTREAM | FORWARD_OUTPUTS | BACKWARD_OUTPUTS
};

static struct ttt_case parse(const char *text)
{
    struct ttt_case c;
    char error[1024] = "";
    const int result = ttt_case_parse(text, &c, error, sizeof error);
    ck_assert_msg(result == 0, "%s", error);
    return c;
}

/* All tensors of a case; element i of an output is i + 1/4. */
static struct ttt_tensors make(const char *text, enum ttt_types types)
{
    const struct ttt_case c = parse(text);
    struct ttt_tensors t;
    char error[512] = "";
    ck_assert_msg(ttt_tensors_make(&t, &c, 0, c.shape.heads, types, EVERYTHING, error, sizeof error) == 0, "%s", error);
    for (enum ttt_tensor k = TTT_XQW; k < TTT_TENSOR_COUNT; k++)
        for (int64_t i = 0; i < t.buffer[k].elements; i++)
            ttt_buffer_set(&t.buffer[k], i, (double)i + 0.25);
    return t;
}

static const char *write_tensors(const struct ttt_tensors *t, unsigned roles)
{
    const char *path = files_path("case");
    char error[512] = "";
    const int result = ttt_safetensors_write(path, t, roles, error, sizeof error);
    ck_assert_msg(result == 0, "%s", error);
    return path;
}

static const char *write_case(const char *text, enum ttt_types types, unsigned roles)
{
    struct ttt_tensors t = make(text, types);
    const char *path = write_tensors(&t, roles);
    ttt_tensors_free(&t);
    return path;
}

static struct ttt_safetensors *open_case(const char *path, struct ttt_case *c)
{
    char error[1024] = "";
    struct ttt_safetensors *s = ttt_safetensors_open(path, error, sizeof error);
    ck_assert_msg(s && ttt_safetensors_case(s, c, error, sizeof error) == 0, "%s", error);
    return s;
}

static void load(struct ttt_tensors *t, struct ttt_safetensors *s, const struct ttt_case *c, int64_t head0,
                 int64_t heads, enum ttt_types types, unsigned roles)
{
    char error[512] = "";
    const int result = ttt_tensors_load(t, s, c, head0, heads, types, roles, error, sizeof error);
    ck_assert_msg(result == 0, "%s", error);
}

static const char *const cases[] = {
    "b2h3n10c4f3d5g2 eps=1e-06 dist=unit seed=7 causal=0 state_grads=1",
    "b1h2n5c8f3d1g1 eps=1e-08 dist=model seed=18446744073709551615 causal=1 state_grads=0",
    "b2h1n3c1f1d2g9223372036854775807 eps=0.3333333333333333 dist=strong seed=0 causal=1 state_grads=1",
};
enum { CASES = sizeof cases / sizeof *cases };

START_TEST(case_comes_back)
{
    struct ttt_case c;
    struct ttt_safetensors *s = open_case(write_case(cases[_i], TTT_TYPES_BF16, INPUTS | UPSTREAM), &c);
    char text[TTT_CASE_TEXT];
    ttt_case_format(&c, text);
    ck_assert_str_eq(text, cases[_i]);
    ck_assert_ptr_null(ttt_safetensors_find(s, "XQW"));
    ttt_safetensors_close(s);
}
END_TEST

START_TEST(tensors_come_back_bit_for_bit)
{
    for (int types = 0; types < 3; types++) {
        struct ttt_tensors t = make(cases[_i], (enum ttt_types)types), back;
        struct ttt_case c;
        struct ttt_safetensors *s = open_case(write_tensors(&t, EVERYTHING), &c);
        load(&back, s, &c, 0, c.shape.heads, (enum ttt_types)types, EVERYTHING);
        for (enum ttt_tensor k = TTT_XQ; k < TTT_TENSOR_COUNT; k++) {
            const struct ttt_buffer *a = &t.buffer[k], *b = &back.buffer[k];
            ck_assert_int_eq(a->data != NULL, b->data != NULL);
            if (!a->data)
                continue;
            ck_assert_int_eq(b->dtype, a->dtype);
            ck_assert_int_eq(b->elements, a->elements);
            ck_assert_mem_eq(b->data, a->data, (size_t)a->elements * ttt_dtype_size(a->dtype));
            ck_assert(ttt_buffer_red_zones_intact(b));
        }
        ttt_safetensors_close(s);
        ttt_tensors_free(&t);
        ttt_tensors_free(&back);
    }
}
END_TEST

/* A block of a file is the block that the generator makes, in every type set, whatever the file's. */
START_TEST(blocks_of_inputs_are_those_of_the_generator)
{
    struct ttt_case c;
    for (int written = 0; written < 3; written++) {
        struct ttt_safetensors *s = open_case(write_case(cases[_i], (enum ttt_types)written, INPUTS | UPSTREAM), &c);
        for (int types = 0; types < 3; types++)
            for (int64_t head0 = 0; head0 < c.shape.heads; head0++)
                for (int64_t heads = 1; head0 + heads <= c.shape.heads; heads++) {
                    struct ttt_tensors t, made;
                    char error[512];
                    load(&t, s, &c, head0, heads, (enum ttt_types)types, INPUTS | UPSTREAM);
                    ttt_tensors_make(&made, &c, head0, heads, (enum ttt_types)types, INPUTS | UPSTREAM, error, 512);
                    ck_assert_int_eq(t.head0, head0);
                    ck_assert_int_eq(t.heads_total, c.shape.heads);
                    ck_assert_uint_eq(ttt_tensors_inputs_hash(&t), ttt_tensors_inputs_hash(&made));
                    for (enum ttt_tensor k = TTT_XQ; k < TTT_XQW; k++)
                        ck_assert_uint_eq(ttt_buffer_hash(&t.buffer[k]), ttt_buffer_hash(&made.buffer[k]));
                    ttt_tensors_free(&t);
                    ttt_tensors_free(&made);
                }
        ttt_safetensors_close(s);
    }
}
END_TEST

/* Outputs keep the file's dtype, and a block takes its heads of every batch entry. */
START_TEST(blocks_of_outputs_are_the_files)
{
    struct ttt_case c;
    struct ttt_safetensors *s = open_case(write_case("b2h3n4c4f2d3g1", TTT_TYPES_F64, EVERYTHING), &c);
    struct ttt_tensors t;
    load(&t, s, &c, 1, 2, TTT_TYPES_BF16, FORWARD_OUTPUTS | BACKWARD_OUTPUTS);
    ck_assert_ptr_null(t.buffer[TTT_XQ].data);
    ck_assert_int_eq(t.buffer[TTT_XQW].dtype, TTT_F64);
    ck_assert_int_eq(t.buffer[TTT_XQW].elements, 2 * 2 * 8);
    for (int64_t i = 0; i < 32; i++) { /* [2, 2, 4, 2] out of [2, 3, 4, 2] */
        const int64_t in_file = i / 16 * 24 + 8 + i % 16;
        ck_assert_double_eq(ttt_buffer_get(&t.buffer[TTT_XQW], i), (double)in_file + 0.25);
    }
    for (int64_t i = 0; i < 4; i++) /* [2, 2] out of [3, 2] */
        ck_assert_double_eq(ttt_buffer_get(&t.buffer[TTT_GRAD_NORM_BIAS], i), (double)(i + 2) + 0.25);
    ttt_tensors_free(&t);
    ttt_safetensors_close(s);
}
END_TEST

START_TEST(absent_outputs_stay_absent)
{
    struct ttt_case c;
    struct ttt_safetensors *s =
        open_case(write_case(cases[0], TTT_TYPES_BF16, INPUTS | UPSTREAM | FORWARD_OUTPUTS), &c);
    struct ttt_tensors t;
    load(&t, s, &c, 0, 3, TTT_TYPES_BF16, EVERYTHING);
    for (enum ttt_tensor k = TTT_XQ; k < TTT_TENSOR_COUNT; k++)
        ck_assert_int_eq(t.buffer[k].data != NULL,
                         ttt_tensor_present(k, &c) && ttt_tensor_info[k].role != TTT_ROLE_BACKWARD_OUTPUT);
    ttt_tensors_free(&t);
    load(&t, s, &c, 0, 3, TTT_TYPES_BF16, UPSTREAM);
    for (enum ttt_tensor k = TTT_XQ; k < TTT_TENSOR_COUNT; k++)
        ck_assert_int_eq(t.buffer[k].data != NULL, ttt_tensor_info[k].role == TTT_ROLE_UPSTREAM);
    ttt_tensors_free(&t);
    ttt_safetensors_close(s);
}
END_TEST

/* Write the good file again with `from` in its header replaced by `to`; its path. */
static const char *edit(const char *path, const char *from, const char *to)
{
    size_t size;
    char *bytes = files_read(path, &size), *header = bytes + 8;
    size_t header_size = (size_t)(unsigned char)bytes[0] | (size_t)(unsigned char)bytes[1] << 8;
    ck_assert_int_eq(bytes[2], 0);
    char *at = strstr(header, from), *out = malloc(size + strlen(to));
    ck_assert_msg(at != NULL && out != NULL, "no %s in the header", from);
    const size_t before = (size_t)(at - bytes), after = size - before - strlen(from);
    memcpy(out, bytes, before);
    memcpy(out + before, to, strlen(to));
    memcpy(out + before + strlen(to), at + strlen(from), after);
    header_size += strlen(to) - strlen(from);
    out[0] = (char)(header_size & 255);
    out[1] = (char)(header_size >> 8);
    files_write(path, out, before + strlen(to) + after);
    free(bytes);
    free(out);
    return path;
}

static const struct {
    const char *from, *to, *says;
} mismatched[] = {
    /* numbers of the metadata */
    {"\"__metadata__\"", "\"__metadata_\"", "tensor '__metadata_' has no dtype"},
    {"\"batch\":\"1\",", "", "__metadata__ has no 'batch'"},
    {"\"heads\":", "\"Heads\":", "__metadata__ has no 'heads'"},
    {"\"seq_len\":\"5\",", "", "__metadata__ has no 'seq_len'"},
    {"\"mini_batch_size\":\"2\",", "", "__metadata__ has no 'mini_batch_size'"},
    {"\"head_dim\":\"3\",", "", "__metadata__ has no 'head_dim'"},
    {"\"hidden_dim\":\"4\",", "", "__metadata__ has no 'hidden_dim'"},
    {"\"ln_eps\":\"1e-06\",", "", "__metadata__ has no 'ln_eps'"},
    {"\"causal\":\"1\",", "", "__metadata__ has no 'causal'"},
    {"\"batch\":\"1\"", "\"batch\":1", "__metadata__: the value of 'batch' is not a string"},
    {"\"batch\":\"1\"", "\"batch\":\"\"", "'batch' is '' (allowed: an integer 1 to 2^63 - 1)"},
    {"\"batch\":\"1\"", "\"batch\":\"0\"", "'batch' is '0'"},
    {"\"batch\":\"1\"", "\"batch\":\"-1\"", "'batch' is '-1'"},
    {"\"batch\":\"1\"", "\"batch\":\"one\"", "'batch' is 'one'"},
    {"\"batch\":\"1\"", "\"batch\":\" 1\"", "'batch' is ' 1'"},
    {"\"batch\":\"1\"", "\"batch\":\"1.0\"", "'batch' is '1.0'"},
    {"\"batch\":\"1\"", "\"batch\":\"nan\"", "'batch' is 'nan'"},
    {"\"batch\":\"1\"", "\"batch\":\"1e3\"", "'batch' is '1e3'"},
    {"\"batch\":\"1\"", "\"batch\":\"\\u001b\\n\"", "'batch' is '\\x1b\\x0a'"},
    {"\"batch\":\"1\"", "\"batch\":\"9223372036854775808\"", "'batch' is '9223372036854775808'"},
    {"\"batch\":\"1\"", "\"batch\":\"9223372036854775807\"", "__metadata__: the sizes overflow: XQ"},
    {"\"heads\":\"2\"", "\"heads\":\"two\"", "'heads' is 'two'"},
    {"\"seq_len\":\"5\"", "\"seq_len\":\"0\"", "'seq_len' is '0'"},
    {"\"mini_batch_size\":\"2\"", "\"mini_batch_size\":\"-2\"", "'mini_batch_size' is '-2'"},
    {"\"mini_batch_size\":\"2\"", "\"mini_batch_size\":\"4294967296\"", "mini_batch_size is 4294967296 (allowed: 1 to"},
    {"\"head_dim\":\"3\"", "\"head_dim\":\"3x\"", "'head_dim' is '3x'"},
    {"\"hidden_dim\":\"4\"", "\"hidden_dim\":\"\"", "'hidden_dim' is ''"},
    {"\"checkpoint_group_size\":\"2\"", "\"checkpoint_group_size\":\"0\"", "'checkpoint_group_size' is '0'"},
    {"\"ln_eps\":\"1e-06\"", "\"ln_eps\":\"-1e-06\"", "'ln_eps' is '-1e-06' (allowed: a decimal number >= 0)"},
    {"\"ln_eps\":\"1e-06\"", "\"ln_eps\":\"NaN\"", "'ln_eps' is 'NaN'"},
    {"\"ln_eps\":\"1e-06\"", "\"ln_eps\":\"inf\"", "'ln_eps' is 'inf'"},
    {"\"ln_eps\":\"1e-06\"", "\"ln_eps\":\"1e999\"", "'ln_eps' is '1e999'"},
    {"\"ln_eps\":\"1e-06\"", "\"ln_eps\":\"0x1p-20\"", "'ln_eps' is '0x1p-20'"},
    {"\"ln_eps\":\"1e-06\"", "\"ln_eps\":\"\"", "'ln_eps' is ''"},
    {"\"causal\":\"1\"", "\"causal\":\"2\"", "'causal' is '2' (allowed: 0 or 1)"},
    {"\"causal\":\"1\"", "\"causal\":\"true\"", "'causal' is 'true'"},
    {"\"causal\":\"1\"", "\"causal\":\"\"", "'causal' is ''"},
    {"\"seed\":\"3\"", "\"seed\":\"-3\"", "'seed' is '-3' (allowed: an integer 0 to 2^64 - 1)"},
    {"\"seed\":\"3\"", "\"seed\":\"18446744073709551616\"", "'seed' is '18446744073709551616'"},
    /* tensors that the case needs, or has in another shape, or has not */
    {"\"XQ\":", "\"xq\":", "tensor 'XQ' is missing"},
    {"\"last_eta\":", "\"eta\":", "tensor 'last_eta' is missing"},
    {"\"ttt_norm_bias\":", "\"bias\":", "tensor 'ttt_norm_bias' is missing"},
    {"\"W2_init\":", "\"W2\":", "tensor 'W2_init' is missing"},
    {"\"grad_L_XQW\":", "\"grad\":", "tensor 'grad_L_XQW' is missing"},
    {"\"grad_L_b1_last\":", "\"grad\":", "tensor 'grad_L_b1_last' is missing (the four grad_L_*_last: all or none)"},
    {"\"grad_L_W1_last\":", "\"grad\":", "tensor 'grad_L_b1_last' does not belong to the case (the four grad_L_*_last"},
    {"\"causal\":\"1\"", "\"causal\":\"0\"",
     "tensor 'token_eta' does not belong to the case (it is of the causal form"},
    {"\"XQ\":{\"dtype\":\"BF16\",\"shape\":[1,2,5,3]", "\"XQ\":{\"dtype\":\"BF16\",\"shape\":[1,2,3,5]",
     "tensor 'XQ' has shape [1, 2, 3, 5] (allowed by __metadata__: [1, 2, 5, 3])"},
    {"\"XQ\":{\"dtype\":\"BF16\",\"shape\":[1,2,5,3]", "\"XQ\":{\"dtype\":\"BF16\",\"shape\":[30]",
     "tensor 'XQ' has shape [30] (allowed"},
    {"\"XQ\":{\"dtype\":\"BF16\",\"shape\":[1,2,5,3]", "\"XQ\":{\"dtype\":\"BF16\",\"shape\":[1,1,1,2,5,1,3,1]",
     "tensor 'XQ' has shape [1, 1, 1, 2, 5, 1, 3, 1] (allowed"},
    {"\"token_eta\":{\"dtype\":\"F32\",\"shape\":[2]", "\"token_eta\":{\"dtype\":\"F32\",\"shape\":[2,1]",
     "tensor 'token_eta' has shape [2, 1] (allowed by __metadata__: [2])"},
    {"\"W1_last\":{\"dtype\":\"F32\",\"shape\":[1,2,3,4]", "\"W1_last\":{\"dtype\":\"F32\",\"shape\":[1,2,4,3]",
     "tensor 'W1_last' has shape [1, 2, 4, 3]"},
    {"\"grad_L_b2_init\":{\"dtype\":\"F32\",\"shape\":[1,2,3]", "\"grad_L_b2_init\":{\"dtype\":\"F32\",\"shape\":[2,3]",
     "tensor 'grad_L_b2_init' has shape [2, 3]"},
    {"\"heads\":\"2\"", "\"heads\":\"1\"",
     "tensor 'XQ' has shape [1, 2, 5, 3] (allowed by __metadata__: [1, 1, 5, 3])"},
    {"\"mini_batch_size\":\"2\"", "\"mini_batch_size\":\"3\"", "tensor 'token_eta' has shape [2] (allowed by"},
    {"\"checkpoint_group_size\":\"2\"", "\"checkpoint_group_size\":\"3\"",
     "tensor 'W1_checkpoints' has shape [1, 2, 2,"},
    {"\"checkpoint_group_size\":\"2\",", "", "tensor 'W1_checkpoints' has shape [1, 2, 2, 3, 4] (allowed by"},
};

/* Neither open nor case may take it; what they say. */
static void assert_refused(const char *path, const char *says)
{
    char error[2048] = "";
    struct ttt_case c, before;
    memset(&c, 0x5a, sizeof c);
    before = c;
    struct ttt_safetensors *s = ttt_safetensors_open(path, error, sizeof error);
    ck_assert_msg(!s || ttt_safetensors_case(s, &c, error, sizeof error) == -1, "taken instead of: %s", says);
    ttt_safetensors_close(s);
    ck_assert_mem_eq(&c, &before, sizeof c);
    ck_assert_msg(strncmp(error, path, strlen(path)) == 0 && error[strlen(path)] == ':', "%s", error);
    ck_assert_msg(strstr(error, says) != NULL, "expected '%s' in: %s", says, error);
    ck_assert_msg(strpbrk(error, "\n\x1b") == NULL, "%s", error);
}

START_TEST(file_that_disagrees_with_its_case_is_refused)
{
    const char *path = write_case("b1h2n5c2f3d4g2 seed=3 causal=1", TTT_TYPES_BF16, EVERYTHING);
    assert_refused(edit(path, mismatched[_i].from, mismatched[_i].to), mismatched[_i].says);
}
END_TEST

START_TEST(no_metadata_at_all)
{
    const char *path = files_path("case");
    files_write(path, "\2\0\0\0\0\0\0\0{}", 10);
    assert_refused(path, "__metadata__ has no 'batch'");
}
END_TEST

/* Optional keys have defaults, unknown keys and tensors are ignored, and so is a distribution that is not ours. */
START_TEST(lenient_where_the_format_is)
{
    const char *path = write_case("b1h2n5c2f3d4g2 dist=strong seed=3 state_grads=0", TTT_TYPES_F32, INPUTS | UPSTREAM);
    edit(path, "\"checkpoint_group_size\":\"2\",", "");
    edit(path, "\"distribution\":\"strong\",\"seed\":\"3\"", "\"source\":\"somewhere\",\"ttt\":\"\"");
    struct ttt_case c;
    ttt_safetensors_close(open_case(path, &c));
    ck_assert_int_eq(c.shape.checkpoint_group_size, 1);
    ck_assert_int_eq(c.distribution, TTT_DIST_UNIT);
    ck_assert_uint_eq(c.seed, 1);
    ck_assert_int_eq(c.state_grads, 0);
    edit(path, "\"source\":\"somewhere\"", "\"distribution\":\"gamma\"");
    struct ttt_safetensors *s = open_case(path, &c);
    ck_assert_int_eq(c.distribution, TTT_DIST_UNIT);
    ck_assert_str_eq(ttt_safetensors_metadata(s, "distribution"), "gamma");
    ttt_safetensors_close(s);
}
END_TEST

START_TEST(absent_token_eta_is_one)
{
    const char *path = write_case("b1h1n5c3f2d2g1 causal=1", TTT_TYPES_F32, INPUTS | UPSTREAM);
    struct ttt_case c;
    struct ttt_tensors t;
    struct ttt_safetensors *s = open_case(edit(path, "\"token_eta\"", "\"other\""), &c);
    load(&t, s, &c, 0, 1, TTT_TYPES_F64, INPUTS);
    ck_assert_int_eq(t.buffer[TTT_TOKEN_ETA].elements, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq(ttt_buffer_get(&t.buffer[TTT_TOKEN_ETA], i), 1);
    ttt_tensors_free(&t);
    ttt_safetensors_close(s);
}
END_TEST

START_TEST(load_checks_the_case_it_is_given)
{
    struct ttt_case c;
    struct ttt_safetensors *s = open_case(write_case(cases[0], TTT_TYPES_F32, EVERYTHING), &c);
    struct ttt_tensors t;
    char error[512] = "";
    struct ttt_case other = c;
    other.shape.seq_len++;
    ck_assert_int_eq(ttt_tensors_load(&t, s, &other, 0, 1, TTT_TYPES_F32, INPUTS, error, sizeof error), -1);
    ck_assert_ptr_nonnull(strstr(error, "tensor 'XQ' has shape"));
    ttt_tensors_free(&t);
    ck_assert_int_eq(ttt_tensors_load(&t, s, &c, 2, 2, TTT_TYPES_F32, INPUTS, error, sizeof error), -1);
    ck_assert_ptr_nonnull(strstr(error, "the case has 3"));
    ttt_tensors_free(&t);
    ttt_safetensors_close(s);
}
END_TEST

START_TEST(writing_is_deterministic_and_aligned)
{
    size_t size[2];
    char *bytes[2];
    for (int i = 0; i < 2; i++)
        bytes[i] = files_read(write_case(cases[1], TTT_TYPES_BF16, EVERYTHING), &size[i]);
    ck_assert_uint_eq(size[0], size[1]);
    ck_assert_mem_eq(bytes[0], bytes[1], size[0]);
    ck_assert_int_eq((unsigned char)bytes[0][0] % 8, 0); /* so the data begins at a multiple of 8 */
    free(bytes[0]);
    free(bytes[1]);
    ck_assert_int_eq(files_count(), 1); /* no temporary file is left */
    struct ttt_case c;
    struct ttt_safetensors *s = open_case(files_path("case"), &c);
    for (size_t i = 0; i < ttt_safetensors_count(s); i++) {
        const struct ttt_safetensors_entry *e = ttt_safetensors_entry(s, i);
        ck_assert_int_eq(e->begin % (int64_t)ttt_dtype_size(e->dtype), 0);
    }
    ttt_safetensors_close(s);
}
END_TEST

START_TEST(block_is_written_as_a_case_of_its_own)
{
    const struct ttt_case c = parse("b2h5n4c2f3d2g1");
    struct ttt_tensors block, back;
    struct ttt_case read;
    char error[512];
    ck_assert_int_eq(ttt_tensors_make(&block, &c, 1, 3, TTT_TYPES_F32, INPUTS | UPSTREAM, error, sizeof error), 0);
    struct ttt_safetensors *s = open_case(write_tensors(&block, EVERYTHING), &read);
    ck_assert_int_eq(read.shape.heads, 3);
    load(&back, s, &read, 0, 3, TTT_TYPES_F32, INPUTS | UPSTREAM);
    for (enum ttt_tensor k = TTT_XQ; k < TTT_XQW; k++)
        ck_assert_uint_eq(ttt_buffer_hash(&back.buffer[k]), ttt_buffer_hash(&block.buffer[k]));
    ttt_safetensors_close(s);
    ttt_tensors_free(&block);
    ttt_tensors_free(&back);
}
END_TEST

START_TEST(writing_to_what_is_not_a_file_is_refused)
{
    struct ttt_tensors t = make(cases[0], TTT_TYPES_BF16);
    char error[512] = "";
    const char *fifo = files_path("fifo");
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    ck_assert_int_eq(ttt_safetensors_write(fifo, &t, INPUTS, error, sizeof error), -1);
    ck_assert_ptr_nonnull(strstr(error, "/fifo: exists and is not a regular file"));
    struct stat status;
    ck_assert(stat(fifo, &status) == 0 && S_ISFIFO(status.st_mode));
    ck_assert_int_eq(ttt_safetensors_write(files_path(""), &t, INPUTS, error, sizeof error), -1);
    ck_assert_ptr_nonnull(strstr(error, "exists and is not a regular file"));
    ck_assert_int_eq(ttt_safetensors_write(files_path("no/such/place"), &t, INPUTS, error, sizeof error), -1);
    ck_assert_ptr_nonnull(strstr(error, "cannot be written: No such file or directory"));
    ck_assert_int_eq(files_count(), 1);
    ttt_tensors_free(&t);
}
END_TEST

/* A limit on the size of files stands for a full disk: wherever it strikes, the old file stays and nothing else is
 * left.
 */
START_TEST(full_disk_leaves_the_old_file)
{
    const char *path = files_path("case");
    struct ttt_tensors t = make(cases[0], TTT_TYPES_BF16);
    files_write(path, "old", 3);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    const rlim_t unlimited = limit.rlim_cur;
    static const rlim_t sizes[] = {0, 4, 8, 100, 4000, 6000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char error[512] = "";
        limit.rlim_cur = sizes[i];
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        const int result = ttt_safetensors_write(path, &t, EVERYTHING, error, sizeof error);
        limit.rlim_cur = unlimited; /* the test's own log has no such limit */
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        ck_assert_int_eq(result, -1);
        ck_assert_ptr_nonnull(strstr(error, "cannot be written: File too large"));
        ck_assert_int_eq(files_count(), 1);
        size_t size;
        char *bytes = files_read(path, &size);
        ck_assert_str_eq(bytes, "old");
        free(bytes);
    }
    write_tensors(&t, EVERYTHING);
    struct ttt_case c;
    ttt_safetensors_close(open_case(path, &c));
    ttt_tensors_free(&t);
}
END_TEST

/* The files that this project is judged by. */
static const struct {
    const char *name, *text;
    size_t tensors;
} vectors[] = {
    {"causal-b1h2n48c16f32", "b1h2n48c16f32d128g1 eps=1e-06 dist=unit seed=8 causal=1 state_grads=1", 32},
    {"causal-tail-b2h1n39c16f16", "b2h1n39c16f16d64g1 eps=1e-06 dist=strong seed=9 causal=1 state_grads=1", 32},
    {"model-b1h1n256c64f64", "b1h1n256c64f64d256g1 eps=1e-06 dist=model seed=2 causal=0 state_grads=0", 26},
    {"model-eps1e-8-b1h1n256c64f64", "b1h1n256c64f64d256g1 eps=1e-08 dist=model seed=3 causal=0 state_grads=0", 26},
    {"strong-state-b2h3n80c16f16", "b2h3n80c16f16d64g1 eps=1e-06 dist=strong seed=4 causal=0 state_grads=1", 30},
    {"tail-b1h1n150c64f64", "b1h1n150c64f64d256g1 eps=1e-06 dist=unit seed=6 causal=0 state_grads=1", 30},
    {"tail-short-b2h2n5c16f8d20", "b2h2n5c16f8d20g1 eps=1e-05 dist=strong seed=7 causal=0 state_grads=1", 30},
    {"unit-b1h1n192c64f64", "b1h1n192c64f64d256g1 eps=1e-06 dist=unit seed=1 causal=0 state_grads=0", 26},
    {"unit-b1h2n64c16f32d96", "b1h2n64c16f32d96g1 eps=1e-06 dist=unit seed=5 causal=0 state_grads=0", 26},
};

START_TEST(ground_truth_is_read)
{
    const char *directory = getenv("TTT_VECTORS");
    char path[1024], text[TTT_CASE_TEXT];
    snprintf(path, sizeof path, "%s/%s.safetensors", directory ? directory : "tests/vectors", vectors[_i].name);
    struct ttt_case c;
    struct ttt_safetensors *s = open_case(path, &c);
    ttt_case_format(&c, text);
    ck_assert_str_eq(text, vectors[_i].text);
    ck_assert_uint_eq(ttt_safetensors_count(s), vectors[_i].tensors);
    uint64_t hash[2] = {0, 0};
    for (int64_t head = 0; head < c.shape.heads; head++)
        for (int f64 = 0; f64 < 2; f64++) {
            struct ttt_tensors t;
            load(&t, s, &c, head, 1, f64 ? TTT_TYPES_F64 : TTT_TYPES_BF16, EVERYTHING);
            hash[f64] += ttt_tensors_inputs_hash(&t);
            for (enum ttt_tensor k = TTT_XQ; k < TTT_TENSOR_COUNT; k++) {
                ck_assert_int_eq(ttt_buffer_poison_left(&t.buffer[k]), 0);
                for (int64_t i = 0; i < t.buffer[k].elements; i++)
                    if (!isfinite(ttt_buffer_get(&t.buffer[k], i)))
                        ck_abort_msg("%s is not finite", ttt_tensor_info[k].name);
            }
            ck_assert_int_eq(t.buffer[TTT_XQW].dtype, TTT_F64);
            ck_assert_ptr_null(t.buffer[TTT_W1_CHECKPOINTS].data);
            ttt_tensors_free(&t);
        }
    ck_assert_uint_eq(hash[0], hash[1]); /* the inputs are what bf16 and float can hold */
    ttt_safetensors_close(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("safetensors_case");
    TCase *tests = tcase_create("safetensors_case");
    tcase_add_checked_fixture(tests, files_setup, files_teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, case_comes_back, 0, CASES);
    tcase_add_loop_test(tests, tensors_come_back_bit_for_bit, 0, CASES);
    tcase_add_loop_test(tests, blocks_of_inputs_are_those_of_the_generator, 0, CASES);
    tcase_add_test(tests, blocks_of_outputs_are_the_files);
    tcase_add_test(tests, absent_outputs_stay_absent);
    tcase_add_loop_test(tests, file_that_disagrees_with_its_case_is_refused, 0,
                        (int)(sizeof mismatched / sizeof *mismatched));
    tcase_add_test(tests, no_metadata_at_all);
    tcase_add_test(tests, lenient_where_the_format_is);
    tcase_add_test(tests, absent_token_eta_is_one);
    tcase_add_test(tests, load_checks_the_case_it_is_given);
    tcase_add_test(tests, writing_is_deterministic_and_aligned);
    tcase_add_test(tests, block_is_written_as_a_case_of_its_own);
    tcase_add_test(tests, writing_to_what_is_not_a_file_is_refused);
    tcase_add_test(tests, full_disk_leaves_the_old_file);
    tcase_add_loop_test(tests, ground_truth_is_read, 0, (int)(sizeof vectors / sizeof *vectors));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
