/* SPDX-License-Identifier: MIT */
#include "worker.h"
#include "clock.h"
#include "device.h"
#include "worker_memory.h"
#include <ctype.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct ttt_candidate *candidate;

static void say(const struct ttt_wire_answer *answer)
{
    /* Nobody listens any more: the judge is gone. */
    if (send(TTT_WIRE_SOCKET, answer, sizeof *answer, MSG_NOSIGNAL) != (ssize_t)sizeof *answer)
        _exit(1);
}

/* Tell the judge what was touched, then die of the signal as if it had not been caught. */
static void on_signal(int number, siginfo_t *info, void *context)
{
    static struct ttt_wire_answer answer;
    (void)context;
    answer.kind = TTT_WIRE_SIGNAL;
    answer.signal = number;
    if (number == SIGSEGV || number == SIGBUS)
        ttt_worker_locate((uint64_t)(uintptr_t)info->si_addr, &answer);
    say(&answer);
    signal(number, SIG_DFL);
    raise(number);
}

static void catch_signals(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    static char stack[1 << 16]; /* a fault may be that of an exhausted stack */
    const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    action.sa_sigaction = on_signal;
    sigaltstack(&alternate, NULL);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaction(numbers[i], &action, NULL);
}

/* What is wrong with the struct of a plug-in of this version, or NULL. */
static const char *fault_of(const struct ttt_candidate *c)
{
    if (!c->name || !c->about)
        return "name or about is NULL";
    if (!c->name[0] || strlen(c->name) > 63)
        return "name is empty or longer than 63 bytes";
    for (const char *p = c->name; *p; p++)
        if (!isgraph((unsigned char)*p))
            return "name is not one word of printable characters";
    if (c->types != TTT_TYPES_F64 && c->types != TTT_TYPES_F32 && c->types != TTT_TYPES_BF16)
        return "types is not a value of enum ttt_types";
    if (c->forms < 1 || c->forms > (TTT_CAN_NON_CAUSAL | TTT_CAN_CAUSAL))
        return "forms is not TTT_CAN_NON_CAUSAL, TTT_CAN_CAUSAL or both";
    if (c->directions < 1 || c->directions > (TTT_CAN_FORWARD | TTT_CAN_BACKWARD))
        return "directions is not TTT_CAN_FORWARD, TTT_CAN_BACKWARD or both";
    if (c->deterministic != 0 && c->deterministic != 1)
        return "deterministic is neither 0 nor 1";
    if (c->memory != TTT_MEMORY_HOST && c->memory != TTT_MEMORY_CUDA)
        return "memory is not a value of enum ttt_memory";
    if (!c->supports || (c->directions & TTT_CAN_FORWARD && !c->forward) ||
        (c->directions & TTT_CAN_BACKWARD && !c->backward))
        return "supports, or the function of a direction that it has, is NULL";
    if (c->rounding_points && strlen(c->rounding_points) > 63)
        return "rounding_points is longer than 63 bytes";
    return NULL;
}

/* Open it: TTT_WIRE_OPENED, or what is wrong, in words. */
static enum ttt_wire_kind open_candidate(const char *path, const char *args, char *text, size_t text_size)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(text, text_size, "%s", dlerror());
        return TTT_WIRE_REFUSED;
    }
    /* POSIX promises that the conversion works; ISO C has no name for it. */
    ttt_candidate_open_fn *open_fn = NULL;
    void *symbol = dlsym(library, "ttt_candidate_open");
    memcpy(&open_fn, &symbol, sizeof open_fn);
    if (symbol)
        candidate = open_fn(TTT_CANDIDATE_ABI, args);
    if (candidate && candidate->abi != TTT_CANDIDATE_ABI) {
        snprintf(text, text_size, "its abi is %d", candidate->abi);
        return TTT_WIRE_ABI;
    }
    const char *fault = !symbol      ? "it exports no symbol ttt_candidate_open"
                        : !candidate ? "ttt_candidate_open refused"
                                     : fault_of(candidate);
    if (fault)
        snprintf(text, text_size, "%s", fault);
    else if (candidate->memory == TTT_MEMORY_HOST || ttt_device_open(text, text_size) == 0)
        return TTT_WIRE_OPENED;
    return TTT_WIRE_REFUSED;
}

