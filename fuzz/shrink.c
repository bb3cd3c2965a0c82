/* SPDX-License-Identifier: MIT */
#include "shrink.h"
#include <string.h>

struct search {
    const struct fuzz_lab *lab;
    struct fuzz_case best;
    struct fuzz_outcome outcome;
    enum fuzz_depth depth;
    int tries;
    char *error;
    size_t error_size;
};

/* A change of a case; 0 where it changes nothing.  `step` counts on within one kind of change, from large to small. */
typedef int move_fn(struct fuzz_case *f, int step);

static int is_gate(const struct fuzz_outcome *o)
{
    return o->tensor != TTT_TENSOR_COUNT && strcmp(o->gate, "finite") != 0 && strcmp(o->gate, "non-finite") != 0;
}

int fuzz_same_failure(const struct fuzz_outcome *a, const struct fuzz_outcome *b)
{
    if (b->verdict != TTT_FAIL || is_gate(a) != is_gate(b))
        return 0;
    if (!is_gate(a))
        return strcmp(a->gate, b->gate) == 0;
    return ttt_tensor_info[a->tensor].role == ttt_tensor_info[b->tensor].role;
}

static int set(int64_t *size, int64_t value)
{
    const int changes = value >= 1 && value < *size;
    *size = changes ? value : *size;
    return changes;
}

/* 1, a half, one less. */
static int lessen(int64_t *size, int step)
{
    return set(size, step == 0 ? 1 : step == 1 ? (*size + 1) / 2 : *size - 1);
}

static int move_heads(struct fuzz_case *f, int step)
{
    return lessen(&f->c.shape.heads, step);
}

static int move_batch(struct fuzz_case *f, int step)
{
    return lessen(&f->c.shape.batch, step);
}

/* One mini-batch, two, half of them, one less; then the tail's length. */
static int move_tokens(struct fuzz_case *f, int step)
{
    struct ttt_mlp_shape *s = &f->c.shape;
    const int64_t C = s->mini_batch_size, NC = ttt_shape_mini_batches(s), whole = (NC - 1) * C;
    const int64_t to[] = {C, C + 1, 2 * C, (NC + 1) / 2 * C, whole, whole + 1, s->seq_len - 1};
    return set(&s->seq_len, to[step]);
}

/* Shorter mini-batches, as many as before. */
static int move_batch_size(struct fuzz_case *f, int step)
{
    struct ttt_mlp_shape *s = &f->c.shape;
    const int64_t NC = ttt_shape_mini_batches(s), tail = s->seq_len - (NC - 1) * s->mini_batch_size;
    const int64_t C = s->mini_batch_size;
    if (!lessen(&s->mini_batch_size, step))
        return 0;
    if (NC == 1 && s->seq_len < C)
        s->seq_len = s->seq_len < s->mini_batch_size ? s->seq_len : s->mini_batch_size;
    else
        s->seq_len =
            (NC - 1) * s->mini_batch_size + (tail == C || tail > s->mini_batch_size ? s->mini_batch_size : tail);
    return 1;
}

static int move_width(struct fuzz_case *f, int step)
{
    return lessen(&f->c.shape.head_dim, step);
}

static int move_hidden(struct fuzz_case *f, int step)
{
    return lessen(&f->c.shape.hidden_dim, step);
}

/* Width and hidden width together, in proportion. */
static int move_widths(struct fuzz_case *f, int step)
{
    struct ttt_mlp_shape *s = &f->c.shape;
    const int64_t divisor = step == 0 ? 8 : step == 1 ? 4 : 2;
    return s->head_dim >= divisor && s->hidden_dim >= divisor && set(&s->head_dim, s->head_dim / divisor) &&
           set(&s->hidden_dim, s->hidden_dim / divisor);
}

static int move_group(struct fuzz_case *f, int step)
{
    return lessen(&f->c.shape.checkpoint_group_size, step);
}

static int move_form(struct fuzz_case *f, int step)
{
    const struct ttt_case before = f->c;
    if (step == 0)
        f->c.shape.causal = 0;
    else
        f->c.state_grads = 0;
    for (enum ttt_tensor t = 0; t < TTT_XQW; t++) /* a field of an input that is no more */
        if (!ttt_tensor_present(t, &f->c))
            f->field[t] = (struct fuzz_field){FUZZ_DRAWN, 0};
    return before.shape.causal != f->c.shape.causal || before.state_grads != f->c.state_grads;
}

/* The plainest data. */
static int move_data(struct fuzz_case *f, int step)
{
    const struct ttt_case before = f->c;
    if (step == 0)
        f->c.shape.ln_eps = 1e-6;
    else if (step == 1 && f->c.distribution < TTT_DIST_COUNT)
        f->c.distribution = TTT_DIST_UNIT;
    else if (step == 2)
        f->c.seed = 1;
    return before.shape.ln_eps != f->c.shape.ln_eps || before.distribution != f->c.distribution ||
           before.seed != f->c.seed;
}

