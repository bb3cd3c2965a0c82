/* SPDX-License-Identifier: MIT
 *
 * Barriers of a block, in shared memory, and of a cluster.
 */
#include "state.h"

namespace emulated
{

/* ---------------------------------------------------------------------------------------------- named */

static std::string why_named(const Thread &thread)
{
    const NamedBarrier &barrier = *static_cast<const NamedBarrier *>(thread.object);
    return text("named barrier %d, %d of %d threads are there", (int)(&barrier - thread.block->named), barrier.count,
                barrier.threads);
}

void named_barrier(int id, int threads, bool wait)
{
    Thread &me = current();
    if (id < 0 || id > 15 || threads < WARP || threads % WARP || threads > (int)me.block->threads.size())
        fault("named barrier %d for %d threads", id, threads);
    NamedBarrier &barrier = me.block->named[id];
    if (barrier.count == 0)
        barrier.threads = threads;
    else if (barrier.threads != threads)
        fault("named barrier %d for %d threads, but others came to it for %d", id, threads, barrier.threads);
    if (barrier.arrived[(size_t)me.index])
        fault("arrives twice at named barrier %d, where %d of %d threads are", id, barrier.count, barrier.threads);
    barrier.arrived[(size_t)me.index] = true;
    release_to(barrier.clock);
    if (++barrier.count == barrier.threads) {
        for (const Thread *waiting : barrier.queue)
            acquire_from(*waiting, barrier.clock);
        if (wait)
            acquire_from(me, barrier.clock);
        barrier.clock.clear();
        barrier.count = 0;
        barrier.arrived.assign(barrier.arrived.size(), false);
        wake(barrier.queue);
    } else if (wait)
        wait_in(barrier.queue, why_named, &barrier);
}

void sync_block()
{
    named_barrier(0, (int)(current().block->threads.size() + WARP - 1) / WARP * WARP, true);
}

/* ---------------------------------------------------------------------------------------------- in shared memory */

/* What the word of a barrier holds, so that one overwritten is found. */
static constexpr uint64_t SIGN = 0xb4771e4000000000u;

Mbarrier &mbarrier_at(Block &block, uint32_t offset)
{
    uint64_t word = 0;
    if (offset % 8 == 0 && offset + 8 <= block.cluster->bytes)
        memcpy(&word, block.shared + offset, 8);
    if (word < SIGN || word - SIGN >= block.mbarriers.size() || block.mbarriers[word - SIGN].offset != offset)
        fault("there is no mbarrier at %u of rank %d: not initialised, or written over", offset, block.rank);
    return block.mbarriers[word - SIGN];
}

static std::string why_mbarrier(const Thread &thread)
{
    const Mbarrier &barrier = *static_cast<const Mbarrier *>(thread.object);
    return text("mbarrier at %u, parity %u: phase %llu lacks %d of %d arrivals and %lld bytes", barrier.offset,
                thread.parity, (unsigned long long)barrier.phase, barrier.pending, barrier.arrivals,
                (long long)barrier.bytes);
}

static void advance(Mbarrier &barrier)
{
    if (barrier.pending == 0 && barrier.bytes == 0) {
        barrier.phase++;
        barrier.pending = barrier.arrivals;
        join(barrier.past, barrier.clock);
        barrier.clock.clear();
        wake(barrier.queue);
    }
}

void mbarrier_init(const void *object, int arrivals)
{
    Thread &me = current();
    Block &block = *me.block;
    const uint32_t offset = offset_of(object);
    for (const Mbarrier &other : block.mbarriers)
        if (other.offset == offset)
            fault("the mbarrier at %u is initialised twice", offset);
    if (arrivals < 1 || arrivals > (1 << 20) - 1 || offset % 8)
        fault("mbarrier at %u for %d arrivals", offset, arrivals);
    const uint64_t word = SIGN + block.mbarriers.size();
    memcpy(block.shared + offset, &word, 8);
    block.mbarriers.push_back({&block, offset, arrivals, arrivals, 0, 0, &me, {}, {}, {}});
}

void mbarrier_init_fence()
{
    for (Mbarrier &barrier : current().block->mbarriers)
        if (barrier.unfenced == &current())
            barrier.unfenced = nullptr;
}

static void arrive(Mbarrier &barrier, int bytes)
{
    if (barrier.pending == 0)
        fault("one arrival too many at the mbarrier at %u: phase %llu had all %d, and lacks %lld bytes", barrier.offset,
              (unsigned long long)barrier.phase, barrier.arrivals, (long long)barrier.bytes);
    if (bytes < 0 || barrier.bytes + bytes >= 1 << 20)
        fault("the mbarrier at %u cannot expect %d bytes more than %lld", barrier.offset, bytes,
              (long long)barrier.bytes);
    barrier.bytes += bytes;
    barrier.pending--;
    release_to(barrier.clock);
    advance(barrier);
}

void mbarrier_arrive(const void *object, int bytes)
{
    arrive(mbarrier_at(*current().block, offset_of(object)), bytes);
}

void mbarrier_arrive_remote(uint32_t address)
{
    Mbarrier &barrier = mbarrier_at(block_of(address), address % WINDOW - SHARED_BASE);
    if (barrier.unfenced)
        fault("arrives at the mbarrier at %u of rank %d without a fence after its initialisation", barrier.offset,
              barrier.block->rank);
    arrive(barrier, 0);
}

/* May be called with nobody running: a fault is then put down to the thread that ran last. */
void complete_bytes(Mbarrier &barrier, int64_t bytes)
{
    barrier.bytes -= bytes;
    if (barrier.bytes <= -(1 << 20))
        fault("the mbarrier at %u gets more bytes than it can count", barrier.offset);
    advance(barrier);
}

bool mbarrier_try_wait(const void *object, uint32_t parity)
{
    Mbarrier &barrier = mbarrier_at(*current().block, offset_of(object));
    current().parity = parity;
    while (barrier.phase % 2 == parity)
        wait_in(barrier.queue, why_mbarrier, &barrier);
    acquire_from(current(), barrier.past);
    return true;
}

/* ---------------------------------------------------------------------------------------------- of a cluster */

static std::string why_cluster(const Thread &thread)
{
    const Cluster &c = *thread.block->cluster;
    return text("barrier of the cluster, %d of %d threads are there", c.arrived, c.threads);
}

void cluster_arrive()
{
    Thread &me = current();
    Cluster &c = *me.block->cluster;
    if (me.arrived)
        fault("arrives twice at the barrier of the cluster");
    me.arrived = true;
    me.cluster_phase = c.phase;
    release_to(c.clock);
    if (++c.arrived == c.threads) {
        c.arrived = 0;
        c.phase++;
        join(c.past, c.clock);
        c.clock.clear();
        wake(c.queue);
    }
}

void cluster_wait()
{
    Thread &me = current();
    Cluster &c = *me.block->cluster;
    if (!me.arrived)
        fault("waits at the barrier of the cluster without having arrived");
    while (c.phase == me.cluster_phase)
        wait_in(c.queue, why_cluster, nullptr);
    acquire_from(me, c.past);
    me.arrived = false;
}

} // namespace emulated
