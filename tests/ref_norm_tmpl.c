/* SPDX-License-Identifier: MIT
 *
 * Layer norm, fused with the loss and alone, and the backward pass of both: against the definitions in long double and
 * against differences of them.
 */

enum { NORM_ROWS = 3, NORM_F = 22 }; /* no multiple of a vector */

struct norm_data {
    real Z2[NORM_ROWS * NORM_F], K[NORM_ROWS * NORM_F], V[NORM_ROWS * NORM_F], t[NORM_ROWS * NORM_F];
    real b2[NORM_F], w[NORM_F], b[NORM_F];
    real eps;
};

/* Kinds of rows: ordinary; all numbers about 1/2, with a deviation as small as real models have; the same without eps.
 */
static const struct {
    double offset, spread, eps;
} norm_kind[] = {{0, 1, 1e-6}, {0.5, 1e-3, 1e-6}, {0.5, 1e-3, 0}, {-3, 1, 0.25}};
#define NORM_KINDS ((int)(sizeof norm_kind / sizeof norm_kind[0]))

/* Multiples of 2^-19, so that sums of two are exact in float too. */
static real dyadic(double x)
{
    return (real)(nearbyint(x * 0x1p19) * 0x1p-19);
}

static struct norm_data norm_random(int kind)
{
    struct norm_data d = {.eps = (real)norm_kind[kind].eps};
    for (int i = 0; i < NORM_ROWS * NORM_F; i++) {
        d.Z2[i] = dyadic(norm_kind[kind].spread * random_number());
        d.K[i] = dyadic(random_number());
        d.V[i] = dyadic(random_number());
        d.t[i] = dyadic(random_number());
    }
    for (int f = 0; f < NORM_F; f++) {
        d.b2[f] = dyadic(norm_kind[kind].offset + norm_kind[kind].spread * random_number());
        d.w[f] = dyadic(1 + 0.5 * random_number());
        d.b[f] = dyadic(0.5 * random_number());
    }
    return d;
}

/* A row of it, exactly: x = Z2 + b2, T = V - K; and t, which is dL/dgZ2 or dL/dXQW. */
struct norm_row {
    long double x[NORM_F], w[NORM_F], b[NORM_F], T[NORM_F], t[NORM_F], eps;
};

static struct norm_row norm_row(const struct norm_data *d, int r)
{
    struct norm_row row = {.eps = d->eps};
    for (int f = 0; f < NORM_F; f++) {
        const int i = r * NORM_F + f;
        row.x[f] = (long double)d->Z2[i] + d->b2[f];
        row.T[f] = (long double)d->V[i] - d->K[i];
        row.w[f] = d->w[f];
        row.b[f] = d->b[f];
        row.t[f] = d->t[i];
    }
    return row;
}

/* xhat; *mean where it is wanted.  Returns rstd. */
static long double exact_normalize(const struct norm_row *row, long double *xhat, long double *mean)
{
    long double m = 0, var = 0;
    for (int f = 0; f < NORM_F; f++)
        m += row->x[f] / NORM_F;
    for (int f = 0; f < NORM_F; f++)
        var += (row->x[f] - m) * (row->x[f] - m) / NORM_F;
    for (int f = 0; f < NORM_F; f++)
        xhat[f] = (row->x[f] - m) / sqrtl(var + row->eps);
    if (mean)
        *mean = m;
    return 1 / sqrtl(var + row->eps);
}

/* 1/2 || w normalize(x) + b - T ||^2 */
static long double exact_loss(const struct norm_row *row)
{
    long double xhat[NORM_F], sum = 0;
    exact_normalize(row, xhat, NULL);
    for (int f = 0; f < NORM_F; f++) {
        const long double e = row->w[f] * xhat[f] + row->b[f] - row->T[f];
        sum += e * e / 2;
    }
    return sum;
}

/* <t, gZ2>, by the contract's closed form of gZ2; and gZ2 where it is wanted. */
static long double exact_gradient(const struct norm_row *row, long double *gZ2)
{
    long double xhat[NORM_F], a[NORM_F], mean_a = 0, mean_ax = 0, sum = 0;
    const long double rstd = exact_normalize(row, xhat, NULL);
    for (int f = 0; f < NORM_F; f++) {
        a[f] = row->w[f] * (row->w[f] * xhat[f] + row->b[f] - row->T[f]);
        mean_a += a[f] / NORM_F;
        mean_ax += a[f] * xhat[f] / NORM_F;
    }
    for (int f = 0; f < NORM_F; f++) {
        const long double g = rstd * (a[f] - mean_a - xhat[f] * mean_ax);
        sum += row->t[f] * g;
        if (gZ2)
            gZ2[f] = g;
    }
    return sum;
}

static long double exact_gradient_sum(const struct norm_row *row)
{
    return exact_gradient(row, NULL);
}

