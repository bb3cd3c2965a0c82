/* SPDX-License-Identifier: MIT */
#include "bench.h"
#include "candidates.h"
#include "clock.h"
#include "flops.h"
#include "machine.h"
#include "plugin.h"
#include "result.h"
#include "tensors.h"
#include "tier0.h"
#include <stdio.h>
#include <stdlib.h>

#define SHORTEST 0.1 /* seconds of a repetition: the clock and the scheduler's ticks are far below */

const char *const ttt_bench_outcome_name[TTT_BENCH_OUTCOMES] = {"measured", "skipped", "failed"};

static int give_up(struct ttt_measurement *m, enum ttt_bench_outcome outcome, enum ttt_direction direction,
                   enum ttt_status status)
{
    const struct ttt_candidate *c = m->bench.candidate;
    m->outcome = outcome;
    if (outcome == TTT_BENCH_FAILED && ttt_candidate_is_plugin(c))
        snprintf(m->reason, sizeof m->reason, "%s", ttt_plugin_failure(c)->text);
    else
        snprintf(m->reason, sizeof m->reason, "%s: %s", ttt_direction_name[1u << direction],
                 ttt_candidate_status(status));
    return 1;
}

/* What is timed, and what with: the timer's session, or the host's clock and its matrix product. */
struct subject {
    const struct ttt_bench *bench;
    struct ttt_call call;
    struct ttt_tensors *block;
    void *session;
    struct ttt_peak peak;
};

/* The time inside `calls` passes, one after the other. */
static enum ttt_status time_calls(const struct subject *s, int calls, double *seconds)
{
    enum ttt_status status = TTT_OK;
    if (s->bench->timer)
        return s->bench->timer->passes(s->session, calls, seconds);
    *seconds = 0;
    for (int i = 0; i < calls && status == TTT_OK; i++) {
        double once;
        status = ttt_call_timed(&s->call, s->block, &once);
        *seconds += once;
    }
    return status;
}

/* The time of the products that the passes are held against. */
static enum ttt_status time_peak(const struct subject *s, double *flops, double *seconds)
{
    if (s->bench->timer)
        return s->bench->timer->products(s->session, flops, seconds);
    ttt_clock_settle();
    *flops = s->peak.flops;
    *seconds = ttt_peak_seconds(&s->peak);
    ttt_clock_settle();
    return TTT_OK;
}

/* The checkpoints that the backward pass starts from; then drop what only the forward pass needed. */
static enum ttt_status make_checkpoints(const struct ttt_call *call, struct ttt_tensors *block)
{
    static const enum ttt_tensor dropped[] = {TTT_XQW, TTT_W1_LAST, TTT_B1_LAST, TTT_W2_LAST, TTT_B2_LAST};
    const struct ttt_call forward = {call->candidate, TTT_FORWARD, call->threads, 0};
    const enum ttt_status status = ttt_call_plain(&forward, block);
    for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++)
        ttt_buffer_free(&block->buffer[dropped[i]]);
    return status;
}

/* Operands to the device, and its first products.  0, or 1 when that failed. */
static int open_timer(struct subject *s, struct ttt_measurement *m)
{
    const struct ttt_bench *b = s->bench;
    double flops, seconds;
    m->clock = b->timer->clock;
    m->peak = b->timer->peak;
    enum ttt_status status = b->timer->open(&s->session, s->block, b->direction, &m->copies);
    if (status == TTT_OK)
        status = b->timer->products(s->session, &flops, &seconds);
    return status == TTT_OK ? 0 : give_up(m, TTT_BENCH_FAILED, b->direction, status);
}

/* The matrices of the host's product.  0, or -1 with one line in `error`. */
static int open_peak(struct subject *s, struct ttt_measurement *m, char *error, size_t error_size)
{
    m->clock = "host";
    m->copies = 1;
    const int status = ttt_peak_open(&s->peak, s->bench->candidate->types, s->bench->threads, error, error_size);
    m->peak = s->peak.name;
    return status;
}

static void close_subject(struct subject *s)
{
    if (s->bench->timer)
        s->bench->timer->close(s->session);
    ttt_peak_close(&s->peak);
}

/* The first call, which also tells memory, and how many calls make a repetition.  0, or 1 when the candidate failed. */
static int warm_up(const struct subject *s, struct ttt_measurement *m)
{
    double seconds;
    ttt_peak_rss_reset();
    enum ttt_status status = time_calls(s, 1, &seconds);
    m->peak_rss_bytes = ttt_peak_rss_bytes();
    for (m->calls = 1; status == TTT_OK && seconds < SHORTEST && m->calls < 1 << 20; m->calls *= 2)
        status = time_calls(s, 2 * m->calls, &seconds);
    return status == TTT_OK ? 0 : give_up(m, TTT_BENCH_FAILED, s->bench->direction, status);
}

