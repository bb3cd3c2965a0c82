/* SPDX-License-Identifier: MIT
 *
 * The fuzzer's parts: what it draws, how it judges, shrinks and explains, and how ranks and reports go together.
 */
#include "coarse.h"
#include "fakes.h"
#include "fuzz/attempt.h"
#include "fuzz/blocks.h"
#include "fuzz/diverge.h"
#include "fuzz/draw.h"
#include "fuzz/shard.h"
#include "fuzz/shrink.h"
#include "fuzz/stages.h"
#include "harness/contract.h"
#include "harness/flops.h"
#include "run.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fuzz_case parse(const char *text)
{
    struct fuzz_case f;
    char error[512] = "";
    const int status = fuzz_case_parse(text, &f, error, sizeof error);
    ck_assert_msg(status == 0, "%s", error);
    return f;
}

static void draw(uint64_t seed, uint64_t index, struct fuzz_case *f)
{
    memset(f, 0, sizeof *f);
    fuzz_draw_shape(seed, index, &f->c);
    fuzz_draw_values(seed, index, f);
}

START_TEST(a_case_is_a_function_of_seed_and_index)
{
    int others = 0;
    for (uint64_t i = 0; i < 500; i++) {
        struct fuzz_case a, b, c;
        char text[FUZZ_CASE_TEXT], again[FUZZ_CASE_TEXT], why[512] = "";
        draw(3, i, &a);
        draw(3, i, &b);
        draw(4, i, &c);
        ck_assert_msg(ttt_case_check(&a.c, why, sizeof why) == 0, "%s", why);
        fuzz_case_format(&a, text);
        fuzz_case_format(&b, again);
        ck_assert_str_eq(text, again);
        b = parse(text);
        fuzz_case_format(&b, again);
        ck_assert_str_eq(text, again);
        fuzz_case_format(&c, again);
        others += strcmp(text, again) != 0;
    }
    ck_assert_int_gt(others, 490);
}
END_TEST

/* The promises of the manual: how large the cases are, how many have several mini-batches and a tail, that the edges
 * are there. */
START_TEST(shapes_are_what_they_should_be)
{
    enum { CASES = 4000 };
    int tails = 0, large = 0, one = 0, longer = 0, causal = 0, far_groups = 0, eps_zero = 0, exact = 0, plain = 0;
    for (uint64_t i = 0; i < CASES; i++) {
        struct fuzz_case f;
        draw(1, i, &f);
        const struct ttt_mlp_shape *s = &f.c.shape;
        tails += fuzz_has_tail(s);
        large += ttt_flops(s, TTT_FORWARD) + ttt_flops(s, TTT_BACKWARD) >= 1e6;
        one += s->seq_len == 1;
        longer += s->mini_batch_size > s->seq_len;
        causal += s->causal;
        far_groups += s->checkpoint_group_size > ttt_shape_mini_batches(s);
        eps_zero += s->ln_eps == 0;
        exact += f.c.distribution == TTT_DIST_EXACT;
        plain += fuzz_case_is_plain(&f);
    }
    ck_assert_int_gt(tails, CASES / 5);
    ck_assert_int_gt(large, CASES / 2);
    ck_assert(one > 5 && longer > 20 && far_groups > 100 && eps_zero > 50 && exact > 5);
    ck_assert(causal > CASES / 4 && causal < CASES / 2 && plain > CASES / 3 && plain < CASES * 2 / 3);
}
END_TEST

