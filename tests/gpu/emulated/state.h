/* SPDX-License-Identifier: MIT
 *
 * What the machine is made of.  Everything here belongs to one cluster, and so to one thread of the host.
 */
#ifndef TTT_EMULATED_STATE_H
#define TTT_EMULATED_STATE_H

#include "machine.h"
#include <csetjmp>
#include <cstring>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace emulated
{

constexpr uint32_t SHARED_BASE = 1024;        /* the first address: none is 0, and 1 KB is the system's */
constexpr uint32_t WINDOW = 1 << 24;          /* from one block's addresses to the next's */
constexpr size_t SHARED_LIMIT = 232448;       /* bytes that a block may have */
constexpr size_t CANARY = 1024;               /* behind them */
constexpr unsigned char POISON = 0xff;        /* a NaN of every type */
constexpr unsigned ACCUMULATOR = 0x7fc0acedu; /* a NaN that says where it comes from */
constexpr int WARP = 32;

struct Block;
struct Warp;
struct Cluster;

/* Why a thread waits: said when nobody can go on. */
typedef std::string (*Reason)(const Thread &);

struct Thread : Seen {
    Block *block;
    Warp *warp;
    int index, lane; /* in the block, in the warp */
    bool finished;

    Reason reason; /* of waiting; NULL: can run */
    const void *object;
    uint32_t parity;

    bool arrived; /* at the cluster's barrier */
    uint64_t cluster_phase;
    uint64_t fenced;     /* when it last fenced its accesses for the asynchronous proxy */
    bool products_begun; /* a wgmma_fence since the last wait */
    size_t products, groups;

    std::jmp_buf context;
    void *stack;
    void *fake_stack; /* of AddressSanitizer */
};

typedef std::vector<Thread *> Queue;

/* A product in flight, one warp's 16 rows of it, and its accumulators. */
struct Accumulators {
    float *registers[WARP];
    float value[16][64];
    size_t last; /* number of the last product on them */
    int lanes;   /* that have brought theirs */
};
struct Product {
    uint64_t a, b;
    bool in_registers, a_down, b_down, add;
    int columns, lanes;
    uint16_t A[16][16], B[16][64]; /* as the first lane found them */
    std::list<Accumulators>::iterator to;
};

struct Warp {
    Block *block;
    int size, arrived;
    const char *what; /* the instruction that its lanes gather for */
    Queue queue;
    uint32_t exchange[2][WARP], address[WARP];
    uint32_t matrix[WARP][4];
    unsigned turn[WARP];

    std::deque<Product> products;
    size_t first_product; /* number of products[0] */
    std::vector<size_t> groups;
    std::list<Accumulators> accumulators;
};

struct NamedBarrier {
    int threads;
    std::vector<bool> arrived;
    int count;
    Queue queue;
};

struct Mbarrier {
    Block *block;
    uint32_t offset;
    int arrivals, pending;
    int64_t bytes;
    uint64_t phase;
    const Thread *unfenced; /* who initialised it and has not fenced that */
    Queue queue;
};

/* The last store of the matrix or plain kind to 16 bytes of shared memory. */
struct Mark {
    uint64_t time; /* 0: none that the asynchronous proxy does not know of */
    const Thread *writer;
};

/* A copy to global memory, which has not read yet. */
struct Outgoing {
    const Thread *sender;
    void *to;
    const void *from;
    size_t bytes;
    bool committed;
};

struct Block {
    Cluster *cluster;
    int rank, running;
    std::unique_ptr<unsigned char[]> memory;
    unsigned char *shared; /* aligned to 1024 bytes */
    std::vector<Mark> marks;
    std::vector<Warp> warps;
    std::vector<Thread *> threads;
    NamedBarrier named[16];
    std::deque<Mbarrier> mbarriers;
    std::list<Outgoing> outgoing;
};

/* Bytes on their way: of a store, of a copy, or of a copy through a tensor map, which read late. */
struct Flight {
    enum { STORE, BULK, TENSOR } kind;
    Block *to;
    uint32_t offset;
    int bytes;
    const Mbarrier *barrier;
    unsigned char data[16];
    const void *from;
    uint64_t map[16];
    int at[3];
};

struct Variable {
    const char *file;
    int line;
    size_t offset;
};

struct Cluster {
    std::vector<Block> blocks;
    size_t dynamic_bytes, bytes; /* of shared memory */
    std::vector<Variable> variables;
    std::deque<Flight> flights;
    int threads, running, arrived; /* arrived: at the cluster's barrier */
    uint64_t phase, time;
    Queue queue;
};

/* The running thread, as the machine sees it. */
static inline Thread &current()
{
    return *static_cast<Thread *>(self);
}

/* Ends the launch: says `what`, and where; does not return. */
[[noreturn]] void fault(const char *what, ...) __attribute__((format(printf, 1, 2)));

/* Lets others run until `queue` is woken. */
void wait_in(Queue &queue, Reason reason, const void *object);
void wake(Queue &queue);

/* Waits until all lanes of the warp are here; true for the last, who has not waited. */
bool gather(const char *what);

std::string text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Shared memory. */
uint32_t offset_of(const void *object);
Block &block_of(uint32_t address);
unsigned char *at_address(uint32_t address, size_t bytes, const char *what);
void land(const Flight &flight);
void need_proxy_fence(uint32_t offset, const char *what);
void need_no_outgoing();

Mbarrier &mbarrier_at(Block &block, uint32_t offset);
void complete_bytes(Mbarrier &barrier, int64_t bytes);
void finish_products(const Block &block);

} // namespace emulated

#endif
