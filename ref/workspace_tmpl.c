/* SPDX-License-Identifier: MIT
 *
 * The workspace of a pass, laid out piece by piece; the same text counts its bytes (base NULL).
 */

/* What a team works with: the step's scratch, and the states and inner tensors of one group. */
struct work {
    struct ttt_ref_team team;
    struct step step;
    struct state state;     /* forward: the running state where the caller wants no last state */
    struct state states;    /* backward: group + 1 states one after the other */
    struct inner inners;    /* backward: the inner tensors of the group's mini-batches */
    struct state copies[2]; /* operand copies of two neighbouring states */
};

/* What all teams share. */
struct shared {
    struct work *works;
    real *dweight, *dbias; /* backward: [B H, F] per head, summed over the batch at the end */
    real *dtoken_eta;      /* backward, causal: [B H, rows] */
    real *ones;            /* [rows]; causal, for an absent token_eta, and ROUNDS, for the point `eta` */
};

static real *R(take)(struct ttt_ref_arena *a, int64_t rows, int64_t width)
{
    return ttt_ref_arena_take(a, rows, width, sizeof(real));
}

/* An operand copy: room of its own where operands are rounded, else the array that it would copy. */
static inline real *R(take_q)(struct ttt_ref_arena *a, int64_t rows, int64_t width, real *exact)
{
    return ROUNDS ? R(take)(a, rows, width) : exact;
}

static int64_t R(smaller)(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* `count` states one after the other. */
static struct state R(take_state)(struct ttt_ref_arena *a, const struct ttt_mlp_shape *p, int64_t count)
{
    const int64_t F = p->head_dim, D = p->hidden_dim;
    struct state s;
    s.W1 = R(take)(a, count, F * D);
    s.b1 = R(take)(a, count, D);
    s.W2 = R(take)(a, count, F * D);
    s.b2 = R(take)(a, count, F);
    return s;
}

static struct state R(take_copies)(struct ttt_ref_arena *a, const struct ttt_mlp_shape *p)
{
    const int64_t n = ROUNDS ? p->head_dim * p->hidden_dim : 0;
    return (struct state){.W1 = R(take)(a, n, 1), .W2 = R(take)(a, n, 1)};
}

static struct tokens R(take_tokens)(struct ttt_ref_arena *a, int64_t rows, int64_t width)
{
    return (struct tokens){NULL, ROUNDS ? R(take)(a, rows, width) : NULL};
}

static struct inner R(take_inner)(struct ttt_ref_arena *a, int64_t count, int64_t rows, int64_t F, int64_t D)
{
    struct inner in;
    in.Z1 = R(take)(a, count * rows, D);
    in.gX2 = R(take)(a, count * rows, D);
    in.gZ2 = R(take)(a, count * rows, F);
    in.xhat = R(take)(a, count * rows, F);
    in.rstd = R(take)(a, count * rows, 1);
    return in;
}

/* Buffers that both passes use.  The forward output reuses what the update has left behind. */
static void R(lay_out_step)(struct ttt_ref_arena *a, const struct ttt_mlp_shape *p, struct step *s)
{
    const int64_t F = p->head_dim, D = p->hidden_dim, rows = R(smaller)(p->mini_batch_size, p->seq_len);
    *s = (struct step){.F = F, .D = D, .parts = ttt_ref_parts(p), .causal = p->causal, .eps = (real)p->ln_eps};
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
