/* SPDX-License-Identifier: MIT
 *
 * Text with holes that JSON fills: as much of Mustache as the reports need.
 *
 *     {{name}}               a string, escaped, or an integer
 *     {{{name}}}             a string as it is
 *     {{#name}}...{{/name}}  for each element of an array; once for an object, true, or a string that is not empty
 *     {{^name}}...{{/name}}  where {{#name}} writes nothing
 *     {{.}}                  the element itself
 *
 * A name is looked up in the innermost section whose element has it.  A line that holds only the tag of a section
 * leaves no line.  A value that is not there is an error; a section that is not there is empty.
 */
#ifndef TTT_HARNESS_TEMPLATE_H
#define TTT_HARNESS_TEMPLATE_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

enum ttt_escape {
    TTT_ESCAPE_HTML,     /* also of attributes in quotes */
    TTT_ESCAPE_MARKDOWN, /* within a code span of a table */
    TTT_ESCAPE_NOTHING
};

/* 0, or -1 with one line in `error`. */
int ttt_template_write(FILE *out, const char *text, const json_t *values, enum ttt_escape escape, char *error,
                       size_t error_size);

#endif
