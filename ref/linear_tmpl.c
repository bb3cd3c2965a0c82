/* SPDX-License-Identifier: MIT
 *
 * Matrix products and what surrounds them: operands and bias sums.
 * All matrices are row-major; sums over rows are kept per part (see step_tmpl.c) and added in the order of parts.
 */

/* How many rows (or columns, of `length`) of a product [m, n] of inner size k to ask OpenBLAS for at a time.  Where it
 * can multiply small matrices in place it does so up to 10^6 multiplications, or, for A B^T, up to 1024 elements of the
 * result; a larger product is faster cut into such tiles than whole.  It depends on sizes alone, so bits do, too. */
static inline int64_t R(tile)(int by_rows, int transposed, int64_t m, int64_t n, int64_t k)
{
    const int64_t length = by_rows ? m : n, other = by_rows ? n : m;
    if (!ttt_ref_blas_multiplies_in_place())
        return length;
    const int64_t limit = transposed ? 1024 / other : 1000000 / other / k;
    int64_t tile = length;
    while (tile > limit && tile >= 8) /* narrower ones lose more than they win */
        tile = (tile + 1) / 2;
    return tile < 8 ? length : tile;
}

/* C = alpha op(A) op(B) + beta C with op(A) [m, k], op(B) [k, n].  C is not read where beta is 0. */
static inline void R(matmul)(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int64_t m, int64_t n, int64_t k, real alpha,
                             const real *A, int64_t lda, const real *B, int64_t ldb, real beta, real *C, int64_t ldc)
{
    if (m <= 0 || n <= 0)
        return;
    const int by_rows = tb == CblasNoTrans && (ta == CblasNoTrans || m > n);
    const int64_t length = by_rows ? m : n;
    const int64_t tile = TTT_REF_PRECISION == 128 ? length : R(tile)(by_rows, tb == CblasTrans, m, n, k);
    const int64_t next_A = !by_rows ? 0 : ta == CblasNoTrans ? lda : 1;
    const int64_t next_B = by_rows ? 0 : tb == CblasNoTrans ? 1 : ldb;
    const int64_t next_C = by_rows ? ldc : 1;
    for (int64_t i = 0; i < length; i += tile) {
        const int64_t count = length - i < tile ? length - i : tile;
        BLAS(gemm)
        (CblasRowMajor, ta, tb, (int)(by_rows ? count : m), (int)(by_rows ? n : count), (int)k, SCALAR(alpha),
         A + i * next_A, (int)lda, B + i * next_B, (int)ldb, SCALAR(beta), C + i * next_C, (int)ldc);
    }
}

#if ROUNDS
/* C = A B with A [m, k], B [k, n], summed from partial products of an equal share of k each, which are rounded to half
 * precision.  `part` [m, n]. */
static void R(matmul_exchanged)(uint32_t rounding, int parts, int64_t m, int64_t n, int64_t k, const real *A,
                                const real *B, real *C, real *part)
{
    for (int p = 0; p < parts; p++) {
        const int64_t k0 = k * p / parts, k1 = k * (p + 1) / parts;
        R(matmul)(CblasNoTrans, CblasNoTrans, m, n, k1 - k0, 1, A + k0, k, B + k0 * n, n, 0, part, n);
        for (int64_t i = 0; i < m * n; i++) {
            const real x = ttt_round_half(rounding, part[i]);
            C[i] = p == 0 ? x : C[i] + x;
        }
    }
}
#endif

/* x as an operand: x itself where nothing rounds, else its rounded copy (in place, too).  In longer loops than this one
 * the compiler would compute both ways of rounding for each element: they call it row by row. */
TTT_REF_INLINE const real *R(operand)(uint32_t rounding, int64_t n, const real *x, real *copy)
{
    if (!ROUNDS)
        return x;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        copy[i] = Q(rounding, x[i]);
    return copy;
}

/* Elementwise passes that make an operand and the sum over rows of what it was made of.  Each writes xq [rows, n] and
 * adds to sum [n]; xq may be x where nothing rounds. */

