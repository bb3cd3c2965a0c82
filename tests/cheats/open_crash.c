/* SPDX-License-Identifier: MIT
 *
 * Dies while it is opened.
 */
#include "honest.h"

CHEAT(*(volatile int *)(uintptr_t)4096 = 1)
