/* SPDX-License-Identifier: MIT
 *
 * The backward pass: the stages of one mini-batch, the loop backwards in time with the recomputation of each group's
 * states from its checkpoint, the public functions.
 */

/* The gradient of masked_update and masked_scores with respect to P, E and S, for rows [r0, r1) of dZ [rows, n]:
 * dP = -dZ G^T (also what E gets of its own product);  dE += dP * (S + 1);  dSq = Q(E * dP). */
static void R(masked_backward)(const struct step *s, int64_t r0, int64_t r1, const real *dZq, const real *Gq, int64_t n,
                               const real *S, real *dSq)
{
    const int64_t c = s->rows;
    real *dP = dSq;
    R(matmul)(CblasNoTrans, CblasTrans, r1 - r0, r1, n, -1, dZq + r0 * n, n, Gq, n, 0, dP + r0 * c, c);
    for (int64_t r = r0; r < r1; r++)
        for (int64_t j = 0; j <= r; j++)
            s->c.dE[r * c + j] += dP[r * c + j] * (S[r * c + j] + 1);
    R(mask)(s, r0, r1, dP, dSq);
}

/* dG -= (P + E)^T dZ for rows [j0, j1) of dG: two products over the rows of dZ that see them. */
static void R(masked_pull_back)(const struct step *s, int64_t j0, int64_t j1, const real *Pq, const real *dZq,
                                int64_t n, real *dG)
{
    const int64_t c = s->rows, seen = c - j0;
    R(matmul)(CblasTrans, CblasNoTrans, j1 - j0, n, seen, -1, Pq + j0 * c + j0, c, dZq + j0 * n, n, 1, dG + j0 * n, n);
    R(matmul)
    (CblasTrans, CblasNoTrans, j1 - j0, n, seen, -1, s->c.Eq + j0 * c + j0, c, dZq + j0 * n, n, 1, dG + j0 * n, n);
}

#if ROUNDS
/* The stages below, again with the points beyond the contract that the pass has. */

/* With `eta` in.gX2 has the learning rate, and so what is made of it; gZ2q gets it, too. */
static void R(declared_recall)(const struct step *s, int64_t r0, int64_t n)
{
    const int64_t F = s->F, D = s->D, d = r0 * D;
    if (POINT(s, TANH) || POINT(s, GELU1))
        R(gelu_declared_recall)
    (s->points, s->rounding, n * D, s->in.Z1 + d, s->in.gX2 + d, s->X2 + d, s->X2q + d, s->gZ1 + d, s->gZ1q + d,
     s->slope + d, s->bend + d);
    for (int64_t i = r0 * F; POINT(s, ETA) && i < (r0 + n) * F; i++)
        s->gZ2q[i] = Q(s->rounding, s->eta[i / F] * s->in.gZ2[i]);
}

/* `dWout`: what the output adds is summed in dS alone, for hidden units [d0, d0 + n), and rounded then. */
static void R(declared_begin_output)(const struct step *s, int64_t d0, int64_t n)
{
    const int64_t F = s->F, D = s->D;
    for (int64_t f = 0; POINT(s, DWOUT) && f < F; f++) {
        memcpy(s->dSq.W1 + f * D + d0, s->dS.W1 + f * D + d0, (size_t)n * sizeof(real));
        memset(s->dS.W1 + f * D + d0, 0, (size_t)n * sizeof(real));
    }
    if (POINT(s, DWOUT)) {
        memcpy(s->dSq.W2 + d0 * F, s->dS.W2 + d0 * F, (size_t)(n * F) * sizeof(real));
        memset(s->dS.W2 + d0 * F, 0, (size_t)(n * F) * sizeof(real));
    }
}

