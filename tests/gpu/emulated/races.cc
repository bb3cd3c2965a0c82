/* SPDX-License-Identifier: MIT
 *
 * Races: accesses to the same bytes of shared memory by two threads, one of them a store, that no barrier orders in
 * whatever order the threads run.  Each thread has a clock (its own time, and the last time of each other thread that
 * it knows of): who arrives at a barrier leaves his there, who waits takes what has been left.  Loads and stores are
 * seen in kernels compiled with -fsanitize=thread, whose calls end here; products and copies tell of theirs.
 *
 * What a warp does together orders nothing but __syncwarp.  Bytes of an asynchronous store or copy are a store by the
 * thread that sends them until they land; what reads them too early reads NaNs.  Who waits for a store's bytes knows
 * what their sender did before it.
 */
#include "state.h"
#include <algorithm>

namespace emulated
{

bool looking_for_races;

void begin_clocks(Cluster &c)
{
    if (!looking_for_races)
        return;
    size_t number = (size_t)c.threads;
    for (Block &block : c.blocks) {
        block.accesses.assign(SHARED_LIMIT / 2, Accesses());
        for (Warp &warp : block.warps)
            warp.number = number++;
    }
    c.clocks.assign((size_t)c.threads, Clock(number, 0));
    for (size_t k = 0; k < c.clocks.size(); k++)
        c.clocks[k][k] = 1;
}

void join(Clock &to, const Clock &from)
{
    to.resize(std::max(to.size(), from.size()));
    for (size_t k = 0; k < from.size(); k++)
        to[k] = std::max(to[k], from[k]);
}

static Clock &clock_of(const Thread &thread)
{
    return thread.block->cluster->clocks[thread.number];
}

void release_to(Clock &clock)
{
    if (!looking_for_races)
        return;
    const Thread &me = current();
    join(clock, clock_of(me));
    clock_of(me)[me.number]++;
}

void acquire_from(const Thread &thread, const Clock &clock)
{
    if (looking_for_races)
        join(clock_of(thread), clock);
}

static void need_order(const Block &block, const Access &before, const char *what, const char *did, uint32_t offset)
{
    const Thread &me = current();
    if (before.thread && before.time > clock_of(me)[before.number])
        fault("%s %u of rank %d, which thread %d of rank %d %s, and nothing orders them", what, offset, block.rank,
              before.thread->index, before.thread->block->rank, did);
}

static void load(Block &block, uint32_t offset, size_t bytes, const Access &now)
{
    for (uint32_t at = offset / 2; at < (offset + bytes + 1) / 2; at++) {
        Accesses &accesses = block.accesses[at];
        need_order(block, accesses.store, "loads", "stored", at * 2);
        const auto mine = std::find_if(accesses.loads.begin(), accesses.loads.end(),
                                       [&](const Access &before) { return before.number == now.number; });
        if (mine == accesses.loads.end())
            accesses.loads.push_back(now);
        else
            *mine = now;
    }
}

void loaded(Block &block, uint32_t offset, size_t bytes)
{
    const Thread &me = current();
    if (looking_for_races)
        load(block, offset, bytes, {&me, me.number, clock_of(me)[me.number]});
}

/* Until the warp has waited. */
void loaded_by_product(Block &block, uint32_t offset, size_t bytes)
{
    const Thread &me = current();
    if (looking_for_races)
        load(block, offset, bytes, {&me, me.warp->number, me.warp->time + 1});
}

void products_waited_for(Warp &warp)
{
    warp.time++;
    for (const Thread *thread : warp.block->threads)
        if (looking_for_races && thread->warp == &warp)
            clock_of(*thread)[warp.number] = warp.time;
}

void stored(Block &block, uint32_t offset, size_t bytes)
{
    if (!looking_for_races)
        return;
    const Thread &me = current();
    for (uint32_t at = offset / 2; at < (offset + bytes + 1) / 2; at++) {
        Accesses &accesses = block.accesses[at];
        need_order(block, accesses.store, "stores", "stored", at * 2);
        for (const Access &before : accesses.loads)
            need_order(block, before, "stores", "loaded", at * 2);
        accesses.loads.clear();
        accesses.store = {&me, me.number, clock_of(me)[me.number]};
    }
}

void forget_accesses(Block &block, uint32_t offset, size_t bytes)
{
    for (uint32_t at = offset / 2; looking_for_races && at < (offset + bytes + 1) / 2; at++)
        block.accesses[at] = Accesses();
}

/* Of any address: those of shared memory matter. */
static void seen(const void *address, size_t bytes, bool stores)
{
    if (!self)
        return;
    Block &block = *current().block;
    const uintptr_t offset = (uintptr_t)address - (uintptr_t)block.shared;
    if (offset < block.cluster->bytes)
        (stores ? stored : loaded)(block, (uint32_t)offset, bytes);
}

} // namespace emulated

/* What the compiler calls, in its words. */
extern "C" {
void __tsan_init()
{
    emulated::looking_for_races = true;
}
void __tsan_func_entry(void *)
{
}
void __tsan_func_exit()
{
}
#define SEEN(bytes)                                                                                                    \
    void __tsan_read##bytes(void *at)                                                                                  \
    {                                                                                                                  \
        emulated::seen(at, bytes, false);                                                                              \
    }                                                                                                                  \
    void __tsan_write##bytes(void *at)                                                                                 \
    {                                                                                                                  \
        emulated::seen(at, bytes, true);                                                                               \
    }                                                                                                                  \
    void __tsan_unaligned_read##bytes(void *at)                                                                        \
    {                                                                                                                  \
        emulated::seen(at, bytes, false);                                                                              \
    }                                                                                                                  \
    void __tsan_unaligned_write##bytes(void *at)                                                                       \
    {                                                                                                                  \
        emulated::seen(at, bytes, true);                                                                               \
    }
SEEN(1)
SEEN(2)
SEEN(4)
SEEN(8)
SEEN(16)
/* (Clang's words.) */
void *__tsan_memcpy(void *to, const void *from, unsigned long bytes)
{
    emulated::seen(from, bytes, false);
    emulated::seen(to, bytes, true);
    return memcpy(to, from, bytes);
}
void *__tsan_memset(void *to, int value, unsigned long bytes)
{
    emulated::seen(to, bytes, true);
    return memset(to, value, bytes);
}
void __tsan_read_range(void *at, unsigned long bytes)
{
    emulated::seen(at, bytes, false);
}
void __tsan_write_range(void *at, unsigned long bytes)
{
    emulated::seen(at, bytes, true);
}
}
