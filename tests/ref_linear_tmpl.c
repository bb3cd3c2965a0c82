/* SPDX-License-Identifier: MIT
 *
 * Products, operands and masks: on whole numbers, so small that every sum is exact in float and so large that bfloat16
 * operands must round; bitwise.
 */

enum { LIN_ROWS = 5, LIN_N = 21, LIN_SIZE = LIN_ROWS * LIN_N };

static real whole(int limit)
{
    return (real)nearbyint(limit * random_number());
}

static void fill(real *x, int n, int limit)
{
    for (int i = 0; i < n; i++)
        x[i] = whole(limit);
}

static void assert_equal(const real *got, const long double *wanted, int n, const char *what)
{
    for (int i = 0; i < n; i++)
        ck_assert_msg(got[i] == wanted[i], "%s[%d] is %g, not %Lg", what, i, (double)got[i], wanted[i]);
}

/* ---------------------------------------------------------------------------------------------- products */

/* Element (i, j) of op(A), rows of A being `lda` apart. */
static long double op(const real *A, int transposed, int lda, int i, int j)
{
    return transposed ? A[j * lda + i] : A[i * lda + j];
}

static void try_matmul(int ta, int tb, int m, int n, int k, int alpha, int beta)
{
    enum { LD = 9 };
    real A[LD * LD], B[LD * LD], C[LD * LD];
    long double wanted[LD * LD];
    fill(A, LD * LD, 50);
    fill(B, LD * LD, 50);
    fill(C, LD * LD, 50);
    for (int i = 0; i < LD * LD; i++)
        wanted[i] = C[i];
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            long double sum = 0;
            for (int l = 0; l < k; l++)
                sum += op(A, ta, LD, i, l) * op(B, tb, LD, l, j);
            wanted[i * LD + j] = alpha * sum + beta * wanted[i * LD + j];
            C[i * LD + j] = beta ? C[i * LD + j] : (real)NAN; /* must not be read */
        }
    R(matmul)
    (ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n, k, (real)alpha, A, LD, B, LD, (real)beta, C,
     LD);
    assert_equal(C, wanted, LD * LD, "C");
}

START_TEST(matmul_is_a_sum_of_products)
{
    static const int size[][3] = {{1, 1, 1}, {3, 9, 7}, {9, 2, 9}, {0, 4, 3}, {4, 0, 3}};
    for (int t = 0; t < 4; t++)
        for (int i = 0; i < 5; i++) {
            try_matmul(t & 1, t >> 1, size[i][0], size[i][1], size[i][2], 1, 0);
            try_matmul(t & 1, t >> 1, size[i][0], size[i][1], size[i][2], -1, 1);
            try_matmul(t & 1, t >> 1, size[i][0], size[i][1], size[i][2], 3, -2);
        }
}
END_TEST

/* ---------------------------------------------------------------------------------------------- operands */

/* What the operand functions read, and what they must make of it. */
struct operand_data {
    real eta[LIN_ROWS], bias[LIN_N], x[LIN_SIZE], y[LIN_SIZE], u[LIN_SIZE], slope[LIN_SIZE];
    real xq[LIN_SIZE], sum[LIN_N];
    long double total[LIN_N];
};

static struct operand_data operand_random(void)
{
    struct operand_data d;
    fill(d.eta, LIN_ROWS, 9);
    fill(d.bias, LIN_N, 99);
    fill(d.x, LIN_SIZE, 600);
    fill(d.y, LIN_SIZE, 200);
    fill(d.u, LIN_SIZE, 200);
    fill(d.slope, LIN_SIZE, 200);
    fill(d.sum, LIN_N, 99);
    for (int i = 0; i < LIN_N; i++)
        d.total[i] = d.sum[i];
    return d;
}

/* `operand` holds Q(v), and v was added to the sums over rows. */
static void assert_operand(struct operand_data *d, const long double *v, const real *operand, const char *what)
{
    long double rounded[LIN_SIZE];
    for (int i = 0; i < LIN_SIZE; i++) {
        rounded[i] = operand_of(v[i]);
        d->total[i % LIN_N] += v[i];
    }
    assert_equal(operand, rounded, LIN_SIZE, what);
    assert_equal(d->sum, d->total, LIN_N, what);
}