/* Each kind of value. */
START_TEST(values_are_what_they_are_called)
{
    char error[512];
    struct ttt_tensors t;
    const struct fuzz_case f = parse("b1h2n6c3f5d7g1 XQ=zero XK=flat XV=repeat last_eta=negative ttt_norm_weight=limit "
                                     "ttt_norm_bias=denormal W1_init=one b1_init=nan@20 W2_init=-inf@0 "
                                     "b2_init=outlier@3 grad_L_XQW=huge grad_L_W1_last=tiny");
    ck_assert_int_eq(fuzz_case_inputs(&t, &f, error, sizeof error), 0);
    for (int64_t i = 0; i < 60; i++) {
        ck_assert(ttt_buffer_get(&t.buffer[TTT_XQ], i) == 0);
        ck_assert(ttt_buffer_get(&t.buffer[TTT_XK], i) == ttt_buffer_get(&t.buffer[TTT_XK], i / 5 * 5));
        ck_assert(ttt_buffer_get(&t.buffer[TTT_XV], i) == ttt_buffer_get(&t.buffer[TTT_XV], i / 30 * 30 + i % 5));
        ck_assert(ttt_buffer_get(&t.buffer[TTT_W1_INIT], i) == 1);
        ck_assert(fabs(ttt_buffer_get(&t.buffer[TTT_GRAD_XQW], i)) > 1e6);
        ck_assert(fabs(ttt_buffer_get(&t.buffer[TTT_GRAD_W1_LAST], i)) < 1e-11);
    }
    for (int64_t i = 0; i < 10; i++) {
        ck_assert(ttt_buffer_get(&t.buffer[TTT_LAST_ETA], i) < 0);
        ck_assert(fabs(ttt_buffer_get(&t.buffer[TTT_NORM_WEIGHT], i)) == 0x1.fep127);
        ck_assert(fpclassify((float)ttt_buffer_get(&t.buffer[TTT_NORM_BIAS], i)) == FP_SUBNORMAL);
    }
    ck_assert(isnan(ttt_buffer_get(&t.buffer[TTT_B1_INIT], 20 % 14)) &&
              ttt_buffer_get(&t.buffer[TTT_W2_INIT], 0) < -1e300);
    ck_assert(fabs(ttt_buffer_get(&t.buffer[TTT_B2_INIT], 3)) > fabs(ttt_buffer_get(&t.buffer[TTT_B2_INIT], 4)));
    ttt_tensors_free(&t);
}
END_TEST

/* A laboratory for one candidate. */
struct bench {
    struct fuzz_lab lab;
    char scratch[64];
};

static void bench_open(struct bench *b, const struct ttt_candidate *candidate)
{
    snprintf(b->scratch, sizeof b->scratch, "/tmp/test-fuzz-XXXXXX");
    const int fd = mkstemp(b->scratch);
    ck_assert_int_ge(fd, 0);
    close(fd);
    b->lab = (struct fuzz_lab){.candidate = candidate,
                               .types = candidate->types,
                               .directions = TTT_DIRECTION_BOTH,
                               .threads = 1,
                               .scratch = b->scratch,
                               .result = calloc(1, sizeof *b->lab.result)};
    ck_assert_ptr_nonnull(b->lab.result);
}

static void bench_close(struct bench *b)
{
    unlink(b->scratch);
    free(b->lab.result);
}

static struct fuzz_outcome attempt(const struct bench *b, const struct fuzz_case *f, enum fuzz_depth depth)
{
    struct fuzz_subject subject;
    struct fuzz_outcome outcome;
    char error[1024] = "";
    int status = fuzz_subject_make(&subject, f, error, sizeof error);
    if (status == 0)
        status = fuzz_attempt(&b->lab, &subject, depth, &outcome, error, sizeof error);
    fuzz_subject_free(&subject);
    ck_assert_msg(status == 0, "%s", error);
    return outcome;
}

/* Cases that once raised a false alarm, and hard ones of each kind: the references pass, judged and related. */
START_TEST(correct_candidates_pass)
{
    static const char *const cases[] = {
        "b3h2n96c32f12d32g3 causal=1 state_grads=0 seed=434844781 XK=repeat",        /* a gate without a threshold */
        "b1h5n16c5f9d36g1 eps=1 causal=1 seed=3646832089 W2_init=zero b2_init=zero", /* a bias that is 0 by structure */
        "b1h3n15c3f7d65g2 causal=1 seed=670436298 W2_init=nan@980695", /* a checkpoint that is poisoned itself */
        "b2h1n16c8f24d96g1 dist=model seed=2878527412 XV=huge ttt_norm_weight=one", /* float's own error is larger */
        "b1h4n139c16f2d8g1 dist=strong seed=434998519 causal=1",
        "b1h1n127c64f8d32g1 eps=1e-5 dist=strong seed=735270250 causal=1 state_grads=0", /* narrow, many rows */
        "b1h2n36c12f12d129g2 eps=1e-5 seed=2645290169 state_grads=0",                    /* narrow, wide hidden layer */
        "b1h2n4c1f64d256g3 eps=0 dist=strong seed=3456875761 W2_init=zero b2_init=zero", /* NaN times an eta of 0 */
        "b1h2n6c2f1d4g1 eps=0",
        "b2h2n23c4f16d32g2 XQ=limit XV=inf@100",
        "b2h2n23c4f16d32g2 eps=0 XK=flat last_eta=large",
        "b2h2n23c4f16d32g2 causal=1 token_eta=nan@2 last_eta=nan@50",
        "b1h2n9c4f16d8g2 eps=0 dist=exact",
    };
    static const struct ttt_candidate *const candidates[] = {&ttt_candidate_ref_bf16, &ttt_candidate_ref_f32,
                                                             &ttt_candidate_ref_f64};
    for (size_t c = 0; c < 3; c++) {
        struct bench b;
        bench_open(&b, candidates[c]);
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            const struct fuzz_case f = parse(cases[i]);
            const struct fuzz_outcome o = attempt(&b, &f, FUZZ_RELATE);
            ck_assert_msg(o.verdict != TTT_FAIL, "%s on %s: %s: %s", candidates[c]->name, cases[i], o.gate, o.detail);
        }
        bench_close(&b);
    }
}
END_TEST

