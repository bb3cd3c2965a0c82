/* SPDX-License-Identifier: MIT
 *
 * One mini-batch of one head, forward and backward, as the contract writes it, cut into stages.
 *
 * A stage runs over PARTS, which depend on the shape alone: over rows of the mini-batch where rows are independent,
 * over slices of the hidden dimension where products sum over rows.  The members of a team (see team.h) share the parts
 * of a stage and wait for each other between stages, so the number of threads changes no bit.
 *
 * Q sites.  Where the GPU rounds an operand, a buffer whose name ends in q holds Q(.) of it:
 *
 *   F1  K W1q              F2  X2q W2q            F3  gZ2q W2q^T         F4  K^T A1q, A1 = eta gZ1
 *   F5  X2q^T A2q          F6  Q W1q'             F7  X2bq W2q'
 *   B1  dZ2bq W2q'^T       B2  X2bq^T dZ2bq       B3  Q^T dZ1bq          B4  dZ1bq W1q'^T
 *   B5  K dW1q'            B6  X2q dW2q'          B7  Uq W2q, U = dgZ1 gelu'(Z1)
 *   B8  gZ1q dW1q'^T       B9  gZ2q dW2q'^T       B10 Uq^T gZ2q          B11 dZ2q W2q^T
 *   B12 dZ1q W1q^T         B13 K^T dZ1q           B14 X2q^T dZ2q
 *   causal: Eq, P1q = Q(E * Q K^T), P2q = Q(E * X2b X2^T), and their gradients dS1q, dS2q.
 * K, Q are bfloat16 as they come.  Where nothing rounds, xq and x are the same array.
 */

/* The state of the inner MLP, its gradient, or the operand copies of either (b1, b2 unused then). */
struct R(state) {
    real *W1; /* [F, D] */
    real *b1; /* [D] */
    real *W2; /* [D, F] */
    real *b2; /* [F] */
};

/* A token tensor of this mini-batch: where it lies, and room for it as `real` (unused where nothing rounds). */
struct R(tokens) {
    const void *data;
    real *copy;
};

/* What the forward step leaves for its backward step. */
struct R(inner) {
    real *Z1, *gX2;   /* [C, D] Z1 with its bias; gZ2 W2^T */
    real *gZ2, *xhat; /* [C, F] */
    real *rstd;       /* [C] */
};

/* Masked products of the causal form, [C, C] each, row r of the output by row j of the update. */
struct R(causal) {
    real *S1, *S2;     /* Q K^T, X2b X2^T */
    real *Eq;          /* E */
    real *P1q, *P2q;   /* E * S1, E * S2 */
    real *dS1q, *dS2q; /* their gradients times E */
    real *dE;          /* dL/dE */
};

/* Everything that the stages of one mini-batch see.  Sums over rows have one line per part. */
struct R(step) {
    int64_t rows, F, D; /* rows: of this mini-batch */
    int parts, causal;
    real eps;
    const real *w, *b;                           /* [F] norm weight and bias */
    struct R(tokens) XK, XQ, XV, last_eta, dXQW; /* [rows, F], last_eta [rows]; dXQW is grad_L_XQW */
    const real *K, *Q, *V, *eta, *dO;            /* the same as `real` */
    void *XQW, *dXQ, *dXK, *dXV, *dlast_eta;     /* outputs of this mini-batch, where the pass has them */
    int exact_outputs;                           /* ROUNDS: outputs are `real`, not `token` */
    real *eta_masked;      /* [rows] causal form: eta as it enters E; NaN for rows cleared by clear_poison */
    const real *token_eta; /* [rows] causal form */
    real *eta_update;      /* [rows] eta as it enters the update: in the causal form times token_eta of the last row */
    struct R(state) S, S1; /* before and after the update */
    struct R(state) Sq, S1q; /* their operand copies */
    struct R(inner) in;
    struct R(causal) c;
    struct R(state) dS, dSq; /* gradient of the state, carried backwards in time, and its operand copies */
    /* [rows, D] */
    real *X2, *X2q, *gZ1, *gZ1q, *A1q, *slope, *bend;
    real *Z1b, *X2bq, *slope_b, *dX2b;
    real *dgZ1, *dX2, *Uq;
    /* [rows, F] */
    real *Z2, *gZ2q, *A2q, *Z2b, *out, *dZ2b, *dZ2bq, *dgZ2, *dZ2, *dZ2q, *dK, *dV;
    real *deta;          /* [rows] */
    real *dtoken_eta;    /* [rows] causal form, added to over mini-batches */
    real *sum1, *sum2;   /* [parts, D], [parts, F] of the inner path: eta gZ1, eta gZ2; dZ1, dZ2 */
    real *sum1b, *sum2b; /* of the output path: dZ1b, dZ2b */
    real *dw, *db;       /* [parts, F] gradients of the norm, added to over mini-batches */
    real *dlast;         /* [parts] causal form: what the update adds to dtoken_eta of the last row */
    real *scratch;       /* [parts, 2 F] */
};

