/* SPDX-License-Identifier: MIT */
#include "harness/bench.h"
#include "harness/bench_report.h"
#include "harness/flops.h"
#include "run.h"
#include <cblas.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct ttt_case parse(const char *text)
{
    struct ttt_case c;
    char error[256];
    ck_assert_msg(ttt_case_parse(text, &c, error, sizeof error) == 0, "%s", error);
    return c;
}

START_TEST(flops_are_7_products_forward_and_21_backward)
{
    const struct ttt_mlp_shape video = parse("b1h48n2048c64f64d256g16").shape;
    ck_assert_double_eq(ttt_flops(&video, TTT_FORWARD), 22548578304.0);
    ck_assert_double_eq(ttt_flops(&video, TTT_BACKWARD), 3 * 22548578304.0);
    /* Short last mini-batch and group: rows count, not mini-batches. */
    const struct ttt_mlp_shape tail = parse("b2h3n70c16f8d20g3").shape;
    ck_assert_double_eq(ttt_flops(&tail, TTT_FORWARD), 6 * 7 * 2 * 70 * 8 * 20);
}
END_TEST

START_TEST(flops_of_the_causal_form_count_pairs)
{
    /* 40 rows in mini-batches of 16, 16 and 8: 136 + 136 + 36 pairs. */
    const struct ttt_mlp_shape s = parse("b2h3n40c16f8d32g1 causal=1").shape;
    ck_assert_double_eq(ttt_flops(&s, TTT_FORWARD), 6 * (7 * 2 * 40 * 8 * 32 + 3 * 2 * 308 * 40));
    ck_assert_double_eq(ttt_flops(&s, TTT_BACKWARD), 6 * (21 * 2 * 40 * 8 * 32 + 8 * 2 * 308 * 40));
    const struct ttt_mlp_shape shorter = parse("b1h1n5c16f8d32g1 causal=1").shape;
    ck_assert_double_eq(ttt_flops(&shorter, TTT_FORWARD), 7 * 2 * 5 * 8 * 32 + 3 * 2 * 15 * 40);
}
END_TEST

START_TEST(spread_of_odd_even_and_one)
{
    double five[] = {3, -1, 10, 2, 7}, four[] = {4, 1, 3, 2}, one[] = {6};
    struct ttt_spread s = ttt_spread_of(five, 5);
    ck_assert_double_eq(s.median, 3);
    ck_assert_double_eq(s.min, -1);
    ck_assert_double_eq(s.max, 10);
    s = ttt_spread_of(four, 4);
    ck_assert_double_eq(s.median, 2.5);
    s = ttt_spread_of(one, 1);
    ck_assert_double_eq(s.median, 6);
    ck_assert_double_eq(s.min, 6);
    ck_assert_double_eq(s.max, 6);
}
END_TEST

/* A candidate that takes its time, counts its calls and does what `status` says. */
struct sleeper {
    int calls[2], threads;
    enum ttt_status support[2], status[2];
};

static enum ttt_status sleep_once(struct sleeper *s, enum ttt_direction direction, int threads)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    s->calls[direction]++;
    s->threads = threads;
    nanosleep(&pause, NULL);
    return s->status[direction];
}

static enum ttt_status sleeper_supports(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction)
{
    (void)shape;
    return ((struct sleeper *)self)->support[direction];
}

static enum ttt_status sleeper_forward(void *self, const struct ttt_mlp_shape *shape,
                                       const struct ttt_mlp_forward_args *args, const struct ttt_candidate_call *call)
{
    (void)shape, (void)args;
    return sleep_once(self, TTT_FORWARD, call->threads);
}

static enum ttt_status sleeper_backward(void *self, const struct ttt_mlp_shape *shape,
                                        const struct ttt_mlp_backward_args *args, const struct ttt_candidate_call *call)
{
    (void)shape;
    ck_assert_ptr_nonnull(args->W1_checkpoints);
    ck_assert_ptr_nonnull(args->grad_L_XQW);
    return sleep_once(self, TTT_BACKWARD, call->threads);
}

static size_t sleeper_workspace(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction,
                                int threads)
{
    (void)self;
    return (size_t)shape->seq_len * 100 + (size_t)direction * 10 + (size_t)threads;
}