START_TEST(operands_are_rounded_and_summed)
{
    struct operand_data d = operand_random(), e = d;
    long double v[LIN_SIZE], product[LIN_SIZE];
    for (int i = 0; i < LIN_SIZE; i++)
        v[i] = d.x[i];
    R(operand_rows)(0, LIN_ROWS, LIN_N, d.x, d.xq, d.sum);
    assert_operand(&d, v, d.xq, "x");
    for (int i = 0; i < LIN_SIZE; i++)
        v[i] = (long double)d.eta[i / LIN_N] * d.x[i];
    R(operand_scaled_rows)(0, LIN_ROWS, LIN_N, d.eta, d.x, d.xq, d.sum);
    assert_operand(&d, v, d.xq, "eta x");
    for (int i = 0; i < LIN_SIZE; i++) {
        product[i] = (long double)e.x[i] * e.y[i];
        v[i] = e.eta[i / LIN_N] * product[i];
    }
    R(operand_product_rows)(0, LIN_ROWS, LIN_N, e.eta, e.x, e.y, e.xq, e.sum);
    assert_equal(e.y, product, LIN_SIZE, "x y");
    assert_operand(&e, v, e.xq, "eta x y");
}
END_TEST

START_TEST(chained_operands_replace_their_factor)
{
    struct operand_data d = operand_random(), e = d;
    long double v[LIN_SIZE];
    for (int i = 0; i < LIN_SIZE; i++)
        v[i] = (long double)d.x[i] * d.y[i];
    R(operand_multiply)(0, LIN_SIZE, d.x, d.y, d.xq);
    R(operand_chain_rows)(0, LIN_ROWS, LIN_N, d.x, d.y, d.sum);
    assert_operand(&d, v, d.y, "x y");
    for (int i = 0; i < LIN_SIZE; i++)
        ck_assert(d.xq[i] == d.y[i]);
    for (int i = 0; i < LIN_SIZE; i++)
        v[i] = (long double)e.u[i] * e.y[i] + (long double)e.x[i] * e.slope[i];
    R(operand_dZ1_rows)(0, LIN_ROWS, LIN_N, e.u, e.x, e.slope, e.y, e.sum);
    assert_operand(&e, v, e.y, "u y + x slope");
}
END_TEST

START_TEST(an_operand_that_needs_no_rounding_is_no_copy)
{
    struct operand_data d = operand_random();
    long double v[LIN_SIZE];
    const real *q = R(operand)(0, LIN_SIZE, d.x, d.xq);
    for (int i = 0; i < LIN_SIZE; i++)
        v[i] = operand_of(d.x[i]);
    ck_assert(q == (ROUNDS ? d.xq : d.x));
    assert_equal(q, v, LIN_SIZE, "operand");
}
END_TEST

START_TEST(updates_are_pulled_back)
{
    struct operand_data d = operand_random();
    real deta[LIN_ROWS];
    long double v[LIN_SIZE], m[LIN_SIZE], wanted[LIN_ROWS];
    fill(deta, LIN_ROWS, 99);
    for (int r = 0; r < LIN_ROWS; r++)
        wanted[r] = deta[r];
    for (int i = 0; i < LIN_SIZE; i++) {
        const int r = i / LIN_N, n = i % LIN_N;
        wanted[r] -= (long double)d.x[i] * d.y[i] + (long double)d.u[i] * d.bias[n];
        m[i] = -(long double)d.eta[r] * d.y[i];
        v[i] = -(long double)d.eta[r] * ((long double)d.slope[i] + d.bias[n]);
    }
    R(learning_rate_rows)(LIN_ROWS, LIN_N, d.eta, d.x, d.y, deta);
    R(learning_rate_bias)(LIN_ROWS, LIN_N, d.u, d.bias, deta);
    R(pull_back_rows)(LIN_ROWS, LIN_N, d.eta, d.bias, d.slope);
    assert_equal(deta, wanted, LIN_ROWS, "deta");
    assert_equal(d.y, m, LIN_SIZE, "-eta m");
    assert_equal(d.slope, v, LIN_SIZE, "-eta (x + b)");
}
END_TEST

START_TEST(parts_cover_everything_once)
{
    for (int64_t n = 1; n < 40; n++)
        for (int parts = 1; parts < 9; parts++) {
            ck_assert(R(cut)(n, 0, parts) == 0 && R(cut)(n, parts, parts) == n);
            for (int p = 0; p < parts; p++)
                ck_assert(R(cut)(n, p, parts) <= R(cut)(n, p + 1, parts));
        }
}
END_TEST

/* ---------------------------------------------------------------------------------------------- causal form */

enum { CAUSAL_N = 3 };

/* Square matrices by rows of the output and of the update; what no row may see is NaN. */
struct causal_data {
    struct step s;
    real eta[LIN_ROWS], masked[LIN_ROWS], token_eta[LIN_ROWS];
    real S[LIN_ROWS * LIN_ROWS], P[LIN_ROWS * LIN_ROWS], E[LIN_ROWS * LIN_ROWS], dE[LIN_ROWS * LIN_ROWS];
    real A[LIN_ROWS * CAUSAL_N], G[LIN_ROWS * CAUSAL_N], Z[LIN_ROWS * CAUSAL_N];
};

