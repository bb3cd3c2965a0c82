/* SPDX-License-Identifier: MIT
 *
 * The masked products of the causal form's dual form, and their gradients.  Matrices [C, C]: row r of the output by row
 * j of the update; only j <= r exists.
 */

/* A row of gZ1q or gZ2q that is not finite must not reach earlier rows of the output through a masked product, where it
 * would meet a 0 of E.  It is cleared, and its eta in E becomes NaN: later rows of the output are NaN. */
static void R(clear_poison)(const struct step *s, int64_t r0, int64_t r1)
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
static void R(mask)(const struct step *s, int64_t r0, int64_t r1, const real *S, real *out)
{
    const int64_t c = s->rows;
    for (int64_t r = r0; r < r1; r++)
        for (int64_t j = 0; j < r1; j++) {
            const real e = s->token_eta[r] * s->eta_masked[j] * (S ? S[r * c + j] : 1);
            out[r * c + j] = j > r ? 0 : Q(s->rounding, e);
        }
}

/* Z -= P G + E G for rows [r0, r1), two products: the update as these rows see it. */
static void R(masked_update)(const struct step *s, int64_t r0, int64_t r1, const real *Pq, const real *Gq, int64_t n,
                             real *Z)
{
    const int64_t c = s->rows;
    R(matmul)(CblasNoTrans, CblasNoTrans, r1 - r0, n, r1, -1, Pq + r0 * c, c, Gq, n, 1, Z + r0 * n, n);
    R(matmul)(CblasNoTrans, CblasNoTrans, r1 - r0, n, r1, -1, s->c.Eq + r0 * c, c, Gq, n, 1, Z + r0 * n, n);
}

/* S = A B^T for rows [r0, r1) of A and the rows < r1 of B, both [rows, n]; then Pq = Q(E * S). */
static void R(masked_scores)(const struct step *s, int64_t r0, int64_t r1, const real *A, const real *B, int64_t n,
                             real *S, real *Pq)
{
    const int64_t c = s->rows;
    R(matmul)(CblasNoTrans, CblasTrans, r1 - r0, r1, n, 1, A + r0 * n, n, B, n, 0, S + r0 * c, c);
    R(mask)(s, r0, r1, S, Pq);
}