/* Data that look to a correct kernel like other data, once taken for results that were kept. */
START_TEST(what_is_the_same_need_not_be_kept)
{
    static const char *const cases[] = {
        "b1h1n7c15f5d128g2 eps=0.01 seed=2375215205 causal=1 b1_init=nan@958354",    /* 0 in rows that are not there */
        "b1h1n34c17f32d128g2 eps=0 dist=exact seed=975606025",                       /* the same from behind */
        "b1h1n432c16f2d8g2 eps=1e-5 dist=unit seed=2519194717 ttt_norm_weight=zero", /* 0 and -0 */
    };
    struct fake fake;
    struct bench b;
    fake_make(&fake, &ttt_candidate_ref_bf16, FAULT_NONE);
    bench_open(&b, &fake.candidate);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct fuzz_case f = parse(cases[i]);
        const struct fuzz_outcome o = attempt(&b, &f, FUZZ_JUDGE);
        ck_assert_msg(o.verdict != TTT_FAIL, "%s: %s: %s", cases[i], o.gate, o.detail);
    }
    bench_close(&b);
}
END_TEST

/* Points that leave nothing to be judged: with `eta` the operand of F3 is eta gZ2, and one of B8 eta gZ1, which end at
 * 2^-133.  Gradients below the normal range are lost to it, and all that is in b1 then, and in grad_L_XK, are they. */
static const struct {
    const char *text, *row;
    unsigned directions;
} out_of_range[] = {
    {"b1h2n40c16f32d64g2 eps=1e-6 dist=model seed=3 ttt_norm_weight=denormal", "contract", TTT_DIRECTION_FORWARD},
    {"b1h2n40c16f32d64g2 eps=1e-6 dist=model seed=3 ttt_norm_weight=denormal grad_L_W1_last=huge", "contract-backward",
     TTT_DIRECTION_BACKWARD},
};

static const struct ttt_candidate *honest(void)
{
    return ttt_candidate_contract(TTT_TYPES_BF16, 1U << TTT_POINT_ETA);
}

static void bench_open_declared(struct bench *b, unsigned directions)
{
    bench_open(b, honest());
    b->lab.directions = directions;
    b->lab.points = 1U << TTT_POINT_ETA;
}

/* Has a row failed, and could all have been judged without it? */
static int row_alone_failed(const struct bench *b, const char *name)
{
    const struct ttt_result *r = b->lab.result;
    int failed = 0;
    for (int i = 0; i < r->tensor_count; i++)
        ck_assert(!r->tensors[i].ill_conditioned);
    for (int i = 0; i < r->check_count; i++)
        failed |= strcmp(r->checks[i].name, name) == 0 && r->checks[i].verdict == TTT_FAIL;
    return failed;
}

/* Hard values may be out of the range of what rounds at a declared point: that is neither a pass nor a fault. */
START_TEST(hard_values_may_leave_the_range_of_a_point)
{
    struct bench b;
    const struct fuzz_case f = parse(out_of_range[_i].text);
    bench_open_declared(&b, out_of_range[_i].directions);
    const struct fuzz_outcome o = attempt(&b, &f, FUZZ_JUDGE);
    ck_assert(row_alone_failed(&b, out_of_range[_i].row));
    ck_assert_msg(o.verdict == TTT_ILL_CONDITIONED, "%s: %s", o.gate, o.detail);
    bench_close(&b);
}
END_TEST

