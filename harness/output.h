/* SPDX-License-Identifier: MIT
 *
 * A file that appears whole or not at all: written as PATH.tmp, renamed at the end.  (What exists and is no regular
 * file, a pipe say, is written directly.)
 */
#ifndef TTT_HARNESS_OUTPUT_H
#define TTT_HARNESS_OUTPUT_H

#include <stddef.h>
#include <stdio.h>

struct ttt_output {
    FILE *stream;
    const char *path; /* the caller's string */
    char *temporary;  /* NULL: written directly */
};

/* 0, or -1 with one line in `error`. */
int ttt_output_open(struct ttt_output *out, const char *path, char *error, size_t error_size);

/* Close and rename.  0, or -1 with one line in `error`; the temporary file is gone then. */
int ttt_output_commit(struct ttt_output *out, char *error, size_t error_size);

/* Close and remove what was written; fine on one that was never opened or is committed. */
void ttt_output_abandon(struct ttt_output *out);

#endif
