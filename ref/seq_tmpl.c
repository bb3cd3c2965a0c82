/* SPDX-License-Identifier: MIT
 *
 * The whole sequence of each head: the loop over mini-batches, checkpoints, and the recomputation of a group's states
 * in the backward pass; the public functions of one precision.
 */
#include "real.h"

#include "blas_threads.h"
#include "shape.h"
#include "team.h"
#include <omp.h>
#include <string.h>

#include "gelu_tmpl.c"
#include "linear_tmpl.c"
#include "norm_tmpl.c"
#include "step_tmpl.c"

/* ---------------------------------------------------------------------------------------------- workspace */

/* What a team works with: the step's scratch, and the states and inner tensors of one group. */
struct R(work) {
    struct ttt_ref_team team;
    struct R(step) step;
    struct R(state) state;     /* forward: the running state where the caller wants no last state */
    struct R(state) states;    /* backward: group + 1 states one after the other */
    struct R(inner) inners;    /* backward: the inner tensors of the group's mini-batches */
    struct R(state) copies[2]; /* operand copies of two neighbouring states */
};

/* What all teams share. */
struct R(shared) {
    struct R(work) * works;
    real *dweight, *dbias; /* backward: [B H, F] per head, summed over the batch at the end */
    real *dtoken_eta;      /* backward, causal: [B H, rows] */
    real *ones;            /* causal: [rows], for an absent token_eta */
};

static real *R(take)(struct ttt_ref_arena *a, int64_t rows, int64_t width)
{
    return ttt_ref_arena_take(a, rows, width, sizeof(real));
}

/* An operand copy: room of its own where operands are rounded, else the array that it would copy. */
static real *R(take_q)(struct ttt_ref_arena *a, int64_t rows, int64_t width, real *exact)
{
    return ROUNDS ? R(take)(a, rows, width) : exact;
}

