/* SPDX-License-Identifier: MIT
 *
 * Is of the version before.
 */
#include "honest.h"

CHEAT(cheat.abi = 1)