static void R(declared_end_output)(const struct step *s, int64_t d0, int64_t n)
{
    const int64_t F = s->F, D = s->D;
    for (int64_t f = 0; POINT(s, DWOUT) && f < F; f++)
        for (int64_t i = f * D + d0; i < f * D + d0 + n; i++)
            s->dS.W1[i] = s->dSq.W1[i] + Q(s->rounding, s->dS.W1[i]);
    for (int64_t i = d0 * F; POINT(s, DWOUT) && i < (d0 + n) * F; i++)
        s->dS.W2[i] = s->dSq.W2[i] + Q(s->rounding, s->dS.W2[i]);
}

/* `exchange`: out [n, F] += -eta A op(G) + B op(W) with A, B [n, D], from partial sums over equal shares of the hidden
 * units, each rounded.  Z2 is free by now. */
static void R(declared_exchange_back)(const struct step *s, int64_t r0, int64_t n, CBLAS_TRANSPOSE op, const real *eta,
                                      const real *A, const real *G, const real *B, const real *W, real *out)
{
    const int64_t F = s->F, D = s->D, ld = op == CblasTrans ? D : F, next = op == CblasTrans ? 1 : F;
    real *part = s->Z2 + r0 * F;
    for (int p = 0; p < s->gradient_parts; p++) {
        const int64_t k0 = D * p / s->gradient_parts, k = D * (p + 1) / s->gradient_parts - k0;
        R(matmul)(CblasNoTrans, op, n, F, k, -1, A + r0 * D + k0, D, G + k0 * next, ld, 0, part, F);
        for (int64_t i = 0; i < n * F; i++)
            part[i] *= eta[i / F];
        R(matmul)(CblasNoTrans, op, n, F, k, 1, B + r0 * D + k0, D, W + k0 * next, ld, 1, part, F);
        for (int64_t i = 0; i < n * F; i++)
            out[r0 * F + i] += Q(s->rounding, part[i]);
    }
}

/* dgZ2 of rows [r0, r0 + n), complete: with `eta` the gradient of eta gZ2, from which it and deta follow, with `xhat`
 * in norm_backward. */
static void R(declared_dgZ2)(const struct step *s, int64_t r0, int64_t n, const real *eta)
{
    const int64_t F = s->F;
    for (int64_t i = 0; s->gradient_parts && i < n * F; i++)
        s->dgZ2[r0 * F + i] = -eta[i / F] * s->dS.b2[i % F];
    R(declared_exchange_back)(s, r0, n, CblasNoTrans, eta, s->X2q, s->dSq.W2, s->Uq, s->Sq.W2, s->dgZ2);
    for (int64_t r = r0; POINT(s, ETA) && !POINT(s, XHAT) && r < r0 + n; r++) {
        s->deta[r] = 0;
        for (int64_t i = r * F; i < (r + 1) * F; i++) {
            s->deta[r] += s->in.gZ2[i] * s->dgZ2[i];
            s->dgZ2[i] *= s->eta[r];
        }
    }
}

/* dK of the same rows, complete; dgZ1 holds dZ1q. */
static void R(declared_dK)(const struct step *s, int64_t r0, int64_t n, const real *eta)
{
    for (int64_t i = r0 * s->F; s->gradient_parts && i < (r0 + n) * s->F; i++)
        s->dK[i] = -s->dV[i];
    R(declared_exchange_back)(s, r0, n, CblasTrans, eta, s->gZ1q, s->dSq.W1, s->dgZ1, s->Sq.W1, s->dK);
}
#endif

/* eta as it enters the pull-back of the update, for rows from r0 on: not at all, where its operands have it. */
static const real *R(pull_back_eta)(const struct step *s, int64_t r0)
{
    return (POINT(s, ETA) ? s->ones : s->causal ? s->eta_update : s->eta) + r0;
}

