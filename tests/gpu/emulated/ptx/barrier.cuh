/* SPDX-License-Identifier: MIT
 *
 * Twin of gpu/ptx/barrier.cuh.
 */
#ifndef TTT_GPU_PTX_BARRIER_CUH
#define TTT_GPU_PTX_BARRIER_CUH

#include "device.cuh"

namespace ttt_gpu
{

template <int ID, int THREADS> TTT_DEVICE void bar_sync()
{
    emulated::named_barrier(ID, THREADS, true);
}

template <int ID, int THREADS> TTT_DEVICE void bar_arrive()
{
    emulated::named_barrier(ID, THREADS, false);
}

TTT_DEVICE void mbarrier_init(uint64_t *barrier, int arrivals)
{
    emulated::mbarrier_init(barrier, arrivals);
}

TTT_DEVICE void mbarrier_init_fence()
{
    emulated::mbarrier_init_fence();
}

TTT_DEVICE void mbarrier_arrive(uint64_t *barrier)
{
    emulated::mbarrier_arrive(barrier, 0);
}

TTT_DEVICE void mbarrier_arrive_expect(uint64_t *barrier, int bytes)
{
    emulated::mbarrier_arrive(barrier, bytes);
}

/* True: a thread that waits is woken when the phase is over. */
TTT_DEVICE bool mbarrier_try_wait(uint64_t *barrier, uint32_t parity)
{
    return emulated::mbarrier_try_wait(barrier, parity);
}

TTT_DEVICE void cluster_arrive()
{
    emulated::cluster_arrive();
}

TTT_DEVICE void cluster_wait()
{
    emulated::cluster_wait();
}

TTT_DEVICE void grid_release()
{
}

TTT_DEVICE void grid_wait()
{
}

TTT_DEVICE void proxy_fence()
{
    emulated::proxy_fence();
}

} // namespace ttt_gpu

#endif