static int introduce(const char *path, const char *args)
{
    struct ttt_wire_answer answer = {.text = ""};
    answer.kind = open_candidate(path, args, answer.text, sizeof answer.text);
    if (answer.kind != TTT_WIRE_OPENED) {
        say(&answer);
        return -1;
    }
    struct ttt_wire_about *about = &answer.about;
    snprintf(about->name, sizeof about->name, "%s", candidate->name);
    snprintf(about->about, sizeof about->about, "%s", candidate->about);
    snprintf(about->rounding_points, sizeof about->rounding_points, "%s",
             candidate->rounding_points ? candidate->rounding_points : "");
    about->types = candidate->types;
    about->memory = candidate->memory;
    about->forms = candidate->forms;
    about->directions = candidate->directions;
    about->deterministic = candidate->deterministic;
    about->has_workspace = candidate->workspace != NULL;
    say(&answer);
    return 0;
}

static enum ttt_status call_it(const struct ttt_wire_request *r, const union ttt_arguments *args,
                               const struct ttt_candidate_call *call, double *seconds)
{
    const double start = ttt_clock_seconds();
    const enum ttt_status status = r->direction == TTT_FORWARD
                                       ? candidate->forward(candidate->self, &r->shape, &args->forward, call)
                                       : candidate->backward(candidate->self, &r->shape, &args->backward, call);
    if (call->stream)
        ttt_device_wait();
    *seconds = ttt_clock_seconds() - start;
    return status;
}

/* The call, with the operands where the plug-in wants them. */
static void run_mapped(const struct ttt_wire_request *r, const union ttt_arguments *args,
                       struct ttt_candidate_call *call, size_t workspace_bytes, struct ttt_wire_answer *answer)
{
    struct ttt_device_block block;
    const int staged = candidate->memory == TTT_MEMORY_CUDA;
    if (staged && ttt_device_stage(&block, r, args, workspace_bytes, call, answer) != 0)
        return;
    answer->status = call_it(r, staged ? &block.args : args, call, &answer->seconds);
    if (ttt_device_failed(answer->text, sizeof answer->text))
        answer->kind = TTT_WIRE_CUDA;
    else if (staged && answer->status == TTT_OK)
        ttt_device_unstage(&block, r, args, answer);
    else if (!ttt_worker_workspace_intact()) {
        answer->kind = TTT_WIRE_OVERRUN;
        answer->operand = TTT_WIRE_WORKSPACE_OPERAND;
    }
    if (staged)
        ttt_device_free(&block);
}

static void run(const struct ttt_wire_request *r, struct ttt_wire_answer *answer)
{
    union ttt_arguments args = {.backward = {.XQ = NULL}};
    struct ttt_candidate_call call = {.threads = r->threads};
    const size_t bytes =
        candidate->workspace ? candidate->workspace(candidate->self, &r->shape, r->direction, r->threads) : 0;
    const int on_device = candidate->memory == TTT_MEMORY_CUDA;
    if (ttt_worker_map(r, on_device ? 0 : bytes, &args, &call, answer->text, sizeof answer->text) != 0) {
        answer->kind = TTT_WIRE_NO_MEMORY;
        return;
    }
    run_mapped(r, &args, &call, bytes, answer);
    ttt_worker_unmap();
}

static void obey(const struct ttt_wire_request *r)
{
    struct ttt_wire_answer answer = {.kind = TTT_WIRE_DONE};
    if (r->op == TTT_WIRE_SUPPORTS)
        answer.status = candidate->supports(candidate->self, &r->shape, r->direction);
    else if (r->op == TTT_WIRE_WORKSPACE)
        answer.bytes = candidate->workspace(candidate->self, &r->shape, r->direction, r->threads);
    else if (r->op == TTT_WIRE_RUN)
        run(r, &answer);
    else if (candidate->close)
        candidate->close(candidate->self);
    say(&answer);
}

static int ready;

int ttt_worker_is_ready(void)
{
    return ready;
}

int ttt_worker_main(int argc, char **argv)
{
    ready = 1;
    if (argc != 3 || strcmp(argv[0], TTT_WIRE_NAME) != 0)
        return -1;
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    catch_signals();
    if (introduce(argv[1], argv[2]) != 0)
        return 0;
    struct ttt_wire_request request;
    do {
        if (recv(TTT_WIRE_SOCKET, &request, sizeof request, 0) != (ssize_t)sizeof request)
            return 1;
        obey(&request);
    } while (request.op != TTT_WIRE_CLOSE);
    return 0;
}
