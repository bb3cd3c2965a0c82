/* SPDX-License-Identifier: MIT
 *
 * The safetensors file format: 8 bytes little-endian header size, a JSON header, raw little-endian data.  Reading is
 * strict, since the file may come from anybody: duplicate keys, overlapping or out-of-range offsets, holes, sizes that
 * do not fit the shape, overflow, nesting, trailing bytes and unknown dtypes are refused with one line.
 */
#ifndef TTT_HARNESS_SAFETENSORS_H
#define TTT_HARNESS_SAFETENSORS_H

#include "tensors.h"
#include <stddef.h>
#include <stdint.h>

struct ttt_safetensors_entry {
    const char *name;
    enum ttt_dtype dtype;
    int ndim;
    int64_t dims[8];
    int64_t elements;
    int64_t begin, end; /* byte range inside the data section */
};

struct ttt_safetensors; /* an open file: header parsed and checked, data read on demand */

/* Open `path`.  NULL with one line in `error` ("PATH: what, where, what is allowed"). */
struct ttt_safetensors *ttt_safetensors_open(const char *path, char *error, size_t error_size);
void ttt_safetensors_close(struct ttt_safetensors *s); /* NULL is fine */

const char *ttt_safetensors_path(const struct ttt_safetensors *s);

/* The tensor of this name, or NULL. */
const struct ttt_safetensors_entry *ttt_safetensors_find(const struct ttt_safetensors *s, const char *name);
size_t ttt_safetensors_count(const struct ttt_safetensors *s);
const struct ttt_safetensors_entry *ttt_safetensors_entry(const struct ttt_safetensors *s, size_t i);

/* The value of a key of __metadata__, or NULL. */
const char *ttt_safetensors_metadata(const struct ttt_safetensors *s, const char *key);

/* Read `count` elements from element `first` of entry `e` into `data` (of the entry's dtype).  0 or -1 with a line. */
int ttt_safetensors_read(struct ttt_safetensors *s, const struct ttt_safetensors_entry *e, int64_t first, int64_t count,
                         void *data, char *error, size_t error_size);

/* The case that __metadata__ describes (batch heads seq_len mini_batch_size head_dim hidden_dim ln_eps causal
 * [checkpoint_group_size=1] [distribution=unit] [seed=1]; a distribution that is not one of ours counts as unit);
 * state_grads = 1 iff grad_L_W1_last is in the file.  Checks that every input of the case is there (but token_eta, for
 * which the contract has a default) and that each tensor of the contract that is there belongs to the case and has its
 * shape.  0 or -1 with a line. */
int ttt_safetensors_case(const struct ttt_safetensors *s, struct ttt_case *c, char *error, size_t error_size);

/* Like ttt_tensors_make, but from the file, which describes the case `c`: inputs and upstream gradients are converted
 * to `types` (token_eta is 1 where the file has none), outputs keep the dtype of the file, and those that it lacks stay
 * absent.  0 or -1 with a line.  Free with ttt_tensors_free either way. */
int ttt_tensors_load(struct ttt_tensors *t, struct ttt_safetensors *s, const struct ttt_case *c, int64_t head0,
                     int64_t heads, enum ttt_types types, unsigned roles, char *error, size_t error_size);

/* Write tensors (those present in `t` whose role is in the mask) with the case's metadata, a part of the heads as
 * a case of its own.  Data first goes to PATH.tmp and is renamed at the end, so that a failure leaves no half file.
 * 0 or -1 with a line. */
int ttt_safetensors_write(const char *path, const struct ttt_tensors *t, unsigned roles, char *error,
                          size_t error_size);

#endif