static inline int64_t R(cut)(int64_t n, int part, int parts)
{
    return n * part / parts;
}

/* Rows [r0, r1), `width` elements each, of a token tensor become readable as `real`. */
static void R(load)(const struct R(tokens) * t, int64_t width, int64_t r0, int64_t r1)
{
#if ROUNDS
    const token *x = t->data;
    for (int64_t i = r0 * width; i < r1 * width; i++)
        t->copy[i] = ttt_bf16_load(x[i]);
#else
    (void)t, (void)width, (void)r0, (void)r1;
#endif
}

/* Rows [r0, r1) of x go to a token tensor of the caller. */
static void R(store)(const struct R(step) * s, void *data, int64_t width, int64_t r0, int64_t r1, const real *x)
{
    const int64_t first = r0 * width, n = (r1 - r0) * width;
#if ROUNDS
    if (!s->exact_outputs) {
        for (int64_t i = first; i < first + n; i++)
            ((token *)data)[i] = ttt_bf16_store(x[i]);
        return;
    }
#else
    (void)s;
#endif
    memcpy((real *)data + first, x + first, (size_t)n * sizeof *x);
}

/* Operand copies of hidden units [d0, d1) of W1 and W2 (nothing to do where nothing rounds). */
static void R(state_operands)(int64_t F, int64_t D, int64_t d0, int64_t d1, const struct R(state) * S,
                              const struct R(state) * Sq)
{
    if (!ROUNDS)
        return;
    for (int64_t f = 0; f < F; f++)
        R(operand)(d1 - d0, S->W1 + f * D + d0, Sq->W1 + f * D + d0);
    R(operand)((d1 - d0) * F, S->W2 + d0 * F, Sq->W2 + d0 * F);
}

/* ---------------------------------------------------------------------------------------------- causal form */

/* A row of gZ1q or gZ2q that is not finite must not reach earlier rows of the output through a masked product, where it
 * would meet a 0 of E.  It is cleared, and its eta in E becomes NaN: later rows of the output are NaN. */
static void R(clear_poison)(const struct R(step) * s, int64_t r0, int64_t r1)
{
    for (int64_t r = r0; r < r1; r++) {
        real *g1 = s->gZ1q + r * s->D, *g2 = s->gZ2q + r * s->F, zero = 0;
        for (int64_t d = 0; d < s->D; d++)
            zero += g1[d] * 0;
        for (int64_t f = 0; f < s->F; f++)
            zero += g2[f] * 0;
        s->eta_masked[r] = s->eta[r] + zero;
        if (zero != zero) {
            memset(g1, 0, (size_t)s->D * sizeof *g1);
            memset(g2, 0, (size_t)s->F * sizeof *g2);
        }
    }
}

/* out = Q(E * S) for rows [r0, r1) and columns j < r1; 0 where j > r, by select.  S = NULL stands for all 1. */
static void R(mask)(const struct R(step) * s, int64_t r0, int64_t r1, const real *S, real *out)
{
    const int64_t c = s->rows;
    for (int64_t r = r0; r < r1; r++)
        for (int64_t j = 0; j < r1; j++) {
            const real e = s->token_eta[r] * s->eta_masked[j] * (S ? S[r * c + j] : 1);
            out[r * c + j] = j > r ? 0 : Q(e);
        }
}

/* Z -= P G + E G for rows [r0, r1), two products: the update as these rows see it. */
static void R(masked_update)(const struct R(step) * s, int64_t r0, int64_t r1, const real *Pq, const real *Gq,
                             int64_t n, real *Z)
{
    const int64_t c = s->rows;
    R(matmul)(CblasNoTrans, CblasNoTrans, r1 - r0, n, r1, -1, Pq + r0 * c, c, Gq, n, 1, Z + r0 * n, n);
    R(matmul)(CblasNoTrans, CblasNoTrans, r1 - r0, n, r1, -1, s->c.Eq + r0 * c, c, Gq, n, 1, Z + r0 * n, n);
}

