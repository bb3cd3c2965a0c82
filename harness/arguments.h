/* SPDX-License-Identifier: MIT
 *
 * The values of command-line options that several programs take.  Each function returns 0, or -1 with one line in
 * `error` that names the option, the value and what is allowed.
 */
#ifndef TTT_HARNESS_ARGUMENTS_H
#define TTT_HARNESS_ARGUMENTS_H

#include "candidates.h"
#include "shapes.h"
#include <stddef.h>
#include <stdint.h>

#define TTT_ARGUMENT_THREADS 4096 /* the most that --threads takes */

int ttt_argument_number(const char *option, const char *value, uint64_t min, uint64_t max, uint64_t *number,
                        char *error, size_t error_size);

/* A bit mask of TTT_DIRECTION_*. */
int ttt_argument_directions(const char *value, unsigned *directions, char *error, size_t error_size);

int ttt_argument_case(const char *value, struct ttt_case *c, char *error, size_t error_size);

/* Open the candidate and append it to the list, which has room; none may be named twice. */
int ttt_argument_candidate(const char *value, struct ttt_opened *list, size_t *count, char *error, size_t error_size);

/* Always -1: the value is not one of those allowed. */
int ttt_argument_refuse(const char *option, const char *value, const char *allowed, char *error, size_t error_size);

/* Always -1: what getopt_long returned ('?' or ':') for this word of the command line. */
int ttt_argument_unknown(const char *word, int code, char *error, size_t error_size);

/* --threads where it is not given: one per processor. */
int ttt_argument_threads(void);

#endif
