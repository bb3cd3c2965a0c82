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
 * examples/candidate.c is a whole one.
 *
 * WHERE IT RUNS.  A plug-in runs in a process of its own, alone: it is opened there, every function below is called
 * there, one at a time, from one thread, and a CUDA context is made there if anywhere.  What ends or stops that process
 * is a verdict on the plug-in, not the end of the judge.  Expect
 *
 *   - operands at other addresses in every call, between pages that may not be touched; inputs that may not be written;
 *     outputs and workspace full of garbage; all of it gone when the call has returned;
 *   - calls in any order, with data that no command line names, the same call again after others;
 *   - a call that takes too long to be ended (ttt-verify --time-limit).
 *
 * VERSIONS.  TTT_CANDIDATE_ABI grows when a struct or a rule here changes; a caller refuses a plug-in of another
 * version.
 *   1   host memory, `int threads` instead of `struct ttt_candidate_call`
 *   2   forms, directions, declared rounding points, device memory, a stream, a workspace that the caller owns
 */
#ifndef TTT_CANDIDATE_H
#define TTT_CANDIDATE_H

#include <stddef.h>
#include <ttt/ttt_mlp.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TTT_CANDIDATE_ABI 2

enum ttt_direction { TTT_FORWARD = 0, TTT_BACKWARD = 1 };

/* Bit masks of what a candidate can do at all; `supports` has the last word on a shape. */
#define TTT_CAN_FORWARD    1u /* 1 << enum ttt_direction */
#define TTT_CAN_BACKWARD   2u
#define TTT_CAN_NON_CAUSAL 1u /* 1 << ttt_mlp_shape.causal */
#define TTT_CAN_CAUSAL     2u

/* Where the operands and the workspace of a call are. */
enum ttt_memory {
    TTT_MEMORY_HOST = 0,
    TTT_MEMORY_CUDA = 1 /* device memory of CUDA device 0, in its primary context, which is current in each call */
};

enum { TTT_CANDIDATE_ALIGNMENT = 256 }; /* of every operand and of the workspace, in bytes */

/* What a call gets beside its shape and operands. */
struct ttt_candidate_call {
    int threads;            /* CPU threads that it may use, >= 1 */
    void *workspace;        /* what `workspace` below asked for; NULL where that is nothing */
    size_t workspace_bytes; /* at least what was asked for */
    void *stream; /* TTT_MEMORY_CUDA: the CUstream (cudaStream_t) to enqueue on; the caller waits.  Else NULL */
};

struct ttt_candidate {
    int abi;           /* TTT_CANDIDATE_ABI: the first field in every version */
    const char *name;  /* one word of at most 63 characters, as reports print it */
    const char *about; /* one line: what it is */
    enum ttt_types
        types;           /* element types of all tensors that it takes and gives; a kernel with several opens by ARGS */
    unsigned forms;      /* TTT_CAN_NON_CAUSAL | TTT_CAN_CAUSAL */
    unsigned directions; /* TTT_CAN_FORWARD | TTT_CAN_BACKWARD */
    int deterministic;   /* 1: two runs give the same bits (checked); 0: declared not to */

    /* Rounding points beyond the precision contract of <ttt/ttt_mlp.h>: names joined by '+', of eta, exchange, tanh,
     * slope, xhat, gelu1, dWout (<ttt/ttt_gpu.h> says what they round): "eta+exchange+tanh".  NULL or "": none; also of
     * other types than TTT_TYPES_BF16.  A kernel is judged by the contract that it declares, as far as that is modelled
     * (not in the causal form), and reports say what the points cost. */
    const char *rounding_points;

    enum ttt_memory memory;
    void *self; /* handed to each function below */

    /* TTT_OK, or why this shape cannot be run in this direction; writes nothing. */
    enum ttt_status (*supports)(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction);

    /* Optional: the bytes of workspace that such a call needs, for a supported shape.  NULL: none. */
    size_t (*workspace)(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction, int threads);

    /* One pass, as <ttt/ttt_mlp.h> defines it.  Outputs and workspace hold garbage, inputs must stay as they are.
     * Optional groups of outputs (checkpoints, last state) may be absent.  May be called for any part of the heads of a
     * case.  TTT_OK, or any other status where nothing was computed.  NULL where `directions` does not have it. */
    enum ttt_status (*forward)(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                               const struct ttt_candidate_call *call);
    enum ttt_status (*backward)(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_backward_args *args,
                                const struct ttt_candidate_call *call);

    void (*close)(void *self); /* optional */
};

typedef const struct ttt_candidate *ttt_candidate_open_fn(int abi, const char *args);

/* What a plug-in exports. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const struct ttt_candidate *
ttt_candidate_open(int abi, const char *args);

#ifdef __cplusplus
}
#endif

#endif
