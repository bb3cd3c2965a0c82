/* SPDX-License-Identifier: MIT
 *
 * Text that comes from outside: files read whole, numbers read strictly, and strings made fit for one line of a
 * message.
 */
#ifndef TTT_HARNESS_TEXT_H
#define TTT_HARNESS_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TTT_TEXT_QUOTE 64 /* bytes for a quoted piece of text in a message */

/* A string, quoted so, in a buffer that lives as long as the enclosing block. */
#define TTT_QUOTE(s) ttt_text_quote((char[TTT_TEXT_QUOTE]){0}, TTT_TEXT_QUOTE, (s), strlen(s))

/* The first `n` bytes of `s` as printable ASCII (others as \xHH), cut with "..." where `out` is full.  Returns out. */
const char *ttt_text_quote(char *out, size_t out_size, const char *s, size_t n);

/* The whole of a file, with a zero behind it, to be freed; NULL with errno. */
char *ttt_text_read(const char *path, size_t *size);

/* Where the one line about a file goes. */
struct ttt_message {
    const char *path;
    char *error;
    size_t error_size;
};

/* Write "PATH: ..." there.  Returns -1, for the caller to return. */
__attribute__((format(printf, 2, 3))) int ttt_message_refuse(const struct ttt_message *m, const char *format, ...);

/* The `n` bytes of `s` as a decimal integer of digits only, at most `max`.  0, or -1 with *value untouched. */
int ttt_text_to_u64(const char *s, size_t n, uint64_t max, uint64_t *value);

/* The `n` bytes of `s` as a decimal number >= 0 (no sign, no hexadecimal, no "inf" or "nan"), finite and not so small
 * that it would become 0.  0, or -1 with *value untouched. */
int ttt_text_to_double(const char *s, size_t n, double *value);

/* Bytes that hold any double as text. */
#define TTT_TEXT_DOUBLE 32

/* The shortest decimal text that reads back as exactly `x` (finite). */
void ttt_text_from_double(char text[TTT_TEXT_DOUBLE], double x);

#endif