/* S = A B^T for rows [r0, r1) of A and the rows < r1 of B, both [rows, n]; then Pq = Q(E * S). */
static void R(masked_scores)(const struct R(step) * s, int64_t r0, int64_t r1, const real *A, const real *B, int64_t n,
                             real *S, real *Pq)
{
    const int64_t c = s->rows;
    R(matmul)(CblasNoTrans, CblasTrans, r1 - r0, r1, n, 1, A + r0 * n, n, B, n, 0, S + r0 * c, c);
    R(mask)(s, r0, r1, S, Pq);
}

/* The gradient of masked_update and masked_scores with respect to P, E and S, for rows [r0, r1) of dZ [rows, n]:
 * dP = -dZ G^T (also what E gets of its own product);  dE += dP * (S + 1);  dSq = Q(E * dP). */
static void R(masked_backward)(const struct R(step) * s, int64_t r0, int64_t r1, const real *dZq, const real *Gq,
                               int64_t n, const real *S, real *dSq)
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
static void R(masked_pull_back)(const struct R(step) * s, int64_t j0, int64_t j1, const real *Pq, const real *dZq,
                                int64_t n, real *dG)
{
    const int64_t c = s->rows, seen = c - j0;
    R(matmul)(CblasTrans, CblasNoTrans, j1 - j0, n, seen, -1, Pq + j0 * c + j0, c, dZq + j0 * n, n, 1, dG + j0 * n, n);
    R(matmul)
    (CblasTrans, CblasNoTrans, j1 - j0, n, seen, -1, s->c.Eq + j0 * c + j0, c, dZq + j0 * n, n, 1, dG + j0 * n, n);
}

/* ---------------------------------------------------------------------------------------------- forward stages */

/* Operand copies of the state before the mini-batch, for the hidden units of a part. */
static void R(operands_slice)(const struct R(step) * s, int part)
{
    R(state_operands)(s->F, s->D, R(cut)(s->D, part, s->parts), R(cut)(s->D, part + 1, s->parts), &s->S, &s->Sq);
}

/* What both passes read for rows [r0, r1) of the update. */
static void R(load_update)(const struct R(step) * s, int64_t r0, int64_t r1)
{
    R(load)(&s->XK, s->F, r0, r1);
    R(load)(&s->XV, s->F, r0, r1);
    R(load)(&s->last_eta, 1, r0, r1);
    for (int64_t r = r0; r < r1 && s->causal; r++)
        s->eta_update[r] = s->token_eta[s->rows - 1] * s->eta[r];
}

/* Z1, X2, Z2, gZ2, gX2, gZ1 and the operands of the update, for the rows of a part. */
static void R(inner_rows)(const struct R(step) * s, int part)
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
    R(gelu_slope_rows)(n, D, s->in.Z1 + d, s->S.b1, s->X2q + d, s->slope + d);
    R(matmul)(CblasNoTrans, CblasNoTrans, n, F, D, 1, s->X2q + d, D, s->Sq.W2, F, 0, s->Z2 + f, F); /* F2 */
    R(norm_l2_grad_rows)
    (n, F, s->Z2 + f, s->S.b2, s->w, s->b, s->K + f, s->V + f, s->eps, s->scratch + part * 2 * F, s->in.xhat + f,
     s->in.rstd + r0, s->in.gZ2 + f);
    R(operand)(n * F, s->in.gZ2 + f, s->gZ2q + f);
    R(operand_scaled_rows)(n, F, eta + r0, s->in.gZ2 + f, s->A2q + f, sum2);
    R(matmul)(CblasNoTrans, CblasTrans, n, D, F, 1, s->gZ2q + f, F, s->Sq.W2, F, 0, s->in.gX2 + d, D); /* F3 */
    R(operand_product_rows)(n, D, eta + r0, s->in.gX2 + d, s->slope + d, s->A1q + d, sum1);
    if (s->causal) {
        for (int64_t i = d; i < d + n * D; i++)
            s->gZ1q[i] = Q(s->slope[i]); /* slope holds gZ1 by now */
        R(clear_poison)(s, r0, r1);
    }
}

/* S1 = S - the update, and its operand copies, for the hidden units of a part. */
static void R(update_slice)(const struct R(step) * s, int part)
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
    R(state_operands)(F, D, d0, d1, &s->S1, &s->S1q);
}

/* Z2b without its bias, for the rows of a part: gelu(Q W1' + b1') W2' from the updated state, or the causal dual form
 * from the state before.  With `slope_b`, gelu'(Z1b) is kept and Z1b holds its bias. */
