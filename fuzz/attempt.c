/* SPDX-License-Identifier: MIT */
#include "attempt.h"
#include "blocks.h"
#include "harness/calibration.h"
#include "harness/contract.h"
#include "harness/exactness.h"
#include "harness/machine.h"
#include "harness/reference.h"
#include "harness/relations.h"
#include "harness/tier0.h"
#include "harness/verdict.h"
#include "poison.h"
#include "screen.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* One attempt under way. */
struct attempt {
    const struct fuzz_lab *lab;
    const struct fuzz_subject *subject;
    struct fuzz_outcome *out;
    struct ttt_tensors truth, contract, k;
    unsigned open;                     /* directions that the candidate serves */
    double screened[TTT_TENSOR_COUNT]; /* what the screen said of each output */
    char *error;
    size_t error_size;
};

/* Inputs, truth, reference, candidate, and what the judge holds besides. */
static int check_memory(const struct ttt_case *c, char *error, size_t error_size)
{
    const int64_t bytes = ttt_tensors_bytes(c, c->shape.heads, TTT_TYPES_F64, ~0u);
    return ttt_machine_fits("this case", bytes > INT64_MAX / 6 ? INT64_MAX : 6 * bytes, error, error_size);
}

int fuzz_subject_make(struct fuzz_subject *s, const struct fuzz_case *f, char *error, size_t error_size)
{
    *s = (struct fuzz_subject){
        .c = f->c, .plain = fuzz_case_is_plain(f), .gentle = fuzz_case_is_gentle(f), .file = NULL};
    if (check_memory(&s->c, error, error_size) != 0)
        return -1;
    return fuzz_case_inputs(&s->inputs, f, error, error_size);
}

int fuzz_subject_load(struct fuzz_subject *s, struct ttt_safetensors *file, char *error, size_t error_size)
{
    *s = (struct fuzz_subject){.file = file};
    struct fuzz_case named = {.field = {{FUZZ_DRAWN, 0}}};
    struct ttt_tensors drawn = {.head0 = 0};
    if (ttt_safetensors_case(file, &s->c, error, error_size) != 0 || check_memory(&s->c, error, error_size) != 0 ||
        ttt_tensors_load(&s->inputs, file, &s->c, 0, s->c.shape.heads, TTT_TYPES_F64, FUZZ_INPUTS, error, error_size))
        return -1;
    named.c = s->c;
    const int status = fuzz_case_inputs(&drawn, &named, error, error_size);
    s->plain = status == 0 && ttt_tensors_inputs_hash(&drawn) == ttt_tensors_inputs_hash(&s->inputs);
    s->gentle = s->plain;
    ttt_tensors_free(&drawn);
    return status;
}

void fuzz_subject_free(struct fuzz_subject *s)
{
    ttt_tensors_free(&s->inputs);
}

/* What ttt-calibrate draws its cases from. */
int fuzz_is_calibrated(const struct fuzz_subject *subject, enum ttt_types types)
{
    const struct ttt_mlp_shape *s = &subject->c.shape;
    return subject->plain && s->ln_eps >= 1e-8 && s->ln_eps <= 1e-5 && ttt_calibration_covers(types, s);
}

/* A verdict that is known before any gate is read. */
static void fail(struct attempt *a, const char *gate, enum ttt_tensor t, const char *detail)
{
    a->out->verdict = TTT_FAIL;
    a->out->tensor = t;
    snprintf(a->out->gate, sizeof a->out->gate, "%s", gate);
    snprintf(a->out->detail, sizeof a->out->detail, "%s", detail);
}

/* The first failed check of the result; NULL: none.  *out_of_range: a row `contract` has failed.  Declared points
 * that leave nothing to be judged are a fault where the gates are calibrated; hard values may be out of the range of
 * what rounds there, as was declared, and a layer norm over two elements jumps with any rounding. */
