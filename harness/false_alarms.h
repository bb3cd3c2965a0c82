/* SPDX-License-Identifier: MIT
 *
 * How often correct runs fail: what ttt-calibrate --false-alarms counted, for people and as JSON.
 */
#ifndef TTT_HARNESS_FALSE_ALARMS_H
#define TTT_HARNESS_FALSE_ALARMS_H

#include <stdint.h>
#include <stdio.h>

#define TTT_FALSE_ALARMS_SCHEMA     "ttt-kernels/false-alarms/1"
#define TTT_FALSE_ALARMS_CONFIDENCE 0.95

struct ttt_false_alarms {
    int64_t seeds, first_seed; /* of each distribution and class of size */
    int64_t runs, alarms, ill_conditioned;
    double median, p99, largest; /* of each run the largest reading / threshold */
    double extrapolated;         /* rate beyond 1, by the tail of those */
    double seconds;
};

/* The largest rate that would show at most `alarms` in `runs` with probability 1 - TTT_FALSE_ALARMS_CONFIDENCE. */
double ttt_false_alarms_rate(int64_t alarms, int64_t runs);

/* Fill in what is made of the nearness of all runs, which is sorted here. */
void ttt_false_alarms_tail(struct ttt_false_alarms *f, double *nearness);

void ttt_false_alarms_print(FILE *out, const struct ttt_false_alarms *f);

/* 0, or -1 where memory or the file gives out. */
int ttt_false_alarms_write(FILE *out, const struct ttt_false_alarms *f, const char *command, const char *started);

#endif
