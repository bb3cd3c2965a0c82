/* SPDX-License-Identifier: MIT
 *
 * What the forward and the backward pass share: teams of threads over heads, where the tensors of a head lie, and the
 * way from a public function to the heads.
 */

struct pass;

/* Forward or backward. */
struct kind {
    int backward;
    unsigned points; /* of enum ttt_ref_point that it may have */
    void (*lay_out)(struct ttt_ref_arena *a, const struct ttt_mlp_shape *p, struct work *w);
    void (*head)(const struct pass *p, struct work *w, int64_t bh, int member);
};

typedef void stage_fn(const struct step *s, int part);

/* The member's parts of a stage, then wait for the others. */
static void R(run)(struct ttt_ref_team *team, int member, stage_fn *stage, const struct step *s)
{
    for (int part = member; part < s->parts; part += team->members)
        stage(s, part);
    ttt_ref_team_wait(team);
}

/* One pass: which of the two, its arguments, and what the heads share. */
struct pass {
    const struct kind *kind;
    const struct ttt_mlp_shape *shape;
    const struct ttt_mlp_forward_args *forward;
    const struct ttt_mlp_backward_args *backward;
    struct shared shared;
    int exact_outputs;
    uint32_t rounding;
    unsigned points;
    int exchange_parts;
    ttt_mlp_probe_fn *probe;
    void *probe_context;
};

/* How many of `threads` make a team of `teams`: no more than there are parts in a stage. */
static int R(members)(const struct pass *p, int threads, int teams)
{
    const int parts = ttt_ref_parts(p->shape);
    return threads / teams < parts ? threads / teams : parts;
}

/* Heads [first, end), on teams as large as the threads of the region and the parts of a stage make them. */
static void R(run_on_teams)(const struct pass *p, int64_t first, int64_t end, int teams)
{
    const int me = omp_get_thread_num(), members = R(members)(p, omp_get_num_threads(), teams);
#pragma omp single
    for (int t = 0; t < teams; t++) {
        p->shared.works[t].team.members = members;
        atomic_init(&p->shared.works[t].team.arrived, 0);
        atomic_init(&p->shared.works[t].team.round, 0);
    }
    for (int64_t bh = first + me / members; me < teams * members && bh < end; bh += teams)
        p->kind->head(p, &p->shared.works[me / members], bh, me % members);
#pragma omp barrier
}

/* Share the heads out over teams of threads: as many whole rounds as there are, then the heads that are left over, on
 * larger teams.  How many threads there are, and how they are cut into teams, decides only who computes a part. */
static void R(run_heads)(const struct pass *p, int teams, int threads)
{
    const int64_t heads = p->shape->batch * p->shape->heads;
#pragma omp parallel num_threads(teams *R(members)(p, threads, teams))
    {
        /* OpenMP may give fewer threads than asked for. */
        const int used = omp_get_num_threads() < teams ? omp_get_num_threads() : teams;
        const int left = (int)(heads % used);
        R(run_on_teams)(p, 0, heads - left, used);
        if (left > 0)
            R(run_on_teams)(p, heads - left, heads, left);
    }
}

/* The state `index` of an array of states [.., F, D], [.., D], [.., D, F], [.., F]. */
static struct state R(state_at)(int64_t F, int64_t D, const struct state *s, int64_t index)
{
    return (struct state){s->W1 + index * F * D, s->b1 + index * D, s->W2 + index * D * F, s->b2 + index * F};
}

static inline struct inner R(inner_at)(int64_t rows, int64_t F, int64_t D, const struct inner *s, int64_t index)
{
    const int64_t f = index * rows * F, d = index * rows * D;
    return (struct inner){s->Z1 + d, s->gX2 + d, s->gZ2 + f, s->xhat + f, s->rstd + index * rows};
}

/* to = from (NULL: 0), each member of the team a share of it. */
static void R(state_copy)(int64_t F, int64_t D, int member, int members, const struct state *from,
                          const struct state *to)
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
static const real *R(tokens_at)(struct tokens *t, const void *tensor, int64_t first)
{
    t->data = (const token *)tensor + first;
#if ROUNDS
    return t->copy;
#else
    return t->data;
#endif
}