/* X2, gZ1 and the derivatives of gelu again, from what the forward step left. */
static void R(recall_rows)(const struct step *s, int part)
{
    const int64_t F = s->F, D = s->D;
    const int64_t r0 = R(cut)(s->rows, part, s->parts), r1 = R(cut)(s->rows, part + 1, s->parts), n = r1 - r0;
    const int64_t f = r0 * F, d = r0 * D;
    R(load_update)(s, r0, r1);
    R(gelu_recall)
    (s->rounding, n, D, s->in.Z1 + d, s->in.gX2 + d, s->X2 + d, s->X2q + d, s->gZ1 + d, s->gZ1q + d, s->slope + d,
     s->bend + d);
    R(operand)(s->rounding, n * F, s->in.gZ2 + f, s->gZ2q + f);
    if (s->causal)
        R(clear_poison)(s, r0, r1);
#if ROUNDS
    R(declared_recall)(s, r0, n);
#endif
}

/* From grad_L_XQW to dZ2b, dZ1b and grad_L_XQ, for the rows of a part. */
static void R(output_backward)(const struct step *s, int part)
{
    const int64_t F = s->F, D = s->D, c = s->rows;
    const int64_t r0 = R(cut)(c, part, s->parts), r1 = R(cut)(c, part + 1, s->parts), n = r1 - r0;
    const int64_t f = r0 * F, d = r0 * D;
    const struct state *S = s->causal ? &s->S : &s->S1, *Sq = s->causal ? &s->Sq : &s->S1q;
    real *sum1b = s->sum1b + part * D, *sum2b = s->sum2b + part * F;
    memset(sum1b, 0, (size_t)D * sizeof *sum1b);
    memset(sum2b, 0, (size_t)F * sizeof *sum2b);

    R(load)(&s->XQ, F, r0, r1);
    R(load)(&s->dXQW, F, r0, r1);
    R(output_rows)(s, r0, r1);
    R(norm_output_backward_rows)
    (n, F, s->Z2b + f, S->b2, s->w, s->dO + f, s->eps, s->scratch + part * 2 * F, s->dZ2b + f, s->dw + part * F,
     s->db + part * F);
    R(operand_rows)(s->rounding, n, F, s->dZ2b + f, s->dZ2bq + f, sum2b);
    R(matmul)(CblasNoTrans, CblasTrans, n, D, F, 1, s->dZ2bq + f, F, Sq->W2, F, 0, s->dX2b + d, D); /* B1 */
    if (s->causal) {
        for (int64_t r = r0; r < r1; r++)
            memset(s->c.dE + r * c, 0, (size_t)c * sizeof(real));
        R(masked_backward)(s, r0, r1, s->dZ2bq, s->gZ2q, F, s->c.S2, s->c.dS2q);
        R(matmul)(CblasNoTrans, CblasNoTrans, n, D, r1, 1, s->c.dS2q + r0 * c, c, s->X2q, D, 1, s->dX2b + d, D);
    }
    R(operand_chain_rows)(s->rounding, n, D, s->slope_b + d, s->dX2b + d, sum1b); /* dX2b holds dZ1bq from here on */
    memcpy(s->out + f, s->dO + f, (size_t)(n * F) * sizeof(real));
    R(matmul)(CblasNoTrans, CblasTrans, n, F, D, 1, s->dX2b + d, D, Sq->W1, D, 1, s->out + f, F); /* B4 */
    if (s->causal) {
        R(masked_backward)(s, r0, r1, s->dX2b, s->gZ1q, D, s->c.S1, s->c.dS1q);
        R(matmul)(CblasNoTrans, CblasNoTrans, n, F, r1, 1, s->c.dS1q + r0 * c, c, s->K, F, 1, s->out + f, F);
    }
    R(store)(s, s->dXQ, F, r0, r1, s->out);
    R(show_output_backward)(s, part);
}

