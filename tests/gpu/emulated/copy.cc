/* SPDX-License-Identifier: MIT
 *
 * Shared memory: addresses, stores, and copies on their way.
 */
#include "state.h"
#include <cuda.h>

namespace emulated
{

/* ---------------------------------------------------------------------------------------------- addresses */

uint32_t offset_of(const void *object)
{
    const Block &block = *current().block;
    const uintptr_t offset = (uintptr_t)object - (uintptr_t)block.shared;
    if (offset >= block.cluster->bytes)
        fault("an address of shared memory is asked of something that does not lie there");
    return (uint32_t)offset;
}

uint32_t shared_address(const void *object)
{
    return SHARED_BASE + offset_of(object);
}

int cluster_rank()
{
    return current().block->rank;
}

uint32_t cluster_address(uint32_t address, int rank)
{
    const Cluster &c = *current().block->cluster;
    if (rank < 0 || rank >= (int)c.blocks.size())
        fault("an address of rank %d in a cluster of %zu", rank, c.blocks.size());
    return (address % WINDOW) + (uint32_t)(rank + 1) * WINDOW;
}

Block &block_of(uint32_t address)
{
    Thread &me = current();
    const uint32_t window = address / WINDOW;
    if (window > me.block->cluster->blocks.size())
        fault("%#x is no address of the cluster", address);
    return window == 0 ? *me.block : me.block->cluster->blocks[window - 1];
}

unsigned char *at_address(uint32_t address, size_t bytes, const char *what)
{
    Block &block = block_of(address);
    const uint32_t offset = address % WINDOW - SHARED_BASE; /* below the base: huge */
    if (offset % WINDOW + bytes > block.cluster->bytes)
        fault("%s: %zu bytes at %d of rank %d, which has %zu", what, bytes, (int)offset, block.rank,
              block.cluster->bytes);
    return block.shared + offset;
}

unsigned char *dynamic_shared()
{
    return current().block->shared;
}

void *shared_variable(const char *file, int line, size_t bytes, size_t alignment)
{
    Cluster &c = *current().block->cluster;
    for (const Variable &variable : c.variables)
        if (variable.line == line && !strcmp(variable.file, file))
            return current().block->shared + variable.offset;
    const size_t offset = (c.bytes + alignment - 1) / alignment * alignment;
    if (offset + bytes > SHARED_LIMIT)
        fault("%zu bytes of shared memory, and only %zu there are", offset + bytes, SHARED_LIMIT);
    c.variables.push_back({file, line, offset});
    c.bytes = offset + bytes;
    return current().block->shared + offset;
}

/* ---------------------------------------------------------------------------------------------- stores */

/* Ordinary stores: the asynchronous proxy (products) sees them only after a fence. */
void store_shared(uint32_t to, const void *v, int bytes)
{
    if (to >= WINDOW)
        fault("an ordinary store to %#x, another block's memory", to);
    if (to % (uint32_t)bytes)
        fault("a store of %d bytes to %#x", bytes, to);
    memcpy(at_address(to, (size_t)bytes, "a store"), v, (size_t)bytes);
    Thread &me = current();
    stored(*me.block, to - SHARED_BASE, (size_t)bytes);
    me.block->marks[(to - SHARED_BASE) / 16] = {++me.block->cluster->time, &me};
}

void proxy_fence()
{
    current().fenced = ++current().block->cluster->time;
}

/* Of what lies at `offset`, by who stored it or who reads it. */
void need_proxy_fence(uint32_t offset, const char *what)
{
    const Thread &me = current();
    const Mark &mark = me.block->marks[offset / 16];
    if (mark.time > me.fenced && mark.time > mark.writer->fenced)
        fault("%s reads %u, which thread %d stored, without a proxy fence since", what, offset, mark.writer->index);
}

static Mbarrier &remote_mbarrier(Block &block, uint32_t offset)
{
    Mbarrier &barrier = mbarrier_at(block, offset);
    if (barrier.unfenced)
        fault("bytes sent to the mbarrier at %u of rank %d, initialised without a fence", offset, block.rank);
    return barrier;
}

void store_async(uint32_t to, const void *v, int bytes, uint32_t barrier)
{
    Block &block = block_of(to);
    if (&block_of(barrier) != &block)
        fault("an asynchronous store to rank %d, counted at rank %d", block.rank, block_of(barrier).rank);
    if (block.running == 0)
        fault("an asynchronous store to rank %d, which has ended", block.rank);
    if (to % (uint32_t)bytes)
        fault("an asynchronous store of %d bytes to %#x", bytes, to);
    Flight flight = {};
    flight.to = &block;
    flight.offset = to % WINDOW - SHARED_BASE;
    memset(at_address(to, (size_t)bytes, "an asynchronous store"), POISON, (size_t)bytes);
    memcpy(flight.data, v, (size_t)bytes);
    stored(block, flight.offset, (size_t)bytes);
    release_to(flight.clock);
    flight.bytes = bytes;
    flight.barrier = &remote_mbarrier(block, barrier % WINDOW - SHARED_BASE);
    block.cluster->flights.push_back(flight);
}

/* ---------------------------------------------------------------------------------------------- copies */

/* Sends a copy to the own block on its way. */
static void depart(Flight &flight, void *to, const void *barrier)
{
    flight.to = current().block;
    flight.offset = offset_of(to);
    flight.barrier = &remote_mbarrier(*flight.to, offset_of(barrier));
    stored(*flight.to, flight.offset, (size_t)flight.bytes);
    memset(at_address(SHARED_BASE + flight.offset, (size_t)flight.bytes, "a copy"), POISON, (size_t)flight.bytes);
    flight.to->cluster->flights.push_back(flight);
}

void bulk_copy(void *to, const void *global, int bytes, const void *barrier)
{
    if (bytes <= 0 || bytes % 16 || (uintptr_t)global % 16 || offset_of(to) % 16)
        fault("a copy of %d bytes to %u: all must be multiples of 16", bytes, offset_of(to));
    Flight flight = {};
    flight.kind = Flight::BULK;
    flight.bytes = bytes;
    flight.from = global;
    depart(flight, to, barrier);
}

/* Reads as late as may be: when it is waited for. */
void bulk_store(void *global, const void *from, int bytes)
{
    const uint32_t offset = offset_of(from);
    if (bytes <= 0 || bytes % 16 || (uintptr_t)global % 16 || offset % 16)
        fault("a copy of %d bytes from %u: all must be multiples of 16", bytes, offset);
    at_address(SHARED_BASE + offset, (size_t)bytes, "a copy to global memory");
    for (int k = 0; k < bytes; k += 16)
        need_proxy_fence(offset + (uint32_t)k, "a copy to global memory");
    current().block->outgoing.push_back({&current(), global, from, (size_t)bytes, false});
}

void bulk_store_commit()
{
    for (Outgoing &copy : current().block->outgoing)
        copy.committed |= copy.sender == &current();
}

void bulk_store_wait()
{
    current().block->outgoing.remove_if([](const Outgoing &copy) {
        const bool ends = copy.sender == &current() && copy.committed;
        if (ends)
            memcpy(copy.to, copy.from, copy.bytes);
        return ends;
    });
}

/* A thread may not end before its copies have read. */
void need_no_outgoing()
{
    for (const Outgoing &copy : current().block->outgoing)
        if (copy.sender == &current())
            fault("a copy to global memory from %u was not %s", offset_of(copy.from),
                  copy.committed ? "waited for" : "committed");
}

/* What the opaque words of a tensor map hold here. */
struct Map {
    const unsigned char *data;
    uint64_t sizes[3], strides[2];
    uint32_t box[3];
    bool swizzled;
};
static_assert(sizeof(Map) <= sizeof(CUtensorMap), "a tensor map must fit");

/* bfloat16 tensors; what the driver's encoder would refuse is refused. */
bool tensor_map_encode(CUtensorMap *map, const void *data, int rank, const uint64_t *sizes, const uint64_t *strides,
                       const uint32_t *box, bool swizzled)
{
    Map m = {static_cast<const unsigned char *>(data), {1, 1, 1}, {}, {1, 1, 1}, swizzled};
    if (rank < 1 || rank > 3 || (uintptr_t)data % 16 || (uintptr_t)map % 64)
        return false;
    for (int k = 0; k < rank; k++) {
        if (sizes[k] < 1 || sizes[k] > (uint64_t)1 << 32 || box[k] < 1 || box[k] > 256)
            return false;
        m.sizes[k] = sizes[k], m.box[k] = box[k];
    }
    for (int k = 0; k + 1 < rank; k++) {
        if (strides[k] % 16 || strides[k] >= (uint64_t)1 << 40)
            return false;
        m.strides[k] = strides[k];
    }
    if (box[0] * 2 % 16 || (swizzled && box[0] * 2 > 128))
        return false;
    memcpy(map->opaque, &m, sizeof m);
    return true;
}

/* Where byte `at` of a swizzled copy goes: 16-byte chunks change places within each 1024 bytes. */
static uint32_t swizzle(uint32_t at)
{
    return at ^ (at >> 3 & 0x70);
}

void tensor_copy(void *to, const CUtensorMap *map, const int *at, const void *barrier)
{
    Flight flight = {};
    Map m;
    memcpy(&m, map->opaque, sizeof m);
    const uint32_t offset = offset_of(to), multiple = m.swizzled ? 1024 : 128;
    if (offset % multiple)
        fault("a tensor copy to %u: a multiple of %u is needed", offset, multiple);
    flight.kind = Flight::TENSOR;
    flight.bytes = (int)(m.box[0] * m.box[1] * m.box[2] * 2);
    memcpy(flight.map, map->opaque, sizeof flight.map);
    memcpy(flight.at, at, sizeof flight.at);
    depart(flight, to, barrier);
}

static void land_tensor(const Flight &flight)
{
    Map m;
    memcpy(&m, flight.map, sizeof m);
    uint32_t to = flight.offset;
    for (uint32_t z = 0; z < m.box[2]; z++)
        for (uint32_t y = 0; y < m.box[1]; y++)
            for (uint32_t x = 0; x < m.box[0]; x += 8, to += 16) {
                const uint64_t at[3] = {(uint64_t)((int64_t)flight.at[0] + x), (uint64_t)((int64_t)flight.at[1] + y),
                                        (uint64_t)((int64_t)flight.at[2] + z)};
                unsigned char *chunk = flight.to->shared + (m.swizzled ? swizzle(to) : to);
                memset(chunk, 0, 16);
                if (at[1] >= m.sizes[1] || at[2] >= m.sizes[2])
                    continue;
                for (uint64_t e = 0; e < 8; e++)
                    if (at[0] + e < m.sizes[0])
                        memcpy(chunk + 2 * e, m.data + at[2] * m.strides[1] + at[1] * m.strides[0] + (at[0] + e) * 2,
                               2);
            }
}

/* Bytes arrive, and are counted. */
void land(const Flight &flight)
{
    if (flight.kind == Flight::TENSOR)
        land_tensor(flight);
    else
        memcpy(flight.to->shared + flight.offset, flight.kind == Flight::BULK ? flight.from : flight.data,
               (size_t)flight.bytes);
    forget_accesses(*flight.to, flight.offset, (size_t)flight.bytes);
    for (int k = 0; k < flight.bytes; k += 16)
        flight.to->marks[(flight.offset + (uint32_t)k) / 16] = Mark();
    Mbarrier &barrier = mbarrier_at(*flight.to, flight.barrier->offset);
    join(barrier.clock, flight.clock);
    complete_bytes(barrier, flight.bytes);
}

} // namespace emulated
