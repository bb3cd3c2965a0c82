/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memfd_create */
#include "plugin.h"
#include "contract.h"
#include "red_zone.h"
#include "wire.h"
#include "worker.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int limit = TTT_PLUGIN_LIMIT;

struct plugin {
    struct ttt_candidate candidate; /* what the harness sees */
    struct ttt_wire_about about;
    char *path, *args;
    pid_t process; /* 0: none */
    int socket, memory;
    char *map; /* of the memory */
    size_t map_bytes;
    double seconds;
    int hung;    /* it is not called again */
    int pending; /* `failure` is for the next call to report */
    struct ttt_failure failure;
};

void ttt_plugin_set_limit(int seconds)
{
    limit = seconds;
}

static int fail(struct plugin *p, const char *row, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int fail(struct plugin *p, const char *row, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    p->failure.row = row;
    vsnprintf(p->failure.text, sizeof p->failure.text, format, list);
    va_end(list);
    return -1;
}

/* The process. */

enum { GRACE = 2000 }; /* milliseconds that a process which says nothing any more may take to end */

/* Wait for its end, brought about at once if `kill_it`, else after a while; how it ended. */
static int reap(struct plugin *p, int kill_it)
{
    const struct timespec millisecond = {.tv_nsec = 1000000};
    int how = 0, waited = 0;
    pid_t ended;
    while ((ended = waitpid(p->process, &how, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        if (kill_it || waited++ >= GRACE)
            kill(p->process, SIGKILL);
        nanosleep(&millisecond, NULL);
    }
    close(p->socket);
    p->process = 0;
    return how;
}

/* One that does not collide with the numbers that the process wants. */
static int out_of_the_way(int fd)
{
    const int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 16);
    if (fd >= 0)
        close(fd);
    return moved;
}

static int spawn(struct plugin *p, int theirs)
{
    char *const argv[] = {(char[]){TTT_WIRE_NAME}, p->path, p->args, NULL};
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -1;
    int error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    error |= posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO); /* reports stay clean */
    error |= posix_spawn_file_actions_adddup2(&actions, theirs, TTT_WIRE_SOCKET);
    error |= posix_spawn_file_actions_adddup2(&actions, p->memory, TTT_WIRE_MEMORY);
    if (!error)
        error = posix_spawn(&p->process, "/proc/self/exe", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error)
        p->process = 0;
    return error ? -1 : 0;
}

static const char *operand_name(enum ttt_direction direction, int operand)
{
    return operand == TTT_WIRE_WORKSPACE_OPERAND ? "the workspace"
                                                 : ttt_tensor_info[ttt_operand_tensor(direction, operand)].name;
}

static const char *signal_name(int number)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},   {SIGILL, "SIGILL"},
                 {SIGABRT, "SIGABRT"}, {SIGKILL, "SIGKILL"}, {SIGTERM, "SIGTERM"}, {SIGTRAP, "SIGTRAP"},
                 {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].number == number)
            return names[i].name;
    return "a signal";
}

static int describe_signal(struct plugin *p, const struct ttt_wire_answer *a, enum ttt_direction direction,
                           const char *what)
{
    const char *name = signal_name(a->signal), *operand = operand_name(direction, a->operand);
    switch (a->where) {
    case TTT_WIRE_INSIDE:
        return fail(p, "inputs", "%s: %s was written to (%s)", what, operand, name);
    case TTT_WIRE_BEFORE:
        return fail(p, "red-zones", "%s: touched memory %" PRIu64 " bytes before %s (%s)", what, a->distance, operand,
                    name);
    case TTT_WIRE_BEHIND:
        return fail(p, "red-zones", "%s: touched memory %" PRIu64 " bytes behind the end of %s (%s)", what, a->distance,
                    operand, name);
    case TTT_WIRE_EARLIER:
        return fail(p, "kept-pointer", "%s: touched memory of an earlier call (%s)", what, name);
    default:
        if (a->signal == SIGSEGV || a->signal == SIGBUS)
            return fail(p, "crash", "%s: %s at address 0x%" PRIx64, what, name, a->address);
        return fail(p, "crash", "%s: %s", what, name);
    }
}

static int describe_end(struct plugin *p, int how, const char *what)
{
    if (WIFSIGNALED(how))
        return fail(p, "crash", "%s: %s", what, signal_name(WTERMSIG(how)));
    return fail(p, "exit", "%s: it ended its process with exit status %d", what, WEXITSTATUS(how));
}

