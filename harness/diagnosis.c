/* SPDX-License-Identifier: MIT */
#include "diagnosis.h"
#include "hypotheses.h"
#include "tier0.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADS = 2, CONTRACT = -1 };

#define INPUTS   (1u << TTT_ROLE_INPUT)
#define UPSTREAM (1u << TTT_ROLE_UPSTREAM)
#define FORWARD  (1u << TTT_ROLE_FORWARD_OUTPUT)
#define BACKWARD (1u << TTT_ROLE_BACKWARD_OUTPUT)
#define BOTH     (FORWARD | BACKWARD)

/* One explanation: a hypothesis of the list, or the contract with these epsilons in the two passes. */
struct explanation {
    int hypothesis; /* or CONTRACT */
    double forward_eps, backward_eps;
};

enum { MOST = 64 }; /* explanations */

/* One tensor of the outputs. */
struct subject {
    int failed;           /* the verdict on it */
    double bound;         /* how far the outputs of a correct kernel may be from the truth; 0: not judged */
    double error[MOST];   /* relative 2-norm of what it differs from an explanation; that of the contract is first */
    double correct[MOST]; /* the same of the reference of its types, which computes what the explanation says; or 0 */
    int by;               /* the explanation that was settled on, or CONTRACT */
};

struct diagnosis {
    const struct ttt_run *run;
    const struct ttt_contender *contender;
    struct ttt_tensors inputs; /* double, all roles */
    struct ttt_tensors given;  /* what is to be explained */
    unsigned directions;
    struct explanation list[MOST];
    int count;
    struct subject subjects[TTT_TENSOR_COUNT];
    char *error;
    size_t error_size;
};

/* What is to be explained. */

static unsigned roles_of(const struct diagnosis *d)
{
    return INPUTS | FORWARD | (d->directions & TTT_DIRECTION_BACKWARD ? UPSTREAM | BACKWARD : 0);
}

static int open_inputs(struct diagnosis *d, int64_t heads)
{
    const struct ttt_run *run = d->run;
    if (!run->file)
        return ttt_tensors_make(&d->inputs, &run->c, 0, heads, TTT_TYPES_F64, roles_of(d), d->error, d->error_size);
    struct ttt_tensors loaded;
    int status = ttt_tensors_load(&loaded, run->file, &run->c, 0, heads, TTT_TYPES_F64, roles_of(d) & ~BOTH, d->error,
                                  d->error_size);
    if (status == 0)
        status = ttt_tensors_alloc(&d->inputs, &run->c, 0, heads, TTT_TYPES_F64, roles_of(d), d->error, d->error_size);
    if (status == 0)
        ttt_tensors_convert_inputs(&d->inputs, &loaded);
    ttt_tensors_free(&loaded);
    return status;
}

static enum ttt_status call(const struct ttt_candidate *candidate, struct ttt_tensors *t, enum ttt_direction direction,
                            int threads)
{
    const struct ttt_call one = {.candidate = candidate, .direction = direction, .threads = threads};
    const enum ttt_status status = candidate->supports(candidate->self, &t->c.shape, direction);
    return status == TTT_OK ? ttt_call_plain(&one, t) : status;
}

/* Outputs of the file, or of the candidate called once more.  1 where they cannot be had. */
static int open_given(struct diagnosis *d, int64_t heads)
{
    const struct ttt_candidate *candidate = d->contender->candidate;
    if (!candidate)
        return ttt_tensors_load(&d->given, d->run->file, &d->run->c, 0, heads, d->contender->types, BOTH, d->error,
                                d->error_size);
    if (ttt_tensors_alloc(&d->given, &d->run->c, 0, heads, candidate->types, roles_of(d), d->error, d->error_size) != 0)
        return -1;
    ttt_tensors_convert_inputs(&d->given, &d->inputs);
    if (call(candidate, &d->given, TTT_FORWARD, d->run->threads) != TTT_OK)
        return 1;
    if (d->directions & TTT_DIRECTION_BACKWARD && call(candidate, &d->given, TTT_BACKWARD, d->run->threads) != TTT_OK)
        return 1;
    return 0;
}

