/* SPDX-License-Identifier: MIT
 *
 * The forward pass: the stages of one mini-batch in the order of the contract's equations, the loop over the sequence,
 * the public functions.
 */

/* Operand copies of the state before the mini-batch, for the hidden units of a part. */
static void R(operands_slice)(const struct step *s, int part)
{
    R(state_operands)(s, R(cut)(s->D, part, s->parts), R(cut)(s->D, part + 1, s->parts), &s->S, &s->Sq);
}

/* What both passes read for rows [r0, r1) of the update. */
static void R(load_update)(const struct step *s, int64_t r0, int64_t r1)
{
    R(load)(&s->XK, s->F, r0, r1);
    R(load)(&s->XV, s->F, r0, r1);
    R(load)(&s->last_eta, 1, r0, r1);
    for (int64_t r = r0; r < r1 && s->causal; r++)
        s->eta_update[r] = s->token_eta[s->rows - 1] * s->eta[r];
}

#if ROUNDS
/* The stages before, again with the points beyond the contract that the pass has.  A2q is free until gZ2 is known, and
 * after the update. */
static void R(declared_gelu)(const struct step *s, int64_t n, const real *Z, const real *b, real *X2q, real *slope)
{
    if (POINT(s, TANH) || POINT(s, SLOPE) || POINT(s, GELU1))
        R(gelu_declared_rows)(s->points, s->rounding, n, s->D, Z, b, X2q, slope);
}

static void R(declared_exchange)(const struct step *s, int64_t r0, int64_t n, const real *X2q, const real *W2q, real *Z)
{
    if (s->exchange_parts)
        R(matmul_exchanged)(s->rounding, s->exchange_parts, n, s->F, s->D, X2q, W2q, Z, s->A2q + r0 * s->F);
}

/* Returns eta as it enters the operand of F4: not at all, where it is in gX2. */
static const real *R(declared_eta)(const struct step *s, int64_t r0, int64_t n, const real *eta)
{
    if (!POINT(s, ETA))
        return eta;
    R(matmul)
    (CblasNoTrans, CblasTrans, n, s->D, s->F, 1, s->A2q + r0 * s->F, s->F, s->Sq.W2, s->F, 0, s->in.gX2 + r0 * s->D,
     s->D);
    return s->ones;
}
#endif

/* Z1, X2, Z2, gZ2, gX2, gZ1 and the operands of the update, for the rows of a part. */
static void R(inner_rows)(const struct step *s, int part)
{
    const int64_t F = s->F, D = s->D;
    const int64_t r0 = R(cut)(s->rows, part, s->parts), r1 = R(cut)(s->rows, part + 1, s->parts), n = r1 - r0;
    const int64_t f = r0 * F, d = r0 * D;
    real *sum1 = s->sum1 + part * D, *sum2 = s->sum2 + part * F;
    memset(sum1, 0, (size_t)D * sizeof *sum1);
    memset(sum2, 0, (size_t)F * sizeof *sum2);
    R(load_update)(s, r0, r1);
    const real *eta = s->causal ? s->eta_update : s->eta;

    R(matmul)(CblasNoTrans, CblasNoTrans, n, D, F, 1, s->K + f, F, s->Sq.W1, D, 0, s->in.Z1 + d, D); /* F1 */
    R(gelu_slope_rows)(s->rounding, n, D, s->in.Z1 + d, s->S.b1, s->X2q + d, s->slope + d);
#if ROUNDS
    R(declared_gelu)(s, n, s->in.Z1 + d, NULL, s->X2q + d, s->slope + d);
#endif
    R(matmul)(CblasNoTrans, CblasNoTrans, n, F, D, 1, s->X2q + d, D, s->Sq.W2, F, 0, s->Z2 + f, F); /* F2 */
#if ROUNDS
    R(declared_exchange)(s, r0, n, s->X2q + d, s->Sq.W2, s->Z2 + f);
#endif
    R(norm_l2_grad_rows)
    (n, F, s->Z2 + f, s->S.b2, s->w, s->b, s->K + f, s->V + f, s->eps, s->scratch + part * 2 * F, s->in.xhat + f,
     s->in.rstd + r0, s->in.gZ2 + f);
    R(operand)(s->rounding, n * F, s->in.gZ2 + f, s->gZ2q + f);
    R(operand_scaled_rows)(s->rounding, n, F, eta + r0, s->in.gZ2 + f, s->A2q + f, sum2);
    R(matmul)(CblasNoTrans, CblasTrans, n, D, F, 1, s->gZ2q + f, F, s->Sq.W2, F, 0, s->in.gX2 + d, D); /* F3 */
#if ROUNDS
    eta = R(declared_eta)(s, r0, n, eta);
#endif
    R(operand_product_rows)(s->rounding, n, D, eta + r0, s->in.gX2 + d, s->slope + d, s->A1q + d, sum1);
    if (s->causal) {
        for (int64_t i = d; i < d + n * D; i++)
            s->gZ1q[i] = Q(s->rounding, s->slope[i]); /* slope holds gZ1 by now */
        R(clear_poison)(s, r0, r1);
    }
    R(show_inner)(s, part);
}