/* The next answer of the process.  0, or -1 with the failure: then the process is gone. */
static int hear(struct plugin *p, struct ttt_wire_answer *answer, enum ttt_direction direction, const char *what)
{
    struct pollfd socket = {.fd = p->socket, .events = POLLIN};
    int ready;
    do
        ready = poll(&socket, 1, limit * 1000);
    while (ready < 0 && errno == EINTR);
    if (ready == 0) {
        reap(p, 1);
        p->hung = 1;
        return fail(p, "hang", "%s: took longer than the limit of %d s, and was ended", what, limit);
    }
    if (recv(p->socket, answer, sizeof *answer, 0) != (ssize_t)sizeof *answer)
        return describe_end(p, reap(p, 0), what);
    if (answer->kind != TTT_WIRE_SIGNAL)
        return 0;
    reap(p, 0);
    return describe_signal(p, answer, direction, what);
}

static int start(struct plugin *p)
{
    int ends[2];
    struct ttt_wire_answer answer;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return fail(p, "status", "no socket for its process: %s", strerror(errno));
    const int ours = out_of_the_way(ends[0]), theirs = out_of_the_way(ends[1]);
    const int status = ours < 0 || theirs < 0 ? -1 : spawn(p, theirs);
    if (theirs >= 0)
        close(theirs);
    p->socket = ours;
    if (status != 0) {
        if (ours >= 0)
            close(ours);
        return fail(p, "status", "its process could not be started: %s", strerror(errno));
    }
    if (hear(p, &answer, TTT_FORWARD, "open") != 0)
        return -1;
    if (answer.kind != TTT_WIRE_OPENED) {
        reap(p, 0);
        return fail(p, answer.kind == TTT_WIRE_ABI ? "abi" : "open", "%s", answer.text);
    }
    p->about = answer.about;
    unsigned points;
    char error[192];
    const int understood = ttt_points_parse(p->about.rounding_points, &points, error, sizeof error) == 0;
    if (understood && (!points || p->about.types == TTT_TYPES_BF16))
        return 0;
    if (understood)
        snprintf(error, sizeof error, "'%.63s' are declared of other types than bfloat16 (allowed: none)",
                 p->about.rounding_points);
    reap(p, 1);
    return fail(p, "open", "rounding_points: %s", error);
}

/* Ask and hear the answer.  0, or -1 with the failure. */
static int ask(struct plugin *p, const struct ttt_wire_request *request, struct ttt_wire_answer *answer,
               const char *what)
{
    if (p->hung)
        return -1;
    if (p->process == 0 && start(p) != 0)
        return -1;
    /* A process that died since its last answer has perhaps said of what: hear() finds out. */
    send(p->socket, request, sizeof *request, MSG_NOSIGNAL);
    return hear(p, answer, request->direction, what);
}

/* The memory of a call. */

static uint64_t drawn(uint64_t most)
{
    uint64_t bits = 0;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        return 0;
    return bits % (most + 1);
}

static uint64_t page_size(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Fill in where each operand goes; the bytes of the file that it takes. */
static uint64_t lay_out(const struct plugin *p, const union ttt_arguments *args, struct ttt_wire_request *r)
{
    const uint64_t page = page_size(), alignment = TTT_CANDIDATE_ALIGNMENT;
    uint64_t offset = 0, place = page * (1 + drawn(64));
    for (int i = 0; i < ttt_operand_count(r->direction); i++) {
        struct ttt_wire_operand *o = &r->operands[i];
        if (!ttt_operand_get(args, r->direction, i))
            continue;
        o->bytes = ttt_operand_bytes(r->direction, i, &r->shape, p->about.types);
        const uint64_t used = (o->bytes + alignment - 1) / alignment * alignment;
        o->extent = (used + alignment + page - 1) / page * page;
        o->front = o->extent - used;
        o->offset = offset;
        o->place = place;
        offset += o->extent;
        place += o->extent + page * (1 + drawn(64));
    }
    r->range = place;
    r->skip = page * drawn(1 << 20);
    return offset;
}

static int reserve_memory(struct plugin *p, uint64_t bytes)
{
    if (bytes <= p->map_bytes)
        return 0;
    if (p->map)
        munmap(p->map, p->map_bytes);
    p->map = NULL;
    p->map_bytes = 0;
    if (ftruncate(p->memory, (off_t)bytes) != 0)
        return fail(p, "status", "%" PRIu64 " bytes of shared memory: %s", bytes, strerror(errno));
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, p->memory, 0);
    if (map == MAP_FAILED)
        return fail(p, "status", "%" PRIu64 " bytes of shared memory: %s", bytes, strerror(errno));
    p->map = map;
    p->map_bytes = bytes;
    return 0;
}

