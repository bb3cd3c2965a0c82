/* SPDX-License-Identifier: MIT
 *
 * Relations between ways to cut a sequence: into checkpoint groups, and into two runs.
 */
#include "blocks.h"
#include "trial.h"
#include <inttypes.h>
#include <string.h>

#define INPUTS (1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_UPSTREAM)

/* checkpoint-group */

static int is_compared(const struct ttt_trial *trial, enum ttt_tensor t)
{
    return ttt_trial_has_output(trial, t) && !strchr(ttt_tensor_info[t].dims, 'K');
}

static int same_bits(const struct ttt_buffer *a, const struct ttt_buffer *b)
{
    return memcmp(a->data, b->data, (size_t)a->elements * ttt_dtype_size(a->dtype)) == 0;
}

static int try_group(const struct ttt_trial *trial, const struct ttt_relation *self, int64_t group)
{
    struct ttt_case c = trial->run->c;
    c.shape.checkpoint_group_size = group;
    struct ttt_tensors t;
    int status = ttt_trial_alloc(trial, &t, &c);
    if (status == 0) {
        ttt_tensors_convert_inputs(&t, &trial->base);
        if (ttt_trial_pass(trial, &t, TTT_FORWARD, self->name) == 0 &&
            ttt_trial_pass(trial, &t, TTT_BACKWARD, self->name) == 0)
            for (enum ttt_tensor i = 0; i < TTT_TENSOR_COUNT; i++)
                if (is_compared(trial, i) && !same_bits(&t.buffer[i], &trial->base.buffer[i]))
                    ttt_result_note(trial->result, self->name, TTT_FAIL,
                                    "%s with G = %" PRId64 " differs from that with G = 1", ttt_tensor_info[i].name,
                                    group);
    }
    ttt_tensors_free(&t);
    return status;
}

static int try_groups(const struct ttt_trial *trial, const struct ttt_relation *self)
{
    const int64_t mini_batches = ttt_shape_mini_batches(&trial->run->c.shape);
    const int64_t groups[] = {2, 3, mini_batches, mini_batches + 1, trial->run->c.shape.checkpoint_group_size};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (try_group(trial, self, groups[i]) != 0)
            return -1;
    return 0;
}

static const char *excuse_groups(const struct ttt_trial *trial)
{
    return ttt_candidate_is_reference(trial->candidate) ? NULL : "a kernel agrees between groups to rounding only";
}

const struct ttt_relation ttt_relation_checkpoint_group = {"checkpoint-group", excuse_groups, try_groups};

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

static struct rows rows_of(const struct ttt_trial *trial, const struct part *part, enum ttt_tensor i, int64_t s)
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

static void copy_rows(const struct ttt_trial *trial, const struct part *part, enum ttt_tensor i)
{
    for (int64_t s = 0; s < trial->base.c.shape.batch * trial->base.c.shape.heads; s++) {
        const struct rows rows = rows_of(trial, part, i, s);
        memcpy(rows.part, rows.base, rows.bytes);
    }
}

static int same_rows(const struct ttt_trial *trial, const struct part *part, enum ttt_tensor i)
{
    int same = 1;
    for (int64_t s = 0; s < trial->base.c.shape.batch * trial->base.c.shape.heads; s++) {
        const struct rows rows = rows_of(trial, part, i, s);
        same &= memcmp(rows.part, rows.base, rows.bytes) == 0;
    }
    return same;
}

static int part_open(const struct ttt_trial *trial, struct part *part, int64_t first, int64_t seq_len, int state_grads)
{
    struct ttt_case c = trial->run->c;
    c.shape.seq_len = seq_len;
    c.shape.checkpoint_group_size = trial->base.c.shape.checkpoint_group_size;
    c.state_grads = state_grads;
    part->first = first;
    if (ttt_trial_alloc(trial, &part->t, &c) != 0)
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

static void compare_parts(const struct ttt_trial *trial, const struct ttt_relation *self, struct part parts[2],
                          int64_t cut)
{
    for (enum ttt_tensor i = 0; i < TTT_TENSOR_COUNT; i++) {
        const char *dims = ttt_tensor_info[i].dims;
        const struct ttt_buffer *whole = &trial->base.buffer[i];
        const int per_sequence = dims[0] == 'B';
        if (!is_compared(trial, i) || !per_sequence)
            continue;
        int same;
        if (strchr(dims, 'N'))
            same = same_rows(trial, &parts[0], i) && same_rows(trial, &parts[1], i);
        else /* the last state comes from the second part, the gradient of the first state from the first one */
            same = same_bits(whole, &parts[ttt_tensor_info[i].role == TTT_ROLE_FORWARD_OUTPUT].t.buffer[i]);
        if (!same)
            ttt_result_note(trial->result, self->name, TTT_FAIL,
                            "%s of a run in two parts, cut at token %" PRId64 ", differs from the plain run",
                            ttt_tensor_info[i].name, cut);
    }
}

static const char *excuse_resume(const struct ttt_trial *trial)
{
    struct ttt_mlp_shape shape = trial->run->c.shape;
    if (ttt_candidate_is_reference(trial->candidate))
        shape.checkpoint_group_size = 1;
    return ttt_shape_checkpoints(&shape) < 2 ? "the sequence is a single checkpoint group" : NULL;
}

static int try_resume(const struct ttt_trial *trial, const struct ttt_relation *self)
{
    const struct ttt_mlp_shape *shape = &trial->base.c.shape;
    const int64_t groups = ttt_shape_checkpoints(shape);
    const int64_t cut = (groups + 1) / 2 * shape->checkpoint_group_size * shape->mini_batch_size;
    struct part parts[2] = {{.first = 0}, {.first = 0}};
    int status = 0;
    if (part_open(trial, &parts[0], 0, cut, 1) != 0 ||
        part_open(trial, &parts[1], cut, shape->seq_len - cut, trial->run->c.state_grads) != 0)
        status = -1;
    struct ttt_tensors *a = &parts[0].t, *b = &parts[1].t;
    if (status == 0 && ttt_trial_pass(trial, a, TTT_FORWARD, self->name) == 0) {
        hand_over(b, TTT_W1_INIT, a, TTT_W1_LAST);
        if (ttt_trial_pass(trial, b, TTT_FORWARD, self->name) == 0 &&
            ttt_trial_pass(trial, b, TTT_BACKWARD, self->name) == 0) {
            hand_over(a, TTT_GRAD_W1_LAST, b, TTT_GRAD_W1_INIT);
            if (ttt_trial_pass(trial, a, TTT_BACKWARD, self->name) == 0)
                compare_parts(trial, self, parts, cut);
        }
    }
    ttt_tensors_free(a);
    ttt_tensors_free(b);
    return status;
}

const struct ttt_relation ttt_relation_resume = {"resume", excuse_resume, try_resume};
