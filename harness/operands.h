/* SPDX-License-Identifier: MIT
 *
 * The pointers of the contract's argument structs as data: which tensor each one is, and where it lies in the struct.
 */
#ifndef TTT_HARNESS_OPERANDS_H
#define TTT_HARNESS_OPERANDS_H

#include "tensors.h"
#include <stddef.h>
#include <ttt/ttt_candidate.h>

enum { TTT_OPERANDS_MOST = 27 };

/* The arguments of a pass in either direction. */
union ttt_arguments {
    struct ttt_mlp_forward_args forward;
    struct ttt_mlp_backward_args backward;
};

/* How many operands a direction has. */
int ttt_operand_count(enum ttt_direction direction);

/* The tensor of operand i, and whether the pass writes it. */
enum ttt_tensor ttt_operand_tensor(enum ttt_direction direction, int i);
int ttt_operand_is_output(enum ttt_direction direction, int i);

void *ttt_operand_get(const union ttt_arguments *args, enum ttt_direction direction, int i);
void ttt_operand_set(union ttt_arguments *args, enum ttt_direction direction, int i, void *pointer);

/* Its bytes. */
size_t ttt_operand_bytes(enum ttt_direction direction, int i, const struct ttt_mlp_shape *shape, enum ttt_types types);

#endif
