/* SPDX-License-Identifier: MIT
 *
 * What repeated measurements say.
 */
#ifndef TTT_HARNESS_SPREAD_H
#define TTT_HARNESS_SPREAD_H

#include <stddef.h>

struct ttt_spread {
    double median, min, max;
};

/* Of n >= 1 values, which are sorted.  The median of an even number is the mean of the middle two. */
struct ttt_spread ttt_spread_of(double *values, size_t n);

#endif