/* The same where nobody calibrated: the layer norm of two elements, of which a little more rounding may be too much. */
START_TEST(a_jump_may_be_too_much_for_a_point)
{
    struct bench b;
    const struct fuzz_case f = parse("b2h1n46c8f2d128g7 eps=1e-6 dist=unit seed=281508027");
    bench_open_declared(&b, TTT_DIRECTION_FORWARD);
    b.lab.points |= 1U << TTT_POINT_EXCHANGE | 1U << TTT_POINT_TANH;
    b.lab.candidate = ttt_candidate_contract(TTT_TYPES_BF16, b.lab.points);
    const struct fuzz_outcome o = attempt(&b, &f, FUZZ_JUDGE);
    ck_assert_msg(o.verdict != TTT_FAIL, "%s: %s", o.gate, o.detail);
    bench_close(&b);
}
END_TEST

/* Were the very same data as drawn, the points would be a fault: there nothing may be hidden by them. */
START_TEST(ordinary_values_may_not)
{
    struct bench b;
    struct fuzz_subject drawn, subject;
    struct fuzz_outcome o;
    char error[1024] = "", path[64] = "/tmp/test-fuzz-XXXXXX";
    const struct fuzz_case f = parse(out_of_range[_i].text);
    close(mkstemp(path));
    bench_open_declared(&b, out_of_range[_i].directions);
    ck_assert_int_eq(fuzz_subject_make(&drawn, &f, error, sizeof error), 0);
    ck_assert_int_eq(ttt_safetensors_write(path, &drawn.inputs, FUZZ_INPUTS, error, sizeof error), 0);
    struct ttt_safetensors *file = ttt_safetensors_open(path, error, sizeof error);
    ck_assert_msg(file && fuzz_subject_load(&subject, file, error, sizeof error) == 0, "%s", error);
    for (subject.plain = 0; subject.plain <= 1; subject.plain++) {
        ck_assert_int_eq(fuzz_attempt(&b.lab, &subject, FUZZ_JUDGE, &o, error, sizeof error), 0);
        ck_assert_int_eq(o.verdict, subject.plain ? TTT_FAIL : TTT_ILL_CONDITIONED);
        ck_assert_str_eq(o.gate, subject.plain ? out_of_range[_i].row : "");
    }
    fuzz_subject_free(&drawn);
    fuzz_subject_free(&subject);
    ttt_safetensors_close(file);
    unlink(path);
    bench_close(&b);
}
END_TEST

/* W2_last, or grad_L_W2_init, is half as large again. */
static void enlarge(const struct ttt_mlp_shape *shape, float *W2)
{
    for (int64_t i = 0; i < shape->batch * shape->heads * shape->hidden_dim * shape->head_dim; i++)
        W2[i] *= 1.5F;
}

static enum ttt_status wrong_forward(void *self, const struct ttt_mlp_shape *shape,
                                     const struct ttt_mlp_forward_args *args, const struct ttt_candidate_call *call)
{
    const enum ttt_status status = honest()->forward(self, shape, args, call);
    enlarge(shape, args->W2_last);
    return status;
}

static enum ttt_status wrong_backward(void *self, const struct ttt_mlp_shape *shape,
                                      const struct ttt_mlp_backward_args *args, const struct ttt_candidate_call *call)
{
    const enum ttt_status status = honest()->backward(self, shape, args, call);
    enlarge(shape, args->grad_L_W2_init);
    return status;
}

/* A fault is found beside the points, on ordinary values and on those that are out of range; there in what can still be
 * judged. */
START_TEST(a_fault_is_found_out_of_range_too)
{
    const char *const cases[] = {"b1h2n40c16f32d64g2 eps=1e-6 dist=model seed=3", out_of_range[_i].text};
    const enum ttt_tensor where = _i ? TTT_GRAD_W2_INIT : TTT_W2_LAST;
    struct ttt_candidate wrong = *honest();
    wrong.forward = wrong_forward;
    wrong.backward = wrong_backward;
    for (int hard = 0; hard < 2; hard++) {
        struct bench b;
        const struct fuzz_case f = parse(cases[hard]);
        bench_open_declared(&b, out_of_range[_i].directions);
        if (!hard)
            ck_assert_int_eq(attempt(&b, &f, FUZZ_JUDGE).verdict, TTT_PASS);
        b.lab.candidate = &wrong;
        const struct fuzz_outcome o = attempt(&b, &f, FUZZ_JUDGE);
        ck_assert_int_eq(row_alone_failed(&b, out_of_range[_i].row), hard);
        ck_assert_int_eq(o.verdict, TTT_FAIL);
        ck_assert_int_eq(o.tensor, where);
        ck_assert_msg(o.gate[0] == 'G', "%s", o.gate);
        bench_close(&b);
    }
}
END_TEST

