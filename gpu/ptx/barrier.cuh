/* SPDX-License-Identifier: MIT
 *
 * Barriers: named ones among the warps of a block, mbarriers in shared memory that also count arriving bytes, and the
 * barrier of a cluster.
 */
#ifndef TTT_GPU_PTX_BARRIER_CUH
#define TTT_GPU_PTX_BARRIER_CUH

#include "device.cuh"

namespace ttt_gpu
{

/* Named barrier number ID: wait until THREADS threads have synced or arrived.  The number is part of the instruction: a
 * race checker does not follow those in registers. */
template <int ID, int THREADS> TTT_DEVICE void bar_sync()
{
    asm volatile("bar.sync %0, %1;" ::"n"(ID), "n"(THREADS) : "memory");
}

/* Named barrier number ID: count this warp, go on. */
template <int ID, int THREADS> TTT_DEVICE void bar_arrive()
{
    asm volatile("bar.arrive %0, %1;" ::"n"(ID), "n"(THREADS) : "memory");
}

TTT_DEVICE void mbarrier_init(uint64_t *barrier, int arrivals)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
}

/* Makes the initialised mbarriers visible to the other blocks of the cluster and to the copy engine. */
TTT_DEVICE void mbarrier_init_fence()
{
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

TTT_DEVICE void mbarrier_arrive(uint64_t *barrier)
{
    asm volatile("mbarrier.arrive.release.cta.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
}

/* Arrives, and makes the phase wait for `bytes` more bytes of asynchronous stores or copies. */
TTT_DEVICE void mbarrier_arrive_expect(uint64_t *barrier, int bytes)
{
    asm volatile("mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
                 "r"(bytes)
                 : "memory");
}

/* Whether the phase with this parity is over; may wait for a while.  Acquires what any block of the cluster released.
 */
TTT_DEVICE bool mbarrier_try_wait(uint64_t *barrier, uint32_t parity)
{
    uint32_t done;
    asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; "
                 "selp.u32 %0, 1, 0, p; }"
                 : "=r"(done)
                 : "r"(shared_address(barrier)), "r"(parity)
                 : "memory");
    return done != 0;
}

TTT_DEVICE void cluster_arrive()
{
    asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
}

TTT_DEVICE void cluster_wait()
{
    asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

/* Lets the next kernel of the stream, if it was launched so, start beside this one, once every block has said this. */
TTT_DEVICE void grid_release()
{
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
}

/* Waits for the end of the kernel that this one was let start beside. */
TTT_DEVICE void grid_wait()
{
    asm volatile("griddepcontrol.wait;" ::: "memory");
}

/* Orders this thread's ordinary accesses to shared memory before what the tensor cores and the copy engine do next. */
TTT_DEVICE void proxy_fence()
{
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

} // namespace ttt_gpu

#endif