/* S1 = S - the update, and its operand copies, for the hidden units of a part. */
static void R(update_slice)(const struct step *s, int part)
{
    const int64_t F = s->F, D = s->D, c = s->rows;
    const int64_t d0 = R(cut)(D, part, s->parts), d1 = R(cut)(D, part + 1, s->parts), n = d1 - d0;
    if (s->S1.W1 != s->S.W1) {
        for (int64_t f = 0; f < F; f++)
            memcpy(s->S1.W1 + f * D + d0, s->S.W1 + f * D + d0, (size_t)n * sizeof(real));
        memcpy(s->S1.W2 + d0 * F, s->S.W2 + d0 * F, (size_t)(n * F) * sizeof(real));
        memcpy(s->S1.b1 + d0, s->S.b1 + d0, (size_t)n * sizeof(real));
        if (part == 0)
            memcpy(s->S1.b2, s->S.b2, (size_t)F * sizeof(real));
    }
    R(matmul)(CblasTrans, CblasNoTrans, F, n, c, -1, s->K, F, s->A1q + d0, D, 1, s->S1.W1 + d0, D);       /* F4 */
    R(matmul)(CblasTrans, CblasNoTrans, n, F, c, -1, s->X2q + d0, D, s->A2q, F, 1, s->S1.W2 + d0 * F, F); /* F5 */
    for (int p = 0; p < s->parts; p++)
        R(add)(n, -1, s->sum1 + p * D + d0, s->S1.b1 + d0);
    for (int p = 0; p < s->parts && part == 0; p++)
        R(add)(F, -1, s->sum2 + p * F, s->S1.b2);
    R(state_operands)(s, d0, d1, &s->S1, &s->S1q);
    R(show_update)(s, part);
}

/* Z2b without its bias, for the rows of a part: gelu(Q W1' + b1') W2' from the updated state, or the causal dual form
 * from the state before.  With `slope_b`, gelu'(Z1b) is kept and Z1b holds its bias. */
static void R(output_rows)(const struct step *s, int64_t r0, int64_t r1)
{
    const int64_t F = s->F, D = s->D, n = r1 - r0, f = r0 * F, d = r0 * D;
    const struct state *S = s->causal ? &s->S : &s->S1, *Sq = s->causal ? &s->Sq : &s->S1q;

    R(matmul)(CblasNoTrans, CblasNoTrans, n, D, F, 1, s->Q + f, F, Sq->W1, D, 0, s->Z1b + d, D); /* F6 */
    if (s->causal) {
        R(mask)(s, r0, r1, NULL, s->c.Eq);
        R(masked_scores)(s, r0, r1, s->Q, s->K, F, s->c.S1, s->c.P1q);
        R(masked_update)(s, r0, r1, s->c.P1q, s->gZ1q, D, s->Z1b);
    }
    if (s->slope_b)
        R(gelu_slope_rows)(s->rounding, n, D, s->Z1b + d, S->b1, s->X2bq + d, s->slope_b + d);
    else
        R(gelu_rows)(s->rounding, n, D, s->Z1b + d, S->b1, s->X2bq + d);
#if ROUNDS
    R(declared_gelu)
    (s, n, s->Z1b + d, s->slope_b ? NULL : S->b1, s->X2bq + d, s->slope_b ? s->slope_b + d : NULL);
#endif
    R(matmul)(CblasNoTrans, CblasNoTrans, n, F, D, 1, s->X2bq + d, D, Sq->W2, F, 0, s->Z2b + f, F); /* F7 */
#if ROUNDS
    R(declared_exchange)(s, r0, n, s->X2bq + d, Sq->W2, s->Z2b + f);
#endif
    if (s->causal) {
        R(masked_scores)(s, r0, r1, s->X2bq, s->X2q, D, s->c.S2, s->c.P2q);
        R(masked_update)(s, r0, r1, s->c.P2q, s->gZ2q, F, s->Z2b);
    }
}

