/* SPDX-License-Identifier: MIT
 *
 * A run as JUnit XML, for continuous integration: a test case per case and candidate.
 */
#ifndef TTT_HARNESS_JUNIT_H
#define TTT_HARNESS_JUNIT_H

#include "summary.h"
#include <stdio.h>

/* 0, or -1 when the stream failed. */
int ttt_junit_write(FILE *out, const struct ttt_summary *summary);

#endif