static void R(output_rows)(const struct R(step) * s, int64_t r0, int64_t r1)
{
    const int64_t F = s->F, D = s->D, n = r1 - r0, f = r0 * F, d = r0 * D;
    const struct R(state) *S = s->causal ? &s->S : &s->S1, *Sq = s->causal ? &s->Sq : &s->S1q;

    R(matmul)(CblasNoTrans, CblasNoTrans, n, D, F, 1, s->Q + f, F, Sq->W1, D, 0, s->Z1b + d, D); /* F6 */
    if (s->causal) {
        R(mask)(s, r0, r1, NULL, s->c.Eq);
        R(masked_scores)(s, r0, r1, s->Q, s->K, F, s->c.S1, s->c.P1q);
        R(masked_update)(s, r0, r1, s->c.P1q, s->gZ1q, D, s->Z1b);
    }
    if (s->slope_b)
        R(gelu_slope_rows)(n, D, s->Z1b + d, S->b1, s->X2bq + d, s->slope_b + d);
    else
        R(gelu_rows)(n, D, s->Z1b + d, S->b1, s->X2bq + d);
    R(matmul)(CblasNoTrans, CblasNoTrans, n, F, D, 1, s->X2bq + d, D, Sq->W2, F, 0, s->Z2b + f, F); /* F7 */
    if (s->causal) {
        R(masked_scores)(s, r0, r1, s->X2bq, s->X2q, D, s->c.S2, s->c.P2q);
        R(masked_update)(s, r0, r1, s->c.P2q, s->gZ2q, F, s->Z2b);
    }
}

/* XQW for the rows of a part. */
static void R(output_forward)(const struct R(step) * s, int part)
{
    const int64_t F = s->F, r0 = R(cut)(s->rows, part, s->parts), r1 = R(cut)(s->rows, part + 1, s->parts);
    R(load)(&s->XQ, F, r0, r1);
    R(output_rows)(s, r0, r1);
    R(norm_output_rows)
    (r1 - r0, F, s->Z2b + r0 * F, s->causal ? s->S.b2 : s->S1.b2, s->w, s->b, s->Q + r0 * F, s->eps,
     s->scratch + part * 2 * F, s->out + r0 * F);
    R(store)(s, s->XQW, F, r0, r1, s->out);
}

/* ---------------------------------------------------------------------------------------------- backward stages */

/* X2, gZ1 and the derivatives of gelu again, from what the forward step left. */
static void R(recall_rows)(const struct R(step) * s, int part)
{
    const int64_t F = s->F, D = s->D;
    const int64_t r0 = R(cut)(s->rows, part, s->parts), r1 = R(cut)(s->rows, part + 1, s->parts), n = r1 - r0;
    const int64_t f = r0 * F, d = r0 * D;
    R(load_update)(s, r0, r1);
    R(gelu_recall)
    (n * D, s->in.Z1 + d, s->in.gX2 + d, s->X2 + d, s->X2q + d, s->gZ1 + d, s->gZ1q + d, s->slope + d, s->bend + d);
    R(operand)(n * F, s->in.gZ2 + f, s->gZ2q + f);
    if (s->causal)
        R(clear_poison)(s, r0, r1);
}

