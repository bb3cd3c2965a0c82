/* SPDX-License-Identifier: MIT
 *
 * Outputs given in a file, as the truth or as what is judged: which passes they cover, and of which types they are.
 */
#ifndef TTT_HARNESS_GIVEN_H
#define TTT_HARNESS_GIVEN_H

#include "safetensors.h"

/* Find what of `wanted` (bit mask TTT_DIRECTION_*; 0: all that is there) the file covers as a truth: XQW for forward,
 * any gradient for backward, all of them F64.  0, or -1 with one line in `error`. */
int ttt_given_truth(const struct ttt_safetensors *file, const struct ttt_case *c, unsigned wanted, unsigned *directions,
                    char *error, size_t error_size);

/* The same for outputs to be judged: XQW must be there, and either all gradients or none.  The dtype of XQW tells the
 * type set, and every other output must be of that set. */
int ttt_given_outputs(const struct ttt_safetensors *file, const struct ttt_case *c, unsigned wanted,
                      unsigned *directions, enum ttt_types *types, char *error, size_t error_size);

#endif
