/* SPDX-License-Identifier: MIT
 *
 * Does a candidate compute, or does it give what it gave before?  Called with other inputs of the same shape, it must
 * give other bits.  Whether that call comes before or after the one that is judged is drawn anew each time.
 */
#ifndef TTT_HARNESS_FRESHNESS_H
#define TTT_HARNESS_FRESHNESS_H

#include "tier0.h"

struct ttt_freshness {
    struct ttt_tensors block; /* every input another one: in reverse order, and negated or halved */
    int there, before;        /* before: it is to be called first */
};

/* Blocks are tried whose B H N F D is at most this. */
#define TTT_FRESHNESS_WORK 0x1p24

int ttt_freshness_suits(const struct ttt_mlp_shape *shape);

/* Other inputs than those of `block`.  0, or -1 when memory cannot be had.  Free with ttt_freshness_close either way.
 */
int ttt_freshness_open(struct ttt_freshness *other, const struct ttt_tensors *block);
void ttt_freshness_close(struct ttt_freshness *other);

/* The row `cached`, with both calls made.  An output that is one value everywhere (0, say) tells nothing, nor does one
 * that the reference has the same values of for both inputs. */
void ttt_freshness_compare(const struct ttt_freshness *other, const struct ttt_tensors *block,
                           const struct ttt_call *call, struct ttt_result *result);

#endif