/* From grad_L_XQW to dZ2b, dZ1b and grad_L_XQ, for the rows of a part. */
static void R(output_backward)(const struct R(step) * s, int part)
{
    const int64_t F = s->F, D = s->D, c = s->rows;
    const int64_t r0 = R(cut)(c, part, s->parts), r1 = R(cut)(c, part + 1, s->parts), n = r1 - r0;
    const int64_t f = r0 * F, d = r0 * D;
    const struct R(state) *S = s->causal ? &s->S : &s->S1, *Sq = s->causal ? &s->Sq : &s->S1q;
    real *sum1b = s->sum1b + part * D, *sum2b = s->sum2b + part * F;
    memset(sum1b, 0, (size_t)D * sizeof *sum1b);
    memset(sum2b, 0, (size_t)F * sizeof *sum2b);

    R(load)(&s->XQ, F, r0, r1);
    R(load)(&s->dXQW, F, r0, r1);
    R(output_rows)(s, r0, r1);
    R(norm_output_backward_rows)
    (n, F, s->Z2b + f, S->b2, s->w, s->dO + f, s->eps, s->scratch + part * 2 * F, s->dZ2b + f, s->dw + part * F,
     s->db + part * F);
    R(operand_rows)(n, F, s->dZ2b + f, s->dZ2bq + f, sum2b);
    R(matmul)(CblasNoTrans, CblasTrans, n, D, F, 1, s->dZ2bq + f, F, Sq->W2, F, 0, s->dX2b + d, D); /* B1 */
    if (s->causal) {
        for (int64_t r = r0; r < r1; r++)
            memset(s->c.dE + r * c, 0, (size_t)c * sizeof(real));
        R(masked_backward)(s, r0, r1, s->dZ2bq, s->gZ2q, F, s->c.S2, s->c.dS2q);
        R(matmul)(CblasNoTrans, CblasNoTrans, n, D, r1, 1, s->c.dS2q + r0 * c, c, s->X2q, D, 1, s->dX2b + d, D);
    }
    R(operand_chain_rows)(n, D, s->slope_b + d, s->dX2b + d, sum1b); /* dX2b holds dZ1bq from here on */
    memcpy(s->out + f, s->dO + f, (size_t)(n * F) * sizeof(real));
    R(matmul)(CblasNoTrans, CblasTrans, n, F, D, 1, s->dX2b + d, D, Sq->W1, D, 1, s->out + f, F); /* B4 */
    if (s->causal) {
        R(masked_backward)(s, r0, r1, s->dX2b, s->gZ1q, D, s->c.S1, s->c.dS1q);
        R(matmul)(CblasNoTrans, CblasNoTrans, n, F, r1, 1, s->c.dS1q + r0 * c, c, s->K, F, 1, s->out + f, F);
    }
    R(store)(s, s->dXQ, F, r0, r1, s->out);
}

/* dS += what the output sends into the state that it used, for the hidden units of a part. */
static void R(output_gradient_slice)(const struct R(step) * s, int part)
{
    const int64_t F = s->F, D = s->D, c = s->rows;
    const int64_t d0 = R(cut)(D, part, s->parts), d1 = R(cut)(D, part + 1, s->parts), n = d1 - d0;
    R(matmul)(CblasTrans, CblasNoTrans, n, F, c, 1, s->X2bq + d0, D, s->dZ2bq, F, 1, s->dS.W2 + d0 * F, F); /* B2 */
    R(matmul)(CblasTrans, CblasNoTrans, F, n, c, 1, s->Q, F, s->dX2b + d0, D, 1, s->dS.W1 + d0, D);         /* B3 */
    for (int p = 0; p < s->parts; p++)
        R(add)(n, 1, s->sum1b + p * D + d0, s->dS.b1 + d0);
    for (int p = 0; p < s->parts && part == 0; p++)
        R(add)(F, 1, s->sum2b + p * F, s->dS.b2);
}

/* The gradient of the updated state is complete: operand copies of it.  In the causal form the output used the state
 * BEFORE the update, so its share comes later, in inner_gradient_slice. */
static void R(carry_slice)(const struct R(step) * s, int part)
{
    if (!s->causal)
        R(output_gradient_slice)(s, part);
    R(state_operands)(s->F, s->D, R(cut)(s->D, part, s->parts), R(cut)(s->D, part + 1, s->parts), &s->dS, &s->dSq);
}

/* Through the update: dgZ1, dgZ2, and first shares of dK, dX2, deta, for rows [r0, r1). */
static void R(update_backward)(const struct R(step) * s, int64_t r0, int64_t r1)
{
    const int64_t F = s->F, D = s->D, n = r1 - r0, f = r0 * F, d = r0 * D;
    const real *eta = (s->causal ? s->eta_update : s->eta) + r0;

    R(matmul)(CblasNoTrans, CblasNoTrans, n, D, F, 1, s->K + f, F, s->dSq.W1, D, 0, s->dgZ1 + d, D); /* B5 */
    R(pull_back_rows)(n, D, eta, s->dS.b1, s->dgZ1 + d);
    R(matmul)(CblasNoTrans, CblasNoTrans, n, F, D, 1, s->X2q + d, D, s->dSq.W2, F, 0, s->dgZ2 + f, F); /* B6 */
    R(pull_back_rows)(n, F, eta, s->dS.b2, s->dgZ2 + f);
    memset(s->deta + r0, 0, (size_t)n * sizeof(real));
    R(matmul)(CblasNoTrans, CblasTrans, n, F, D, 1, s->gZ1q + d, D, s->dSq.W1, D, 0, s->dK + f, F); /* B8 */
    R(learning_rate_rows)(n, F, eta, s->K + f, s->dK + f, s->deta + r0);
    R(matmul)(CblasNoTrans, CblasTrans, n, D, F, 1, s->gZ2q + f, F, s->dSq.W2, F, 0, s->dX2 + d, D); /* B9 */
    R(learning_rate_rows)(n, D, eta, s->X2 + d, s->dX2 + d, s->deta + r0);
    R(learning_rate_bias)(n, D, s->gZ1 + d, s->dS.b1, s->deta + r0);
    R(learning_rate_bias)(n, F, s->in.gZ2 + f, s->dS.b2, s->deta + r0);
}

