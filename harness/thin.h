/* SPDX-License-Identifier: MIT
 *
 * Most of a report of ttt-verify is gates that pass, far from their bounds, and that nothing is made of.  They are left
 * out before the text is parsed, which takes half of the time and of the memory.
 */
#ifndef TTT_HARNESS_THIN_H
#define TTT_HARNESS_THIN_H

#include <stddef.h>

/* Copy the text of a case to `out`, which has room for `size` bytes, without those gates.  Of each tensor there remain
 * the gate that is nearest to its bound, those that do not pass, and those whose bound is drawn.  Only a gate that is
 * exactly as ttt-verify writes it is left out, and a list with any other stays as it is: what is left out has been
 * checked.  `text` must end with a byte behind it that is part of no number.  Returns the bytes written. */
size_t ttt_thin(const char *text, size_t size, char *out);

#endif
