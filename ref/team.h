/* SPDX-License-Identifier: MIT
 *
 * A team: the threads that share the stages of one head, and their barrier.  OpenMP's own barrier joins all threads of
 * a region; with few heads and many threads several teams work side by side, each on a head of its own.
 */
#ifndef TTT_REF_TEAM_H
#define TTT_REF_TEAM_H

#include <sched.h>
#include <stdatomic.h>

struct ttt_ref_team {
    int members;
    atomic_int arrived;
    atomic_int round;
};

static inline void ttt_ref_team_wait(struct ttt_ref_team *t)
{
    if (t->members == 1)
        return;
    const int round = atomic_load_explicit(&t->round, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&t->arrived, 1, memory_order_acq_rel) + 1 == t->members) {
        atomic_store_explicit(&t->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&t->round, round + 1, memory_order_release);
        return;
    }
    /* A stage is microseconds long: spin first, and let others run where there are more threads than cores. */
    for (int spin = 0; atomic_load_explicit(&t->round, memory_order_acquire) == round; spin++)
        if (spin > 2000)
            sched_yield();
}

#endif