/* dS += what the output sends into the state that it used, for the hidden units of a part. */
static void R(output_gradient_slice)(const struct step *s, int part)
{
    const int64_t F = s->F, D = s->D, c = s->rows;
    const int64_t d0 = R(cut)(D, part, s->parts), d1 = R(cut)(D, part + 1, s->parts), n = d1 - d0;
#if ROUNDS
    R(declared_begin_output)(s, d0, n);
#endif
    R(matmul)(CblasTrans, CblasNoTrans, n, F, c, 1, s->X2bq + d0, D, s->dZ2bq, F, 1, s->dS.W2 + d0 * F, F); /* B2 */
    R(matmul)(CblasTrans, CblasNoTrans, F, n, c, 1, s->Q, F, s->dX2b + d0, D, 1, s->dS.W1 + d0, D);         /* B3 */
#if ROUNDS
    R(declared_end_output)(s, d0, n);
#endif
    for (int p = 0; p < s->parts; p++)
        R(add)(n, 1, s->sum1b + p * D + d0, s->dS.b1 + d0);
    for (int p = 0; p < s->parts && part == 0; p++)
        R(add)(F, 1, s->sum2b + p * F, s->dS.b2);
}

/* The gradient of the updated state is complete: operand copies of it.  In the causal form the output used the state
 * BEFORE the update, so its share comes later, in inner_gradient_slice. */
static void R(carry_slice)(const struct step *s, int part)
{
    if (!s->causal)
        R(output_gradient_slice)(s, part);
    R(state_operands)(s, R(cut)(s->D, part, s->parts), R(cut)(s->D, part + 1, s->parts), &s->dS, &s->dSq);
    if (!s->causal)
        R(show_output_gradient)(s, part);
}

/* Through the update: dgZ1, dgZ2, and first shares of dK, dX2, deta, for rows [r0, r1). */
static void R(update_backward)(const struct step *s, int64_t r0, int64_t r1)
{
    const int64_t F = s->F, D = s->D, n = r1 - r0, f = r0 * F, d = r0 * D;
    const real *eta = R(pull_back_eta)(s, r0);

    R(matmul)(CblasNoTrans, CblasNoTrans, n, D, F, 1, s->K + f, F, s->dSq.W1, D, 0, s->dgZ1 + d, D); /* B5 */
    R(pull_back_rows)(n, D, eta, s->dS.b1, s->dgZ1 + d);
    R(show)(s, "B5 dgZ1", r0, n, D, s->dgZ1);
    R(matmul)(CblasNoTrans, CblasNoTrans, n, F, D, 1, s->X2q + d, D, s->dSq.W2, F, 0, s->dgZ2 + f, F); /* B6 */
    R(pull_back_rows)(n, F, eta, s->dS.b2, s->dgZ2 + f);
    R(show)(s, "B6 dgZ2", r0, n, F, s->dgZ2);
    memset(s->deta + r0, 0, (size_t)n * sizeof(real));
    R(matmul)(CblasNoTrans, CblasTrans, n, F, D, 1, s->gZ1q + d, D, s->dSq.W1, D, 0, s->dK + f, F); /* B8 */
    R(learning_rate_rows)(n, F, eta, s->K + f, s->dK + f, s->deta + r0);
    R(show)(s, "B8 dXK", r0, n, F, s->dK);
    R(matmul)(CblasNoTrans, CblasTrans, n, D, F, 1, s->gZ2q + f, F, s->dSq.W2, F, 0, s->dX2 + d, D); /* B9 */
    R(learning_rate_rows)(n, D, eta, s->X2 + d, s->dX2 + d, s->deta + r0);
    R(show)(s, "B9 dX2", r0, n, D, s->dX2);
    R(learning_rate_bias)(n, D, s->gZ1 + d, s->dS.b1, s->deta + r0);
    R(learning_rate_bias)(n, F, s->in.gZ2 + f, s->dS.b2, s->deta + r0);
    R(show)(s, "B8, B9 dlast_eta", r0, n, 1, s->deta);
}