/* Explanations. */

/* Relative 2-norm of what the outputs differ from those of an explanation; NaN fits nothing. */
static double distance(const struct ttt_tensors *k, enum ttt_tensor t, const struct ttt_tensors *h)
{
    struct ttt_metrics metrics;
    ttt_metrics_init(&metrics);
    ttt_metrics_add(&metrics, &k->buffer[t], &h->buffer[t], 0);
    return ttt_metrics_rel_l2(&metrics);
}

/* Does explanation e say anything about this tensor? */
static int speaks_of(const struct explanation *e, enum ttt_tensor t)
{
    return t != TTT_GRAD_TOKEN_ETA && /* a sum over all heads, of which only the first are looked at */
           (e->hypothesis == CONTRACT || !ttt_hypotheses[e->hypothesis].XQW_only || t == TTT_XQW);
}

static void score(struct diagnosis *d, const struct ttt_tensors *h, unsigned roles, int e)
{
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++)
        if (roles & 1u << ttt_tensor_info[t].role && d->given.buffer[t].data && h->buffer[t].data &&
            speaks_of(&d->list[e], t))
            d->subjects[t].error[e] = distance(&d->given, t, h);
}

/* The passes of an explanation, each with its epsilon. */
static int compute(const struct diagnosis *d, const struct ttt_candidate *reference, struct ttt_tensors *h,
                   const struct explanation *by)
{
    h->c.shape.ln_eps = by->forward_eps;
    if (call(reference, h, TTT_FORWARD, d->run->threads) != TTT_OK)
        return -1;
    h->c.shape.ln_eps = by->backward_eps;
    if (!(d->directions & TTT_DIRECTION_BACKWARD))
        return 0;
    return call(reference, h, TTT_BACKWARD, d->run->threads) == TTT_OK ? 0 : -1;
}

/* With another epsilon data can be worse conditioned than with the contract's: what does the reference of the
 * contender's types lose on it? */
static int score_correct(struct diagnosis *d, const struct ttt_tensors *h, unsigned roles, int e)
{
    const enum ttt_types types = d->contender->types;
    const struct ttt_candidate *reference = types == TTT_TYPES_F64   ? &ttt_candidate_ref_f64
                                            : types == TTT_TYPES_F32 ? &ttt_candidate_ref_f32
                                                                     : &ttt_candidate_ref_bf16;
    struct ttt_tensors k;
    const int status =
        ttt_tensors_alloc(&k, &d->run->c, 0, d->inputs.c.shape.heads, types, roles_of(d), d->error, d->error_size);
    if (status == 0) {
        ttt_tensors_convert_inputs(&k, &d->inputs);
        const int computed = compute(d, reference, &k, &d->list[e]);
        for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT && computed == 0; t++)
            if (roles & 1u << ttt_tensor_info[t].role && k.buffer[t].data && h->buffer[t].data)
                d->subjects[t].correct[e] = distance(&k, t, h);
    }
    ttt_tensors_free(&k);
    return status;
}