/* xq = Q(x) */
TTT_REF_CLONES static void R(operand_rows)(uint32_t rounding, int64_t rows, int64_t n, const real *x, real *xq,
                                           real *restrict sum)
{
    for (int64_t r = 0; r < rows; r++) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            const real v = x[r * n + i];
            sum[i] += v;
            xq[r * n + i] = Q(rounding, v);
        }
    }
}

/* xq = Q(eta x) */
TTT_REF_CLONES static void R(operand_scaled_rows)(uint32_t rounding, int64_t rows, int64_t n, const real *restrict eta,
                                                  const real *restrict x, real *restrict xq, real *restrict sum)
{
    for (int64_t r = 0; r < rows; r++) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            const real v = eta[r] * x[r * n + i];
            sum[i] += v;
            xq[r * n + i] = Q(rounding, v);
        }
    }
}

/* y = x y, xq = Q(eta y) */
TTT_REF_CLONES static void R(operand_product_rows)(uint32_t rounding, int64_t rows, int64_t n, const real *restrict eta,
                                                   const real *restrict x, real *restrict y, real *restrict xq,
                                                   real *restrict sum)
{
    for (int64_t r = 0; r < rows; r++) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            const real g = x[r * n + i] * y[r * n + i], v = eta[r] * g;
            y[r * n + i] = g;
            sum[i] += v;
            xq[r * n + i] = v;
        }
        R(operand)(rounding, n, xq + r * n, xq + r * n);
    }
}

/* y = Q(x y) */
TTT_REF_CLONES static void R(operand_chain_rows)(uint32_t rounding, int64_t rows, int64_t n, const real *restrict x,
                                                 real *restrict y, real *restrict sum)
{
    for (int64_t r = 0; r < rows; r++) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            const real v = x[r * n + i] * y[r * n + i];
            sum[i] += v;
            y[r * n + i] = Q(rounding, v);
        }
    }
}

/* y = Q(u y + x slope): dZ1 = dgZ1 gX2 gelu'' + dX2 gelu' as an operand. */
TTT_REF_CLONES static void R(operand_dZ1_rows)(uint32_t rounding, int64_t rows, int64_t n, const real *restrict u,
                                               const real *restrict x, const real *restrict slope, real *restrict y,
                                               real *restrict sum)
{
    for (int64_t r = 0; r < rows; r++) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            const real v = u[r * n + i] * y[r * n + i] + x[r * n + i] * slope[r * n + i];
            sum[i] += v;
            y[r * n + i] = v;
        }
        R(operand)(rounding, n, y + r * n, y + r * n);
    }
}

/* x = -eta (x + b): the pull-back of an update through the gradient side. */
TTT_REF_CLONES static void R(pull_back_rows)(int64_t rows, int64_t n, const real *restrict eta, const real *restrict b,
                                             real *restrict x)
{
    for (int64_t r = 0; r < rows; r++) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            x[r * n + i] = -eta[r] * (x[r * n + i] + b[i]);
    }
}

/* deta -= sum_i x_i m_i of each row, what an update x^T (eta g) -> m = g dS^T sends to eta; then m = -eta m. */
TTT_REF_CLONES static void R(learning_rate_rows)(int64_t rows, int64_t n, const real *restrict eta,
                                                 const real *restrict x, real *restrict m, real *restrict deta)
{
    for (int64_t r = 0; r < rows; r++) {
        real sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < n; i++) {
            sum += x[r * n + i] * m[r * n + i];
            m[r * n + i] *= -eta[r];
        }
        deta[r] -= sum;
    }
}

/* deta -= g db: the same for the update of a bias, db [n]. */
TTT_REF_CLONES static void R(learning_rate_bias)(int64_t rows, int64_t n, const real *restrict g,
                                                 const real *restrict db, real *restrict deta)
{
    for (int64_t r = 0; r < rows; r++) {
        real sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < n; i++)
            sum += g[r * n + i] * db[i];
        deta[r] -= sum;
    }
}

/* xq = Q(x y) */
TTT_REF_CLONES static void R(operand_multiply)(uint32_t rounding, int64_t n, const real *restrict x,
                                               const real *restrict y, real *restrict xq)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        xq[i] = Q(rounding, x[i] * y[i]);
}

/* y += x scaled by `scale`. */
static inline void R(add)(int64_t n, real scale, const real *restrict x, real *restrict y)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] += scale * x[i];
}