/* One column outweighs all others, so that dgZ2 lies almost along normalize(Z2): what half precision of that costs is
 * far beyond the contract, right for who declares it, wrong for who does not, or who keeps less. */
START_TEST(a_point_of_the_backward_pass_is_no_fault)
{
    static const char outlier[] = "b1h1n65c64f64d256g1 eps=1e-8 dist=unit seed=224264029 "
                                  "ttt_norm_weight=outlier@15534 W2_init=flat";
    static const struct {
        unsigned points;
        double scale;
        enum ttt_verdict verdict;
    } kernels[] = {{1U << TTT_POINT_XHAT, 1, TTT_PASS}, {0, 1, TTT_FAIL}, {1U << TTT_POINT_XHAT, 256, TTT_FAIL}};
    const struct fuzz_case f = parse(outlier);
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
        struct coarse coarse;
        struct bench b;
        coarse_make(&coarse, 1U << TTT_POINT_XHAT, kernels[i].scale);
        bench_open(&b, &coarse.candidate);
        b.lab.points = kernels[i].points;
        const struct fuzz_outcome o = attempt(&b, &f, FUZZ_JUDGE);
        ck_assert_msg(o.verdict == kernels[i].verdict, "%d: %s: %s", (int)i, o.gate, o.detail);
        ck_assert(o.judged && (o.verdict == TTT_PASS || o.tensor == TTT_GRAD_XV));
        bench_close(&b);
    }
}
END_TEST

/* XQW of rows whose Z2b is near the end of float's range is NaN, as where sums of a layer norm are taken in an order in
 * which they are beyond it. */
static enum ttt_status overflows(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                                 const struct ttt_candidate_call *call)
{
    const enum ttt_status status = ttt_candidate_ref_bf16.forward(self, shape, args, call);
    for (int64_t i = 0; i < shape->head_dim; i++)
        ((uint16_t *)args->XQW)[47 * shape->head_dim + i] = 0x7fc0;
    return status;
}

START_TEST(sums_near_the_end_of_the_range_are_open)
{
    static const char *const cases[] = {"b1h1n64c64f64d256g1 XK=huge W2_init=tiny", "b1h1n64c64f64d256g1 W2_init=tiny"};
    struct ttt_candidate candidate = ttt_candidate_ref_bf16;
    candidate.forward = overflows;
    for (int far = 0; far < 2; far++) {
        struct bench b;
        bench_open(&b, &candidate);
        b.lab.directions = TTT_DIRECTION_FORWARD;
        const struct fuzz_case f = parse(cases[far]);
        const struct fuzz_outcome o = attempt(&b, &f, FUZZ_SCREEN);
        ck_assert_int_eq(o.verdict == TTT_FAIL && strcmp(o.gate, "finite") == 0, far);
        bench_close(&b);
    }
}
END_TEST

/* The backward pass alone: what is poisoned in one head leaves the others as they are. */
START_TEST(a_backward_pass_alone_passes)
{
    struct fake fake;
    fake_make(&fake, &ttt_candidate_ref_bf16, FAULT_NO_FORWARD);
    const struct fuzz_case f = parse("b1h2n9c4f8d16g1 last_eta=nan@3");
    for (int served = 0; served < 2; served++) { /* asked for alone, or all that is served */
        struct bench b;
        bench_open(&b, served ? &fake.candidate : &ttt_candidate_ref_bf16);
        b.lab.directions = served ? TTT_DIRECTION_BOTH : TTT_DIRECTION_BACKWARD;
        const struct fuzz_outcome o = attempt(&b, &f, FUZZ_RELATE);
        ck_assert_msg(o.verdict == TTT_PASS, "%s: %s", o.gate, o.detail);
        bench_close(&b);
    }
}
END_TEST

/* Planted faults are found by the screen, shrunk to one head and at most two mini-batches, and named. */
static const struct {
    const char *gate;
    enum fault fault;
    enum ttt_tensor tensor; /* where it goes wrong first; TTT_TENSOR_COUNT: nowhere */
} planted[] = {
    {"overwritten", FAULT_UNWRITTEN, TTT_TENSOR_COUNT}, {"red-zones", FAULT_OVERRUN, TTT_TENSOR_COUNT},
    {"inputs", FAULT_INPUT, TTT_TENSOR_COUNT},          {"finite", FAULT_NAN, TTT_W1_LAST},
    {"status", FAULT_STATUS, TTT_TENSOR_COUNT},
};