/* Try one explanation on the outputs of `roles`; what cannot be computed explains nothing. */
static int try_one(struct diagnosis *d, struct explanation by, unsigned roles)
{
    const struct ttt_hypothesis *hypothesis = by.hypothesis == CONTRACT ? NULL : &ttt_hypotheses[by.hypothesis];
    const int e = d->count++;
    struct ttt_tensors h;
    d->list[e] = by;
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        d->subjects[t].error[e] = HUGE_VAL;
    if (ttt_tensors_alloc(&h, &d->run->c, 0, d->inputs.c.shape.heads, TTT_TYPES_F64, roles_of(d), d->error,
                          d->error_size) != 0) {
        ttt_tensors_free(&h);
        return -1;
    }
    ttt_tensors_convert_inputs(&h, &d->inputs);
    if (hypothesis && hypothesis->inputs)
        hypothesis->inputs(&h);
    const int computed =
        hypothesis && hypothesis->compute ? hypothesis->compute(&h) : compute(d, &ttt_candidate_ref_f64, &h, &by);
    if (computed == 0 && hypothesis && hypothesis->outputs)
        hypothesis->outputs(&h);
    int status = 0;
    if (computed == 0) {
        score(d, &h, roles, e);
        status = hypothesis || e == 0 ? 0 : score_correct(d, &h, roles, e);
    }
    ttt_tensors_free(&h);
    return status;
}

/* As near as a correct kernel, or ten times nearer than the contract; and nearer than the contract in any case. */
static int fits(const struct subject *s, int e)
{
    const double contract = s->error[0], error = s->error[e];
    return error < 0.5 * contract && (error <= s->bound || error <= 2 * s->correct[e] || error <= 0.1 * contract);
}

/* Another epsilon in both passes; then each in the backward pass alone, after the forward pass that XQW fits. */
static int try_epsilons(struct diagnosis *d)
{
    const double eps = d->run->c.shape.ln_eps;
    const struct subject *XQW = &d->subjects[TTT_XQW];
    int forward = 0;
    for (int i = 0; i < ttt_hypothesis_eps_count; i++) {
        if (try_one(d, (struct explanation){CONTRACT, ttt_hypothesis_eps[i], ttt_hypothesis_eps[i]}, BOTH) != 0)
            return -1;
        if (XQW->failed && XQW->error[d->count - 1] < XQW->error[forward])
            forward = d->count - 1;
    }
    const double forward_eps = d->list[forward].forward_eps;
    for (int i = -1; i < ttt_hypothesis_eps_count && (!XQW->failed || fits(XQW, forward)); i++) {
        const double backward_eps = i < 0 ? eps : ttt_hypothesis_eps[i];
        if (try_one(d, (struct explanation){CONTRACT, forward_eps, backward_eps}, BACKWARD) != 0)
            return -1;
    }
    return 0;
}

static int try_all(struct diagnosis *d)
{
    const double eps = d->run->c.shape.ln_eps;
    /* The contract first: what it fits needs no other explanation. */
    if (try_one(d, (struct explanation){CONTRACT, eps, eps}, BOTH) != 0 || try_epsilons(d) != 0)
        return -1;
    for (int i = 0; i < ttt_hypothesis_count; i++)
        if (try_one(d, (struct explanation){i, eps, eps}, BOTH) != 0)
            return -1;
    return 0;
}

static int is_open(const struct subject *s)
{
    return s->failed && s->by == CONTRACT;
}

/* Of the failed tensors of one pass that have no explanation yet, how many does this one fit, and how well? */
static int count_fits(const struct diagnosis *d, enum ttt_role role, int e, double *quality)
{
    int count = 0;
    *quality = 0;
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++)
        if (ttt_tensor_info[t].role == role && is_open(&d->subjects[t]) && fits(&d->subjects[t], e)) {
            count++;
            *quality += log(d->subjects[t].error[e]);
        }
    return count;
}

/* The explanation that fits most of them settles those; then the next one, until none fits any. */
static void settle(struct diagnosis *d, enum ttt_role role)
{
    for (;;) {
        int best = 0, most = 0;
        double best_quality = 0;
        for (int e = 1; e < d->count; e++) {
            double quality;
            const int count = count_fits(d, role, e, &quality);
            /* Of equals the first one, unless another is clearly nearer: by a tenth in each tensor. */
            if (count > most || (count == most && quality < best_quality - 0.1 * count)) {
                best = e;
                most = count;
                best_quality = quality;
            }
        }
        if (most == 0)
            return;
        for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++)
            if (ttt_tensor_info[t].role == role && is_open(&d->subjects[t]) && fits(&d->subjects[t], best))
                d->subjects[t].by = best;
    }
}

