/* SPDX-License-Identifier: MIT */
#include "spread.h"
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct ttt_spread ttt_spread_of(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return (struct ttt_spread){(values[(n - 1) / 2] + values[n / 2]) / 2, values[0], values[n - 1]};
}