/* <t, w normalize(x) + b> */
static long double exact_output_sum(const struct norm_row *row)
{
    long double xhat[NORM_F], sum = 0;
    exact_normalize(row, xhat, NULL);
    for (int f = 0; f < NORM_F; f++)
        sum += row->t[f] * (row->w[f] * xhat[f] + row->b[f]);
    return sum;
}

/* df/d(at [F]), `at` being a member of the row: five-point differences.  With h = 2e-4 of the spread they are right to
 * about 1e-15. */
static void differences(long double (*f)(const struct norm_row *), struct norm_row *row, long double *at,
                        long double spread, long double *out)
{
    const long double h = 2e-4L * spread;
    for (int i = 0; i < NORM_F; i++) {
        const long double here = at[i];
        long double value[5];
        for (int k = 0; k < 5; k++) {
            at[i] = here + (k - 2) * h;
            value[k] = f(row);
        }
        at[i] = here;
        out[i] = (value[0] - 8 * value[1] + 8 * value[3] - value[4]) / (12 * h);
    }
}

/* ||got - wanted|| <= bound ||wanted||, where `unit` is the rounding of this precision and of the differences, times
 * the condition of the row: an error EPSILON |mean| of the mean is one of EPSILON |mean| rstd in xhat. */
static void assert_row(const real *got, const long double *wanted, const struct norm_row *row, int bound,
                       const char *what)
{
    long double xhat[NORM_F], mean, error = 0, norm = 0;
    const long double rstd = exact_normalize(row, xhat, &mean);
    for (int f = 0; f < NORM_F; f++) {
        error += ((long double)got[f] - wanted[f]) * ((long double)got[f] - wanted[f]);
        norm += wanted[f] * wanted[f];
    }
    const long double unit = (EPSILON + 2e-15L) * (1 + fabsl(mean) * rstd);

    ck_assert_msg(sqrtl(error) <= bound * unit * sqrtl(norm), "%s: %Lg units of rounding", what,
                  sqrtl(error / norm) / unit);
}

struct norm_results {
    real scratch[2 * NORM_F], xhat[NORM_ROWS * NORM_F], rstd[NORM_ROWS], gZ2[NORM_ROWS * NORM_F];
};

static struct norm_results inner_gradient(const struct norm_data *d)
{
    struct norm_results n;
    R(norm_l2_grad_rows)
    (NORM_ROWS, NORM_F, d->Z2, d->b2, d->w, d->b, d->K, d->V, d->eps, n.scratch, n.xhat, n.rstd, n.gZ2);
    return n;
}

START_TEST(norm_l2_grad_is_the_gradient_of_the_loss)
{
    const struct norm_data d = norm_random(_i);
    const struct norm_results n = inner_gradient(&d);
    for (int r = 0; r < NORM_ROWS; r++) {
        struct norm_row row = norm_row(&d, r);
        long double xhat[NORM_F], gZ2[NORM_F], by_difference[NORM_F], error = 0, norm = 0;
        const long double rstd = exact_normalize(&row, xhat, NULL);
        exact_gradient(&row, gZ2);
        differences(exact_loss, &row, row.x, norm_kind[_i].spread, by_difference);
        for (int f = 0; f < NORM_F; f++) {
            error += (gZ2[f] - by_difference[f]) * (gZ2[f] - by_difference[f]);
            norm += gZ2[f] * gZ2[f];
        }
        ck_assert_msg(sqrtl(error / norm) < 1e-12L, "the closed form is off by %Lg", sqrtl(error / norm));
        assert_row(n.xhat + r * NORM_F, xhat, &row, 2, "xhat");
        assert_row(n.gZ2 + r * NORM_F, gZ2, &row, 4, "gZ2");
        ck_assert(fabsl(n.rstd[r] - rstd) <= 4 * EPSILON * rstd);
    }
}
END_TEST

START_TEST(norm_l2_grad_backward_is_the_derivative_of_the_gradient)
{
    const struct norm_data d = norm_random(_i);
    struct norm_results n = inner_gradient(&d);
    real dZ2[NORM_ROWS * NORM_F], dT[NORM_ROWS * NORM_F], dw[NORM_F], db[NORM_F];
    long double total_w[NORM_F], total_b[NORM_F], wanted[NORM_F];
    struct norm_row row = {.eps = 0};
    for (int f = 0; f < NORM_F; f++) { /* both are added to */
        dw[f] = d.t[f];
        db[f] = d.K[f];
        total_w[f] = d.t[f];
        total_b[f] = d.K[f];
    }
    R(norm_l2_grad_backward_rows)
    (NORM_ROWS, NORM_F, d.t, n.gZ2, n.xhat, n.rstd, d.w, d.b, d.K, d.V, n.scratch, dZ2, dT, dw, db);
    for (int r = 0; r < NORM_ROWS; r++) {
        row = norm_row(&d, r);
        differences(exact_gradient_sum, &row, row.x, norm_kind[_i].spread, wanted);
        assert_row(dZ2 + r * NORM_F, wanted, &row, 16, "dZ2");
        differences(exact_gradient_sum, &row, row.T, 1, wanted);
        assert_row(dT + r * NORM_F, wanted, &row, 8, "dT");
        differences(exact_gradient_sum, &row, row.w, 1, wanted);
        for (int f = 0; f < NORM_F; f++)
            total_w[f] += wanted[f];
        differences(exact_gradient_sum, &row, row.b, 1, wanted);
        for (int f = 0; f < NORM_F; f++)
            total_b[f] += wanted[f];
    }
    assert_row(dw, total_w, &row, 8, "dw");
    assert_row(db, total_b, &row, 8, "db");
}
END_TEST