/* Causal form: what the output rows send to gZ1, gZ2, X2, K and to last_eta, for rows [j0, j1) of the update. */
static void R(masked_inputs_backward)(const struct step *s, int part, int64_t j0, int64_t j1)
{
    const int64_t F = s->F, D = s->D, c = s->rows, seen = c - j0, n = j1 - j0;
    const real last = s->token_eta[c - 1];
    real dlast = 0;
    R(masked_pull_back)(s, j0, j1, s->c.P1q, s->dX2b, D, s->dgZ1);
    R(masked_pull_back)(s, j0, j1, s->c.P2q, s->dZ2bq, F, s->dgZ2);
    R(matmul)
    (CblasTrans, CblasNoTrans, n, D, seen, 1, s->c.dS2q + j0 * c + j0, c, s->X2bq + j0 * D, D, 1, s->dX2 + j0 * D, D);
    R(matmul)
    (CblasTrans, CblasNoTrans, n, F, seen, 1, s->c.dS1q + j0 * c + j0, c, s->Q + j0 * F, F, 1, s->dK + j0 * F, F);
    for (int64_t j = j0; j < j1; j++) {
        dlast += s->eta[j] * s->deta[j]; /* deta is dL/d(eta_update) so far */
        s->deta[j] *= last;
        for (int64_t r = j; r < c; r++)
            s->deta[j] += s->token_eta[r] * s->c.dE[r * c + j];
    }
    s->dlast[part] = dlast;
}

/* dZ2, dV and the norm's gradients, for rows [r0, r1) of a part. */
static void R(norm_backward)(const struct step *s, int part, int64_t r0, int64_t r1)
{
    const int64_t F = s->F, f = r0 * F;
#if ROUNDS
    const int eta = POINT(s, ETA) != 0;
    for (int64_t r = r0; POINT(s, XHAT) && r < r1; r++)
        R(norm_declared_row)
    (s->rounding, F, s->dgZ2 + r * F, s->in.xhat + r * F, s->in.rstd[r], eta ? s->eta[r] : 1, s->w, s->b, s->K + r * F,
     s->V + r * F, s->dZ2 + r * F, s->dV + r * F, s->dw + part * F, s->db + part * F, eta ? s->deta + r : NULL);
    if (POINT(s, XHAT))
        return;
#endif
    R(norm_l2_grad_backward_rows)
    (r1 - r0, F, s->dgZ2 + f, s->in.gZ2 + f, s->in.xhat + f, s->in.rstd + r0, s->w, s->b, s->K + f, s->V + f,
     s->scratch + part * 2 * F, s->dZ2 + f, s->dV + f, s->dw + part * F, s->db + part * F);
}

/* From the gradient of the updated state to grad_L_XK, grad_L_XV and grad_L_last_eta, for the rows of a part. */
static void R(inner_backward)(const struct step *s, int part)
{
    const int64_t F = s->F, D = s->D;
    const int64_t r0 = R(cut)(s->rows, part, s->parts), r1 = R(cut)(s->rows, part + 1, s->parts), n = r1 - r0;
    const int64_t f = r0 * F, d = r0 * D;
    real *sum1 = s->sum1 + part * D, *sum2 = s->sum2 + part * F;
    memset(sum1, 0, (size_t)D * sizeof *sum1);
    memset(sum2, 0, (size_t)F * sizeof *sum2);

    R(update_backward)(s, r0, r1);
    if (s->causal)
        R(masked_inputs_backward)(s, part, r0, r1);
    R(operand_multiply)(s->rounding, n * D, s->dgZ1 + d, s->slope + d, s->Uq + d);
    R(matmul)(CblasNoTrans, CblasNoTrans, n, F, D, 1, s->Uq + d, D, s->Sq.W2, F, 1, s->dgZ2 + f, F); /* B7 */
#if ROUNDS
    R(declared_dgZ2)(s, r0, n, R(pull_back_eta)(s, r0));
#endif
    R(norm_backward)(s, part, r0, r1);
    R(add)(n * F, -1, s->dV + f, s->dK + f);
    R(operand_rows)(s->rounding, n, F, s->dZ2 + f, s->dZ2q + f, sum2);
    R(matmul)(CblasNoTrans, CblasTrans, n, D, F, 1, s->dZ2q + f, F, s->Sq.W2, F, 1, s->dX2 + d, D); /* B11 */
    R(operand_dZ1_rows)
    (s->rounding, n, D, s->bend + d, s->dX2 + d, s->slope + d, s->dgZ1 + d, sum1); /* dgZ1 holds dZ1q now */
    R(matmul)(CblasNoTrans, CblasTrans, n, F, D, 1, s->dgZ1 + d, D, s->Sq.W1, D, 1, s->dK + f, F); /* B12 */
#if ROUNDS
    R(declared_dK)(s, r0, n, R(pull_back_eta)(s, r0));
#endif
    R(store)(s, s->dXK, F, r0, r1, s->dK);
    R(store)(s, s->dXV, F, r0, r1, s->dV);
    R(store)(s, s->dlast_eta, 1, r0, r1, s->deta);
    R(show_inner_backward)(s, part);
}