static const struct ttt_check *failed_check(const struct attempt *a, int *out_of_range)
{
    const struct ttt_result *r = a->lab->result;
    *out_of_range = 0;
    for (int i = 0; i < r->check_count; i++) {
        const int is_contract =
            strcmp(r->checks[i].name, "contract") == 0 || strcmp(r->checks[i].name, "contract-backward") == 0;
        const int is_range = is_contract && !fuzz_is_calibrated(a->subject, r->types);
        if (r->checks[i].verdict == TTT_FAIL && !is_range)
            return &r->checks[i];
        *out_of_range |= r->checks[i].verdict == TTT_FAIL;
    }
    return NULL;
}

/* The outputs to be judged: the candidate's, or those of the file.  0, or -1 with one line in error. */
static int outputs_make(struct attempt *a, enum fuzz_depth depth)
{
    const struct fuzz_lab *lab = a->lab;
    if (!lab->candidate) {
        unsigned roles = 0;
        for (enum ttt_direction d = TTT_FORWARD; d <= TTT_BACKWARD; d++)
            if (a->open & 1u << d)
                roles |= 1u << (d == TTT_FORWARD ? TTT_ROLE_FORWARD_OUTPUT : TTT_ROLE_BACKWARD_OUTPUT);
        return ttt_tensors_load(&a->k, a->subject->file, &a->subject->c, 0, a->subject->c.shape.heads, lab->types,
                                roles, a->error, a->error_size);
    }
    if (ttt_reference_block(&a->k, &a->subject->inputs, lab->types, a->open, a->error, a->error_size) != 0)
        return -1;
    if (!(a->open & TTT_DIRECTION_FORWARD))
        for (enum ttt_tensor t = TTT_W1_CHECKPOINTS; t <= TTT_B2_CHECKPOINTS; t++)
            memcpy(a->k.buffer[t].data, a->contract.buffer[t].data,
                   (size_t)a->k.buffer[t].elements * ttt_dtype_size(a->k.buffer[t].dtype));
    for (enum ttt_direction d = TTT_FORWARD; d <= TTT_BACKWARD; d++) {
        const struct ttt_call call = {
            .candidate = lab->candidate, .direction = d, .threads = lab->threads, .twice = depth >= FUZZ_JUDGE};
        if (a->open & 1u << d && ttt_call_checked(&call, &a->k, lab->result) != 0)
            break;
    }
    int out_of_range;
    const struct ttt_check *check = failed_check(a, &out_of_range);
    if (check)
        fail(a, check->name, TTT_TENSOR_COUNT, check->detail);
    return 0;
}

static void fail_finite(struct attempt *a, enum ttt_tensor t, const struct ttt_range *range)
{
    char place[TTT_DETAIL_TEXT], reference[TTT_POINTS_TEXT], detail[2 * TTT_DETAIL_TEXT];
    ttt_tensor_place(t, &a->subject->c.shape, range->first, place);
    ttt_contract_reference(
        a->lab->types, ttt_points_modelled(a->lab->points, &a->subject->c.shape, ttt_output_direction(t)), reference);
    snprintf(detail, sizeof detail, "%s %s is %g, that of %s is %g", ttt_tensor_info[t].name, place, range->k,
             reference, range->r);
    fail(a, "finite", t, detail);
}

/* Some position is finite in only one of candidate and reference: look closer. */
static int settle_finite(struct attempt *a)
{
    const struct ttt_range_question question = {.truth = &a->truth,
                                                .k = &a->k,
                                                .directions = a->open,
                                                .points =
                                                    ttt_points_modelled(a->lab->points, &a->subject->c.shape, a->open),
                                                .threads = a->lab->threads};
    struct ttt_range range[TTT_TENSOR_COUNT] = {{.wrong = 0}};
    if (ttt_range_count(&question, range, a->error, a->error_size) != 0)
        return -1;
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT && a->out->verdict != TTT_FAIL; t++)
        if (range[t].wrong > 0)
            fail_finite(a, t, &range[t]);
    return 0;
}

/* Compare the outputs with the reference's.  0, or -1 with one line in error. */
static int screen(struct attempt *a)
{
    const struct fuzz_outputs o = {&a->truth, &a->contract, &a->k};
    int differs = 0;
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++) {
        if (!fuzz_is_output(t, a->open) || !a->k.buffer[t].data)
            continue;
        differs |= fuzz_screen_finite(&o, t) >= 0;
        a->screened[t] = fuzz_screen(&o, t);
        if (a->screened[t] < 0) {
            snprintf(a->error, a->error_size, "out of memory");
            return -1;
        }
        a->out->suspicious |= !(a->screened[t] <= 1);
    }
    return differs ? settle_finite(a) : 0;
}

