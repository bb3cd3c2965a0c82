/* SPDX-License-Identifier: MIT
 *
 * gelu and its two derivatives: accuracy over the whole range, limits, and the same bits wherever they are computed.
 */

/* By their definitions; `scale`: the sum of the absolute values of their terms. */
struct exact_gelu {
    long double u, value, first, second, scale[3];
};

static struct exact_gelu exact_gelu(long double z)
{
    const long double c = 0.7978845608028653558798921198687638L, k = 0.044715L; /* sqrt(2/pi) */
    const long double u = c * (z + k * z * z * z), u1 = c * (1 + 3 * k * z * z), u2 = 6 * c * k * z;
    const long double s = 1 / (1 + expl(-2 * u)), q = 1 / (2 + 2 * coshl(2 * u)); /* (1 + tanh u) / 2, s (1 - s) */
    const long double s1 = 2 * u1 * q, s2 = 2 * u2 * q - 4 * u1 * u1 * q * tanhl(u);
    return (struct exact_gelu){
        u, z * s, s + z * s1, 2 * s1 + z * s2, {fabsl(z * s), s + fabsl(z * s1), 2 * s1 + fabsl(z) * fabsl(s2)}};
}

struct gelu_arrays {
    real *z, *ones, *value, *valueq, *first, *firstq, *slope, *second;
};

/* gelu_recall with gX2 = 1, so that it gives gelu, gelu' (twice) and gelu''. */
static struct gelu_arrays recall(int64_t rows, int64_t D, const real *z)
{
    const int64_t n = rows * D;
    struct gelu_arrays a;
    real **const all[] = {&a.z, &a.ones, &a.value, &a.valueq, &a.first, &a.firstq, &a.slope, &a.second};
    for (int i = 0; i < 8; i++) {
        *all[i] = malloc((size_t)n * sizeof(real));
        ck_assert(*all[i]);
    }
    for (int64_t i = 0; i < n; i++) {
        a.z[i] = z[i];
        a.ones[i] = 1;
    }
    /* Where nothing rounds, an array and its operand copy are one. */
    real *valueq = ROUNDS ? a.valueq : a.value, *firstq = ROUNDS ? a.firstq : a.first;
    R(gelu_recall)(0, rows, D, a.z, a.ones, a.value, valueq, a.first, firstq, a.slope, a.second);
    memmove(a.valueq, valueq, (size_t)n * sizeof(real));
    memmove(a.firstq, firstq, (size_t)n * sizeof(real));
    return a;
}

static void gelu_free(struct gelu_arrays *a)
{
    real *const all[] = {a->z, a->ones, a->value, a->valueq, a->first, a->firstq, a->slope, a->second};
    for (int i = 0; i < 8; i++)
        free(all[i]);
}

/* |got - wanted| in units of EPSILON (1 + 2 |u|) scale: the rounding of u alone moves exp(-2u) by 2 |u| EPSILON. */
static long double gelu_error(real got, long double wanted, long double scale, long double u)
{
    const long double unit = EPSILON * (1 + 2 * fabsl(u)) * scale + TINY;
    return fabsl((long double)got - wanted) / unit;
}

START_TEST(gelu_is_accurate)
{
    enum { STEPS = 20000 };
    real *z = malloc(STEPS * sizeof *z);
    long double worst[3] = {0, 0, 0};
    ck_assert(z);
    for (int i = 0; i < STEPS; i++) { /* from -10 to 10 */
        const double x = (i + 0.3) * (20.0 / STEPS) - 10;
        z[i] = (real)(x * x * x / 100 * 7); /* dense about 0, out to 70 */
    }
    struct gelu_arrays a = recall(1, STEPS, z);
    for (int i = 0; i < STEPS; i++) {
        const struct exact_gelu e = exact_gelu(z[i]);
        const long double error[3] = {gelu_error(a.value[i], e.value, e.scale[0], e.u),
                                      gelu_error(a.slope[i], e.first, e.scale[1], e.u),
                                      gelu_error(a.second[i], e.second, e.scale[2], e.u)};
        for (int k = 0; k < 3; k++)
            worst[k] = error[k] > worst[k] ? error[k] : worst[k];
        ck_assert(a.first[i] == a.slope[i]);
        ck_assert(a.valueq[i] == (real)operand_of(a.value[i]) && a.firstq[i] == (real)operand_of(a.first[i]));
    }
    /* Vector exp: at most 4 ULP.  Measured: 1.4, 1.4, 2.8 in both precisions. */
    for (int k = 0; k < 3; k++)
        ck_assert_msg(worst[k] <= 4, "derivative %d: %Lg", k, worst[k]);
    gelu_free(&a);
    free(z);
}
END_TEST