/* Causal form, once per mini-batch: dtoken_eta[r] += sum_j eta_j dE[r, j], and the update's share in the last row. */
static void R(token_eta_backward)(const struct step *s)
{
    const int64_t c = s->rows;
    for (int64_t r = 0; r < c; r++)
        for (int64_t j = 0; j <= r; j++)
            s->dtoken_eta[r] += s->eta[j] * s->c.dE[r * c + j];
    for (int p = 0; p < s->parts; p++)
        s->dtoken_eta[c - 1] += s->dlast[p];
}

/* dS becomes the gradient of the state before the mini-batch, for the hidden units of a part. */
static void R(inner_gradient_slice)(const struct step *s, int part)
{
    const int64_t F = s->F, D = s->D, c = s->rows;
    const int64_t d0 = R(cut)(D, part, s->parts), d1 = R(cut)(D, part + 1, s->parts), n = d1 - d0;
    if (s->causal)
        R(output_gradient_slice)(s, part);
    if (s->causal && part == 0)
        R(token_eta_backward)(s);
    R(matmul)(CblasTrans, CblasNoTrans, n, F, c, 1, s->Uq + d0, D, s->gZ2q, F, 1, s->dS.W2 + d0 * F, F); /* B10 */
    R(show)(s, "B10 dW2", d0, n, F, s->dS.W2);
    R(matmul)(CblasTrans, CblasNoTrans, F, n, c, 1, s->K, F, s->dgZ1 + d0, D, 1, s->dS.W1 + d0, D);       /* B13 */
    R(matmul)(CblasTrans, CblasNoTrans, n, F, c, 1, s->X2q + d0, D, s->dZ2q, F, 1, s->dS.W2 + d0 * F, F); /* B14 */
    for (int p = 0; p < s->parts; p++)
        R(add)(n, 1, s->sum1 + p * D + d0, s->dS.b1 + d0);
    for (int p = 0; p < s->parts && part == 0; p++)
        R(add)(F, 1, s->sum2 + p * F, s->dS.b2);
    R(show_inner_gradient)(s, part);
}

