/* SPDX-License-Identifier: MIT
 *
 * Bytes around an operand that nobody may write.
 */
#ifndef TTT_HARNESS_RED_ZONE_H
#define TTT_HARNESS_RED_ZONE_H

#include <stddef.h>

void ttt_red_zone_fill(void *zone, size_t bytes);
int ttt_red_zone_intact(const void *zone, size_t bytes);

#endif