static struct ttt_candidate make_candidate(struct sleeper *s)
{
    return (struct ttt_candidate){
        .abi = TTT_CANDIDATE_ABI,
        .name = "sleeper",
        .about = "sleeps",
        .types = TTT_TYPES_F32,
        .deterministic = 1,
        .self = s,
        .supports = sleeper_supports,
        .forward = sleeper_forward,
        .backward = sleeper_backward,
    };
}

static struct ttt_measurement run_timed(const struct ttt_candidate *candidate, const struct ttt_timer *timer,
                                        enum ttt_direction direction)
{
    const struct ttt_bench bench = {
        .candidate = candidate,
        .timer = timer,
        .c = parse("b1h1n8c4f4d8g1"),
        .direction = direction,
        .threads = 1,
        .repetitions = 5,
    };
    struct ttt_measurement m;
    char error[256];
    ck_assert_msg(ttt_bench_run(&bench, &m, error, sizeof error) == 0, "%s", error);
    return m;
}

static struct ttt_measurement run(const struct ttt_candidate *candidate, enum ttt_direction direction)
{
    return run_timed(candidate, NULL, direction);
}

/* 20 ms a call: 8 calls are the first power of two beyond a tenth of a second. */
START_TEST(measures_calls_beside_the_peak)
{
    struct sleeper s = {.threads = 0};
    struct ttt_candidate candidate = make_candidate(&s);
    const int blas_threads = openblas_get_num_threads();
    const struct ttt_measurement m = run(&candidate, TTT_FORWARD);
    ck_assert_int_eq(openblas_get_num_threads(), blas_threads);
    ck_assert_int_eq(m.outcome, TTT_BENCH_MEASURED);
    ck_assert_int_ge(m.calls, 1);
    ck_assert_int_le(m.calls, 8);
    ck_assert_int_eq(s.calls[TTT_FORWARD], 2 * m.calls - 1 + 5 * m.calls);
    ck_assert_int_eq(s.calls[TTT_BACKWARD], 0);
    ck_assert_int_eq(s.threads, 1);
    ck_assert_double_ge(m.seconds.min, 0.02);
    ck_assert_double_ge(m.seconds.median, m.seconds.min);
    ck_assert_double_ge(m.seconds.max, m.seconds.median);
    ck_assert_double_gt(m.peak_seconds.min, 0);
    ck_assert_double_eq(m.peak_flops, 2.0 * 2048 * 2048 * 2048);
    ck_assert_str_eq(m.peak, "sgemm");
    ck_assert_str_eq(m.clock, "host");
    ck_assert_int_eq(m.copies, 1);
    const double least = m.flops / m.seconds.max / (m.peak_flops / m.peak_seconds.min);
    const double most = m.flops / m.seconds.min / (m.peak_flops / m.peak_seconds.max);
    ck_assert_double_ge(m.share.min, least * (1 - 1e-12));
    ck_assert_double_le(m.share.max, most * (1 + 1e-12));
    ck_assert_int_eq(m.workspace_bytes, -1);
    ck_assert_int_gt(m.peak_rss_bytes, 0);
}
END_TEST

/* A device that takes 1/64 s for a pass, and does 3e12 operations of products in 1/32 s. */
static struct device {
    int opened, closed, passes, products, checkpoints;
    enum ttt_status open_status, passes_status, products_status;
} device;

static enum ttt_status device_open(void **session, const struct ttt_tensors *block, enum ttt_direction direction,
                                   int *copies)
{
    ck_assert_ptr_nonnull(block->buffer[TTT_XQ].data);
    *session = &device;
    *copies = 7;
    device.opened++;
    device.checkpoints = direction == TTT_BACKWARD && block->buffer[TTT_W1_CHECKPOINTS].data != NULL;
    return device.open_status;
}

static enum ttt_status device_passes(void *session, int calls, double *seconds)
{
    ck_assert_ptr_eq(session, &device);
    device.passes += calls;
    *seconds = calls / 64.0;
    return device.passes_status;
}

static enum ttt_status device_products(void *session, double *flops, double *seconds)
{
    ck_assert_ptr_eq(session, &device);
    device.products++;
    *flops = 3e12;
    *seconds = 1 / 32.0;
    return device.products_status;
}

