/* SPDX-License-Identifier: MIT
 *
 * Ways in which one role of a block hands values to another through shared memory, each as small as can be and in a
 * kernel of its own, so that a race checker says what it follows: compute-sanitizer --tool racecheck racecheck [STEPS].
 * In all of them the reads come after the writes, which is checked here; reports/perf/NOTES.md has what it said.
 * With `race` as second argument, one more kernel in which they do not, and which it must report.
 */
#include "../../gpu/ptx/barrier.cuh"
#include "../../gpu/ptx/copy.cuh"
#include "check.h"
#include <cstring>
#include <vector>

namespace ttt_gpu
{

enum How {
    SYNC,         /* named barrier, writers wait there too */
    ARRIVE,       /* named barrier, writers arrive and go on: as STATE_READY of gpu/roles.cuh */
    ARRIVE_LAST,  /* the same, and no barrier of the writers' own in between or after */
    MBARRIER,     /* mbarrier, every writer arrives */
    MBARRIER_ONE, /* mbarrier, a lane of each warp arrives after __syncwarp */
    NOTHING
};

constexpr int ROLE = 128, THREADS = 2 * ROLE, VALUES = 64, WARP_LANES = 32;
constexpr int BARRIER_WRITERS = 1, BARRIER_READERS = 2, BARRIER_READY = 3, BARRIER_FREE = 5; /* + parity */

struct Handover {
    float value[2][VALUES];
    uint4 sent[2][ROLE];
    uint64_t ready[2], exchanged[2];
};

__host__ __device__ inline float value_of(int step, int thread)
{
    return (float)(step * VALUES + thread);
}

/* Phase `phase` of an mbarrier. */
TTT_DEVICE void wait_for(uint64_t *barrier, int phase)
{
    while (!mbarrier_try_wait(barrier, (uint32_t)(phase % 2))) {
    }
}

template <int FIRST, bool WAIT> TTT_DEVICE void meet(int parity)
{
    if constexpr (WAIT)
        parity ? bar_sync<FIRST + 1, THREADS>() : bar_sync<FIRST, THREADS>();
    else
        parity ? bar_arrive<FIRST + 1, THREADS>() : bar_arrive<FIRST, THREADS>();
}

template <How HOW> TTT_DEVICE void write_values(Handover &s, int steps, int thread)
{
    for (int i = 0; i < steps; i++) {
        if (i >= 2)
            meet<BARRIER_FREE, true>(i % 2);
        if (thread < VALUES)
            s.value[i % 2][thread] = value_of(i, thread);
        if (HOW == MBARRIER)
            mbarrier_arrive(&s.ready[i % 2]);
        else if (HOW == MBARRIER_ONE) {
            __syncwarp();
            if (thread % WARP_LANES == 0)
                mbarrier_arrive(&s.ready[i % 2]);
        } else if (HOW != NOTHING)
            meet<BARRIER_READY, HOW == SYNC>(i % 2);
        if (HOW != ARRIVE_LAST)
            bar_sync<BARRIER_WRITERS, ROLE>();
    }
}

/* Every reader sends 16 bytes to another block of the cluster, and has as many from there. */
TTT_DEVICE void exchange(Handover &s, int i, int thread)
{
    const int other = cluster_rank() ^ 1;
    uint64_t *barrier = &s.exchanged[i % 2];
    store_async(cluster_address(shared_address(&s.sent[i % 2][thread]), other), make_uint4((unsigned)i, 0, 0, 0),
                cluster_address(shared_address(barrier), other));
    mbarrier_arrive_expect(barrier, 16);
    wait_for(barrier, i / 2);
}

template <How HOW, int CS> TTT_DEVICE float read_values(Handover &s, int steps, int thread)
{
    float sum = 0;
    for (int i = 0; i < steps; i++) {
        if (HOW == MBARRIER || HOW == MBARRIER_ONE)
            wait_for(&s.ready[i % 2], i / 2);
        else if (HOW != NOTHING)
            meet<BARRIER_READY, true>(i % 2);
        bar_sync<BARRIER_READERS, ROLE>();
        if constexpr (CS > 1)
            exchange(s, i, thread);
        sum += s.value[i % 2][thread % VALUES];
        if (i + 2 < steps)
            meet<BARRIER_FREE, false>(i % 2);
    }
    return sum;
}

template <How HOW, int CS> __global__ void __cluster_dims__(CS, 1, 1) hand_over(float *sums, int steps)
{
    __shared__ Handover s;
    if (threadIdx.x == 0) {
        for (int k = 0; k < 2; k++) {
            mbarrier_init(&s.ready[k], HOW == MBARRIER ? ROLE : ROLE / WARP_LANES);
            mbarrier_init(&s.exchanged[k], ROLE);
        }
        mbarrier_init_fence();
    }
    __syncthreads();
    cluster_arrive();
    cluster_wait();
    const int thread = (int)threadIdx.x % ROLE;
    if (threadIdx.x < ROLE)
        write_values<HOW>(s, steps, thread);
    else
        sums[(int)blockIdx.x * ROLE + thread] = read_values<HOW, CS>(s, steps, thread);
    cluster_arrive();
    cluster_wait();
}

} // namespace ttt_gpu

using namespace ttt_gpu;

template <How HOW, int CS> static void test(int steps, bool checked = true)
{
    constexpr int BLOCKS = 2 * CS;
    float *sums;
    std::vector<float> host(BLOCKS * ROLE);
    CHECK(cudaMalloc(&sums, host.size() * sizeof(float)) == cudaSuccess);
    hand_over<HOW, CS><<<BLOCKS, THREADS>>>(sums, steps);
    CHECK(cudaMemcpy(host.data(), sums, host.size() * sizeof(float), cudaMemcpyDeviceToHost) == cudaSuccess);
    for (size_t k = 0; checked && k < host.size(); k++) {
        float sum = 0;
        for (int i = 0; i < steps; i++)
            sum += value_of(i, (int)(k % VALUES));
        CHECK(host[k] == sum);
    }
    cudaFree(sums);
}

int main(int argc, char **argv)
{
    const int steps = argc > 1 ? atoi(argv[1]) : 10;
    need_hopper();
    test<SYNC, 1>(steps);
    test<ARRIVE, 1>(steps);
    test<ARRIVE_LAST, 1>(steps);
    test<MBARRIER, 1>(steps);
    test<MBARRIER_ONE, 1>(steps);
    test<SYNC, 4>(steps);
    test<ARRIVE, 4>(steps);
    test<ARRIVE_LAST, 4>(steps);
    test<MBARRIER, 4>(steps);
    test<MBARRIER_ONE, 4>(steps);
    if (argc > 2 && !strcmp(argv[2], "race"))
        test<NOTHING, 1>(steps, false);
    return report("racecheck");
}
