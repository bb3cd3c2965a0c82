/* SPDX-License-Identifier: MIT
 *
 * Dies while it is loaded.
 */
#include "honest.h"

__attribute__((constructor)) static void load(void)
{
    abort();
}

CHEAT((void)cheat)
