/* SPDX-License-Identifier: MIT
 *
 * Never opens.
 */
#include "honest.h"
#include <unistd.h>

CHEAT(while (cheat.abi) pause())
