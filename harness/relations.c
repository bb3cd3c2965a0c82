/* SPDX-License-Identifier: MIT */
#include "relations.h"
#include "blocks.h"
#include "tier0.h"
#include "verdict.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char resume[] = "resume", checkpoint_group[] = "checkpoint-group";

#define INPUTS      (1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_UPSTREAM)
#define ALL_TENSORS (INPUTS | 1u << TTT_ROLE_FORWARD_OUTPUT | 1u << TTT_ROLE_BACKWARD_OUTPUT)

/* What the runs of one block of heads share. */
struct trial {
    const struct ttt_run *run;
    const struct ttt_candidate *candidate;
    struct ttt_result *result;
    struct ttt_tensors base; /* the plain run, inputs and outputs */
    char *error;
    size_t error_size;
};

static int alloc_like_base(const struct trial *trial, struct ttt_tensors *t, const struct ttt_case *c)
{
    return ttt_tensors_alloc(t, c, trial->base.head0, trial->base.c.shape.heads, trial->candidate->types, ALL_TENSORS,
                             trial->error, trial->error_size);
}

/* One pass, if the run asks for it (a backward pass needs the forward pass anyway).  0, or -1 with a failed row. */
static int pass(const struct trial *trial, struct ttt_tensors *t, enum ttt_direction direction, const char *relation)
{
    const struct ttt_call call = {
        .candidate = trial->candidate, .direction = direction, .threads = trial->run->threads};
    if (direction == TTT_BACKWARD && !(trial->run->directions & TTT_DIRECTION_BACKWARD))
        return 0;
    const enum ttt_status status = ttt_call_plain(&call, t);
    if (status == TTT_OK)
        return 0;
    ttt_result_note(trial->result, relation, TTT_FAIL, "G = %" PRId64 ", N = %" PRId64 ": %s returned %d: %s",
                    t->c.shape.checkpoint_group_size, t->c.shape.seq_len, ttt_direction_name[1u << direction],
                    (int)status, ttt_candidate_status(status));
    return -1;
}

/* checkpoint-group */

static int is_compared_output(const struct trial *trial, enum ttt_tensor t)
{
    const int backward = ttt_tensor_info[t].role == TTT_ROLE_BACKWARD_OUTPUT;
    const int checkpoints = strchr(ttt_tensor_info[t].dims, 'K') != NULL;
    const int output = backward || ttt_tensor_info[t].role == TTT_ROLE_FORWARD_OUTPUT;
    return output && !checkpoints && trial->base.buffer[t].data &&
           (!backward || trial->run->directions & TTT_DIRECTION_BACKWARD);
}

static int same_bits(const struct ttt_buffer *a, const struct ttt_buffer *b)
{
    return memcmp(a->data, b->data, (size_t)a->elements * ttt_dtype_size(a->dtype)) == 0;
}

static int try_group(const struct trial *trial, int64_t group)
{
    struct ttt_case c = trial->run->c;
    c.shape.checkpoint_group_size = group;
    struct ttt_tensors t;
    int status = alloc_like_base(trial, &t, &c);
    if (status == 0) {
        ttt_tensors_convert_inputs(&t, &trial->base);
        if (pass(trial, &t, TTT_FORWARD, checkpoint_group) == 0 && pass(trial, &t, TTT_BACKWARD, checkpoint_group) == 0)
            for (enum ttt_tensor i = 0; i < TTT_TENSOR_COUNT; i++)
                if (is_compared_output(trial, i) && !same_bits(&t.buffer[i], &trial->base.buffer[i]))
                    ttt_result_note(trial->result, checkpoint_group, TTT_FAIL,
                                    "%s with G = %" PRId64 " differs from that with G = 1", ttt_tensor_info[i].name,
                                    group);
    }
    ttt_tensors_free(&t);
    return status;
}

static int try_groups(const struct trial *trial)
{
    const int64_t mini_batches = ttt_shape_mini_batches(&trial->run->c.shape);
    const int64_t groups[] = {2, 3, mini_batches, mini_batches + 1, trial->run->c.shape.checkpoint_group_size};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (try_group(trial, groups[i]) != 0)
            return -1;
    return 0;
}

/* resume */

/* One of the two parts: tokens [first, first + seq_len) of the base. */
struct part {
    struct ttt_tensors t;
    int64_t first;
};

