/* SPDX-License-Identifier: MIT
 *
 * The tensors of the contract as data: one table of names and shapes, the buffers of a block of heads, and their
 * binding to the contract's argument structs.
 */
#ifndef TTT_HARNESS_TENSORS_H
#define TTT_HARNESS_TENSORS_H

#include "buffer.h"
#include "shapes.h"
#include <stddef.h>
#include <stdint.h>
#include <ttt/ttt_mlp.h>

/* Every tensor of the contract, inputs before outputs, forward before backward. */
enum ttt_tensor {
    TTT_XQ,
    TTT_XK,
    TTT_XV,
    TTT_LAST_ETA,
    TTT_TOKEN_ETA,
    TTT_NORM_WEIGHT,
    TTT_NORM_BIAS,
    TTT_W1_INIT,
    TTT_B1_INIT,
    TTT_W2_INIT,
    TTT_B2_INIT,
    TTT_GRAD_XQW,
    TTT_GRAD_W1_LAST,
    TTT_GRAD_B1_LAST,
    TTT_GRAD_W2_LAST,
    TTT_GRAD_B2_LAST,
    TTT_XQW,
    TTT_W1_CHECKPOINTS,
    TTT_B1_CHECKPOINTS,
    TTT_W2_CHECKPOINTS,
    TTT_B2_CHECKPOINTS,
    TTT_W1_LAST,
    TTT_B1_LAST,
    TTT_W2_LAST,
    TTT_B2_LAST,
    TTT_GRAD_XQ,
    TTT_GRAD_XK,
    TTT_GRAD_XV,
    TTT_GRAD_LAST_ETA,
    TTT_GRAD_TOKEN_ETA,
    TTT_GRAD_NORM_WEIGHT,
    TTT_GRAD_NORM_BIAS,
    TTT_GRAD_W1_INIT,
    TTT_GRAD_B1_INIT,
    TTT_GRAD_W2_INIT,
    TTT_GRAD_B2_INIT,
    TTT_TENSOR_COUNT
};

enum ttt_role {
    TTT_ROLE_INPUT,          /* of both passes */
    TTT_ROLE_UPSTREAM,       /* grad_L_XQW, grad_L_*_last: inputs of the backward pass */
    TTT_ROLE_FORWARD_OUTPUT, /* XQW, checkpoints, last state (checkpoints are also inputs of the backward pass) */
    TTT_ROLE_BACKWARD_OUTPUT /* the gradients */
};

struct ttt_tensor_info {
    const char *name; /* the contract's: "XQ", "grad_L_W1_init" */
    const char *dims; /* shape in letters of the contract: "BHNF", "BHKFD", "HF", "C" */
    enum ttt_role role;
    int token; /* 1: token tensor, 0: state tensor (see "ELEMENT TYPES" in the contract) */
};

extern const struct ttt_tensor_info ttt_tensor_info[TTT_TENSOR_COUNT];

/* The tensor of this name, or TTT_TENSOR_COUNT. */
enum ttt_tensor ttt_tensor_find(const char *name);

/* Is this tensor part of the case (token_eta only in the causal form, grad_L_*_last only with state_grads)? */
int ttt_tensor_present(enum ttt_tensor t, const struct ttt_case *c);

/* Fill dims[] from the shape; the number of dimensions. */
#define TTT_MAX_DIMS 5
int ttt_tensor_dims(enum ttt_tensor t, const struct ttt_mlp_shape *shape, int64_t dims[TTT_MAX_DIMS]);

/* Product of the dims; -1 on overflow of int64_t. */
int64_t ttt_tensor_elements(enum ttt_tensor t, const struct ttt_mlp_shape *shape);

/* How a tensor divides into heads: [batches, heads, inner]; batches or heads is 1 where the tensor has no such
 * dimension. */
struct ttt_split {
    int64_t batches, heads, inner;
};
struct ttt_split ttt_tensor_split(enum ttt_tensor t, const struct ttt_mlp_shape *shape);

enum ttt_dtype ttt_tensor_dtype(enum ttt_tensor t, enum ttt_types types);

enum { TTT_PARALLEL_ELEMENTS = 8192 }; /* fewer are not worth waking threads for */

/* All tensors of one block of a case: heads [head0, head0 + shape.heads) of each batch entry. */
struct ttt_tensors {
    struct ttt_case c; /* the case with shape.heads = heads of this block */
    int64_t head0;
    int64_t heads_total;
    enum ttt_types types;
    struct ttt_buffer buffer[TTT_TENSOR_COUNT];
};

/* Make `t` an empty block (all tensors absent) of heads [head0, head0 + heads) of a case.  0, or -1 with one line in
 * `error` when the case or the range is not valid. */
int ttt_tensors_begin(struct ttt_tensors *t, const struct ttt_case *c, int64_t head0, int64_t heads,
                      enum ttt_types types, char *error, size_t error_size);

/* Allocate one tensor of the block, poisoned.  0, or -1 with one line in `error`. */
int ttt_tensors_add(struct ttt_tensors *t, enum ttt_tensor which, enum ttt_dtype dtype, char *error, size_t error_size);

/* Allocate the tensors whose role is in the bit mask 1 << role and that the case has, all poison.
 * 0, or -1 with one line in `error`.  Free with ttt_tensors_free either way. */
int ttt_tensors_alloc(struct ttt_tensors *t, const struct ttt_case *c, int64_t head0, int64_t heads,
                      enum ttt_types types, unsigned roles, char *error, size_t error_size);

/* The same, and the inputs and upstream gradients are then filled from the case's distribution (values
 * bf16-representable for token tensors, float-representable for state tensors, the same for every type set;
 * independent of how heads are cut into blocks).
 * 0, or -1 with one line in `error`.  Free with ttt_tensors_free either way. */
int ttt_tensors_make(struct ttt_tensors *t, const struct ttt_case *c, int64_t head0, int64_t heads,
                     enum ttt_types types, unsigned roles, char *error, size_t error_size);
void ttt_tensors_free(struct ttt_tensors *t);

/* Inputs of `from` converted to the type set of `to` (exact for generated data), both of the same block. */
void ttt_tensors_convert_inputs(struct ttt_tensors *to, const struct ttt_tensors *from);

/* Bytes that a block of `heads` heads takes with these roles (INT64_MAX where they do not fit in int64_t). */
int64_t ttt_tensors_bytes(const struct ttt_case *c, int64_t heads, enum ttt_types types, unsigned roles);

/* Hash of the inputs and upstream gradients of the block: the sum, over their elements, of a mix of (tensor, index in
 * the tensor of the whole case, value as double).  So it is the same for each type set, and the hash of a case is the
 * sum over its blocks, however it is cut (a tensor without heads counts in the block with head0 = 0 only). */
uint64_t ttt_tensors_inputs_hash(const struct ttt_tensors *t);

/* The contract's argument structs over the buffers; absent tensors are NULL. */
struct ttt_mlp_forward_args ttt_tensors_forward_args(struct ttt_tensors *t);
struct ttt_mlp_backward_args ttt_tensors_backward_args(struct ttt_tensors *t);

#endif
