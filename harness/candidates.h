/* SPDX-License-Identifier: MIT
 *
 * Candidates: the built-in ones by name, anybody's from a shared object.
 */
#ifndef TTT_HARNESS_CANDIDATES_H
#define TTT_HARNESS_CANDIDATES_H

#include "timer.h"
#include <stddef.h>
#include <stdint.h>
#include <ttt/ttt_candidate.h>

/* The built-in ones, best first. */
extern const struct ttt_candidate *const ttt_candidate_builtin[];
extern const size_t ttt_candidate_builtin_count;

/* Is this one of the built-in ones that run here without being asked for?  Not a GPU candidate where no GPU is. */
int ttt_candidate_is_default(const struct ttt_candidate *candidate);

/* The GPU kernels, where they are built (TTT_HAVE_CUDA); is there a device for them? */
extern const struct ttt_candidate ttt_candidate_gpu_bf16;
int ttt_candidate_gpu_present(void);

/* How the passes of a candidate are timed where it runs on a device; NULL: on the host. */
const struct ttt_timer *ttt_candidate_timer(const struct ttt_candidate *candidate);
extern const struct ttt_timer ttt_timer_gpu;

/* The reference in its three precisions.  ttt_candidate_ref_f64 is the truth. */
extern const struct ttt_candidate ttt_candidate_ref_f64;
extern const struct ttt_candidate ttt_candidate_ref_f32;
extern const struct ttt_candidate ttt_candidate_ref_bf16;

/* The precision contract before its outputs are rounded: token outputs are float, its types are TTT_TYPES_BF16
 * otherwise. Operands round to nearest for seed 0, else stochastically: a replica.  `points` (contract.h): with those
 * of them that the reference models, an exchange in two parts for even seeds, in four for odd ones.  Not a candidate
 * that a user can name; each call changes the one that there is. */
const struct ttt_candidate *ttt_candidate_replica(uint64_t seed, unsigned points);

/* The reference whose arithmetic is that of a type set; bfloat16 with the points that the reference models, an exchange
 * in two parts.  Each call with points changes the one that there is. */
const struct ttt_candidate *ttt_candidate_contract(enum ttt_types types, unsigned points);

/* From now on show the stages of every call of the reference, in whatever precision, to `probe` (NULL: to nobody). */
void ttt_candidate_ref_probe(ttt_mlp_probe_fn *probe, void *context);

/* The forward pass of ref-f64 in complex double, for derivatives by the complex step.  Not one that a user can name
 * either: each element is a pair of doubles, and there is no backward pass. */
extern const struct ttt_candidate ttt_candidate_ref_c128;

/* A candidate as the command line named it. */
struct ttt_opened {
    const struct ttt_candidate *candidate;
    const char *spec; /* what was typed; the caller's string */
};

/* Open NAME (built in) or PATH.so[:ARGS] (a text with a slash or ".so").  0, or -1 with one line in `error`. */
int ttt_candidate_open_spec(const char *spec, struct ttt_opened *out, char *error, size_t error_size);

/* Its `close`, once, last; the strings of a plug-in end here. */
void ttt_candidate_close(struct ttt_opened *opened);

/* Is this one of the references, which give the same bits for every G? */
int ttt_candidate_is_reference(const struct ttt_candidate *candidate);

/* "double, double", "bfloat16 tokens, float state": the type set in words. */
const char *ttt_candidate_types(enum ttt_types types);

/* A status in words, never NULL. */
const char *ttt_candidate_status(enum ttt_status status);

/* Why a call failed: the row of tier0.h or plugin.h that it fails, and a line. */
struct ttt_failure {
    const char *row;
    char text[232];
};

/* What happened in the candidate's last call, which returned `status`, not TTT_OK. */
struct ttt_failure ttt_candidate_failure(const struct ttt_candidate *candidate, enum ttt_direction direction,
                                         enum ttt_status status);

#endif