START_TEST(faults_are_found_shrunk_and_named)
{
    struct fake fake;
    struct bench b;
    fake_make(&fake, &ttt_candidate_ref_bf16, planted[_i].fault);
    bench_open(&b, &fake.candidate);
    struct fuzz_case f = parse("b2h3n41c8f16d32g2 dist=strong seed=5 XV=outlier@77");
    struct fuzz_outcome o = attempt(&b, &f, FUZZ_SCREEN);
    ck_assert_int_eq(o.verdict, TTT_FAIL);
    ck_assert_str_eq(o.gate, planted[_i].gate);
    int tries;
    char error[1024] = "";
    ck_assert_int_eq(fuzz_shrink(&b.lab, &f, &o, &tries, error, sizeof error), 0);
    ck_assert_str_eq(o.gate, planted[_i].gate);
    ck_assert(f.c.shape.batch * f.c.shape.heads == 1 && ttt_shape_mini_batches(&f.c.shape) <= 2);
    ck_assert(f.field[TTT_XV].kind != FUZZ_OUTLIER && tries <= FUZZ_SHRINK_TRIES);
    if (planted[_i].tensor != TTT_TENSOR_COUNT) {
        struct fuzz_subject subject;
        struct fuzz_divergence d;
        ck_assert_int_eq(fuzz_subject_make(&subject, &f, error, sizeof error), 0);
        ck_assert_int_eq(fuzz_diverge(&b.lab, &subject, &d, error, sizeof error), 0);
        ck_assert(d.found && d.tensor == planted[_i].tensor);
        fuzz_subject_free(&subject);
    }
    bench_close(&b);
}
END_TEST

/* Writes behind XQW where there are three mini-batches, or where the keys are 0. */
static enum ttt_status overruns(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                                const struct ttt_candidate_call *call)
{
    const enum ttt_status status = ttt_candidate_ref_bf16.forward(self, shape, args, call);
    const int64_t elements = shape->batch * shape->heads * shape->seq_len * shape->head_dim;
    int zero = 1;
    for (int64_t i = 0; i < elements; i++)
        zero &= (((const uint16_t *)args->XK)[i] & 0x7fff) == 0;
    if (zero || shape->seq_len > 2 * shape->mini_batch_size)
        ((uint16_t *)args->XQW)[elements] = 0;
    return status;
}

/* What fails with simple values only in a small shape becomes small, too. */
START_TEST(simple_values_shrink_further)
{
    struct ttt_candidate candidate = ttt_candidate_ref_bf16;
    struct bench b;
    int tries;
    char error[1024] = "";
    candidate.forward = overruns;
    bench_open(&b, &candidate);
    struct fuzz_case f = parse("b2h3n41c8f16d32g2 dist=strong seed=5");
    struct fuzz_outcome o = attempt(&b, &f, FUZZ_SCREEN);
    ck_assert_int_eq(fuzz_shrink(&b.lab, &f, &o, &tries, error, sizeof error), 0);
    ck_assert_str_eq(o.gate, "red-zones");
    ck_assert_int_eq(f.field[TTT_XK].kind, FUZZ_ZERO);
    ck_assert_int_eq(f.c.shape.seq_len, 1);
    bench_close(&b);
}
END_TEST

static int looks;

static int over_at_the_third_look(void)
{
    return ++looks >= 3;
}

/* Shrinking ends with the time, with what it has; of a candidate that hung it does not begin. */
START_TEST(shrinking_ends)
{
    struct fake fake;
    struct bench b;
    int tries;
    char error[1024] = "";
    fake_make(&fake, &ttt_candidate_ref_bf16, planted[0].fault);
    bench_open(&b, &fake.candidate);
    struct fuzz_case f = parse("b2h3n41c8f16d32g2 dist=strong seed=5 XV=outlier@77");
    const struct fuzz_case whole = f;
    struct fuzz_outcome o = attempt(&b, &f, FUZZ_SCREEN), hang = {.verdict = TTT_FAIL, .tensor = TTT_TENSOR_COUNT};
    strcpy(hang.gate, "hang");
    ck_assert_int_eq(fuzz_shrink(&b.lab, &f, &hang, &tries, error, sizeof error), 0);
    ck_assert(tries == 0 && memcmp(&f, &whole, sizeof f) == 0);
    b.lab.over = over_at_the_third_look;
    ck_assert_int_eq(fuzz_shrink(&b.lab, &f, &o, &tries, error, sizeof error), 0);
    ck_assert_int_ge(tries, 1);
    ck_assert_int_le(tries, 2);
    ck_assert_int_eq(attempt(&b, &f, FUZZ_SCREEN).verdict, TTT_FAIL);
    bench_close(&b);
}
END_TEST