/* Words. */

static void append(char text[TTT_DIAGNOSIS_TEXT], const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(char text[TTT_DIAGNOSIS_TEXT], const char *format, ...)
{
    const size_t used = strlen(text);
    va_list list;
    va_start(list, format);
    vsnprintf(text + used, TTT_DIAGNOSIS_TEXT - used, format, list);
    va_end(list);
}

/* "1e-6", not "1e-06" */
static void append_eps(char text[TTT_DIAGNOSIS_TEXT], double eps)
{
    char number[32];
    snprintf(number, sizeof number, "%g", eps);
    char *zero = strstr(number, "e-0");
    if (zero)
        memmove(zero + 2, zero + 3, strlen(zero + 3) + 1);
    append(text, "ln_eps = %s", number);
}

/* Groups of tensors that are said in one word where half of them failed and all of those share an explanation. */
static const struct {
    const char *word;
    enum ttt_tensor first, last;
} groups[] = {
    {"states", TTT_W1_CHECKPOINTS, TTT_B2_LAST},
    {"gradients", TTT_GRAD_XQ, TTT_GRAD_B2_INIT},
};

/* The group of a tensor, if it can be said so; or -1. */
static int group_of(const struct diagnosis *d, enum ttt_tensor t)
{
    for (int g = 0; g < (int)(sizeof groups / sizeof groups[0]); g++) {
        int members = 0, others = 0, judged = 0;
        for (enum ttt_tensor u = groups[g].first; u <= groups[g].last; u++) {
            judged += d->subjects[u].bound > 0;
            members += d->subjects[u].failed && d->subjects[u].by == d->subjects[t].by;
            others += d->subjects[u].failed && d->subjects[u].by != d->subjects[t].by && u != TTT_GRAD_TOKEN_ETA;
        }
        if (t >= groups[g].first && t <= groups[g].last && others == 0 && 2 * members >= judged)
            return g;
    }
    return -1;
}

/* The names of all tensors of the pass with the explanation of `t`; 1 where they are several. */
static int append_names(const struct diagnosis *d, enum ttt_tensor t, char done[TTT_TENSOR_COUNT],
                        char text[TTT_DIAGNOSIS_TEXT])
{
    int count = 0, plural = 0;
    for (enum ttt_tensor u = t; u < TTT_TENSOR_COUNT; u++) {
        if (done[u] || !d->subjects[u].failed || d->subjects[u].by != d->subjects[t].by ||
            ttt_tensor_info[u].role != ttt_tensor_info[t].role)
            continue;
        const int group = group_of(d, u);
        append(text, "%s%s", count++ ? ", " : "", group < 0 ? ttt_tensor_info[u].name : groups[group].word);
        plural |= group >= 0;
        for (enum ttt_tensor v = u; v <= (group < 0 ? u : groups[group].last); v++)
            done[v] = 1;
    }
    return plural || count > 1;
}

static void append_explanation(const struct explanation *e, enum ttt_tensor t, int plural,
                               char text[TTT_DIAGNOSIS_TEXT])
{
    const int backward = ttt_tensor_info[t].role == TTT_ROLE_BACKWARD_OUTPUT;
    append(text, " %s ", plural ? "fit" : "fits");
    if (e->hypothesis != CONTRACT) {
        append(text, "%s", ttt_hypotheses[e->hypothesis].text);
        return;
    }
    append_eps(text, backward ? e->backward_eps : e->forward_eps);
    if (backward && (e->forward_eps < e->backward_eps || e->forward_eps > e->backward_eps)) {
        append(text, " from checkpoints of ");
        append_eps(text, e->forward_eps);
    }
}

/* Where one pass has another epsilon and the other one passed, the contract's own belongs beside it. */
static void append_other_pass(const struct diagnosis *d, char text[TTT_DIAGNOSIS_TEXT])
{
    int failed[2] = {0, 0}, judged[2] = {0, 0}, by_eps[2] = {0, 0};
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++) {
        const int pass = ttt_tensor_info[t].role == TTT_ROLE_BACKWARD_OUTPUT;
        const struct subject *s = &d->subjects[t];
        judged[pass] |= s->bound > 0;
        failed[pass] |= s->failed;
        by_eps[pass] |= s->by != CONTRACT && d->list[s->by].hypothesis == CONTRACT;
    }
    for (int pass = 0; pass < 2; pass++)
        if (by_eps[1 - pass] && judged[pass] && !failed[pass]) {
            append(text, "; %s ", pass ? "gradients fit" : "XQW and states fit");
            append_eps(text, d->run->c.shape.ln_eps);
            append(text, ", the contract's");
        }
}

