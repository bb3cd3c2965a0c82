/* SPDX-License-Identifier: MIT
 *
 * Who does what in a block of the forward kernel, and how the roles meet.
 *
 * Warpgroups 0 .. CHAIN_WARPGROUPS - 1 are the chain: the recurrence over the mini-batches.  The last warpgroup
 * computes the outputs, a step behind, from copies of the state; its first thread also fetches everybody's tokens.
 */
#ifndef TTT_GPU_ROLES_CUH
#define TTT_GPU_ROLES_CUH

#include "config.h"
#include "ptx/barrier.cuh"
#include "ptx/copy.cuh"

namespace ttt_gpu
{

/* Hardware barriers of a block; 0 is __syncthreads. */
enum NamedBarrier {
    BARRIER_CHAIN = 1,      /* chain: what its warpgroups wrote for each other's products */
    BARRIER_OUTPUT = 2,     /* outputs: the same */
    BARRIER_STATE_FREE = 3, /* + parity: outputs arrive when they need a copy no more, chain waits */
    BARRIER_WARPGROUP = 5   /* + warpgroup (single block): what it wrote for its own product */
};

/* One of COUNT named barriers, FIRST + which, each by an instruction of its own (bar_sync<ID, THREADS>). */
template <int FIRST, int THREADS, int COUNT = 2> TTT_DEVICE void bar_sync_one(int which)
{
    if (COUNT == 1 || which == 0)
        bar_sync<FIRST, THREADS>();
    else if constexpr (COUNT > 1)
        bar_sync_one<FIRST + 1, THREADS, COUNT - 1>(which - 1);
}

template <int FIRST, int THREADS, int COUNT = 2> TTT_DEVICE void bar_arrive_one(int which)
{
    if (COUNT == 1 || which == 0)
        bar_arrive<FIRST, THREADS>();
    else if constexpr (COUNT > 1)
        bar_arrive_one<FIRST + 1, THREADS, COUNT - 1>(which - 1);
}

/* Where a thread stands. */
struct Place {
    int sequence;  /* (batch, head), b H + h */
    int rank;      /* of the block in its cluster */
    int thread;    /* in its role */
    int warpgroup; /* in its role */
    int warp;      /* in its warpgroup */
    int lane;
    int group; /* lane / 4: row of an accumulator within its warp's 8 */
    int quad;  /* lane % 4: pair of columns of an accumulator within 8 */
};

template <int CS> TTT_DEVICE Place place_at(int thread)
{
    Place at;
    at.rank = cluster_rank();
    at.sequence = (int)(blockIdx.x / CS);
    at.thread = thread;
    at.warpgroup = at.thread / WARPGROUP;
    at.warp = at.thread / WARP % 4;
    at.lane = at.thread % WARP;
    at.group = at.lane / 4;
    at.quad = at.lane % 4;
    return at;
}

template <int CS> TTT_DEVICE Place place_of_thread(int first_thread_of_role)
{
    Place at = place_at<CS>((int)threadIdx.x - first_thread_of_role);
    /* Said by one lane for all, so that the compiler knows that these are the same in a warp. */
    const int warp = __shfl_sync(0xffffffff, at.thread / WARP, 0);
    at.warpgroup = warp / 4;
    at.warp = warp % 4;
    return at;
}

/* The piece of a row that a thread normalises: SPAN columns from `column` of row `row` of those its rank does. */
struct Span {
    int row, column;
};

template <int SPAN> TTT_DEVICE Span span_of_thread(const Place &at)
{
    return {at.thread / (F / SPAN), at.thread % (F / SPAN) * SPAN};
}

TTT_DEVICE void mbarrier_wait(uint64_t *barrier, int parity)
{
    while (!mbarrier_try_wait(barrier, (uint32_t)parity)) {
    }
}

/* Does `work` here.  The assembler moves arithmetic towards its use, past waits and out of the time that they leave
 * free; out of a loop it moves nothing, so this is a loop, of one turn.  `again` is false, but the compiler must not
 * know. */
template <class Work> TTT_DEVICE void do_here(bool again, Work work)
{
    do
        work();
    while (again);
}

/* Every lane of a warp arrives, after its own stores, and one announces `bytes` that come from elsewhere.  (One arrival
 * for all after a __syncwarp takes as long, and a race checker reports it.) */
TTT_DEVICE void warp_arrive(uint64_t *barrier, int bytes, const Place &at)
{
    if (at.lane == 0)
        mbarrier_arrive_expect(barrier, bytes);
    else
        mbarrier_arrive(barrier);
}

} // namespace ttt_gpu

#endif