/* The same for an output, whose elements are `real` where the caller wants exact outputs. */
static void *R(output_at)(const struct step *s, void *tensor, int64_t first)
{
    return s->exact_outputs ? (void *)((real *)tensor + first) : (void *)((token *)tensor + first);
}

/* What is the same for all mini-batches of head bh. */
static struct step R(step_of_head)(const struct pass *p, const struct work *w, int64_t bh, const void *weight,
                                   const void *bias, const void *token_eta)
{
    struct step s = w->step;
    const int64_t h = bh % p->shape->heads;
    s.w = (const real *)weight + h * s.F;
    s.b = (const real *)bias + h * s.F;
    s.token_eta = token_eta ? token_eta : p->shared.ones;
    s.exact_outputs = p->exact_outputs;
    s.rounding = p->rounding;
    s.ones = p->shared.ones;
    s.points = p->points;
    s.exchange_parts = p->kind->backward ? 0 : p->exchange_parts;
    s.gradient_parts = p->kind->backward ? p->exchange_parts : 0;
    s.probe = p->probe;
    s.probe_context = p->probe_context;
    s.bh = bh;
    return s;
}

/* The whole workspace; base NULL: only count.  The first team's layout repeats for the others. */
static struct shared R(lay_out)(struct ttt_ref_arena *a, const struct ttt_mlp_shape *p, int teams,
                                const struct kind *kind)
{
    struct shared shared = {.works = ttt_ref_arena_take(a, teams, 1, sizeof(struct work))};
    for (int t = 0; t < teams; t++) {
        struct work counted, *w = a->base ? &shared.works[t] : &counted;
        kind->lay_out(a, p, w);
    }
    const int64_t rows = R(smaller)(p->mini_batch_size, p->seq_len), heads = p->batch * p->heads;
    if (p->causal || ROUNDS) /* for token_eta; for the point `eta` */
        shared.ones = R(take)(a, rows, 1);
    if (kind->backward) {
        shared.dweight = R(take)(a, heads, p->head_dim);
        shared.dbias = R(take)(a, heads, p->head_dim);
        if (p->causal)
            shared.dtoken_eta = R(take)(a, heads, rows);
    }
    return shared;
}

static struct ttt_ref_sizes R(sizes)(const struct ttt_ref_options *options)
{
    const int exact = options && options->exact_outputs;
    return (struct ttt_ref_sizes){sizeof(token), exact ? sizeof(real) : sizeof(token), sizeof(real)};
}

static enum ttt_status R(workspace)(const struct ttt_mlp_shape *shape, const struct ttt_ref_options *options,
                                    const struct kind *kind, size_t *bytes)
{
    if (!bytes)
        return TTT_ERROR_NULL;
    const enum ttt_status status = ttt_ref_check_shape(shape, options, R(sizes)(options));
    if (status)
        return status;
    if (options && options->points & ~kind->points)
        return TTT_ERROR_UNSUPPORTED;
    struct ttt_ref_arena a = {.base = NULL};
    R(lay_out)(&a, shape, ttt_ref_teams(shape, ttt_ref_threads(options)), kind);
    if (a.overflow)
        return TTT_ERROR_OVERFLOW;
    *bytes = a.used;
    return TTT_OK;
}

/* Lay the workspace out, run all heads. */
static void R(run_pass)(struct pass *p, const struct ttt_ref_options *options, void *workspace)
{
    const int threads = ttt_ref_threads(options), teams = ttt_ref_teams(p->shape, threads);
    struct ttt_ref_arena arena = {.base = workspace};
    p->shared = R(lay_out)(&arena, p->shape, teams, p->kind);
    p->exact_outputs = options && options->exact_outputs;
    p->rounding = options ? ttt_rounding_seed(options->stochastic_seed) : 0;
    p->points = options ? options->points : 0;
    p->exchange_parts = options ? options->exchange_parts : 0;
    p->probe = options ? options->probe : NULL;
    p->probe_context = options ? options->probe_context : NULL;
    for (int64_t r = 0; p->shared.ones && r < R(smaller)(p->shape->mini_batch_size, p->shape->seq_len); r++)
        p->shared.ones[r] = 1;
    ttt_ref_blas_enter();
    R(run_heads)(p, teams, threads);
    ttt_ref_blas_leave();
}