/* What the reference shows is what it computes, in the order of the equations, and showing it changes no bit. */
START_TEST(a_probe_sees_the_equations)
{
    static const char *const forward[] = {
        "F1 Z1", "gelu X2", "F2 Z2", "norm_l2_grad gZ2", "F3 gX2",   "gelu' gZ1", "F4 W1",
        "F4 b1", "F5 W2",   "F5 b2", "F6 Z1b",           "gelu X2b", "F7 Z2b",    "norm_output XQW"};
    enum { STAGES = sizeof forward / sizeof forward[0] };
    const struct fuzz_case f = parse("b1h1n5c3f4d6g1 seed=2");
    struct ttt_tensors inputs, plain = {.head0 = 0}, shown = {.head0 = 0};
    struct fuzz_stages s = {.is_double = 1};
    char error[512] = "";
    ck_assert_int_eq(fuzz_case_inputs(&inputs, &f, error, sizeof error), 0);
    const struct ttt_candidate *candidate = &ttt_candidate_ref_f64;
    ck_assert_int_eq(fuzz_block_run(&plain, &inputs, candidate, TTT_DIRECTION_BOTH, 2, error, sizeof error), 0);
    ttt_candidate_ref_probe(fuzz_stages_probe, &s);
    ck_assert_int_eq(fuzz_block_run(&shown, &inputs, candidate, TTT_DIRECTION_BOTH, 2, error, sizeof error), 0);
    ttt_candidate_ref_probe(NULL, NULL);
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++)
        ck_assert(!plain.buffer[t].data || ttt_buffer_hash(&plain.buffer[t]) == ttt_buffer_hash(&shown.buffer[t]));
    ck_assert(!s.failed && s.count > (size_t)4 * STAGES);
    for (size_t i = 0; i < (size_t)2 * STAGES; i++) {
        ck_assert_str_eq(s.list[i].equation, forward[i % STAGES]);
        ck_assert(s.list[i].head == 0 && s.list[i].mini_batch == (int64_t)(i / STAGES) && s.list[i].occurrence == 0);
    }
    ck_assert_int_eq(s.list[0].count, 3 * 6);
    for (int64_t r = 0; r < 3; r++) /* Z1 = K W1 + b1 */
        for (int64_t d = 0; d < 6; d++) {
            double z = ttt_buffer_get(&inputs.buffer[TTT_B1_INIT], d);
            for (int64_t k = 0; k < 4; k++)
                z += ttt_buffer_get(&inputs.buffer[TTT_XK], r * 4 + k) *
                     ttt_buffer_get(&inputs.buffer[TTT_W1_INIT], k * 6 + d);
            ck_assert_double_eq_tol(s.list[0].values[r * 6 + d], z, 1e-14);
        }
    for (int64_t i = 0; i < 4; i++) /* the last state is that after the last F5 */
        ck_assert(s.list[STAGES + 9].values[i] == ttt_buffer_get(&shown.buffer[TTT_B2_LAST], i));
    fuzz_stages_free(&s);
    ttt_tensors_free(&inputs);
    ttt_tensors_free(&plain);
    ttt_tensors_free(&shown);
}
END_TEST

/* The references show their equations; none of a correct one is wrong, nor any mini-batch alone. */
START_TEST(a_correct_candidate_diverges_nowhere)
{
    static const char *const cases[] = {"b1h2n23c8f16d32g2 seed=4", "b2h1n23c8f16d32g2 seed=4 causal=1",
                                        "b1h1n9c4f8d16g3 dist=strong state_grads=0"};
    struct bench b;
    bench_open(&b, &ttt_candidate_ref_bf16);
    for (size_t i = 0; i < 3; i++) {
        const struct fuzz_case f = parse(cases[i]);
        struct fuzz_subject subject;
        struct fuzz_divergence d;
        struct fuzz_equation e;
        char error[1024] = "";
        ck_assert_int_eq(fuzz_subject_make(&subject, &f, error, sizeof error), 0);
        ck_assert_int_eq(fuzz_diverge(&b.lab, &subject, &d, error, sizeof error), 0);
        ck_assert_msg(!d.found, "%s of mini-batch %d", ttt_tensor_info[d.tensor].name, (int)d.mini_batch);
        ck_assert_int_eq(fuzz_find_equation(&b.lab, "ref-bf16", &subject, b.scratch, &e, error, sizeof error), 0);
        ck_assert_msg(e.offered && !e.found, "%s", e.equation);
        fuzz_subject_free(&subject);
    }
    bench_close(&b);
}
END_TEST