START_TEST(norm_output_is_its_definition)
{
    const struct norm_data d = norm_random(_i);
    real scratch[2 * NORM_F], XQW[NORM_ROWS * NORM_F];
    R(norm_output_rows)(NORM_ROWS, NORM_F, d.Z2, d.b2, d.w, d.b, d.K, d.eps, scratch, XQW);
    for (int r = 0; r < NORM_ROWS; r++) {
        const struct norm_row row = norm_row(&d, r);
        long double wanted[NORM_F];
        exact_normalize(&row, wanted, NULL);
        for (int f = 0; f < NORM_F; f++)
            wanted[f] = d.K[r * NORM_F + f] + row.w[f] * wanted[f] + row.b[f];
        assert_row(XQW + r * NORM_F, wanted, &row, 2, "XQW");
    }
}
END_TEST

START_TEST(norm_output_backward_is_the_derivative_of_the_output)
{
    const struct norm_data d = norm_random(_i);
    real scratch[2 * NORM_F], dZ2b[NORM_ROWS * NORM_F], dw[NORM_F], db[NORM_F];
    long double total_w[NORM_F], total_b[NORM_F], wanted[NORM_F];
    struct norm_row row = {.eps = 0};
    for (int f = 0; f < NORM_F; f++) {
        dw[f] = d.K[f];
        db[f] = d.V[f];
        total_w[f] = d.K[f];
        total_b[f] = d.V[f];
    }
    R(norm_output_backward_rows)(NORM_ROWS, NORM_F, d.Z2, d.b2, d.w, d.t, d.eps, scratch, dZ2b, dw, db);
    for (int r = 0; r < NORM_ROWS; r++) {
        row = norm_row(&d, r);
        differences(exact_output_sum, &row, row.x, norm_kind[_i].spread, wanted);
        assert_row(dZ2b + r * NORM_F, wanted, &row, 4, "dZ2b");
        differences(exact_output_sum, &row, row.w, 1, wanted);
        for (int f = 0; f < NORM_F; f++) {
            total_w[f] += wanted[f];
            total_b[f] += row.t[f];
        }
    }
    assert_row(dw, total_w, &row, 4, "dw");
    assert_row(db, total_b, &row, 1, "db");
}
END_TEST

/* A constant row has no direction: 0 / sqrt(eps), which is NaN only for eps = 0.  Its neighbours do not notice. */
START_TEST(norm_of_a_constant_row)
{
    struct norm_data d = norm_random(0);
    real scratch[NORM_F * 2], XQW[NORM_ROWS * NORM_F];
    for (int f = 0; f < NORM_F; f++)
        d.Z2[NORM_F + f] = (real)0.25 - d.b2[f];
    for (int zero = 0; zero < 2; zero++) {
        d.eps = zero ? 0 : (real)0.0625;
        const struct norm_results n = inner_gradient(&d);
        R(norm_output_rows)(NORM_ROWS, NORM_F, d.Z2, d.b2, d.w, d.b, d.K, d.eps, scratch, XQW);
        for (int i = 0; i < NORM_ROWS * NORM_F; i++) {
            const int f = i % NORM_F;
            if (i / NORM_F != 1)
                ck_assert(isfinite(n.xhat[i]) && isfinite(n.gZ2[i]) && isfinite(XQW[i]));
            else if (zero)
                ck_assert(isnan(n.xhat[i]) && isnan(n.gZ2[i]) && isnan(XQW[i]));
            else
                ck_assert(n.xhat[i] == 0 && n.rstd[1] == 4 && XQW[i] == d.K[i] + d.b[f] && isfinite(n.gZ2[i]));
        }
    }
}
END_TEST

static TCase *norm_tests(void)
{
    TCase *tc = tcase_create("norm");
    tcase_add_loop_test(tc, norm_l2_grad_is_the_gradient_of_the_loss, 0, NORM_KINDS);
    tcase_add_loop_test(tc, norm_l2_grad_backward_is_the_derivative_of_the_gradient, 0, NORM_KINDS);
    tcase_add_loop_test(tc, norm_output_is_its_definition, 0, NORM_KINDS);
    tcase_add_loop_test(tc, norm_output_backward_is_the_derivative_of_the_output, 0, NORM_KINDS);
    tcase_add_test(tc, norm_of_a_constant_row);
    return tc;
}