static void device_close(void *session)
{
    ck_assert_ptr_eq(session, &device);
    device.closed++;
}

static const struct ttt_timer device_timer = {
    .clock = "device",
    .peak = "products",
    .open = device_open,
    .passes = device_passes,
    .products = device_products,
    .close = device_close,
};

/* Passes go to the timer; only the checkpoints of a backward pass come from the candidate on the host. */
START_TEST(a_device_is_timed_by_its_timer)
{
    struct sleeper s = {.threads = 0};
    struct ttt_candidate candidate = make_candidate(&s);
    device = (struct device){.opened = 0};
    struct ttt_measurement m = run_timed(&candidate, &device_timer, TTT_FORWARD);
    ck_assert_int_eq(m.outcome, TTT_BENCH_MEASURED);
    ck_assert_int_eq(s.calls[TTT_FORWARD], 0);
    ck_assert_int_eq(m.calls, 8); /* 1/8 s: the first power of two beyond a tenth of a second */
    ck_assert_int_eq(device.passes, 1 + 2 + 4 + 8 + 5 * 8);
    ck_assert_int_eq(device.products, 1 + 5);
    ck_assert_int_eq(device.opened, 1);
    ck_assert_int_eq(device.closed, 1);
    ck_assert_int_eq(m.copies, 7);
    ck_assert_str_eq(m.clock, "device");
    ck_assert_str_eq(m.peak, "products");
    ck_assert_double_eq(m.seconds.median, 1 / 64.0);
    ck_assert_double_eq(m.seconds.max, 1 / 64.0);
    ck_assert_double_eq_tol(ttt_measurement_peak_gflops(&m), 96e3, 1e-6);
    ck_assert_double_eq_tol(m.share.median, m.flops * 64 / 96e12, 1e-20);

    m = run_timed(&candidate, &device_timer, TTT_BACKWARD);
    ck_assert_int_eq(m.outcome, TTT_BENCH_MEASURED);
    ck_assert_int_eq(s.calls[TTT_FORWARD], 1);
    ck_assert_int_eq(s.calls[TTT_BACKWARD], 0);
    ck_assert_int_eq(device.checkpoints, 1);
}
END_TEST

START_TEST(a_device_that_fails_is_closed)
{
    struct sleeper s = {.threads = 0};
    struct ttt_candidate candidate = make_candidate(&s);
    const struct device failing[] = {
        {.open_status = TTT_ERROR_MEMORY}, {.products_status = TTT_ERROR_DEVICE}, {.passes_status = TTT_ERROR_DEVICE}};
    for (size_t i = 0; i < sizeof failing / sizeof failing[0]; i++) {
        device = failing[i];
        const struct ttt_measurement m = run_timed(&candidate, &device_timer, TTT_FORWARD);
        ck_assert_int_eq(m.outcome, TTT_BENCH_FAILED);
        ck_assert_int_eq(strncmp(m.reason, "forward: ", 9), 0);
        ck_assert_int_eq(device.closed, 1);
    }
}
END_TEST

START_TEST(backward_starts_from_a_forward_pass)
{
    struct sleeper s = {.threads = 0};
    struct ttt_candidate candidate = make_candidate(&s);
    candidate.workspace = sleeper_workspace;
    candidate.types = TTT_TYPES_F64;
    const struct ttt_measurement m = run(&candidate, TTT_BACKWARD);
    ck_assert_int_eq(m.outcome, TTT_BENCH_MEASURED);
    ck_assert_int_eq(s.calls[TTT_FORWARD], 1);
    ck_assert_int_eq(s.calls[TTT_BACKWARD], 2 * m.calls - 1 + 5 * m.calls);
    ck_assert_int_eq(m.workspace_bytes, 811);
    ck_assert_str_eq(m.peak, "dgemm");
}
END_TEST