/* The part's rows of sequence `s` (of B x H) in a token tensor [B, H, N(, F)], in the base and in the part itself. */
struct rows {
    char *base, *part;
    size_t bytes;
};

static struct rows rows_of(const struct trial *trial, const struct part *part, enum ttt_tensor i, int64_t s)
{
    const struct ttt_mlp_shape *whole = &trial->base.c.shape;
    const struct ttt_buffer *base = &trial->base.buffer[i], *piece = &part->t.buffer[i];
    const size_t row =
        (size_t)(base->elements / (whole->batch * whole->heads * whole->seq_len)) * ttt_dtype_size(base->dtype);
    return (struct rows){
        .base = (char *)base->data + row * (size_t)(s * whole->seq_len + part->first),
        .part = (char *)piece->data + row * (size_t)(s * part->t.c.shape.seq_len),
        .bytes = row * (size_t)part->t.c.shape.seq_len,
    };
}

static void copy_rows(const struct trial *trial, const struct part *part, enum ttt_tensor i)
{
    for (int64_t s = 0; s < trial->base.c.shape.batch * trial->base.c.shape.heads; s++) {
        const struct rows rows = rows_of(trial, part, i, s);
        memcpy(rows.part, rows.base, rows.bytes);
    }
}

static int same_rows(const struct trial *trial, const struct part *part, enum ttt_tensor i)
{
    int same = 1;
    for (int64_t s = 0; s < trial->base.c.shape.batch * trial->base.c.shape.heads; s++) {
        const struct rows rows = rows_of(trial, part, i, s);
        same &= memcmp(rows.part, rows.base, rows.bytes) == 0;
    }
    return same;
}

static int part_open(const struct trial *trial, struct part *part, int64_t first, int64_t seq_len, int state_grads)
{
    struct ttt_case c = trial->run->c;
    c.shape.seq_len = seq_len;
    c.shape.checkpoint_group_size = trial->base.c.shape.checkpoint_group_size;
    c.state_grads = state_grads;
    part->first = first;
    if (alloc_like_base(trial, &part->t, &c) != 0)
        return -1;
    for (enum ttt_tensor i = 0; i < TTT_TENSOR_COUNT; i++) {
        if (!(INPUTS & 1u << ttt_tensor_info[i].role) || !trial->base.buffer[i].data || !part->t.buffer[i].data)
            continue;
        if (strchr(ttt_tensor_info[i].dims, 'N'))
            copy_rows(trial, part, i);
        else
            ttt_buffer_convert(&part->t.buffer[i], &trial->base.buffer[i]);
    }
    return 0;
}

/* The four tensors of a state from one part to the other: `to` and `from` are the first of the four. */
static void hand_over(struct ttt_tensors *b, enum ttt_tensor to, const struct ttt_tensors *a, enum ttt_tensor from)
{
    for (unsigned i = 0; i < 4; i++)
        ttt_buffer_convert(&b->buffer[to + i], &a->buffer[from + i]);
}

static void compare_parts(const struct trial *trial, struct part parts[2], int64_t cut)
{
    for (enum ttt_tensor i = 0; i < TTT_TENSOR_COUNT; i++) {
        const char *dims = ttt_tensor_info[i].dims;
        const struct ttt_buffer *whole = &trial->base.buffer[i];
        const int per_sequence = dims[0] == 'B';
        if (!is_compared_output(trial, i) || !per_sequence)
            continue;
        int same;
        if (strchr(dims, 'N'))
            same = same_rows(trial, &parts[0], i) && same_rows(trial, &parts[1], i);
        else /* the last state comes from the second part, the gradient of the first state from the first one */
            same = same_bits(whole, &parts[ttt_tensor_info[i].role == TTT_ROLE_FORWARD_OUTPUT].t.buffer[i]);
        if (!same)
            ttt_result_note(trial->result, resume, TTT_FAIL,
                            "%s of a run in two parts, cut at token %" PRId64 ", differs from the plain run",
                            ttt_tensor_info[i].name, cut);
    }
}