/* XQW for the rows of a part. */
static void R(output_forward)(const struct step *s, int part)
{
    const int64_t F = s->F, r0 = R(cut)(s->rows, part, s->parts), r1 = R(cut)(s->rows, part + 1, s->parts);
    R(load)(&s->XQ, F, r0, r1);
    R(output_rows)(s, r0, r1);
    R(norm_output_rows)
    (r1 - r0, F, s->Z2b + r0 * F, s->causal ? s->S.b2 : s->S1.b2, s->w, s->b, s->Q + r0 * F, s->eps,
     s->scratch + part * 2 * F, s->out + r0 * F);
    R(store)(s, s->XQW, F, r0, r1, s->out);
    R(show_output_forward)(s, part);
}

static void R(lay_out_forward)(struct ttt_ref_arena *a, const struct ttt_mlp_shape *p, struct work *w)
{
    struct step *s = &w->step;
    R(lay_out_step)(a, p, s);
    s->in = R(take_inner)(a, 1, R(smaller)(p->mini_batch_size, p->seq_len), s->F, s->D);
    s->Z1b = s->in.Z1;
    s->X2bq = s->in.gX2;
    s->Z2b = s->Z2;
    w->state = R(take_state)(a, p, 1);
    w->copies[0] = R(take_copies)(a, p);
}

static void R(forward_mini_batch)(const struct pass *p, struct step *s, int64_t bh, int64_t i)
{
    const struct ttt_mlp_forward_args *a = p->forward;
    const int64_t N = p->shape->seq_len, C = p->shape->mini_batch_size, first = bh * N + i * C;
    s->rows = R(smaller)(C, N - i * C);
    s->mini_batch = i;
    s->K = R(tokens_at)(&s->XK, a->XK, first * s->F);
    s->Q = R(tokens_at)(&s->XQ, a->XQ, first * s->F);
    s->V = R(tokens_at)(&s->XV, a->XV, first * s->F);
    s->eta = R(tokens_at)(&s->last_eta, a->last_eta, first);
    s->XQW = R(output_at)(s, a->XQW, first * s->F);
}

static void R(forward_head)(const struct pass *p, struct work *w, int64_t bh, int member)
{
    const struct ttt_mlp_forward_args *a = p->forward;
    const int64_t G = p->shape->checkpoint_group_size, NC = ttt_ref_mini_batches(p->shape);
    const int64_t K = ttt_ref_checkpoints(p->shape);
    struct ttt_ref_team *team = &w->team;
    struct step s = R(step_of_head)(p, w, bh, a->ttt_norm_weight, a->ttt_norm_bias, a->token_eta);
    const int64_t F = s.F, D = s.D;
    const struct state init = {(real *)a->W1_init, (real *)a->b1_init, (real *)a->W2_init, (real *)a->b2_init};
    const struct state last = {a->W1_last, a->b1_last, a->W2_last, a->b2_last};
    const struct state checkpoints = {a->W1_checkpoints, a->b1_checkpoints, a->W2_checkpoints, a->b2_checkpoints};
    const struct state from = R(state_at)(F, D, &init, bh);

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
            const struct state to = R(state_at)(F, D, &checkpoints, bh * K + i / G);
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

static const struct kind R(forward) = {
    0, TTT_REF_POINT_ETA | TTT_REF_POINT_EXCHANGE | TTT_REF_POINT_TANH | TTT_REF_POINT_SLOPE, R(lay_out_forward),
    R(forward_head)};

enum ttt_status R(ttt_ref_mlp_forward_workspace)(const struct ttt_mlp_shape *shape,
                                                 const struct ttt_ref_options *options, size_t *bytes)
{
    return R(workspace)(shape, options, &R(forward), bytes);
}

enum ttt_status R(ttt_ref_mlp_forward)(const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                                       const struct ttt_ref_options *options, void *workspace, size_t bytes)
{
    size_t needed = 0;
    enum ttt_status status = R(workspace)(shape, options, &R(forward), &needed);
    if (!status)
        status = ttt_ref_check_forward(shape, args, R(sizes)(options), workspace, bytes);
    if (!status && bytes < needed)
        status = TTT_ERROR_WORKSPACE;
    if (status)
        return status;
    struct pass p = {.kind = &R(forward), .shape = shape, .forward = args};
    R(run_pass)(&p, options, workspace);
    return TTT_OK;
}
