/* SPDX-License-Identifier: MIT
 *
 * What all JSON results share: the head of the object, and values that JSON itself cannot hold.
 */
#ifndef TTT_HARNESS_JSON_H
#define TTT_HARNESS_JSON_H

#include <jansson.h>
#include <stdio.h>

/* A number; "nan", "inf" or "-inf" where it is not finite. */
json_t *ttt_json_number(double x);

/* A string; what is not UTF-8 (a path may be anything) is shown with its bytes escaped. */
json_t *ttt_json_text(const char *s);

/* A new object with schema, program, command, version, revision, machine and started; machine: { system, cpu, cores,
 * memory_bytes, gpus (their names, where there are any) }. */
json_t *ttt_json_head(const char *schema, const char *program, const char *command, const char *started);

/* Write `root` (NULL: memory ran out on the way) and release it.  0, or -1. */
int ttt_json_write(FILE *out, json_t *root);

#endif