/* The repetitions, each products of the peak and then the candidate.  `samples`: 3 x repetitions. */
static void repeat(const struct subject *s, double *samples, struct ttt_measurement *m)
{
    const struct ttt_bench *b = s->bench;
    const size_t n = (size_t)b->repetitions;
    double *seconds = samples, *peak_seconds = samples + n, *share = samples + 2 * n;
    for (size_t i = 0; i < n; i++) {
        if (b->progress)
            b->progress(b->progress_context, (int)i + 1);
        enum ttt_status status = time_peak(s, &m->peak_flops, &peak_seconds[i]);
        if (status == TTT_OK)
            status = time_calls(s, m->calls, &seconds[i]);
        if (status != TTT_OK) {
            give_up(m, TTT_BENCH_FAILED, b->direction, status);
            return;
        }
        seconds[i] /= m->calls;
        share[i] = m->flops / seconds[i] / (m->peak_flops / peak_seconds[i]);
    }
    m->seconds = ttt_spread_of(seconds, n);
    m->peak_seconds = ttt_spread_of(peak_seconds, n);
    m->share = ttt_spread_of(share, n);
}

/* With the tensors made: checkpoints, warm-up, then repetitions beside the peak. */
static int measure(struct subject *s, struct ttt_measurement *m, char *error, size_t error_size)
{
    m->inputs_hash = ttt_tensors_inputs_hash(s->block);
    if (s->bench->direction == TTT_BACKWARD) {
        const enum ttt_status status = make_checkpoints(&s->call, s->block);
        if (status != TTT_OK) {
            give_up(m, TTT_BENCH_FAILED, TTT_FORWARD, status);
            return 0;
        }
    }
    if (s->bench->timer && open_timer(s, m) != 0)
        return 0;
    if (warm_up(s, m) != 0)
        return 0;
    /* After the first call, whose memory is told: the matrices are none of the candidate's. */
    if (!s->bench->timer && open_peak(s, m, error, error_size) != 0)
        return -1;
    double *samples = calloc((size_t)s->bench->repetitions, 3 * sizeof *samples);
    if (!samples) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    repeat(s, samples, m);
    free(samples);
    return 0;
}

static unsigned roles_of(enum ttt_direction direction)
{
    const unsigned forward = 1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_FORWARD_OUTPUT;
    return direction == TTT_FORWARD ? forward : forward | 1u << TTT_ROLE_UPSTREAM | 1u << TTT_ROLE_BACKWARD_OUTPUT;
}

int ttt_bench_check(const struct ttt_bench *b, char *error, size_t error_size)
{
    const int64_t bytes = ttt_tensors_bytes(&b->c, b->c.shape.heads, b->candidate->types, roles_of(b->direction));
    if (ttt_machine_fits("this case", bytes, error, error_size) != 0)
        return -1;
    return ttt_peak_check(b->threads, error, error_size);
}

int ttt_bench_run(const struct ttt_bench *b, struct ttt_measurement *m, char *error, size_t error_size)
{
    const struct ttt_candidate *c = b->candidate;
    const struct ttt_mlp_shape *shape = &b->c.shape;
    *m = (struct ttt_measurement){.bench = *b, .flops = ttt_flops(shape, b->direction), .workspace_bytes = -1};
    /* The backward pass starts from what the forward pass saved. */
    for (enum ttt_direction d = TTT_FORWARD; d <= b->direction; d++) {
        const enum ttt_status status = c->supports(c->self, shape, d);
        if (status != TTT_OK) {
            give_up(m, TTT_BENCH_SKIPPED, d, status);
            return 0;
        }
    }
    if (c->workspace)
        m->workspace_bytes = (int64_t)c->workspace(c->self, shape, b->direction, b->threads);
    struct ttt_tensors block;
    int status = ttt_tensors_make(&block, &b->c, 0, shape->heads, c->types, roles_of(b->direction), error, error_size);
    if (status == 0) {
        struct subject s = {.bench = b, .call = {c, b->direction, b->threads, 0}, .block = &block};
        status = measure(&s, m, error, error_size);
        close_subject(&s);
    }
    ttt_tensors_free(&block);
    return status;
}

double ttt_measurement_us_per_mini_batch(const struct ttt_measurement *m)
{
    return 1e6 * m->seconds.median / (double)ttt_shape_mini_batches(&m->bench.c.shape);
}

double ttt_measurement_gflops(const struct ttt_measurement *m)
{
    return 1e-9 * m->flops / m->seconds.median;
}

double ttt_measurement_peak_gflops(const struct ttt_measurement *m)
{
    return 1e-9 * m->peak_flops / m->peak_seconds.median;
}