static void causal_random(struct causal_data *d)
{
    d->s = (struct step){.rows = LIN_ROWS, .D = CAUSAL_N, .F = CAUSAL_N};
    d->s.eta = d->eta;
    d->s.eta_masked = d->masked;
    d->s.token_eta = d->token_eta;
    d->s.c.Eq = d->E;
    d->s.c.dE = d->dE;
    d->s.gZ1q = d->A;
    d->s.gZ2q = d->G;
    fill(d->eta, LIN_ROWS, 9);
    fill(d->masked, LIN_ROWS, 9);
    fill(d->token_eta, LIN_ROWS, 9);
    fill(d->S, LIN_ROWS * LIN_ROWS, 30);
    fill(d->P, LIN_ROWS * LIN_ROWS, 30);
    fill(d->E, LIN_ROWS * LIN_ROWS, 30);
    fill(d->dE, LIN_ROWS * LIN_ROWS, 30);
    fill(d->A, LIN_ROWS * CAUSAL_N, 30);
    fill(d->G, LIN_ROWS * CAUSAL_N, 30);
    fill(d->Z, LIN_ROWS * CAUSAL_N, 30);
}

static long double E_of(const struct causal_data *d, int r, int j)
{
    return j > r ? 0 : (long double)d->token_eta[r] * d->masked[j];
}

static void to_exact(const real *x, int n, long double *out)
{
    for (int i = 0; i < n; i++)
        out[i] = x[i];
}

START_TEST(mask_selects_and_rounds)
{
    const int r0 = 1, r1 = 4;
    struct causal_data d;
    long double by_S[LIN_ROWS * LIN_ROWS], alone[LIN_ROWS * LIN_ROWS];
    causal_random(&d);
    to_exact(d.P, LIN_ROWS * LIN_ROWS, by_S);
    to_exact(d.E, LIN_ROWS * LIN_ROWS, alone);
    for (int r = r0; r < r1; r++)
        for (int j = 0; j < r1; j++) {
            by_S[r * LIN_ROWS + j] = operand_of(E_of(&d, r, j) * d.S[r * LIN_ROWS + j]);
            alone[r * LIN_ROWS + j] = operand_of(E_of(&d, r, j));
            if (j > r)
                d.S[r * LIN_ROWS + j] = (real)NAN;
        }
    R(mask)(&d.s, r0, r1, d.S, d.P);
    R(mask)(&d.s, r0, r1, NULL, d.E);
    assert_equal(d.P, by_S, LIN_ROWS * LIN_ROWS, "E * S");
    assert_equal(d.E, alone, LIN_ROWS * LIN_ROWS, "E");
}
END_TEST

START_TEST(masked_products_are_sums_over_earlier_rows)
{
    const int r0 = 2, r1 = LIN_ROWS;
    struct causal_data d;
    long double Z[LIN_ROWS * CAUSAL_N], S[LIN_ROWS * LIN_ROWS], P[LIN_ROWS * LIN_ROWS];
    causal_random(&d);
    to_exact(d.Z, LIN_ROWS * CAUSAL_N, Z);
    to_exact(d.S, LIN_ROWS * LIN_ROWS, S);
    to_exact(d.P, LIN_ROWS * LIN_ROWS, P);
    for (int r = r0; r < r1; r++)
        for (int j = 0; j < r1; j++) {
            S[r * LIN_ROWS + j] = 0;
            for (int n = 0; n < CAUSAL_N; n++)
                S[r * LIN_ROWS + j] += (long double)d.A[r * CAUSAL_N + n] * d.G[j * CAUSAL_N + n];
            P[r * LIN_ROWS + j] = operand_of(E_of(&d, r, j) * S[r * LIN_ROWS + j]);
        }
    R(masked_scores)(&d.s, r0, r1, d.A, d.G, CAUSAL_N, d.S, d.P);
    assert_equal(d.S, S, LIN_ROWS * LIN_ROWS, "A B^T");
    assert_equal(d.P, P, LIN_ROWS * LIN_ROWS, "E * A B^T");
    for (int i = r0 * CAUSAL_N; i < r1 * CAUSAL_N; i++)
        for (int j = 0; j < r1; j++)
            Z[i] -=
                (P[i / CAUSAL_N * LIN_ROWS + j] + d.E[i / CAUSAL_N * LIN_ROWS + j]) * d.G[j * CAUSAL_N + i % CAUSAL_N];
    R(masked_update)(&d.s, r0, r1, d.P, d.G, CAUSAL_N, d.Z);
    assert_equal(d.Z, Z, LIN_ROWS * CAUSAL_N, "Z");
}
END_TEST

