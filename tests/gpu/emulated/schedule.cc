/* SPDX-License-Identifier: MIT
 *
 * Fibers, and whose turn it is.
 */
#include "state.h"
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cuda_runtime.h>
#include <sys/mman.h>
#include <ucontext.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

__thread dim3 blockDim, gridDim;

namespace emulated
{

static unsigned asked_schedule()
{
    const char *asked = getenv("TTT_EMULATED_SCHEDULE");
    return asked ? (unsigned)strtoul(asked, nullptr, 10) : 1;
}

unsigned schedule = asked_schedule();
__thread Seen *self;

static constexpr size_t STACK_BYTES = SANITIZED ? 512 << 10 : 128 << 10;
static constexpr size_t PAGE = 4096;

/* Threads of a block that can run: a ring, with room for all. */
struct Ready {
    std::vector<Thread *> ring;
    size_t first, count;

    void add(Thread *thread)
    {
        ring[(first + count++) % ring.size()] = thread;
    }

    /* The one that became ready first; or number `k` from there, and the first takes its place. */
    Thread *take(size_t k)
    {
        Thread *thread = ring[(first + k) % ring.size()];
        ring[(first + k) % ring.size()] = ring[first];
        first = (first + 1) % ring.size();
        count--;
        return thread;
    }
};

/* One per thread of the host; its fibers serve cluster after cluster. */
struct Machine {
    std::deque<Thread> fibers;
    std::vector<Ready> ready; /* by rank */
    size_t rank;              /* whose turn it is */
    Cluster *cluster;
    const std::function<void()> *kernel;
    uint64_t random;
    std::jmp_buf home;
    bool faulted;
    ucontext_t starter;
    Thread *starting;
    void *fake_stack;
    const void *stack;
    size_t stack_bytes;
    unsigned asked_cluster; /* by kernel_begins, while only that is asked */
    bool asking;

