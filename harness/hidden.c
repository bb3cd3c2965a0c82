/* SPDX-License-Identifier: MIT */
#include "hidden.h"
#include "table.h"
#include "verdict.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static const char row[] = "hidden";

enum { HEADS = 2, MINI_BATCHES = 4, CASES = 2 };

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

/* Judge the candidate on a hidden case.  1 where it fails, with the case and a line; 0; -1 with one line in `error`. */
static int fails_one(const struct ttt_run *run, const struct ttt_candidate *candidate, const struct ttt_case *c,
                     char line[TTT_TABLE_LINE], char *error, size_t error_size)
{
    const struct ttt_contender contender = ttt_contender_of(candidate);
    const struct ttt_run hidden = {
        .c = *c, .directions = run->directions, .threads = run->threads, .budget = run->budget};
    struct ttt_result *found = calloc(1, sizeof *found);
    if (!found) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    int status = ttt_run_case(&hidden, &contender, 1, found, error, error_size);
    if (status == 0)
        status = found->verdict == TTT_FAIL && ttt_table_failure(found, 0, line);
    ttt_result_free(found);
    free(found);
    return status;
}

int ttt_hidden_run(const struct ttt_run *run, const struct ttt_candidate *candidate, struct ttt_result *result,
                   char *error, size_t error_size)
{
    char line[TTT_TABLE_LINE], text[TTT_CASE_TEXT];
    int status = 1;
    struct ttt_case c;
    if (result->verdict == TTT_FAIL || result->verdict == TTT_SKIPPED)
        return 0;
    ttt_result_check(result, row);
    for (int i = 0; i < CASES && status == 1; i++) {
        if (!draw_case(&run->c, &c) || ttt_case_check(&c, line, sizeof line) != 0) {
            ttt_result_note(result, row, TTT_SKIPPED, "there is no small case of this kind");
            return 0;
        }
        status = fails_one(run, candidate, &c, line, error, error_size);
    }
    ttt_case_format(&c, text);
    if (status == 1)
        ttt_result_note(result, row, TTT_FAIL, "fails --case '%s': %s", text, line);
    result->verdict = ttt_verdict_result(result);
    return status < 0 ? -1 : 0;
}