static void write_text(const struct diagnosis *d, char text[TTT_DIAGNOSIS_TEXT])
{
    char done[TTT_TENSOR_COUNT] = {0};
    text[0] = '\0';
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++) {
        if (done[t] || d->subjects[t].by == CONTRACT)
            continue;
        append(text, "%s", text[0] ? "; " : "");
        const int plural = append_names(d, t, done, text);
        append_explanation(&d->list[d->subjects[t].by], t, plural, text);
    }
    if (text[0])
        append_other_pass(d, text);
}

/* Which tensors failed, and how far those of a correct kernel may be off, by the gate of the whole tensor. */
static void read_verdicts(struct diagnosis *d, const struct ttt_result *result)
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        d->subjects[t].by = CONTRACT;
    for (int i = 0; i < result->tensor_count; i++) {
        const struct ttt_tensor_result *t = &result->tensors[i];
        struct subject *s = &d->subjects[t->tensor];
        for (int g = 0; g < t->gate_count && !t->skipped[0]; g++) {
            const struct ttt_gate *gate = &t->gates[g];
            s->failed |= gate->verdict == TTT_FAIL;
            if (strcmp(gate->name, "G1.tensor") == 0)
                s->bound = gate->bound * hypot(t->cost, t->rounding);
            else if (strcmp(gate->name, "rel_l2") == 0)
                s->bound = gate->bound;
            d->directions |= ttt_tensor_info[t->tensor].role == TTT_ROLE_BACKWARD_OUTPUT ? TTT_DIRECTION_BACKWARD
                                                                                         : TTT_DIRECTION_FORWARD;
        }
    }
}

static int any_failed(const struct diagnosis *d)
{
    int failed = 0;
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        failed |= d->subjects[t].failed;
    return failed;
}

static int diagnose(struct diagnosis *d, struct ttt_result *result)
{
    const int64_t block = ttt_run_heads_per_block(d->run, d->error, d->error_size);
    const int64_t heads = block < HEADS ? block : HEADS;
    int status = block < 0 ? -1 : open_inputs(d, heads);
    if (status == 0)
        status = open_given(d, heads);
    if (status == 0)
        status = try_all(d);
    if (status == 0) {
        settle(d, TTT_ROLE_FORWARD_OUTPUT);
        settle(d, TTT_ROLE_BACKWARD_OUTPUT);
        write_text(d, result->diagnosis);
    }
    ttt_tensors_free(&d->inputs);
    ttt_tensors_free(&d->given);
    return status < 0 ? -1 : 0;
}

int ttt_diagnose(const struct ttt_run *run, const struct ttt_contender *contender, struct ttt_result *result,
                 char *error, size_t error_size)
{
    struct diagnosis *d = calloc(1, sizeof *d);
    if (!d) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    d->run = run;
    d->contender = contender;
    d->error = error;
    d->error_size = error_size;
    read_verdicts(d, result);
    const int status = any_failed(d) ? diagnose(d, result) : 0;
    free(d);
    return status;
}
