/* SPDX-License-Identifier: MIT
 *
 * Ends the process while it is opened.
 */
#include "honest.h"

CHEAT(exit(5))