static int set_kind(struct fuzz_case *f, enum ttt_tensor t, enum fuzz_kind kind)
{
    if (!ttt_tensor_present(t, &f->c) || f->field[t].kind == kind)
        return 0;
    f->field[t] = (struct fuzz_field){kind, 0};
    return 1;
}

/* Nothing planted, nothing hardened. */
static int move_field(struct fuzz_case *f, int step)
{
    return set_kind(f, (enum ttt_tensor)step, FUZZ_DRAWN);
}

/* The fewest active tensors: first 0, else 1. */
static int move_zero(struct fuzz_case *f, int step)
{
    return f->field[step].kind == FUZZ_DRAWN && set_kind(f, (enum ttt_tensor)step, FUZZ_ZERO);
}

static int move_one(struct fuzz_case *f, int step)
{
    return f->field[step].kind == FUZZ_DRAWN && set_kind(f, (enum ttt_tensor)step, FUZZ_ONE);
}

static const struct change {
    move_fn *move;
    int steps;
} sizes[] = {{move_heads, 3}, {move_batch, 3},  {move_tokens, 7}, {move_batch_size, 3}, {move_widths, 3},
             {move_width, 3}, {move_hidden, 3}, {move_group, 3},  {move_form, 2},       {move_data, 3}},
  fields[] = {{move_field, TTT_XQW}}, values[] = {{move_zero, TTT_XQW}, {move_one, TTT_XQW}};

/* Try a changed case; keep it if it fails in the same way.  1 kept, 0 not, -1 error. */
static int consider(struct search *s, const struct fuzz_case *f)
{
    struct fuzz_subject subject;
    struct fuzz_outcome outcome;
    char why[256];
    if (ttt_case_check(&f->c, why, sizeof why) != 0)
        return 0;
    s->tries++;
    int status = fuzz_subject_make(&subject, f, s->error, s->error_size);
    if (status == 0)
        status = fuzz_attempt(s->lab, &subject, s->depth, &outcome, s->error, s->error_size);
    fuzz_subject_free(&subject);
    if (status != 0 || !fuzz_same_failure(&s->outcome, &outcome))
        return status;
    s->best = *f;
    s->outcome = outcome;
    return 1;
}

static int is_over(const struct search *s)
{
    return s->tries >= FUZZ_SHRINK_TRIES || (s->lab->over && s->lab->over());
}

/* One kind of change as far as it goes.  How often it went, or -1. */
static int exhaust(struct search *s, move_fn *move, int steps)
{
    int kept = 0;
    for (int step = 0; step < steps && !is_over(s);) {
        struct fuzz_case f = s->best;
        const int status = move(&f, step) ? consider(s, &f) : 0;
        if (status < 0)
            return -1;
        kept += status;
        step += !status; /* what went once may go again */
    }
    return kept;
}

/* Each of some kinds of change.  How often any went, or -1. */
static int exhaust_each(struct search *s, const struct change *changes, size_t count)
{
    int kept = 0;
    for (size_t i = 0; i < count && kept >= 0; i++) {
        const int more = exhaust(s, changes[i].move, changes[i].steps);
        kept = more < 0 ? -1 : kept + more;
    }
    return kept;
}

int fuzz_shrink(const struct fuzz_lab *lab, struct fuzz_case *f, struct fuzz_outcome *outcome, int *tries, char *error,
                size_t error_size)
{
    struct search s = {.lab = lab, .best = *f, .outcome = *outcome, .error = error, .error_size = error_size};
    s.depth = is_gate(outcome) || strcmp(outcome->gate, "finite") == 0 ? FUZZ_JUDGE : FUZZ_RELATE;
    *tries = 0;
    if (strcmp(outcome->gate, "hang") == 0)
        return 0;
    int kept = 1;
    while (kept > 0 && !is_over(&s)) {
        kept = exhaust_each(&s, sizes, sizeof sizes / sizeof sizes[0]);
        const int more = kept < 0 ? 0 : exhaust_each(&s, fields, 1);
        kept = more < 0 ? -1 : kept + more;
    }
    for (kept = kept < 0 ? -1 : 1; kept > 0 && !is_over(&s);) { /* simpler values may fail in a smaller shape */
        kept = exhaust_each(&s, values, sizeof values / sizeof values[0]);
        kept = kept < 0 ? -1 : exhaust_each(&s, sizes, sizeof sizes / sizeof sizes[0]);
    }
    *f = s.best;
    *outcome = s.outcome;
    *tries = s.tries;
    return kept < 0 ? -1 : 0;
}