static void copy_in(struct plugin *p, const struct ttt_wire_request *r, const union ttt_arguments *args)
{
    for (int i = 0; i < ttt_operand_count(r->direction); i++) {
        const struct ttt_wire_operand *o = &r->operands[i];
        char *extent = p->map + o->offset;
        if (o->bytes == 0)
            continue;
        ttt_red_zone_fill(extent, o->front);
        memcpy(extent + o->front, ttt_operand_get(args, r->direction, i), o->bytes);
        ttt_red_zone_fill(extent + o->front + o->bytes, o->extent - o->front - o->bytes);
    }
}

/* Outputs to the caller; red zones and inputs must be as they were. */
static int copy_out(struct plugin *p, const struct ttt_wire_request *r, const union ttt_arguments *args,
                    const char *what)
{
    for (int i = 0; i < ttt_operand_count(r->direction); i++) {
        const struct ttt_wire_operand *o = &r->operands[i];
        const char *extent = p->map + o->offset, *data = extent + o->front;
        if (o->bytes == 0)
            continue;
        if (!ttt_red_zone_intact(extent, o->front) ||
            !ttt_red_zone_intact(data + o->bytes, o->extent - o->front - o->bytes))
            return fail(p, "red-zones", "%s: written out of the bounds of %s", what, operand_name(r->direction, i));
        if (ttt_operand_is_output(r->direction, i))
            memcpy(ttt_operand_get(args, r->direction, i), data, o->bytes);
        else if (memcmp(ttt_operand_get(args, r->direction, i), data, o->bytes) != 0)
            return fail(p, "inputs", "%s: %s was changed", what, operand_name(r->direction, i));
    }
    return 0;
}

/* The functions of the candidate. */

static const char *const direction_word[] = {"forward", "backward"};

static enum ttt_status plugin_supports(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction)
{
    struct plugin *p = self;
    const struct ttt_wire_request request = {.op = TTT_WIRE_SUPPORTS, .direction = direction, .shape = *shape};
    struct ttt_wire_answer answer;
    const int form = shape->causal == 0 || shape->causal == 1;
    if (!(p->about.directions & 1u << direction) || (form && !(p->about.forms & 1u << shape->causal)))
        return TTT_ERROR_UNSUPPORTED;
    if (ask(p, &request, &answer, "supports") == 0)
        return answer.status;
    p->pending = 1; /* not a refusal: the call that follows fails for it */
    return TTT_OK;
}

static size_t plugin_workspace(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction, int threads)
{
    struct plugin *p = self;
    const struct ttt_wire_request request = {
        .op = TTT_WIRE_WORKSPACE, .direction = direction, .shape = *shape, .threads = threads};
    struct ttt_wire_answer answer;
    if (p->pending || ask(p, &request, &answer, "workspace") != 0) {
        p->pending = 1;
        return 0;
    }
    return (size_t)answer.bytes;
}

/* What an answer to a call says beside its status. */
static int judge_answer(struct plugin *p, const struct ttt_wire_request *r, const struct ttt_wire_answer *a,
                        const char *what)
{
    switch (a->kind) {
    case TTT_WIRE_OVERRUN:
        return fail(p, "red-zones", "%s: written out of the bounds of %s", what,
                    operand_name(r->direction, a->operand));
    case TTT_WIRE_CHANGED:
        return fail(p, "inputs", "%s: %s was changed", what, operand_name(r->direction, a->operand));
    case TTT_WIRE_CUDA:
        reap(p, 1); /* its context is of no use any more */
        return fail(p, "cuda", "%s: %s", what, a->text);
    case TTT_WIRE_DONE:
        return 0;
    default:
        return fail(p, "status", "%s: %s", what, a->text);
    }
}