/* Is the gate one to be read?  Positions that are not finite are the screen's: the truth has another range.  A gate
 * that no correct run has had a reading of has no threshold.  On data that the gates are not calibrated for,
 *   - a bias may be small for reasons that other data do not have (gZ2 has mean 0 by structure, say): G3 is not read;
 *   - the rounding of operands may not be what costs most: besides the replicas of the contract, the error of the
 *     reference itself must be exceeded as far;
 *   - a layer norm over one element is 0 and over two a sign, which jumps: an error of the last bit may be as large as
 *     the value. */
static int is_read(const struct attempt *a, const struct ttt_gate *gate, enum ttt_tensor t, int calibrated)
{
    if (strcmp(gate->name, "finite") == 0 || gate->bound == 0)
        return 0;
    return calibrated || (strncmp(gate->name, "G3", 2) != 0 && !isnan(gate->bound) &&
                          a->subject->c.shape.head_dim > 2 && a->screened[t] > FUZZ_SLACK / FUZZ_SCREEN_TOLERANCE);
}

static void fail_gate(struct attempt *a, const struct ttt_gate *gate, enum ttt_tensor t, double bound)
{
    char place[TTT_DETAIL_TEXT] = "", detail[2 * TTT_DETAIL_TEXT];
    if (gate->place.elements > 0)
        ttt_group_place(t, &a->subject->c.shape, &gate->place, place);
    snprintf(detail, sizeof detail, "%s %s is %.3g, allowed %.3g", ttt_tensor_info[t].name, place, gate->value, bound);
    fail(a, gate->name, t, detail);
}

/* A failure is named by its worst gate; of a forward pass that is wrong, by one of that. */
static void read_gates(struct attempt *a, const struct ttt_result *r)
{
    const int calibrated = fuzz_is_calibrated(a->subject, r->types) || r->types == TTT_TYPES_F64;
    double worst[2] = {1, 1}; /* forward, backward: what is beyond it is named */
    for (int i = 0; i < r->tensor_count; i++)
        for (int g = 0; g < r->tensors[i].gate_count; g++) {
            const struct ttt_gate *gate = &r->tensors[i].gates[g];
            const enum ttt_tensor t = r->tensors[i].tensor;
            const int backward = ttt_tensor_info[t].role == TTT_ROLE_BACKWARD_OUTPUT;
            const double bound = gate->bound * (calibrated ? 1 : FUZZ_SLACK);
            const double ratio = gate->value == 0 ? 0 : gate->value / bound;
            if (!is_read(a, gate, t, calibrated))
                continue;
            a->out->nearest = ratio > a->out->nearest ? ratio : a->out->nearest;
            if (ratio <= worst[backward] || (backward && worst[0] > 1))
                continue;
            worst[backward] = isnan(ratio) ? (double)INFINITY : ratio;
            fail_gate(a, gate, t, bound);
        }
}

/* Is all of the truth finite?  Where it is not, 0 times what is not finite breaks relations that hold otherwise (that a
 * learning rate of 0 leaves the state alone, say). */
static int truth_is_finite(const struct attempt *a)
{
    int finite = 1;
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++)
        for (int64_t i = 0; i < a->truth.buffer[t].elements && a->truth.buffer[t].data && finite; i++)
            finite = isfinite(ttt_buffer_get(&a->truth.buffer[t], i)) != 0;
    return finite;
}

static int try_relations(struct attempt *a, const struct ttt_run *run)
{
    struct ttt_result *r = a->lab->result;
    int fails = 0;
    if (a->subject->gentle && ttt_relations_suit(&run->c) && truth_is_finite(a) &&
        ttt_relations_run(run, a->lab->candidate, r, a->error, a->error_size) != 0)
        return -1;
    if (fuzz_poison_check(a->lab, a->open, a->subject, &a->k, a->out, &fails, a->error, a->error_size) != 0)
        return -1;
    if (fails)
        a->out->verdict = TTT_FAIL;
    return 0;
}

