/* SPDX-License-Identifier: MIT
 *
 * A kernel under test.  Everything that this project judges, its own backends included, is a `struct ttt_candidate`.
 *
 * To have your kernel judged, build a shared object that exports
 *
 *     const struct ttt_candidate *ttt_candidate_open(int abi, const char *args);
 *
 * and run   ttt-verify --candidate ./mine.so[:ARGS]
 *
 * `abi` is the TTT_CANDIDATE_ABI of the caller, `args` the text after the colon or "".  Return NULL to refuse either.
 * The struct and its strings stay valid until the program ends; `close` (optional) is called once, last.
 */
#ifndef TTT_CANDIDATE_H
#define TTT_CANDIDATE_H

#include <stddef.h>
#include <ttt/ttt_mlp.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TTT_CANDIDATE_ABI 1

enum ttt_direction { TTT_FORWARD = 0, TTT_BACKWARD = 1 };

struct ttt_candidate {
    int abi;              /* TTT_CANDIDATE_ABI */
    const char *name;     /* one word, as reports print it */
    const char *about;    /* one line: what it is, which extra rounding points it has */
    enum ttt_types types; /* element types of all tensors that it takes and gives */
    int deterministic;    /* 1: two runs give the same bits (checked); 0: declared not to */
    void *self;           /* handed to each function below */

    /* TTT_OK, or why this shape cannot be run in this direction; writes nothing. */
    enum ttt_status (*supports)(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction);

    /* One pass over host memory, as <ttt/ttt_mlp.h> defines it.  Outputs arrive poisoned, inputs must stay as they
     * are.  `threads`: CPU threads that it may use, >= 1.  May be called for any part of the heads of a case. */
    enum ttt_status (*forward)(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                               int threads);
    enum ttt_status (*backward)(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_backward_args *args,
                                int threads);

    /* Optional: the bytes that such a call takes beside its arguments, for a supported shape. */
    size_t (*workspace)(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction, int threads);

    void (*close)(void *self); /* optional */
};

typedef const struct ttt_candidate *ttt_candidate_open_fn(int abi, const char *args);

#ifdef __cplusplus
}
#endif

#endif