static enum ttt_status run(struct plugin *p, const struct ttt_mlp_shape *shape, enum ttt_direction direction,
                           const union ttt_arguments *args, int threads)
{
    const char *what = direction_word[direction];
    struct ttt_wire_request request = {.op = TTT_WIRE_RUN, .direction = direction, .shape = *shape, .threads = threads};
    struct ttt_wire_answer answer;
    const int pending = p->pending;
    p->seconds = 0;
    p->pending = 0;
    if (pending || reserve_memory(p, lay_out(p, args, &request)) != 0)
        return TTT_ERROR_DEVICE;
    copy_in(p, &request, args);
    if (ask(p, &request, &answer, what) != 0 || judge_answer(p, &request, &answer, what) != 0)
        return TTT_ERROR_DEVICE;
    p->seconds = answer.seconds;
    if (answer.status != TTT_OK) {
        fail(p, "status", "%s returned %d: %s", what, (int)answer.status, ttt_candidate_status(answer.status));
        return answer.status;
    }
    return copy_out(p, &request, args, what) == 0 ? TTT_OK : TTT_ERROR_DEVICE;
}

static enum ttt_status plugin_forward(void *self, const struct ttt_mlp_shape *shape,
                                      const struct ttt_mlp_forward_args *args, const struct ttt_candidate_call *call)
{
    const union ttt_arguments any = {.forward = *args};
    return run(self, shape, TTT_FORWARD, &any, call->threads);
}

static enum ttt_status plugin_backward(void *self, const struct ttt_mlp_shape *shape,
                                       const struct ttt_mlp_backward_args *args, const struct ttt_candidate_call *call)
{
    const union ttt_arguments any = {.backward = *args};
    return run(self, shape, TTT_BACKWARD, &any, call->threads);
}

static void plugin_free(struct plugin *p)
{
    if (p->map)
        munmap(p->map, p->map_bytes);
    if (p->memory >= 0)
        close(p->memory);
    free(p->path);
    free(p->args);
    free(p);
}

static void describe(struct plugin *p)
{
    p->candidate = (struct ttt_candidate){
        .abi = TTT_CANDIDATE_ABI,
        .name = p->about.name,
        .about = p->about.about,
        .types = p->about.types,
        .forms = p->about.forms,
        .directions = p->about.directions,
        .deterministic = p->about.deterministic,
        .rounding_points = p->about.rounding_points,
        .memory = TTT_MEMORY_HOST,
        .self = p,
        .supports = plugin_supports,
        .workspace = p->about.has_workspace ? plugin_workspace : NULL,
        .forward = plugin_forward,
        .backward = plugin_backward,
    };
}

const struct ttt_candidate *ttt_plugin_open(const char *path, const char *args, char *error, size_t error_size)
{
    if (!ttt_worker_is_ready()) {
        snprintf(error, error_size, "--candidate: %s: this program opens no plug-ins", path);
        return NULL;
    }
    struct plugin *p = calloc(1, sizeof *p);
    if (p) {
        p->path = strdup(path);
        p->args = strdup(args);
        p->memory = out_of_the_way(memfd_create("ttt-operands", MFD_CLOEXEC));
    }
    if (!p || !p->path || !p->args || p->memory < 0) {
        snprintf(error, error_size, "--candidate: out of memory");
    } else if (start(p) != 0) {
        snprintf(error, error_size, "--candidate: %s: %s: %s (this program's ABI is %d; arguments '%.100s')", path,
                 p->failure.row, p->failure.text, TTT_CANDIDATE_ABI, args);
    } else {
        describe(p);
        return &p->candidate;
    }
    if (p)
        plugin_free(p);
    return NULL;
}

void ttt_plugin_close(const struct ttt_candidate *candidate)
{
    struct plugin *p = candidate->self;
    const struct ttt_wire_request request = {.op = TTT_WIRE_CLOSE};
    struct ttt_wire_answer answer;
    if (p->process != 0 && ask(p, &request, &answer, "close") == 0)
        reap(p, 0);
    plugin_free(p);
}

int ttt_candidate_is_plugin(const struct ttt_candidate *candidate)
{
    return candidate->forward == plugin_forward;
}

const struct ttt_failure *ttt_plugin_failure(const struct ttt_candidate *candidate)
{
    return &((const struct plugin *)candidate->self)->failure;
}

double ttt_plugin_seconds(const struct ttt_candidate *candidate)
{
    return ((const struct plugin *)candidate->self)->seconds;
}