static void conclude(struct attempt *a)
{
    const struct ttt_result *r = a->lab->result;
    int out_of_range;
    const struct ttt_check *check = failed_check(a, &out_of_range);
    if (a->out->verdict == TTT_FAIL)
        return;
    if (check)
        fail(a, check->name, TTT_TENSOR_COUNT, check->detail);
    else
        read_gates(a, r);
    if (out_of_range && a->out->verdict != TTT_FAIL)
        a->out->verdict = TTT_ILL_CONDITIONED;
    for (int i = 0; i < r->tensor_count && a->out->verdict != TTT_FAIL; i++)
        if (r->tensors[i].ill_conditioned)
            a->out->verdict = TTT_ILL_CONDITIONED;
}

/* The full judgement, on the very data: from the case where they are drawn, else from a file. */
static int judge(struct attempt *a, enum fuzz_depth depth)
{
    const struct fuzz_lab *lab = a->lab;
    struct ttt_run run = {.c = a->subject->c, .directions = a->open, .threads = lab->threads, .budget = TTT_RUN_BUDGET};
    const struct ttt_contender contender = {lab->candidate, lab->types, lab->points};
    struct ttt_safetensors *scratch = NULL;
    run.file = a->subject->file;
    if (!run.file && !a->subject->plain) {
        if (ttt_safetensors_write(lab->scratch, &a->contract, FUZZ_INPUTS, a->error, a->error_size) != 0 ||
            !(scratch = ttt_safetensors_open(lab->scratch, a->error, a->error_size)))
            return -1;
        run.file = scratch;
    }
    a->out->judged = 1;
    memset(lab->result, 0, sizeof *lab->result);
    int status = ttt_run_case(&run, &contender, 1, lab->result, a->error, a->error_size);
    if (status == 0 && a->subject->plain && run.c.distribution == TTT_DIST_EXACT)
        status = ttt_exactness_run(&run, lab->result, a->error, a->error_size);
    if (status == 0 && lab->candidate && depth == FUZZ_RELATE)
        status = try_relations(a, &run);
    if (status == 0)
        conclude(a);
    ttt_safetensors_close(scratch);
    return status;
}

static int attempt_run(struct attempt *a, enum fuzz_depth depth)
{
    const struct fuzz_lab *lab = a->lab;
    const struct ttt_candidate *reference = ttt_candidate_contract(lab->types, lab->points);
    if (fuzz_block_run(&a->contract, &a->subject->inputs, reference, a->open, lab->threads, a->error, a->error_size))
        return -1;
    if (outputs_make(a, depth) != 0)
        return -1;
    if (a->out->verdict == TTT_FAIL)
        return 0;
    if (fuzz_block_run(&a->truth, &a->subject->inputs, &ttt_candidate_ref_f64, a->open, lab->threads, a->error,
                       a->error_size) != 0 ||
        screen(a) != 0)
        return -1;
    if (a->out->verdict == TTT_FAIL || (depth == FUZZ_SCREEN && !a->out->suspicious))
        return 0;
    return judge(a, depth);
}

int fuzz_attempt(const struct fuzz_lab *lab, const struct fuzz_subject *subject, enum fuzz_depth depth,
                 struct fuzz_outcome *out, char *error, size_t error_size)
{
    struct attempt a = {.lab = lab, .subject = subject, .out = out, .error = error, .error_size = error_size};
    *out = (struct fuzz_outcome){.verdict = TTT_PASS, .tensor = TTT_TENSOR_COUNT};
    memset(lab->result, 0, sizeof *lab->result);
    for (enum ttt_direction d = TTT_FORWARD; d <= TTT_BACKWARD; d++)
        if (lab->directions & 1u << d &&
            (!lab->candidate || lab->candidate->supports(lab->candidate->self, &subject->c.shape, d) == TTT_OK))
            a.open |= 1u << d;
    if (!a.open) {
        out->verdict = TTT_SKIPPED;
        return 0;
    }
    const int status = attempt_run(&a, depth);
    ttt_tensors_free(&a.truth);
    ttt_tensors_free(&a.contract);
    ttt_tensors_free(&a.k);
    return status;
}
