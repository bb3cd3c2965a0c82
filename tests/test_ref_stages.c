/* SPDX-License-Identifier: MIT
 *
 * The stages of the reference alone, each against a plain implementation in long double.  Built once per precision:
 * the stages are static functions of the file that TTT_REF_FILE names, and the tests are included like them.
 */
#ifndef TTT_REF_FILE
#define TTT_REF_FILE "ref/ref_f64.c" /* for tools that read this file alone */
#endif
#include TTT_REF_FILE

#include "tests/run.h"
#include <check.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#if TTT_REF_PRECISION == 64
#define EPSILON ((long double)DBL_EPSILON)
#define TINY    ((long double)DBL_MIN)
#define HUGEST  DBL_MAX
#else
#define EPSILON ((long double)FLT_EPSILON)
#define TINY    ((long double)FLT_MIN)
#define HUGEST  FLT_MAX
#endif

/* Numbers in [-1, 1), the same in every run. */
static double random_number(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) * 0x1p-52 - 1;
}

/* What Q makes of an exact value: itself, or the nearest number of 8 significant bits and of the range of bfloat16. */
static long double operand_of(long double x)
{
#if ROUNDS
    int exponent;
    frexpl(x, &exponent);
    const int last_place = exponent - 8 > -133 ? exponent - 8 : -133;
    return ldexpl(nearbyintl(ldexpl(x, -last_place)), last_place);
#else
    return x;
#endif
}

#include "tests/ref_gelu_tmpl.c"
#include "tests/ref_norm_tmpl.c"

#include "tests/ref_linear_tmpl.c"

int main(void)
{
    Suite *suite = suite_create(TTT_REF_FILE);
    suite_add_tcase(suite, gelu_tests());
    suite_add_tcase(suite, norm_tests());
    suite_add_tcase(suite, linear_tests());
    return run_suite(suite);
}