static int try_resume(const struct trial *trial)
{
    const struct ttt_mlp_shape *shape = &trial->base.c.shape;
    const int64_t groups = ttt_shape_checkpoints(shape);
    if (groups < 2) {
        ttt_result_note(trial->result, resume, TTT_SKIPPED, "the sequence is a single checkpoint group");
        return 0;
    }
    const int64_t cut = (groups + 1) / 2 * shape->checkpoint_group_size * shape->mini_batch_size;
    struct part parts[2] = {{.first = 0}, {.first = 0}};
    int status = 0;
    if (part_open(trial, &parts[0], 0, cut, 1) != 0 ||
        part_open(trial, &parts[1], cut, shape->seq_len - cut, trial->run->c.state_grads) != 0)
        status = -1;
    struct ttt_tensors *a = &parts[0].t, *b = &parts[1].t;
    if (status == 0 && pass(trial, a, TTT_FORWARD, resume) == 0) {
        hand_over(b, TTT_W1_INIT, a, TTT_W1_LAST);
        if (pass(trial, b, TTT_FORWARD, resume) == 0 && pass(trial, b, TTT_BACKWARD, resume) == 0) {
            hand_over(a, TTT_GRAD_W1_LAST, b, TTT_GRAD_W1_INIT);
            if (pass(trial, a, TTT_BACKWARD, resume) == 0)
                compare_parts(trial, parts, cut);
        }
    }
    ttt_tensors_free(a);
    ttt_tensors_free(b);
    return status;
}

static int base_open(struct trial *trial, int64_t head0, int64_t heads)
{
    const struct ttt_run *run = trial->run;
    struct ttt_case c = run->c;
    if (ttt_candidate_is_reference(trial->candidate))
        c.shape.checkpoint_group_size = 1;
    if (!run->file)
        return ttt_tensors_make(&trial->base, &c, head0, heads, trial->candidate->types, ALL_TENSORS, trial->error,
                                trial->error_size);
    if (ttt_tensors_load(&trial->base, run->file, &c, head0, heads, trial->candidate->types, INPUTS, trial->error,
                         trial->error_size) != 0)
        return -1;
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        if (!(INPUTS & 1u << ttt_tensor_info[t].role) && ttt_tensor_present(t, &c) &&
            ttt_tensors_add(&trial->base, t, ttt_tensor_dtype(t, trial->candidate->types), trial->error,
                            trial->error_size) != 0)
            return -1;
    return 0;
}

static int try_block(struct trial *trial, int64_t head0, int64_t heads)
{
    int status = base_open(trial, head0, heads);
    if (status == 0 && pass(trial, &trial->base, TTT_FORWARD, resume) == 0 &&
        pass(trial, &trial->base, TTT_BACKWARD, resume) == 0) {
        status = try_resume(trial);
        if (status == 0 && ttt_candidate_is_reference(trial->candidate))
            status = try_groups(trial);
    }
    ttt_tensors_free(&trial->base);
    return status;
}

/* Why the relations cannot hold for this candidate on this case, or NULL. */
static const char *excuse(const struct ttt_candidate *candidate, const struct ttt_result *result)
{
    if (!candidate->deterministic)
        return "the candidate declares that it is not deterministic";
    for (int i = 0; i < result->tensor_count; i++)
        if (result->tensors[i].skipped[0] && strcmp(result->tensors[i].skipped, "not in the file") != 0)
            return "a pass could not be run";
    return NULL;
}

int ttt_relations_run(const struct ttt_run *run, const struct ttt_candidate *candidate, struct ttt_result *result,
                      char *error, size_t error_size)
{
    struct trial trial = {
        .run = run, .candidate = candidate, .result = result, .error = error, .error_size = error_size};
    const char *why = excuse(candidate, result);
    ttt_result_check(result, resume);
    ttt_result_check(result, checkpoint_group);
    if (why)
        ttt_result_note(result, resume, TTT_SKIPPED, "%s", why);
    if (why || !ttt_candidate_is_reference(candidate))
        ttt_result_note(result, checkpoint_group, TTT_SKIPPED, "%s",
                        why ? why : "a kernel agrees between groups to rounding only");
    const int64_t step = ttt_run_heads_per_block(run, error, error_size);
    int status = step < 0 ? -1 : 0;
    for (int64_t head = 0; head < run->c.shape.heads && status == 0 && !why; head += step)
        status = try_block(&trial, head, run->c.shape.heads - head < step ? run->c.shape.heads - head : step);
    result->verdict = ttt_verdict_result(result);
    return status;
}
