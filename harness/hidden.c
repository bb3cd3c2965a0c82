/* SPDX-License-Identifier: MIT */
#include "hidden.h"
#include "table.h"
#include "verdict.h"
#include <stdlib.h>
#include <sys/random.h>

static const char row[] = "hidden";

enum { HEADS = 2, MINI_BATCHES = 4 };

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The same tile sizes, form and distribution, and the same tail; few heads and mini-batches.  0 without a seed. */
static int draw_case(const struct ttt_case *from, struct ttt_case *c)
{
    const int64_t mini_batch = from->shape.mini_batch_size;
    *c = *from;
    c->shape.batch = 1;
    c->shape.heads = smaller(c->shape.heads, HEADS);
    if (ttt_shape_mini_batches(&c->shape) > MINI_BATCHES)
        c->shape.seq_len = (MINI_BATCHES - 1) * mini_batch + (from->shape.seq_len - 1) % mini_batch + 1;
    return getrandom(&c->seed, sizeof c->seed, 0) == (ssize_t)sizeof c->seed;
}

int ttt_hidden_same_kind(const struct ttt_case *a, const struct ttt_case *b)
{
    const struct ttt_mlp_shape *s = &a->shape, *t = &b->shape;
    return s->mini_batch_size == t->mini_batch_size && s->head_dim == t->head_dim && s->hidden_dim == t->hidden_dim &&
           s->causal == t->causal && !(s->ln_eps < t->ln_eps || s->ln_eps > t->ln_eps) &&
           a->distribution == b->distribution;
}

int ttt_hidden_run(const struct ttt_run *run, const struct ttt_candidate *candidate, struct ttt_result *result,
                   char *error, size_t error_size)
{
    const struct ttt_contender contender = {candidate, candidate->types};
    struct ttt_run hidden = {.directions = run->directions, .threads = run->threads, .budget = run->budget};
    char line[TTT_TABLE_LINE], text[TTT_CASE_TEXT];
    if (result->verdict == TTT_FAIL || result->verdict == TTT_SKIPPED)
        return 0;
    ttt_result_check(result, row);
    if (!draw_case(&run->c, &hidden.c) || ttt_case_check(&hidden.c, line, sizeof line) != 0) {
        ttt_result_note(result, row, TTT_SKIPPED, "there is no small case of this kind");
        return 0;
    }
    struct ttt_result *found = calloc(1, sizeof *found);
    if (!found) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    const int status = ttt_run_case(&hidden, &contender, 1, found, error, error_size);
    ttt_case_format(&hidden.c, text);
    if (status == 0 && found->verdict == TTT_FAIL && ttt_table_failure(found, 0, line))
        ttt_result_note(result, row, TTT_FAIL, "fails --case '%s': %s", text, line);
    ttt_result_free(found);
    free(found);
    result->verdict = ttt_verdict_result(result);
    return status;
}
