/* SPDX-License-Identifier: MIT
 *
 * Where values lie in the text of a JSON document.  Nothing is checked here: of text that is no JSON, what is found has
 * no meaning, but nothing is read behind its end.
 */
#ifndef TTT_HARNESS_JSON_TEXT_H
#define TTT_HARNESS_JSON_TEXT_H

#include <stddef.h>

/* A step from a value into it: a key, or (key NULL) an index. */
struct ttt_json_step {
    const struct ttt_json_step *up; /* the step before; NULL: this is the first */
    const char *key;
    size_t index;
};

/* Behind white space. */
const char *ttt_json_text_white(const char *at, const char *end);

/* Behind the value that begins at `at`; `end` where it has no end. */
const char *ttt_json_text_skip(const char *at, const char *end);

/* The value of a key of the object that begins at `at`, the first of them; NULL where it has none.  A key that is
 * written with escapes is not found. */
const char *ttt_json_text_member(const char *at, const char *end, const char *key);

/* The value that the steps lead to, or the last one on their way that is there. */
const char *ttt_json_text_find(const char *text, const char *end, const struct ttt_json_step *to);

/* "line 3, column 14", both from 1, of a byte of the text. */
#define TTT_JSON_PLACE 64
void ttt_json_text_place(const char *text, const char *at, char place[TTT_JSON_PLACE]);

#endif