    ~Machine();
};

static thread_local Machine machine;

Machine::~Machine()
{
    for (Thread &fiber : fibers)
        munmap(fiber.stack, STACK_BYTES + PAGE);
}

/* ---------------------------------------------------------------------------------------------- switching */

/* What AddressSanitizer wants to know around a switch of stacks. */
static void leave_stack([[maybe_unused]] void **fake, [[maybe_unused]] const void *stack, [[maybe_unused]] size_t bytes)
{
#if SANITIZED
    __sanitizer_start_switch_fiber(fake, stack, bytes);
#endif
}

static void enter_stack([[maybe_unused]] void *fake, [[maybe_unused]] const void **from, [[maybe_unused]] size_t *bytes)
{
#if SANITIZED
    __sanitizer_finish_switch_fiber(fake, from, bytes);
#endif
}

static unsigned char *stack_of(const Thread &fiber)
{
    return static_cast<unsigned char *>(fiber.stack) + PAGE;
}

[[noreturn]] static void go_home(Thread &from)
{
    leave_stack(&from.fake_stack, machine.stack, machine.stack_bytes);
    std::longjmp(machine.home, 1);
}

static uint64_t random_number()
{
    machine.random = machine.random * 6364136223846793005u + 1442695040888963407u;
    return machine.random >> 33;
}

static void make_ready(Thread *thread)
{
    thread->reason = nullptr;
    machine.ready[(size_t)thread->block->rank].add(thread);
}

/* What of that is under way lands now: the first (0) that somebody waits for, or else the first; or any, at random. */
static size_t choose_flight(const std::deque<Flight> &flights)
{
    if (schedule >= 2)
        return random_number() % flights.size();
    for (size_t k = 0; schedule == 1 && k < flights.size(); k++)
        if (!flights[k].barrier->queue.empty())
            return k;
    return 0;
}

static void land_one()
{
    std::deque<Flight> &flights = machine.cluster->flights;
    const size_t k = choose_flight(flights);
    const Flight flight = flights[k];
    flights[k] = flights.front();
    flights.pop_front();
    land(flight);
}

/* A rank keeps its turn as long as it has a thread that can run: others may lag behind as far as barriers let them. */
static Ready *next_rank()
{
    Machine &m = machine;
    if (schedule >= 2)
        m.rank = random_number() % m.ready.size();
    for (size_t k = 0; k < m.ready.size(); k++, m.rank = (m.rank + 1) % m.ready.size())
        if (m.ready[m.rank].count > 0)
            return &m.ready[m.rank];
    return nullptr;
}

static Thread *next_ready()
{
    std::deque<Flight> &flights = machine.cluster->flights;
    Ready *ready = next_rank();
    while (!flights.empty() && (schedule == 0 || !ready || (schedule >= 2 && random_number() % 4 == 0))) {
        land_one();
        if (!ready)
            ready = next_rank();
    }
    return ready ? ready->take(schedule >= 2 ? random_number() % ready->count : 0) : nullptr;
}

/* The next thread goes on; the caller does when it is its turn again. */
static void switch_away(Thread &me)
{
    Thread *next = next_ready();
    if (next == &me)
        return;
    if (_setjmp(me.context) == 0) {
        if (!next)
            go_home(me);
        self = next;
        leave_stack(&me.fake_stack, stack_of(*next), STACK_BYTES);
        std::longjmp(next->context, 1);
    }
    enter_stack(me.fake_stack, nullptr, nullptr);
}

void wait_in(Queue &queue, Reason reason, const void *object)
{
    Thread &me = current();
    me.reason = reason;
    me.object = object;
    queue.push_back(&me);
    switch_away(me);
}

void wake(Queue &queue)
{
    for (Thread *thread : queue)
        make_ready(thread);
    queue.clear();
}

/* ---------------------------------------------------------------------------------------------- fibers */

static void finish(Thread &me)
{
    need_no_outgoing();
    me.finished = true;
    me.block->running--;
    machine.cluster->running--;
    switch_away(me);
}

/* A fiber runs the kernel once for each cluster that it serves. */
static void fiber_main()
{
    Thread &me = *machine.starting;
    enter_stack(nullptr, &machine.stack, &machine.stack_bytes);
    if (_setjmp(me.context) == 0) {
        leave_stack(&me.fake_stack, machine.stack, machine.stack_bytes);
        setcontext(&machine.starter);
    }
    enter_stack(me.fake_stack, nullptr, nullptr);
    for (;;) {
        (*machine.kernel)();
        finish(me);
    }
}

static void start_fiber(Thread &fiber)
{
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stack_of(fiber);
    context.uc_stack.ss_size = STACK_BYTES;
    context.uc_link = nullptr;
    makecontext(&context, fiber_main, 0);
    machine.starting = &fiber;
    leave_stack(&machine.fake_stack, stack_of(fiber), STACK_BYTES);
    swapcontext(&machine.starter, &context);
    enter_stack(machine.fake_stack, nullptr, nullptr);
}

static void need_fibers(size_t count)
{
    Machine &m = machine;
    if (m.faulted) /* they stand where the fault stopped them */
        for (Thread &fiber : m.fibers)
            start_fiber(fiber);
    m.faulted = false;
    while (m.fibers.size() < count) {
        void *stack = mmap(nullptr, STACK_BYTES + PAGE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stack == MAP_FAILED || mprotect(stack, PAGE, PROT_NONE)) {
            perror("the stack of an emulated thread");
            abort();
        }
        m.fibers.emplace_back();
        m.fibers.back().stack = stack;
        start_fiber(m.fibers.back());
    }
}

/* ---------------------------------------------------------------------------------------------- clusters */

static void make_block(Cluster &c, int rank, int threads)
{
    Block &block = c.blocks[(size_t)rank];
    block.cluster = &c;
    block.rank = rank;
    block.running = threads;
    block.memory.reset(new unsigned char[SHARED_LIMIT + 2 * CANARY]);
    block.shared = block.memory.get() + (CANARY - (uintptr_t)block.memory.get() % CANARY) % CANARY;
    memset(block.shared, POISON, SHARED_LIMIT + CANARY);
    block.marks.assign(SHARED_LIMIT / 16, Mark());
    block.warps = std::vector<Warp>((size_t)(threads + WARP - 1) / WARP);
    for (Warp &warp : block.warps) {
        warp.block = &block;
        warp.size = std::min(WARP, threads - WARP * (int)(&warp - &block.warps[0]));
    }
    for (NamedBarrier &barrier : block.named)
        barrier.arrived.assign((size_t)threads, false);
}

static void place_thread(Thread &thread, Block &block, int index, uint32_t block_index, dim3 grid, dim3 threads)
{
    void *stack = thread.stack, *fake_stack = thread.fake_stack;
    std::jmp_buf context;
    memcpy(&context, &thread.context, sizeof context);
    memset(static_cast<void *>(&thread), 0, sizeof thread);
    memcpy(&thread.context, &context, sizeof context);
    thread.stack = stack;
    thread.fake_stack = fake_stack;
    thread.thread_index = {(uint32_t)index % threads.x, (uint32_t)index / threads.x % threads.y,
                           (uint32_t)index / threads.x / threads.y};
    thread.block_index = {block_index % grid.x, block_index / grid.x % grid.y, block_index / grid.x / grid.y};
    thread.block = &block;
    thread.warp = &block.warps[(size_t)(index / WARP)];
    thread.index = index;
    thread.lane = index % WARP;
    block.threads.push_back(&thread);
}

/* Who waits for what, threads in a row that wait alike together. */
static void tell_waiting(const Cluster &c)
{
    for (const Block &block : c.blocks)
        for (size_t first = 0, next; first < block.threads.size(); first = next) {
            const Thread &thread = *block.threads[first];
            const std::string why = thread.finished ? "finished" : thread.reason ? thread.reason(thread) : "running";
            for (next = first + 1; next < block.threads.size(); next++) {
                const Thread &other = *block.threads[next];
                if (why != (other.finished ? "finished" : other.reason ? other.reason(other) : "running"))
                    break;
            }
            fprintf(stderr, "  block %u (rank %d), threads %zu to %zu: %s\n", thread.block_index.x, block.rank, first,
                    next - 1, why.c_str());
        }
}

static void check_end(const Cluster &c)
{
    for (const Block &block : c.blocks) {
        finish_products(block);
        for (size_t k = c.bytes; k < SHARED_LIMIT + CANARY; k++)
            if (block.shared[k] != POISON)
                throw text("rank %d wrote %zu bytes past the end of its %zu bytes of shared memory", block.rank,
                           k - c.bytes, c.bytes);
    }
}

static bool run_cluster(const std::function<void()> &kernel, dim3 grid, dim3 threads, unsigned size, uint32_t number,
                        size_t shared)
{
    Machine &m = machine;
    const int per_block = (int)(threads.x * threads.y * threads.z);
    Cluster c = {};
    c.dynamic_bytes = c.bytes = shared;
    c.threads = c.running = per_block * (int)size;
    c.blocks = std::vector<Block>(size);
    need_fibers((size_t)c.threads);
    m.cluster = &c;
    m.kernel = &kernel;
    gridDim = grid;
    blockDim = threads;
    m.random = schedule * 0x9e3779b97f4a7c15u + number;
    m.ready.assign(size, Ready{std::vector<Thread *>((size_t)per_block), 0, 0});
    m.rank = 0;
    for (unsigned rank = 0; rank < size; rank++) {
        make_block(c, (int)rank, per_block);
        for (int k = 0; k < per_block; k++) {
            Thread &thread = m.fibers[rank * (unsigned)per_block + (unsigned)k];
            place_thread(thread, c.blocks[rank], k, number * size + rank, grid, threads);
            thread.number = rank * (unsigned)per_block + (unsigned)k;
            make_ready(&thread);
        }
    }
    begin_clocks(c);
    if (_setjmp(m.home) == 0) {
        Thread *first = next_ready();
        self = first;
        leave_stack(&m.fake_stack, stack_of(*first), STACK_BYTES);
        std::longjmp(first->context, 1);
    }
    enter_stack(m.fake_stack, nullptr, nullptr);
    self = nullptr;
    if (!m.faulted && m.cluster->running > 0) {
        fprintf(stderr, "emulated device: deadlock\n");
        tell_waiting(*m.cluster);
        m.faulted = true;
    }
    try {
        if (!m.faulted)
            check_end(*m.cluster);
    } catch (const std::string &what) {
        fprintf(stderr, "emulated device: %s\n", what.c_str());
        m.faulted = true;
    }
    return !m.faulted;
}

/* ---------------------------------------------------------------------------------------------- the outside */

void kernel_begins(unsigned x, unsigned y, unsigned z)
{
    if (machine.asking)
        throw dim3(x, y, z);
}

/* How large a cluster the kernel wants: it says so in its first statement. */
static unsigned ask_cluster(const std::function<void()> &kernel)
{
    machine.asking = true;
    unsigned size = 1;
    try {
        kernel();
    } catch (const dim3 &cluster) {
        size = cluster.x * cluster.y * cluster.z;
    }
    machine.asking = false;
    return size;
}

bool run(const std::function<void()> &kernel, dim3 grid, dim3 block, unsigned cluster, size_t shared)
{
    const unsigned declared = ask_cluster(kernel), size = cluster ? cluster : declared;
    if (declared > 1 && size != declared) {
        fprintf(stderr, "emulated device: launched in clusters of %u a kernel for clusters of %u\n", size, declared);
        return false;
    }
    const int64_t blocks = (int64_t)grid.x * grid.y * grid.z;
    if (blocks % size || block.x * block.y * block.z > 1024 || shared > SHARED_LIMIT) {
        fprintf(stderr, "emulated device: %lld blocks of %u threads with %zu bytes, clusters of %u: impossible\n",
                (long long)blocks, block.x * block.y * block.z, shared, size);
        return false;
    }
    std::atomic<bool> good(true);
#pragma omp parallel for schedule(dynamic)
    for (int64_t k = 0; k < blocks / size; k++)
        if (good && !run_cluster(kernel, grid, block, size, (uint32_t)k, shared))
            good = false;
    return good;
}

void fault(const char *format, ...)
{
    Thread &me = current();
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "emulated device: block %u (rank %d), thread %d: ", me.block_index.x, me.block->rank, me.index);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    machine.faulted = true;
    go_home(me);
}

void trap()
{
    fault("trap");
}

std::string text(const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    return line;
}

} // namespace emulated
