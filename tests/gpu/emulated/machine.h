/* SPDX-License-Identifier: MIT
 *
 * A machine that runs CUDA kernels on the CPU, for tests: what the emulated instructions and the language need of it.
 *
 * Every CUDA thread is a fiber.  One thread of the host runs all fibers of a cluster, switching only where one must
 * wait; clusters are independent and run in parallel.  Shared memory starts as NaNs; asynchronous copies poison their
 * destination until they land; products (wgmma) poison their accumulators until they are waited for, and fail if an
 * operand changes under them.  A fault (a deadlock, a misused barrier, ...) is told on stderr, ends the launch, and is
 * the runtime's error from then on, as on a device.
 */
#ifndef TTT_EMULATED_MACHINE_H
#define TTT_EMULATED_MACHINE_H

#include <cstddef>
#include <cstdint>
#include <functional>

struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) uint2 {
    uint32_t x, y;
};
struct alignas(16) uint4 {
    uint32_t x, y, z, w;
};
struct uint3 {
    uint32_t x, y, z;
};
struct dim3 {
    uint32_t x, y, z;
    constexpr dim3(uint32_t x_ = 1, uint32_t y_ = 1, uint32_t z_ = 1) : x(x_), y(y_), z(z_)
    {
    }
};

struct CUtensorMap;

namespace emulated
{

/* What a kernel sees of its place; the rest of a thread is the machine's. */
struct Seen {
    uint3 thread_index, block_index;
};
struct Thread;
extern __thread Seen *self;

/* In which order threads run, and when asynchronous stores and copies land: 0: in order, at once; 1: in order, only
 * when nobody can go on without them; from 2 on: at random, by this seed.  A right kernel gives the same bits under
 * all.  At the start the environment's TTT_EMULATED_SCHEDULE, or 1. */
extern unsigned schedule;

/* How many clusters of so many blocks the device runs at once: 24 and 66, as an H200. */
extern int clusters_of_4, clusters_of_2;

/* The first statement of every kernel, put there by the translation. */
void kernel_begins(unsigned x, unsigned y = 1, unsigned z = 1);

/* Runs a kernel, grid.x / cluster clusters; cluster 0: as the kernel declares.  False after a fault. */
bool run(const std::function<void()> &kernel, dim3 grid, dim3 block, unsigned cluster, size_t shared);

/* Shared memory of the block: the dynamic part, and variables, by the place of their declaration. */
unsigned char *dynamic_shared();
void *shared_variable(const char *file, int line, size_t bytes, size_t alignment);

[[noreturn]] void trap();

/* Warps. */
int lane();
uint32_t shuffle(unsigned mask, uint32_t value, int lane);
void sync_warp(unsigned mask);
void store_matrix(uint32_t row_address, const uint32_t *v, int matrices, bool transposed);

/* Barriers. */
void sync_block();
void named_barrier(int id, int threads, bool wait);
void mbarrier_init(const void *barrier, int arrivals);
void mbarrier_init_fence();
void mbarrier_arrive(const void *barrier, int bytes);
void mbarrier_arrive_remote(uint32_t barrier);
bool mbarrier_try_wait(const void *barrier, uint32_t parity);
void cluster_arrive();
void cluster_wait();
void proxy_fence();

/* Addresses: 32 bits, those of the own block below 2^24, those of rank r of the cluster above (r + 1) 2^24. */
int cluster_rank();
uint32_t shared_address(const void *object);
uint32_t cluster_address(uint32_t address, int rank);
void store_shared(uint32_t to, const void *v, int bytes);
void store_async(uint32_t to, const void *v, int bytes, uint32_t barrier);
bool tensor_map_encode(CUtensorMap *map, const void *data, int rank, const uint64_t *sizes, const uint64_t *strides,
                       const uint32_t *box, bool swizzled);
void bulk_copy(void *to, const void *global, int bytes, const void *barrier);
void bulk_store(void *global, const void *from, int bytes);
void bulk_store_commit();
void bulk_store_wait();
void tensor_copy(void *to, const CUtensorMap *map, const int *at, const void *barrier);

/* Products: one of 64 x (2 registers) x 16. */
struct Operand {
    uint64_t descriptor;
    const uint32_t *registers; /* or NULL: in shared memory */
    bool down;                 /* K down the columns of the tile */
};
void wgmma(float *d, int registers, const Operand &a, const Operand &b, bool add);
void wgmma_fence();
void wgmma_commit();
void wgmma_wait(int pending);
void settle(const float *d);

} // namespace emulated

#endif