/* The definitions above against differences of the value, so that they cannot share a wrong formula. */
START_TEST(gelu_derivatives_are_derivatives)
{
    const long double h = 1e-3L;
    for (int i = -600; i <= 600; i++) {
        const long double z = i / 100.0L;
        const struct exact_gelu e = exact_gelu(z), a = exact_gelu(z - 2 * h), b = exact_gelu(z - h),
                                c = exact_gelu(z + h), d = exact_gelu(z + 2 * h);
        ck_assert(fabsl(e.value - z / 2 * (1 + tanhl(e.u))) < 1e-17L);
        ck_assert(fabsl(e.first - (a.value - 8 * b.value + 8 * c.value - d.value) / (12 * h)) < 1e-11L);
        ck_assert(fabsl(e.second - (a.first - 8 * b.first + 8 * c.first - d.first) / (12 * h)) < 1e-10L);
    }
}
END_TEST

START_TEST(gelu_reaches_its_limits)
{
    const real large[] = {64, 65, 100, 1e4, (real)1e19, (real)1e30, (real)HUGEST, (real)INFINITY};
    const int64_t n = sizeof large / sizeof large[0];
    real z[2 * sizeof large / sizeof large[0]];
    for (int64_t i = 0; i < n; i++) {
        z[i] = large[i];
        z[n + i] = -large[i];
    }
    struct gelu_arrays a = recall(1, 2 * n, z);
    for (int64_t i = 0; i < n; i++) {
        ck_assert(a.value[i] == z[i] && a.slope[i] == 1 && a.second[i] == 0);
        ck_assert(a.value[n + i] == 0 && a.slope[n + i] == 0 && a.second[n + i] == 0);
    }
    gelu_free(&a);
}
END_TEST

START_TEST(gelu_of_nan_and_of_tiny_numbers)
{
    /* Thirty-two of each, so that every one also goes through full vectors. */
    const real tiny = (real)TINY / 4, kinds[] = {(real)NAN, -(real)NAN, 0, -(real)0, tiny, -tiny};
    real z[6 * 32];
    for (int i = 0; i < 6 * 32; i++)
        z[i] = kinds[i / 32];
    struct gelu_arrays a = recall(1, 6 * 32, z);
    for (int i = 0; i < 64; i++)
        ck_assert(isnan(a.value[i]) && isnan(a.valueq[i]) && isnan(a.slope[i]) && isnan(a.second[i]));
    for (int i = 64; i < 6 * 32; i++) {
        ck_assert(a.value[i] == z[i] / 2 && a.slope[i] == (real)0.5);
        ck_assert(gelu_error(a.second[i], exact_gelu(0).second, 1, 0) <= 1);
    }
    gelu_free(&a);
}
END_TEST

/* Forward pass, replay and recall compute gelu in different loops: rows that are no multiple of a vector must still
 * agree, or a state is recomputed from another X2 than it was made with. */
START_TEST(gelu_is_the_same_in_every_loop)
{
    enum { ROWS = 5, D = 21 };
    real z[ROWS * D], bias[D], sum[ROWS * D], slope[ROWS * D], by_rows[ROWS * D], alone[ROWS * D];
    for (int d = 0; d < D; d++)
        bias[d] = (real)random_number();
    for (int i = 0; i < ROWS * D; i++)
        z[i] = (real)(3 * random_number());
    memcpy(sum, z, sizeof z);
    R(gelu_rows)(0, ROWS, D, z, bias, alone);
    R(gelu_slope_rows)(0, ROWS, D, sum, bias, by_rows, slope);
    struct gelu_arrays a = recall(ROWS, D, sum);
    for (int i = 0; i < ROWS * D; i++) {
        ck_assert(sum[i] == z[i] + bias[i % D]);
        ck_assert_msg(by_rows[i] == alone[i] && by_rows[i] == a.valueq[i] && slope[i] == a.slope[i], "element %d", i);
    }
    gelu_free(&a);
}
END_TEST

static TCase *gelu_tests(void)
{
    TCase *tc = tcase_create("gelu");
    tcase_add_test(tc, gelu_is_accurate);
    tcase_add_test(tc, gelu_derivatives_are_derivatives);
    tcase_add_test(tc, gelu_reaches_its_limits);
    tcase_add_test(tc, gelu_of_nan_and_of_tiny_numbers);
    tcase_add_test(tc, gelu_is_the_same_in_every_loop);
    return tc;
}
