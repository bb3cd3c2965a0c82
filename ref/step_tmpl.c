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
struct state {
    real *W1; /* [F, D] */
    real *b1; /* [D] */
    real *W2; /* [D, F] */
    real *b2; /* [F] */
};

/* A token tensor of this mini-batch: where it lies, and room for it as `real` (unused where nothing rounds). */
struct tokens {
    const void *data;
    real *copy;
};

/* What the forward step leaves for its backward step. */
struct inner {
    real *Z1, *gX2;   /* [C, D] Z1 with its bias; gZ2 W2^T */
    real *gZ2, *xhat; /* [C, F] */
    real *rstd;       /* [C] */
};

/* Masked products of the causal form, [C, C] each, row r of the output by row j of the update. */
struct causal {
    real *S1, *S2;     /* Q K^T, X2b X2^T */
    real *Eq;          /* E */
    real *P1q, *P2q;   /* E * S1, E * S2 */
    real *dS1q, *dS2q; /* their gradients times E */
    real *dE;          /* dL/dE */
};

/* Everything that the stages of one mini-batch see.  Sums over rows have one line per part. */
struct step {
    int64_t rows, F, D; /* rows: of this mini-batch */
    int parts, causal;
    real eps;
    const real *w, *b;                        /* [F] norm weight and bias */
    struct tokens XK, XQ, XV, last_eta, dXQW; /* [rows, F], last_eta [rows]; dXQW is grad_L_XQW */
    const real *K, *Q, *V, *eta, *dO;         /* the same as `real` */
    void *XQW, *dXQ, *dXK, *dXV, *dlast_eta;  /* outputs of this mini-batch, where the pass has them */
    int exact_outputs;                        /* ROUNDS: outputs are `real`, not `token` */
    uint32_t rounding;                        /* ROUNDS: 0 to nearest, else the seed of a stochastic rounding */
    unsigned points;                          /* ROUNDS: enum ttt_ref_point; non-causal */
    int exchange_parts, gradient_parts;       /* with TTT_REF_POINT_EXCHANGE forward, backward; else 0 */
    const real *ones;                         /* [rows], where a pass has shared ones */
    real *eta_masked;      /* [rows] causal form: eta as it enters E; NaN for rows cleared by clear_poison */
    const real *token_eta; /* [rows] causal form */
    real *eta_update;      /* [rows] eta as it enters the update: in the causal form times token_eta of the last row */
    struct state S, S1;    /* before and after the update */
    struct state Sq, S1q;  /* their operand copies */
    struct inner in;
    struct causal c;
    struct state dS, dSq; /* gradient of the state, carried backwards in time, and its operand copies */
    /* [rows, D] */
    real *X2, *X2q, *gZ1, *gZ1q, *A1q, *slope, *bend;
    real *Z1b, *X2bq, *slope_b, *dX2b;
    real *dgZ1, *dX2, *Uq;
    /* [rows, F] */
    real *Z2, *gZ2q, *A2q, *Z2b, *out, *dZ2b, *dZ2bq, *dgZ2, *dZ2, *dZ2q, *dK, *dV;
    real *deta;              /* [rows] */
    real *dtoken_eta;        /* [rows] causal form, added to over mini-batches */
    real *sum1, *sum2;       /* [parts, D], [parts, F] of the inner path: eta gZ1, eta gZ2; dZ1, dZ2 */
    real *sum1b, *sum2b;     /* of the output path: dZ1b, dZ2b */
    real *dw, *db;           /* [parts, F] gradients of the norm, added to over mini-batches */
    real *dlast;             /* [parts] causal form: what the update adds to dtoken_eta of the last row */
    real *scratch;           /* [parts, 2 F] */
    ttt_mlp_probe_fn *probe; /* NULL: nobody looks */
    void *probe_context;
    int64_t bh, mini_batch; /* where the step is, for the probe */
};

static inline int64_t R(cut)(int64_t n, int part, int parts)
{
    return n * part / parts;
}

/* Rows [r0, r1), `width` elements each, of a token tensor become readable as `real`. */
TTT_REF_CLONES static void R(load)(const struct tokens *t, int64_t width, int64_t r0, int64_t r1)
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
TTT_REF_CLONES static void R(store)(const struct step *s, void *data, int64_t width, int64_t r0, int64_t r1,
                                    const real *x)
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
TTT_REF_CLONES static void R(state_operands)(const struct step *s, int64_t d0, int64_t d1, const struct state *S,
                                             const struct state *Sq)
{
    if (!ROUNDS)
        return;
    const int64_t F = s->F, D = s->D;
    for (int64_t f = 0; f < F; f++)
        R(operand)(s->rounding, d1 - d0, S->W1 + f * D + d0, Sq->W1 + f * D + d0);
    R(operand)(s->rounding, (d1 - d0) * F, S->W2 + d0 * F, Sq->W2 + d0 * F);
}
