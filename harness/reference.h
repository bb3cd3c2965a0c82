/* SPDX-License-Identifier: MIT
 *
 * Runs of the references and of replicas of the contract on the inputs of a block, as a candidate runs on them.
 */
#ifndef TTT_HARNESS_REFERENCE_H
#define TTT_HARNESS_REFERENCE_H

#include "candidates.h"
#include "tensors.h"

/* The roles of a run in these directions (bit mask of 1 << enum ttt_direction): inputs, and the forward outputs, of
 * which a backward pass needs the checkpoints. */
unsigned ttt_reference_roles(unsigned directions);

/* A block with the inputs of `truth`, converted to the type set, and poison as outputs.  0, or -1 with one line in
 * `error`; free with ttt_tensors_free either way. */
int ttt_reference_block(struct ttt_tensors *t, const struct ttt_tensors *truth, enum ttt_types types,
                        unsigned directions, char *error, size_t error_size);

/* The same for replicas: bfloat16 in, float out. */
int ttt_reference_replica_block(struct ttt_tensors *t, const struct ttt_tensors *truth, unsigned directions,
                                char *error, size_t error_size);

/* Checkpoints of the truth, rounded to the state type. */
void ttt_reference_checkpoints(struct ttt_tensors *t, const struct ttt_tensors *truth);

/* The passes of these directions; a backward pass alone starts from the truth's checkpoints.  0, or -1 with one line in
 * `error`. */
int ttt_reference_run(const struct ttt_candidate *reference, struct ttt_tensors *t, const struct ttt_tensors *truth,
                      unsigned directions, int threads, char *error, size_t error_size);

#endif