static int64_t R(smaller)(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* `count` states one after the other. */
static struct R(state) R(take_state)(struct ttt_ref_arena *a, const struct ttt_mlp_shape *p, int64_t count)
{
    const int64_t F = p->head_dim, D = p->hidden_dim;
    struct R(state) s;
    s.W1 = R(take)(a, count, F * D);
    s.b1 = R(take)(a, count, D);
    s.W2 = R(take)(a, count, F * D);
    s.b2 = R(take)(a, count, F);
    return s;
}

static struct R(state) R(take_copies)(struct ttt_ref_arena *a, const struct ttt_mlp_shape *p)
{
    const int64_t n = ROUNDS ? p->head_dim * p->hidden_dim : 0;
    return (struct R(state)){.W1 = R(take)(a, n, 1), .W2 = R(take)(a, n, 1)};
}

static struct R(tokens) R(take_tokens)(struct ttt_ref_arena *a, int64_t rows, int64_t width)
{
    return (struct R(tokens)){NULL, ROUNDS ? R(take)(a, rows, width) : NULL};
}

static struct R(inner) R(take_inner)(struct ttt_ref_arena *a, int64_t count, int64_t rows, int64_t F, int64_t D)
{
    struct R(inner) in;
    in.Z1 = R(take)(a, count * rows, D);
    in.gX2 = R(take)(a, count * rows, D);
    in.gZ2 = R(take)(a, count * rows, F);
    in.xhat = R(take)(a, count * rows, F);
    in.rstd = R(take)(a, count * rows, 1);
    return in;
}

/* Buffers that both passes use.  The forward output reuses what the update has left behind. */
static void R(lay_out_step)(struct ttt_ref_arena *a, const struct ttt_mlp_shape *p, struct R(step) * s)
{
    const int64_t F = p->head_dim, D = p->hidden_dim, rows = R(smaller)(p->mini_batch_size, p->seq_len);
    *s = (struct R(step)){.F = F, .D = D, .parts = ttt_ref_parts(p), .causal = p->causal, .eps = (real)p->ln_eps};
    s->XK = R(take_tokens)(a, rows, F);
    s->XQ = R(take_tokens)(a, rows, F);
    s->XV = R(take_tokens)(a, rows, F);
    s->last_eta = R(take_tokens)(a, rows, 1);
    s->X2q = R(take)(a, rows, D);
    s->slope = R(take)(a, rows, D);
    s->A1q = R(take)(a, rows, D);
    s->Z2 = R(take)(a, rows, F);
    s->A2q = R(take)(a, rows, F);
    s->gZ2q = ROUNDS ? R(take)(a, rows, F) : NULL;
    s->out = R(take)(a, rows, F);
    s->sum1 = R(take)(a, s->parts, D);
    s->sum2 = R(take)(a, s->parts, F);
    s->scratch = R(take)(a, s->parts, 2 * F);
    if (p->causal) {
        s->eta_update = R(take)(a, rows, 1);
        s->eta_masked = R(take)(a, rows, 1);
        s->gZ1q = R(take)(a, rows, D);
        s->c.Eq = R(take)(a, rows, rows);
        s->c.S1 = R(take)(a, rows, rows);
        s->c.S2 = R(take)(a, rows, rows);
        s->c.P1q = R(take)(a, rows, rows);
        s->c.P2q = R(take)(a, rows, rows);
    }
}

static void R(lay_out_forward)(struct ttt_ref_arena *a, const struct ttt_mlp_shape *p, struct R(work) * w)
{
    struct R(step) *s = &w->step;
    R(lay_out_step)(a, p, s);
    s->in = R(take_inner)(a, 1, R(smaller)(p->mini_batch_size, p->seq_len), s->F, s->D);
    s->Z1b = s->in.Z1;
    s->X2bq = s->in.gX2;
    s->Z2b = s->Z2;
    w->state = R(take_state)(a, p, 1);
    w->copies[0] = R(take_copies)(a, p);
}

static void R(lay_out_backward)(struct ttt_ref_arena *a, const struct ttt_mlp_shape *p, struct R(work) * w)
{
    struct R(step) *s = &w->step;
    const int64_t rows = R(smaller)(p->mini_batch_size, p->seq_len), F = p->head_dim, D = p->hidden_dim;
    const int64_t group = R(smaller)(p->checkpoint_group_size, ttt_ref_mini_batches(p));
    R(lay_out_step)(a, p, s);
    s->dXQW = R(take_tokens)(a, rows, F);
    s->X2 = R(take_q)(a, rows, D, s->X2q);
    s->gZ1 = R(take)(a, rows, D);
    s->gZ1q = R(take_q)(a, rows, D, s->gZ1);
    s->bend = R(take)(a, rows, D);
    s->Z1b = R(take)(a, rows, D);
    s->X2bq = R(take)(a, rows, D);
    s->slope_b = R(take)(a, rows, D);
    s->dX2b = R(take)(a, rows, D);
    s->dgZ1 = R(take)(a, rows, D);
    s->dX2 = R(take)(a, rows, D);
    s->Uq = R(take)(a, rows, D);
    s->Z2b = R(take)(a, rows, F);
    s->dZ2b = R(take)(a, rows, F);
    s->dZ2bq = R(take_q)(a, rows, F, s->dZ2b);
    s->dgZ2 = R(take)(a, rows, F);
    s->dZ2 = R(take)(a, rows, F);
    s->dZ2q = R(take_q)(a, rows, F, s->dZ2);
    s->dK = R(take)(a, rows, F);
    s->dV = R(take)(a, rows, F);
    s->deta = R(take)(a, rows, 1);
    s->sum1b = R(take)(a, s->parts, D);
    s->sum2b = R(take)(a, s->parts, F);
    s->dw = R(take)(a, s->parts, F);
    s->db = R(take)(a, s->parts, F);
    if (p->causal) {
        s->c.dS1q = R(take)(a, rows, rows);
        s->c.dS2q = R(take)(a, rows, rows);
        s->c.dE = R(take)(a, rows, rows);
        s->dlast = R(take)(a, s->parts, 1);
    }
    w->states = R(take_state)(a, p, group + 1);
    w->inners = R(take_inner)(a, group, rows, F, D);
    w->copies[0] = R(take_copies)(a, p);
    w->copies[1] = R(take_copies)(a, p);
    s->dSq = R(take_copies)(a, p);
}

/* The whole workspace; base NULL: only count.  The first team's layout repeats for the others. */
static struct R(shared) R(lay_out)(struct ttt_ref_arena *a, const struct ttt_mlp_shape *p, int teams, int backward)
{
    struct R(shared) shared = {.works = ttt_ref_arena_take(a, teams, 1, sizeof(struct R(work)))};
    for (int t = 0; t < teams; t++) {
        struct R(work) counted, *w = a->base ? &shared.works[t] : &counted;
        if (backward)
            R(lay_out_backward)(a, p, w);
        else
            R(lay_out_forward)(a, p, w);
    }
    const int64_t rows = R(smaller)(p->mini_batch_size, p->seq_len), heads = p->batch * p->heads;
    if (p->causal)
        shared.ones = R(take)(a, rows, 1);
    if (backward) {
        shared.dweight = R(take)(a, heads, p->head_dim);
        shared.dbias = R(take)(a, heads, p->head_dim);
        if (p->causal)
            shared.dtoken_eta = R(take)(a, heads, rows);
    }
    return shared;
}

/* ---------------------------------------------------------------------------------------------- teams */

typedef void R(stage)(const struct R(step) * s, int part);

/* The member's parts of a stage, then wait for the others. */
static void R(run)(struct ttt_ref_team *team, int member, R(stage) * stage, const struct R(step) * s)
{
    for (int part = member; part < s->parts; part += team->members)
        stage(s, part);
    ttt_ref_team_wait(team);
}

/* One pass: its arguments (one of the two) and what the heads share. */
struct R(pass) {
    const struct ttt_mlp_shape *shape;
    const struct ttt_mlp_forward_args *forward;
    const struct ttt_mlp_backward_args *backward;
    struct R(shared) shared;
    int exact_outputs;
};

typedef void R(head)(const struct R(pass) * p, struct R(work) * w, int64_t bh, int member);

/* Share the heads out over teams of threads.  How many threads there are, and how they are cut into teams, decides only
 * who computes a part. */
static void R(run_heads)(const struct R(pass) * p, R(head) * head, int teams, int threads)
{
    const int64_t heads = p->shape->batch * p->shape->heads;
    const int parts = ttt_ref_parts(p->shape);
    const int wanted = threads / teams < parts ? threads / teams : parts;
#pragma omp parallel num_threads(teams *wanted)
    {
        /* OpenMP may give fewer threads than asked for. */
        const int given = omp_get_num_threads(), me = omp_get_thread_num();
        const int used = given < teams ? given : teams, members = given / used < wanted ? given / used : wanted;
#pragma omp single
        for (int t = 0; t < used; t++) {
            p->shared.works[t].team.members = members;
            atomic_init(&p->shared.works[t].team.arrived, 0);
            atomic_init(&p->shared.works[t].team.round, 0);
        }
        for (int64_t bh = me / members; me < used * members && bh < heads; bh += used)
            head(p, &p->shared.works[me / members], bh, me % members);
    }
}

/* ---------------------------------------------------------------------------------------------- a head's tensors */

/* The state `index` of an array of states [.., F, D], [.., D], [.., D, F], [.., F]. */
static struct R(state) R(state_at)(int64_t F, int64_t D, const struct R(state) * s, int64_t index)
{
    return (struct R(state)){s->W1 + index * F * D, s->b1 + index * D, s->W2 + index * D * F, s->b2 + index * F};
}

static struct R(inner) R(inner_at)(int64_t rows, int64_t F, int64_t D, const struct R(inner) * s, int64_t index)
{
    const int64_t f = index * rows * F, d = index * rows * D;
    return (struct R(inner)){s->Z1 + d, s->gX2 + d, s->gZ2 + f, s->xhat + f, s->rstd + index * rows};
}

/* to = from (NULL: 0), each member of the team a share of it. */
static void R(state_copy)(int64_t F, int64_t D, int member, int members, const struct R(state) * from,
                          const struct R(state) * to)
{
    real *const target[4] = {to->W1, to->b1, to->W2, to->b2};
    const int64_t size[4] = {F * D, D, F * D, F};
    for (int i = 0; i < 4; i++) {
        const int64_t first = R(cut)(size[i], member, members), n = R(cut)(size[i], member + 1, members) - first;
        const real *source = !from ? NULL : i == 0 ? from->W1 : i == 1 ? from->b1 : i == 2 ? from->W2 : from->b2;
        if (source)
            memcpy(target[i] + first, source + first, (size_t)n * sizeof(real));
        else
            memset(target[i] + first, 0, (size_t)n * sizeof(real));
    }
}

/* Point the step at rows of mini-batch i of head bh. */
static const real *R(tokens_at)(struct R(tokens) * t, const void *tensor, int64_t first)
{
    t->data = (const token *)tensor + first;
#if ROUNDS
    return t->copy;
#else
    return t->data;
#endif
}

/* The same for an output, whose elements are `real` where the caller wants exact outputs. */
static void *R(output_at)(const struct R(step) * s, void *tensor, int64_t first)
{
    return s->exact_outputs ? (void *)((real *)tensor + first) : (void *)((token *)tensor + first);
}

/* What is the same for all mini-batches of head bh. */
static struct R(step) R(step_of_head)(const struct R(pass) * p, const struct R(work) * w, int64_t bh,
                                      const void *weight, const void *bias, const void *token_eta)
{
    struct R(step) s = w->step;
    const int64_t h = bh % p->shape->heads;
    s.w = (const real *)weight + h * s.F;
    s.b = (const real *)bias + h * s.F;
    s.token_eta = token_eta ? token_eta : p->shared.ones;
    s.exact_outputs = p->exact_outputs;
    return s;
}

/* ---------------------------------------------------------------------------------------------- forward */

static void R(forward_mini_batch)(const struct R(pass) * p, struct R(step) * s, int64_t bh, int64_t i)
{
    const struct ttt_mlp_forward_args *a = p->forward;
    const int64_t N = p->shape->seq_len, C = p->shape->mini_batch_size, first = bh * N + i * C;
    s->rows = R(smaller)(C, N - i * C);
    s->K = R(tokens_at)(&s->XK, a->XK, first * s->F);
    s->Q = R(tokens_at)(&s->XQ, a->XQ, first * s->F);
    s->V = R(tokens_at)(&s->XV, a->XV, first * s->F);
    s->eta = R(tokens_at)(&s->last_eta, a->last_eta, first);
    s->XQW = R(output_at)(s, a->XQW, first * s->F);
}

static void R(forward_head)(const struct R(pass) * p, struct R(work) * w, int64_t bh, int member)
{
    const struct ttt_mlp_forward_args *a = p->forward;
    const int64_t G = p->shape->checkpoint_group_size, NC = ttt_ref_mini_batches(p->shape);
    const int64_t K = ttt_ref_checkpoints(p->shape);
    struct ttt_ref_team *team = &w->team;
    struct R(step) s = R(step_of_head)(p, w, bh, a->ttt_norm_weight, a->ttt_norm_bias, a->token_eta);
    const int64_t F = s.F, D = s.D;
    const struct R(state) init = {(real *)a->W1_init, (real *)a->b1_init, (real *)a->W2_init, (real *)a->b2_init};
    const struct R(state) last = {a->W1_last, a->b1_last, a->W2_last, a->b2_last};
    const struct R(state) checkpoints = {a->W1_checkpoints, a->b1_checkpoints, a->W2_checkpoints, a->b2_checkpoints};
    const struct R(state) from = R(state_at)(F, D, &init, bh);

    s.S = last.W1 ? R(state_at)(F, D, &last, bh) : w->state;
    s.S1 = s.S;
    s.Sq = ROUNDS ? w->copies[0] : s.S;
    s.S1q = s.Sq;
    s.gZ2q = ROUNDS ? s.gZ2q : s.in.gZ2;
    R(state_copy)(F, D, member, team->members, &from, &s.S);
    ttt_ref_team_wait(team);
    R(run)(team, member, R(operands_slice), &s);
    for (int64_t i = 0; i < NC; i++) {
        if (checkpoints.W1 && i % G == 0) {
            const struct R(state) to = R(state_at)(F, D, &checkpoints, bh * K + i / G);
            R(state_copy)(F, D, member, team->members, &s.S, &to);
        }
        R(forward_mini_batch)(p, &s, bh, i);
        R(run)(team, member, R(inner_rows), &s);
        if (s.causal)
            R(run)(team, member, R(output_forward), &s);
        R(run)(team, member, R(update_slice), &s);
        if (!s.causal)
            R(run)(team, member, R(output_forward), &s);
    }
}

/* ---------------------------------------------------------------------------------------------- backward */

static void R(backward_mini_batch)(const struct R(pass) * p, const struct R(work) * w, struct R(step) * s, int64_t bh,
                                   int64_t i)
{
    const struct ttt_mlp_backward_args *a = p->backward;
    const int64_t N = p->shape->seq_len, C = p->shape->mini_batch_size, first = bh * N + i * C;
    const int64_t in_group = i % p->shape->checkpoint_group_size;
    s->rows = R(smaller)(C, N - i * C);
    s->K = R(tokens_at)(&s->XK, a->XK, first * s->F);
    s->Q = R(tokens_at)(&s->XQ, a->XQ, first * s->F);
    s->V = R(tokens_at)(&s->XV, a->XV, first * s->F);
    s->eta = R(tokens_at)(&s->last_eta, a->last_eta, first);
    s->dO = R(tokens_at)(&s->dXQW, a->grad_L_XQW, first * s->F);
    s->dXQ = R(output_at)(s, a->grad_L_XQ, first * s->F);
    s->dXK = R(output_at)(s, a->grad_L_XK, first * s->F);
    s->dXV = R(output_at)(s, a->grad_L_XV, first * s->F);
    s->dlast_eta = R(output_at)(s, a->grad_L_last_eta, first);
    s->S = R(state_at)(s->F, s->D, &w->states, in_group);
    s->S1 = R(state_at)(s->F, s->D, &w->states, in_group + 1);
    s->in = R(inner_at)(R(smaller)(C, N), s->F, s->D, &w->inners, in_group);
    s->gZ2q = ROUNDS ? s->gZ2q : s->in.gZ2;
}

/* The states and inner tensors of mini-batches [first, end), from the checkpoint that lies in states[0].  Afterwards
 * copies[0] holds the operands of the state after the last one. */
static void R(replay)(const struct R(pass) * p, struct R(work) * w, struct R(step) * s, int64_t bh, int member,
                      int64_t first, int64_t end)
{
    for (int64_t i = first; i < end; i++) {
        R(backward_mini_batch)(p, w, s, bh, i);
        s->Sq = ROUNDS ? w->copies[0] : s->S;
        s->S1q = ROUNDS ? w->copies[0] : s->S1;
        if (i == first)
            R(run)(&w->team, member, R(operands_slice), s);
        R(run)(&w->team, member, R(inner_rows), s);
        R(run)(&w->team, member, R(update_slice), s);
    }
}

/* Mini-batches end - 1 .. first, backwards in time. */
static void R(walk_back)(const struct R(pass) * p, struct R(work) * w, struct R(step) * s, int64_t bh, int member,
                         int64_t first, int64_t end)
{
    int after = 0; /* which of the two operand copies belongs to the updated state */
    for (int64_t i = end - 1; i >= first; i--, after = !after) {
        R(backward_mini_batch)(p, w, s, bh, i);
        s->Sq = ROUNDS ? w->copies[!after] : s->S;
        s->S1q = ROUNDS ? w->copies[after] : s->S1;
        R(run)(&w->team, member, R(operands_slice), s);
        R(run)(&w->team, member, R(recall_rows), s);
        R(run)(&w->team, member, R(output_backward), s);
        R(run)(&w->team, member, R(carry_slice), s);
        R(run)(&w->team, member, R(inner_backward), s);
        R(run)(&w->team, member, R(inner_gradient_slice), s);
    }
}

static void R(backward_head)(const struct R(pass) * p, struct R(work) * w, int64_t bh, int member)
{
    const struct ttt_mlp_backward_args *a = p->backward;
    const int64_t G = p->shape->checkpoint_group_size, NC = ttt_ref_mini_batches(p->shape);
    const int64_t K = ttt_ref_checkpoints(p->shape);
    const int members = w->team.members;
    struct R(step) s = R(step_of_head)(p, w, bh, a->ttt_norm_weight, a->ttt_norm_bias, a->token_eta);
    const int64_t F = s.F, D = s.D, rows = R(smaller)(p->shape->mini_batch_size, p->shape->seq_len);
    const struct R(state) upstream = {(real *)a->grad_L_W1_last, (real *)a->grad_L_b1_last, (real *)a->grad_L_W2_last,
                                      (real *)a->grad_L_b2_last};
    const struct R(state) gradient = {a->grad_L_W1_init, a->grad_L_b1_init, a->grad_L_W2_init, a->grad_L_b2_init};
    const struct R(state) checkpoints = {(real *)a->W1_checkpoints, (real *)a->b1_checkpoints,
                                         (real *)a->W2_checkpoints, (real *)a->b2_checkpoints};

    s.dS = R(state_at)(F, D, &gradient, bh); /* carried in place: where it ends up, it belongs */
    s.dSq = ROUNDS ? s.dSq : s.dS;
    s.dtoken_eta = s.causal ? p->shared.dtoken_eta + bh * rows : NULL;
    const struct R(state) last = upstream.W1 ? R(state_at)(F, D, &upstream, bh) : upstream;
    R(state_copy)(F, D, member, members, upstream.W1 ? &last : NULL, &s.dS);
    if (member == 0) {
        memset(s.dw, 0, (size_t)(s.parts * F) * sizeof(real));
        memset(s.db, 0, (size_t)(s.parts * F) * sizeof(real));
        memset(s.dtoken_eta ? s.dtoken_eta : s.dw, 0, s.dtoken_eta ? (size_t)rows * sizeof(real) : 0);
    }
    for (int64_t k = K - 1; k >= 0; k--) {
        const int64_t first = k * G, end = R(smaller)(NC, first + (G < NC ? G : NC));
        const struct R(state) checkpoint = R(state_at)(F, D, &checkpoints, bh * K + k);
        R(state_copy)(F, D, member, members, &checkpoint, &w->states);
        ttt_ref_team_wait(&w->team);
        R(replay)(p, w, &s, bh, member, first, end);
        R(walk_back)(p, w, &s, bh, member, first, end);
    }
    for (int part = 0; part < s.parts && member == 0; part++)
        for (int64_t f = 0; f < F; f++) {
            p->shared.dweight[bh * F + f] = (part ? p->shared.dweight[bh * F + f] : 0) + s.dw[part * F + f];
            p->shared.dbias[bh * F + f] = (part ? p->shared.dbias[bh * F + f] : 0) + s.db[part * F + f];
        }
    ttt_ref_team_wait(&w->team); /* the next head of this team clears dw and db */
}

/* out [m, n] = sum over i of x [count, m, n], in the order of i. */
static void R(sum_over)(int64_t count, int64_t n, const real *x, real *out)
{
    memcpy(out, x, (size_t)n * sizeof(real));
    for (int64_t i = 1; i < count; i++)
        R(add)(n, 1, x + i * n, out);
}

/* Gradients that sum over heads or batch: in a fixed order, after all heads. */
static void R(sum_gradients)(const struct R(pass) * p)
{
    const struct ttt_mlp_backward_args *a = p->backward;
    const struct ttt_mlp_shape *z = p->shape;
    const int64_t n = z->heads * z->head_dim, rows = R(smaller)(z->mini_batch_size, z->seq_len);
    R(sum_over)(z->batch, n, p->shared.dweight, a->grad_L_ttt_norm_weight);
    R(sum_over)(z->batch, n, p->shared.dbias, a->grad_L_ttt_norm_bias);
    if (a->grad_L_token_eta) {
        real *out = a->grad_L_token_eta;
        R(sum_over)(z->batch * z->heads, rows, p->shared.dtoken_eta, out);
        for (int64_t r = rows; r < z->mini_batch_size; r++)
            out[r] = 0; /* C > N: rows that do not exist */
    }
}

/* ---------------------------------------------------------------------------------------------- public functions */

static struct ttt_ref_sizes R(sizes)(const struct ttt_ref_options *options)
{
    const int exact = options && options->exact_outputs;
    return (struct ttt_ref_sizes){sizeof(token), exact ? sizeof(real) : sizeof(token), sizeof(real)};
}

static enum ttt_status R(workspace)(const struct ttt_mlp_shape *shape, const struct ttt_ref_options *options,
                                    int backward, size_t *bytes)
{
    if (!bytes)
        return TTT_ERROR_NULL;
    const enum ttt_status status = ttt_ref_check_shape(shape, options, R(sizes)(options));
    if (status)
        return status;
    struct ttt_ref_arena a = {.base = NULL};
    R(lay_out)(&a, shape, ttt_ref_teams(shape, ttt_ref_threads(options)), backward);
    if (a.overflow)
        return TTT_ERROR_OVERFLOW;
    *bytes = a.used;
    return TTT_OK;
}

enum ttt_status R(ttt_ref_mlp_forward_workspace)(const struct ttt_mlp_shape *shape,
                                                 const struct ttt_ref_options *options, size_t *bytes)
{
    return R(workspace)(shape, options, 0, bytes);
}

enum ttt_status R(ttt_ref_mlp_backward_workspace)(const struct ttt_mlp_shape *shape,
                                                  const struct ttt_ref_options *options, size_t *bytes)
{
    return R(workspace)(shape, options, 1, bytes);
}

/* Lay the workspace out, run all heads. */
static void R(run_pass)(struct R(pass) * p, R(head) * head, const struct ttt_ref_options *options, void *workspace)
{
    const int threads = ttt_ref_threads(options), teams = ttt_ref_teams(p->shape, threads);
    struct ttt_ref_arena arena = {.base = workspace};
    p->shared = R(lay_out)(&arena, p->shape, teams, p->backward != NULL);
    p->exact_outputs = options && options->exact_outputs;
    for (int64_t r = 0; p->shared.ones && r < R(smaller)(p->shape->mini_batch_size, p->shape->seq_len); r++)
        p->shared.ones[r] = 1;
    ttt_ref_blas_enter();
    R(run_heads)(p, head, teams, threads);
    ttt_ref_blas_leave();
}

enum ttt_status R(ttt_ref_mlp_forward)(const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                                       const struct ttt_ref_options *options, void *workspace, size_t bytes)
{
    size_t needed = 0;
    enum ttt_status status = R(workspace)(shape, options, 0, &needed);
    if (!status)
        status = ttt_ref_check_forward(shape, args, R(sizes)(options), workspace, bytes);
    if (!status && bytes < needed)
        status = TTT_ERROR_WORKSPACE;
    if (status)
        return status;
    struct R(pass) p = {.shape = shape, .forward = args};
    R(run_pass)(&p, R(forward_head), options, workspace);
    return TTT_OK;
}

enum ttt_status R(ttt_ref_mlp_backward)(const struct ttt_mlp_shape *shape, const struct ttt_mlp_backward_args *args,
                                        const struct ttt_ref_options *options, void *workspace, size_t bytes)
{
    size_t needed = 0;
    enum ttt_status status = R(workspace)(shape, options, 1, &needed);
    if (!status)
        status = ttt_ref_check_backward(shape, args, R(sizes)(options), workspace, bytes);
    if (!status && bytes < needed)
        status = TTT_ERROR_WORKSPACE;
    if (status)
        return status;
    struct R(pass) p = {.shape = shape, .backward = args};
    R(run_pass)(&p, R(backward_head), options, workspace);
    R(sum_gradients)(&p);
    return TTT_OK;
}