START_TEST(what_cannot_run_says_why)
{
    struct sleeper s = {.support = {TTT_OK, TTT_ERROR_UNSUPPORTED}};
    struct ttt_candidate candidate = make_candidate(&s);
    struct ttt_measurement m = run(&candidate, TTT_BACKWARD);
    ck_assert_int_eq(m.outcome, TTT_BENCH_SKIPPED);
    ck_assert_int_eq(strncmp(m.reason, "backward: ", 10), 0);
    ck_assert_int_eq(s.calls[TTT_FORWARD] + s.calls[TTT_BACKWARD], 0);

    s = (struct sleeper){.support = {TTT_ERROR_UNSUPPORTED, TTT_OK}};
    m = run(&candidate, TTT_BACKWARD);
    ck_assert_int_eq(m.outcome, TTT_BENCH_SKIPPED);
    ck_assert_int_eq(strncmp(m.reason, "forward: ", 9), 0);

    s = (struct sleeper){.status = {TTT_ERROR_DEVICE, TTT_OK}};
    m = run(&candidate, TTT_FORWARD);
    ck_assert_int_eq(m.outcome, TTT_BENCH_FAILED);
    ck_assert_int_eq(strncmp(m.reason, "forward: ", 9), 0);
    ck_assert_int_eq(s.calls[TTT_FORWARD], 1);

    s = (struct sleeper){.status = {TTT_OK, TTT_ERROR_MEMORY}};
    m = run(&candidate, TTT_BACKWARD);
    ck_assert_int_eq(m.outcome, TTT_BENCH_FAILED);
    ck_assert_int_eq(strncmp(m.reason, "backward: ", 10), 0);
}
END_TEST

START_TEST(peak_refuses_threads_that_it_cannot_have)
{
    char error[256] = "";
    const int before = openblas_get_num_threads();
    ck_assert_int_eq(ttt_peak_check(1, error, sizeof error), 0);
    ck_assert_int_eq(ttt_peak_check(1 << 20, error, sizeof error), -1);
    ck_assert_ptr_nonnull(strstr(error, "1048576"));
    ck_assert_int_eq(openblas_get_num_threads(), before);
}
END_TEST

/* A measurement with numbers that are easy to check. */
static struct ttt_measurement make_measurement(const struct ttt_candidate *candidate)
{
    return (struct ttt_measurement){
        .bench = {.candidate = candidate,
                  .c = parse("b1h2n100c16f8d32g4"),
                  .direction = TTT_BACKWARD,
                  .threads = 3,
                  .repetitions = 5},
        .outcome = TTT_BENCH_MEASURED,
        .inputs_hash = 0xabc,
        .calls = 4,
        .flops = 3e9,
        .clock = "host",
        .copies = 2,
        .peak = "sgemm",
        .peak_flops = 16e9,
        .seconds = {0.5, 0.25, 2},
        .peak_seconds = {0.125, 0.0625, 0.25},
        .share = {0.0625, 0.03125, 0.125},
        .workspace_bytes = 1024,
        .peak_rss_bytes = 1 << 20,
    };
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_number(value), "%s is no number", key);
    return json_number_value(value);
}

static const char *string(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_string(value), "%s is no string", key);
    return json_string_value(value);
}