START_TEST(masked_gradients_are_sums_too)
{
    const int r0 = 1, r1 = 4;
    struct causal_data d;
    long double dE[LIN_ROWS * LIN_ROWS], dS[LIN_ROWS * LIN_ROWS], dG[LIN_ROWS * CAUSAL_N];
    causal_random(&d);
    to_exact(d.dE, LIN_ROWS * LIN_ROWS, dE);
    to_exact(d.P, LIN_ROWS * LIN_ROWS, dS);
    to_exact(d.Z, LIN_ROWS * CAUSAL_N, dG);
    for (int j = r0; j < r1; j++)
        for (int n = 0; n < CAUSAL_N; n++)
            for (int r = r0; r < LIN_ROWS; r++) /* rows that see j; their E and P are 0 before it */
                dG[j * CAUSAL_N + n] -=
                    ((long double)d.P[r * LIN_ROWS + j] + d.E[r * LIN_ROWS + j]) * d.A[r * CAUSAL_N + n];
    R(masked_pull_back)(&d.s, r0, r1, d.P, d.A, CAUSAL_N, d.Z);
    assert_equal(d.Z, dG, LIN_ROWS * CAUSAL_N, "dG");
    for (int r = r0; r < r1; r++)
        for (int j = 0; j < r1; j++) {
            long double dP = 0;
            for (int n = 0; n < CAUSAL_N; n++)
                dP -= (long double)d.A[r * CAUSAL_N + n] * d.G[j * CAUSAL_N + n];
            dE[r * LIN_ROWS + j] += j > r ? 0 : dP * ((long double)d.S[r * LIN_ROWS + j] + 1);
            dS[r * LIN_ROWS + j] = operand_of(E_of(&d, r, j) * dP);
        }
    R(masked_backward)(&d.s, r0, r1, d.A, d.G, CAUSAL_N, d.S, d.P);
    assert_equal(d.dE, dE, LIN_ROWS * LIN_ROWS, "dE");
    assert_equal(d.P, dS, LIN_ROWS * LIN_ROWS, "dS");
}
END_TEST

START_TEST(poisoned_rows_are_cleared)
{
    static const double poison[] = {NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 3; k++) {
        struct causal_data d;
        long double gZ1[LIN_ROWS * CAUSAL_N], gZ2[LIN_ROWS * CAUSAL_N];
        causal_random(&d);
        to_exact(d.A, LIN_ROWS * CAUSAL_N, gZ1);
        to_exact(d.G, LIN_ROWS * CAUSAL_N, gZ2);
        d.A[1 * CAUSAL_N + 2] = (real)poison[k]; /* one of the two is enough */
        d.G[3 * CAUSAL_N + 0] = (real)poison[k];
        for (int n = 0; n < CAUSAL_N; n++)
            gZ1[CAUSAL_N + n] = gZ2[CAUSAL_N + n] = gZ1[3 * CAUSAL_N + n] = gZ2[3 * CAUSAL_N + n] = 0;
        d.masked[0] = 77;
        R(clear_poison)(&d.s, 1, LIN_ROWS);
        assert_equal(d.A, gZ1, LIN_ROWS * CAUSAL_N, "gZ1");
        assert_equal(d.G, gZ2, LIN_ROWS * CAUSAL_N, "gZ2");
        ck_assert(d.masked[0] == 77 && isnan(d.masked[1]) && isnan(d.masked[3]));
        ck_assert(d.masked[2] == d.eta[2] && d.masked[4] == d.eta[4]);
    }
}
END_TEST

static TCase *linear_tests(void)
{
    TCase *tc = tcase_create("linear");
    tcase_add_test(tc, matmul_is_a_sum_of_products);
    tcase_add_test(tc, operands_are_rounded_and_summed);
    tcase_add_test(tc, chained_operands_replace_their_factor);
    tcase_add_test(tc, an_operand_that_needs_no_rounding_is_no_copy);
    tcase_add_test(tc, updates_are_pulled_back);
    tcase_add_test(tc, parts_cover_everything_once);
    tcase_add_test(tc, mask_selects_and_rounds);
    tcase_add_test(tc, masked_products_are_sums_over_earlier_rows);
    tcase_add_test(tc, masked_gradients_are_sums_too);
    tcase_add_test(tc, poisoned_rows_are_cleared);
    return tc;
}