static void R(lay_out_backward)(struct ttt_ref_arena *a, const struct ttt_mlp_shape *p, struct work *w)
{
    struct step *s = &w->step;
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

static void R(backward_mini_batch)(const struct pass *p, const struct work *w, struct step *s, int64_t bh, int64_t i)
{
    const struct ttt_mlp_backward_args *a = p->backward;
    const int64_t N = p->shape->seq_len, C = p->shape->mini_batch_size, first = bh * N + i * C;
    const int64_t in_group = i % p->shape->checkpoint_group_size;
    s->rows = R(smaller)(C, N - i * C);
    s->mini_batch = i;
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
static void R(replay)(const struct pass *p, struct work *w, struct step *s, int64_t bh, int member, int64_t first,
                      int64_t end)
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
static void R(walk_back)(const struct pass *p, struct work *w, struct step *s, int64_t bh, int member, int64_t first,
                         int64_t end)
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

static void R(backward_head)(const struct pass *p, struct work *w, int64_t bh, int member)
{
    const struct ttt_mlp_backward_args *a = p->backward;
    const int64_t G = p->shape->checkpoint_group_size, NC = ttt_ref_mini_batches(p->shape);
    const int64_t K = ttt_ref_checkpoints(p->shape);
    const int members = w->team.members;
    struct step s = R(step_of_head)(p, w, bh, a->ttt_norm_weight, a->ttt_norm_bias, a->token_eta);
    const int64_t F = s.F, D = s.D, rows = R(smaller)(p->shape->mini_batch_size, p->shape->seq_len);
    const struct state upstream = {(real *)a->grad_L_W1_last, (real *)a->grad_L_b1_last, (real *)a->grad_L_W2_last,
                                   (real *)a->grad_L_b2_last};
    const struct state gradient = {a->grad_L_W1_init, a->grad_L_b1_init, a->grad_L_W2_init, a->grad_L_b2_init};
    const struct state checkpoints = {(real *)a->W1_checkpoints, (real *)a->b1_checkpoints, (real *)a->W2_checkpoints,
                                      (real *)a->b2_checkpoints};

    s.dS = R(state_at)(F, D, &gradient, bh); /* carried in place: where it ends up, it belongs */
    s.dSq = ROUNDS ? s.dSq : s.dS;
    s.dtoken_eta = s.causal ? p->shared.dtoken_eta + bh * rows : NULL;
    const struct state last = upstream.W1 ? R(state_at)(F, D, &upstream, bh) : upstream;
    R(state_copy)(F, D, member, members, upstream.W1 ? &last : NULL, &s.dS);
    if (member == 0) {
        memset(s.dw, 0, (size_t)(s.parts * F) * sizeof(real));
        memset(s.db, 0, (size_t)(s.parts * F) * sizeof(real));
        memset(s.dtoken_eta ? s.dtoken_eta : s.dw, 0, s.dtoken_eta ? (size_t)rows * sizeof(real) : 0);
    }
    for (int64_t k = K - 1; k >= 0; k--) {
        const int64_t first = k * G, end = R(smaller)(NC, first + (G < NC ? G : NC));
        const struct state checkpoint = R(state_at)(F, D, &checkpoints, bh * K + k);
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
static void R(sum_gradients)(const struct pass *p)
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

static const struct kind R(backward) = {1,
                                        TTT_REF_POINT_ETA | TTT_REF_POINT_EXCHANGE | TTT_REF_POINT_TANH |
                                            TTT_REF_POINT_XHAT | TTT_REF_POINT_GELU1 | TTT_REF_POINT_DWOUT,
                                        R(lay_out_backward), R(backward_head)};

enum ttt_status R(ttt_ref_mlp_backward_workspace)(const struct ttt_mlp_shape *shape,
                                                  const struct ttt_ref_options *options, size_t *bytes)
{
    return R(workspace)(shape, options, &R(backward), bytes);
}

enum ttt_status R(ttt_ref_mlp_backward)(const struct ttt_mlp_shape *shape, const struct ttt_mlp_backward_args *args,
                                        const struct ttt_ref_options *options, void *workspace, size_t bytes)
{
    size_t needed = 0;
    enum ttt_status status = R(workspace)(shape, options, &R(backward), &needed);
    if (!status)
        status = ttt_ref_check_backward(shape, args, R(sizes)(options), workspace, bytes);
    if (!status && bytes < needed)
        status = TTT_ERROR_WORKSPACE;
    if (status)
        return status;
    struct pass p = {.kind = &R(backward), .shape = shape, .backward = args};
    R(run_pass)(&p, options, workspace);
    R(sum_gradients)(&p);
    return TTT_OK;
}