static json_t *written(const struct ttt_bench_summary *summary)
{
    FILE *f = tmpfile();
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(ttt_bench_report_write(f, summary), 0);
    rewind(f);
    json_t *root = json_loadf(f, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(root);
    fclose(f);
    return root;
}

START_TEST(json_has_the_fields_of_a_measurement)
{
    struct sleeper s = {.threads = 0};
    const struct ttt_candidate candidate = make_candidate(&s);
    const struct ttt_measurement m = make_measurement(&candidate);
    const struct ttt_bench_summary summary = {"ttt-bench --x", "2026-01-02T03:04:05Z", 9, &m, 1, {1, 0, 0}};
    json_t *root = written(&summary);
    ck_assert_str_eq(string(root, "schema"), TTT_BENCH_SCHEMA);
    ck_assert_str_eq(string(root, "program"), "ttt-bench");
    ck_assert_str_eq(string(root, "command"), "ttt-bench --x");
    ck_assert_str_eq(string(root, "started"), "2026-01-02T03:04:05Z");
    ck_assert_str_ne(string(root, "version"), "");
    ck_assert_str_ne(string(root, "revision"), "");
    ck_assert_str_ne(string(root, "blas"), "");
    ck_assert_double_ge(number(json_object_get(root, "machine"), "cores"), 1);
    const json_t *c = json_array_get(json_object_get(root, "cases"), 0);
    ck_assert_str_eq(string(c, "case"), "b1h2n100c16f8d32g4 eps=1e-06 dist=unit seed=1 causal=0 state_grads=1");
    ck_assert_str_eq(string(c, "candidate"), "sleeper");
    ck_assert_str_eq(string(c, "direction"), "backward");
    ck_assert_str_eq(string(c, "outcome"), "measured");
    ck_assert_str_eq(string(c, "inputs_hash"), "0000000000000abc");
    ck_assert_double_eq(number(c, "threads"), 3);
    ck_assert_double_eq(number(c, "repetitions"), 5);
    ck_assert_double_eq(number(c, "calls"), 4);
    ck_assert_double_eq(number(c, "seconds"), 0.5);
    ck_assert_double_eq(number(json_object_get(c, "spread"), "min"), 0.25);
    ck_assert_double_eq(number(json_object_get(c, "spread"), "max"), 2);
    ck_assert_double_eq_tol(number(c, "us_per_mini_batch"), 5e5 / 7, 1e-6); /* 7 mini-batches */
    ck_assert_double_eq(number(c, "flops"), 3e9);
    ck_assert_double_eq_tol(number(c, "gflops"), 6, 1e-12);
    ck_assert_str_eq(string(c, "clock"), "host");
    ck_assert_double_eq(number(c, "copies"), 2);
    ck_assert_str_eq(string(c, "peak"), "sgemm");
    ck_assert_double_eq_tol(number(c, "peak_gflops"), 128, 1e-9);
    ck_assert_double_eq(number(c, "share_of_peak"), 0.0625);
    ck_assert_double_eq(number(json_object_get(c, "share_spread"), "min"), 0.03125);
    ck_assert_double_eq(number(json_object_get(c, "share_spread"), "max"), 0.125);
    ck_assert_double_eq(number(c, "workspace_bytes"), 1024);
    ck_assert_double_eq(number(c, "peak_rss_bytes"), 1 << 20);
    ck_assert_double_eq(number(json_object_get(root, "summary"), "measured"), 1);
    ck_assert_double_eq(number(json_object_get(root, "summary"), "seconds"), 9);
    json_decref(root);
}
END_TEST

START_TEST(json_says_what_is_not_known)
{
    struct sleeper s = {.threads = 0};
    const struct ttt_candidate candidate = make_candidate(&s);
    struct ttt_measurement list[2] = {make_measurement(&candidate), make_measurement(&candidate)};
    list[0].workspace_bytes = -1;
    list[1].outcome = TTT_BENCH_SKIPPED;
    strcpy(list[1].reason, "backward: no");
    const struct ttt_bench_summary summary = {"ttt-bench", "2026-01-02T03:04:05Z", 9, list, 2, {1, 1, 0}};
    json_t *root = written(&summary);
    const json_t *cases = json_object_get(root, "cases");
    ck_assert_uint_eq(json_array_size(cases), 2);
    ck_assert(json_is_null(json_object_get(json_array_get(cases, 0), "workspace_bytes")));
    const json_t *skipped = json_array_get(cases, 1);
    ck_assert_str_eq(string(skipped, "outcome"), "skipped");
    ck_assert_str_eq(string(skipped, "reason"), "backward: no");
    ck_assert_ptr_null(json_object_get(skipped, "seconds"));
    ck_assert_double_eq(number(json_object_get(root, "summary"), "skipped"), 1);
    json_decref(root);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, flops_are_7_products_forward_and_21_backward);
    tcase_add_test(tcase, flops_of_the_causal_form_count_pairs);
    tcase_add_test(tcase, spread_of_odd_even_and_one);
    tcase_add_test(tcase, measures_calls_beside_the_peak);
    tcase_add_test(tcase, a_device_is_timed_by_its_timer);
    tcase_add_test(tcase, a_device_that_fails_is_closed);
    tcase_add_test(tcase, backward_starts_from_a_forward_pass);
    tcase_add_test(tcase, what_cannot_run_says_why);
    tcase_add_test(tcase, peak_refuses_threads_that_it_cannot_have);
    tcase_add_test(tcase, json_has_the_fields_of_a_measurement);
    tcase_add_test(tcase, json_says_what_is_not_known);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
