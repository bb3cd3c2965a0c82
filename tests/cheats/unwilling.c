/* SPDX-License-Identifier: MIT
 *
 * Refuses to be opened.
 */
#include "honest.h"

const struct ttt_candidate *ttt_candidate_open(int abi, const char *args)
{
    (void)abi, (void)args;
    return NULL;
}