/* Causal form: what the output rows send to gZ1, gZ2, X2, K and to last_eta, for rows [j0, j1) of the update. */
static void R(masked_inputs_backward)(const struct R(step) * s, int part, int64_t j0, int64_t j1)
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

/* From the gradient of the updated state to grad_L_XK, grad_L_XV and grad_L_last_eta, for the rows of a part. */
static void R(inner_backward)(const struct R(step) * s, int part)
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
    R(operand_multiply)(n * D, s->dgZ1 + d, s->slope + d, s->Uq + d);
    R(matmul)(CblasNoTrans, CblasNoTrans, n, F, D, 1, s->Uq + d, D, s->Sq.W2, F, 1, s->dgZ2 + f, F); /* B7 */
    R(norm_l2_grad_backward_rows)
    (n, F, s->dgZ2 + f, s->in.gZ2 + f, s->in.xhat + f, s->in.rstd + r0, s->w, s->b, s->K + f, s->V + f,
     s->scratch + part * 2 * F, s->dZ2 + f, s->dV + f, s->dw + part * F, s->db + part * F);
    R(add)(n * F, -1, s->dV + f, s->dK + f);
    R(operand_rows)(n, F, s->dZ2 + f, s->dZ2q + f, sum2);
    R(matmul)(CblasNoTrans, CblasTrans, n, D, F, 1, s->dZ2q + f, F, s->Sq.W2, F, 1, s->dX2 + d, D); /* B11 */
    R(operand_dZ1_rows)(n, D, s->bend + d, s->dX2 + d, s->slope + d, s->dgZ1 + d, sum1); /* dgZ1 holds dZ1q now */
    R(matmul)(CblasNoTrans, CblasTrans, n, F, D, 1, s->dgZ1 + d, D, s->Sq.W1, D, 1, s->dK + f, F); /* B12 */
    R(store)(s, s->dXK, F, r0, r1, s->dK);
    R(store)(s, s->dXV, F, r0, r1, s->dV);
    R(store)(s, s->dlast_eta, 1, r0, r1, s->deta);
}

/* Causal form, once per mini-batch: dtoken_eta[r] += sum_j eta_j dE[r, j], and the update's share in the last row. */
static void R(token_eta_backward)(const struct R(step) * s)
{
    const int64_t c = s->rows;
    for (int64_t r = 0; r < c; r++)
        for (int64_t j = 0; j <= r; j++)
            s->dtoken_eta[r] += s->eta[j] * s->c.dE[r * c + j];
    for (int p = 0; p < s->parts; p++)
        s->dtoken_eta[c - 1] += s->dlast[p];
}

/* dS becomes the gradient of the state before the mini-batch, for the hidden units of a part. */
static void R(inner_gradient_slice)(const struct R(step) * s, int part)
{
    const int64_t F = s->F, D = s->D, c = s->rows;
    const int64_t d0 = R(cut)(D, part, s->parts), d1 = R(cut)(D, part + 1, s->parts), n = d1 - d0;
    if (s->causal)
        R(output_gradient_slice)(s, part);
    if (s->causal && part == 0)
        R(token_eta_backward)(s);
    R(matmul)(CblasTrans, CblasNoTrans, n, F, c, 1, s->Uq + d0, D, s->gZ2q, F, 1, s->dS.W2 + d0 * F, F);  /* B10 */
    R(matmul)(CblasTrans, CblasNoTrans, F, n, c, 1, s->K, F, s->dgZ1 + d0, D, 1, s->dS.W1 + d0, D);       /* B13 */
    R(matmul)(CblasTrans, CblasNoTrans, n, F, c, 1, s->X2q + d0, D, s->dZ2q, F, 1, s->dS.W2 + d0 * F, F); /* B14 */
    for (int p = 0; p < s->parts; p++)
        R(add)(n, 1, s->sum1 + p * D + d0, s->dS.b1 + d0);
    for (int p = 0; p < s->parts && part == 0; p++)
        R(add)(F, 1, s->sum2 + p * F, s->dS.b2);
}
