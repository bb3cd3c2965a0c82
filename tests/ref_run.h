/* SPDX-License-Identifier: MIT
 *
 * The reference as the tests call it: its public functions by precision, and whole passes over a block of tensors.
 * What must not fail is asserted here.
 */
#ifndef TESTS_REF_RUN_H
#define TESTS_REF_RUN_H

#include "harness/tensors.h"
#include <ttt/ttt_ref.h>

typedef enum ttt_status ref_workspace_fn(const struct ttt_mlp_shape *, const struct ttt_ref_options *, size_t *);
typedef enum ttt_status ref_forward_fn(const struct ttt_mlp_shape *, const struct ttt_mlp_forward_args *,
                                       const struct ttt_ref_options *, void *, size_t);
typedef enum ttt_status ref_backward_fn(const struct ttt_mlp_shape *, const struct ttt_mlp_backward_args *,
                                        const struct ttt_ref_options *, void *, size_t);

struct ref_functions {
    ref_workspace_fn *forward_workspace, *backward_workspace;
    ref_forward_fn *forward;
    ref_backward_fn *backward;
};

/* By enum ttt_types; and the complex one, which has no backward pass. */
#define REF_C128 3
extern const struct ref_functions ref_functions[4];
extern const char *const ref_types_name[4];

/* All tensors of a case, generated; outputs are poison.  With `exact_outputs` (TTT_TYPES_BF16) token outputs are float.
 * Free with ttt_tensors_free. */
void ref_make(struct ttt_tensors *t, const struct ttt_case *c, enum ttt_types types, int exact_outputs);
void ref_make_text(struct ttt_tensors *t, const char *text, enum ttt_types types);

/* A block of the same shape and dtypes with the same inputs, and poisoned outputs. */
void ref_copy(struct ttt_tensors *to, const struct ttt_tensors *from);

/* One pass over all tensors of the block, with a workspace of exactly the queried size.  `o.exact_outputs` follows the
 * block. */
void ref_forward(struct ttt_tensors *t, struct ttt_ref_options o);
void ref_backward(struct ttt_tensors *t, struct ttt_ref_options o);

/* Both passes; the backward pass reads the checkpoints that the forward pass wrote. */
void ref_run(struct ttt_tensors *t, int threads);

/* Are the elements [first, first + n) of two buffers of one dtype the same bits? */
int ref_same_part(const struct ttt_buffer *a, int64_t first_a, const struct ttt_buffer *b, int64_t first_b, int64_t n);
int ref_same(const struct ttt_buffer *a, const struct ttt_buffer *b);

/* Assert that tensors [begin, end) of two blocks, where both have them, are the same bits. */
void ref_assert_same(const struct ttt_tensors *a, const struct ttt_tensors *b, enum ttt_tensor begin,
                     enum ttt_tensor end, const char *what);

#endif
