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
    size_t number;   /* in the cluster */
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

/* Times of each thread of the cluster, as far as somebody knows: by Thread::number; then of each warp's products. */
typedef std::vector<uint32_t> Clock;

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
    Clock clock;
    size_t number; /* of its products' clock */
    uint32_t time; /* of them */

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
    Clock clock;
};

struct Mbarrier {
    Block *block;
    uint32_t offset;
    int arrivals, pending;
    int64_t bytes;
    uint64_t phase;
    const Thread *unfenced; /* who initialised it and has not fenced that */
    Queue queue;
    Clock clock, past; /* of this phase's arrivals, of those before */
};

/* The last store of the matrix or plain kind to 16 bytes of shared memory. */
struct Mark {
    uint64_t time; /* 0: none that the asynchronous proxy does not know of */
    const Thread *writer;
};

/* By whom, and when by his own time. */
struct Access {
    const Thread *thread;
    size_t number;
    uint32_t time;
};
/* The last store to two bytes of shared memory, and loads since. */
struct Accesses {
    Access store;
    std::vector<Access> loads;
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
    std::vector<Accesses> accesses; /* by half-word, where races are looked for */
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
    Clock clock; /* what a store's sender knew */
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
    std::vector<Clock> clocks;
    Clock clock, past; /* as a mbarrier's */
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

/* Races (races.cc): two accesses to the same bytes, one of them a store, that no barrier orders. */
extern bool looking_for_races;
void begin_clocks(Cluster &c);
void release_to(Clock &clock);
void acquire_from(const Thread &thread, const Clock &clock);
void join(Clock &to, const Clock &from);
void loaded(Block &block, uint32_t offset, size_t bytes);
void stored(Block &block, uint32_t offset, size_t bytes);
void loaded_by_product(Block &block, uint32_t offset, size_t bytes);
void products_waited_for(Warp &warp);
void forget_accesses(Block &block, uint32_t offset, size_t bytes);

Mbarrier &mbarrier_at(Block &block, uint32_t offset);
void complete_bytes(Mbarrier &barrier, int64_t bytes);
void finish_products(const Block &block);

} // namespace emulated

#endif
