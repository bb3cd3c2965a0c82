/* SPDX-License-Identifier: MIT
 *
 * What the judge and the process of a plug-in say to each other: one request, one answer, as packets on a socket.  The
 * operands of a call lie in a file of shared memory, which the judge fills and reads; the plug-in's process maps the
 * part of each operand between pages that may not be touched, inputs read-only, in every call elsewhere.
 */
#ifndef TTT_HARNESS_WIRE_H
#define TTT_HARNESS_WIRE_H

#include "operands.h"
#include <stdint.h>

enum { TTT_WIRE_SOCKET = 3, TTT_WIRE_MEMORY = 4 }; /* file descriptors in the plug-in's process */
#define TTT_WIRE_NAME "ttt-worker"                 /* argv[0] of that process; then the path and the arguments */

/* One operand: `extent` bytes of the file at `offset`, mapped at `place` from the start of the call's address range.
 * The operand is `bytes` at `front`; what is left of the extent is red zone. */
struct ttt_wire_operand {
    uint64_t offset, extent, place, front, bytes; /* bytes 0: absent */
};

enum ttt_wire_op { TTT_WIRE_SUPPORTS, TTT_WIRE_WORKSPACE, TTT_WIRE_RUN, TTT_WIRE_CLOSE };

struct ttt_wire_request {
    enum ttt_wire_op op;
    enum ttt_direction direction;
    struct ttt_mlp_shape shape;
    int threads;
    uint64_t skip;  /* bytes of address space to leave out before this call's range */
    uint64_t range; /* bytes of that range */
    struct ttt_wire_operand operands[TTT_OPERANDS_MOST];
};

/* What an address that was touched is. */
enum ttt_wire_where {
    TTT_WIRE_ELSEWHERE,
    TTT_WIRE_INSIDE,  /* an input, written to */
    TTT_WIRE_BEFORE,  /* `distance` bytes before an operand or the workspace */
    TTT_WIRE_BEHIND,  /* `distance` bytes behind its end */
    TTT_WIRE_EARLIER, /* memory of an earlier call */
};

enum { TTT_WIRE_WORKSPACE_OPERAND = TTT_OPERANDS_MOST };

enum ttt_wire_kind {
    TTT_WIRE_OPENED,   /* `about` says what */
    TTT_WIRE_REFUSED,  /* it could not be opened: `text` */
    TTT_WIRE_ABI,      /* it is of another version: `text` */
    TTT_WIRE_DONE,     /* `status`, `bytes`, `seconds` */
    TTT_WIRE_SIGNAL,   /* the process is about to be ended by `signal`; `where` and what follows say what it touched */
    TTT_WIRE_OVERRUN,  /* the red zone of `operand` is not intact */
    TTT_WIRE_CHANGED,  /* the input `operand` is not what it was */
    TTT_WIRE_CUDA,     /* CUDA reports an error: `text` */
    TTT_WIRE_NO_MEMORY /* the operands could not be given to it: `text` */
};

struct ttt_wire_about {
    char name[64], about[256], rounding_points[64];
    enum ttt_types types;
    enum ttt_memory memory;
    unsigned forms, directions;
    int deterministic, has_workspace;
};

struct ttt_wire_answer {
    enum ttt_wire_kind kind;
    enum ttt_status status;
    uint64_t bytes; /* of the workspace */
    double seconds; /* inside the plug-in */
    int signal;
    enum ttt_wire_where where;
    int operand; /* or TTT_WIRE_WORKSPACE_OPERAND */
    uint64_t address, distance;
    char text[256];
    struct ttt_wire_about about;
};

#endif