/* What a launcher sets, and the rank that follows. */
static const char *const *variables;

static const char *environment(const char *name)
{
    for (size_t i = 0; variables[i]; i += 2)
        if (strcmp(variables[i], name) == 0)
            return variables[i + 1];
    return NULL;
}

START_TEST(ranks_are_those_of_the_launcher)
{
    static const char *const nothing[] = {NULL};
    static const char *const openmpi[] = {"OMPI_COMM_WORLD_RANK",
                                          "3",
                                          "OMPI_COMM_WORLD_SIZE",
                                          "8",
                                          "OMPI_COMM_WORLD_LOCAL_RANK",
                                          "3",
                                          "SLURM_PROCID",
                                          "0",
                                          "SLURM_NTASKS",
                                          "2",
                                          NULL};
    static const char *const slurm[] = {"SLURM_ARRAY_TASK_ID",
                                        "5",
                                        "SLURM_ARRAY_TASK_MIN",
                                        "1",
                                        "SLURM_ARRAY_TASK_COUNT",
                                        "3",
                                        "SLURM_ARRAY_TASK_STEP",
                                        "2",
                                        "SLURM_PROCID",
                                        "1",
                                        "SLURM_NTASKS",
                                        "4",
                                        "SLURM_LOCALID",
                                        "1",
                                        "CUDA_VISIBLE_DEVICES",
                                        "GPU-a,GPU-b,GPU-c",
                                        NULL};
    static const char *const half[] = {"PMIX_RANK", "0", NULL};
    const struct {
        const char *text, *const *set;
        int status;
        uint64_t rank, size;
        const char *device;
    } all[] = {
        {"auto", nothing, 0, 0, 1, ""}, {"auto", openmpi, 0, 3, 8, "3"}, {"auto", slurm, 0, 9, 12, "GPU-b"},
        {"auto", half, -1, 0, 0, ""},   {"2/5", openmpi, 0, 2, 5, "3"},  {"5/5", nothing, -1, 0, 0, ""},
        {"1", nothing, -1, 0, 0, ""},   {"", nothing, -1, 0, 0, ""},     {"-1/2", nothing, -1, 0, 0, ""},
        {"0/0", nothing, -1, 0, 0, ""},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct fuzz_shard shard;
        char error[512] = "", device[32];
        variables = all[i].set;
        ck_assert_int_eq(fuzz_shard_parse(all[i].text, environment, &shard, error, sizeof error), all[i].status);
        ck_assert(all[i].status == 0 ? shard.rank == all[i].rank && shard.size == all[i].size : error[0] != '\0');
        fuzz_shard_device(environment, device, sizeof device);
        ck_assert_str_eq(device, all[i].device);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fuzz");
    TCase *tc = tcase_create("fuzz");
    tcase_add_test(tc, a_case_is_a_function_of_seed_and_index);
    tcase_add_test(tc, shapes_are_what_they_should_be);
    tcase_add_test(tc, values_are_what_they_are_called);
    tcase_add_test(tc, correct_candidates_pass);
    tcase_add_test(tc, what_is_the_same_need_not_be_kept);
    tcase_add_loop_test(tc, hard_values_may_leave_the_range_of_a_point, 0, 2);
    tcase_add_test(tc, a_jump_may_be_too_much_for_a_point);
    tcase_add_loop_test(tc, ordinary_values_may_not, 0, 2);
    tcase_add_loop_test(tc, a_fault_is_found_out_of_range_too, 0, 2);
    tcase_add_test(tc, a_point_of_the_backward_pass_is_no_fault);
    tcase_add_test(tc, sums_near_the_end_of_the_range_are_open);
    tcase_add_test(tc, a_backward_pass_alone_passes);
    tcase_add_loop_test(tc, faults_are_found_shrunk_and_named, 0, sizeof planted / sizeof planted[0]);
    tcase_add_test(tc, simple_values_shrink_further);
    tcase_add_test(tc, shrinking_ends);
    tcase_add_test(tc, a_probe_sees_the_equations);
    tcase_add_test(tc, a_correct_candidate_diverges_nowhere);
    tcase_add_test(tc, ranks_are_those_of_the_launcher);
    tcase_set_timeout(tc, 120);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
