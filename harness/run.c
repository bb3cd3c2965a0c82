/* SPDX-License-Identifier: MIT */
#include "run.h"
#include "blocks.h"
#include "calibration.h"
#include "contract.h"
#include "judge.h"
#include "machine.h"
#include "reference.h"
#include "tally.h"
#include "tier0.h"
#include "vacuity.h"
#include "verdict.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORWARD  (1u << TTT_ROLE_FORWARD_OUTPUT)
#define BACKWARD (1u << TTT_ROLE_BACKWARD_OUTPUT)
#define OUTPUTS  (FORWARD | BACKWARD)

static const char out_of_memory[] = "out of memory";

/* Replicas of the contract with some points, and what they say of a block. */
struct replicas {
    unsigned points;
    struct ttt_judge judge;
    int finite; /* all their outputs are */
};

/* One contender's way through the blocks. */
struct lane {
    const struct ttt_contender *contender;
    struct ttt_result *result;
    struct ttt_tally tally;
    struct ttt_judgement judgement;
    struct replicas *by;      /* of the plain contract, or its own */
    struct replicas declared; /* with the points that it declares, as far as they are modelled */
    struct ttt_range range[TTT_TENSOR_COUNT];
    int range_read;                  /* on some block */
    unsigned open;                   /* directions that still run */
    char closed[2][TTT_DETAIL_TEXT]; /* why a direction does not, by enum ttt_direction */
};

/* What the blocks of one case share. */
struct stage {
    const struct ttt_run *run;
    struct lane *lanes;
    int lane_count;
    char judged[TTT_TENSOR_COUNT]; /* tensors of which both the truth and the outputs are there */
    struct replicas plain;
    int64_t heads_per_block;
    int with_replicas; /* there is a contender whose arithmetic rounds more than the truth's */
    uint64_t inputs_hash;
    struct ttt_vacuity vacuity;
    char *error;
    size_t error_size;
};

static int fail(struct stage *s, const char *what)
{
    snprintf(s->error, s->error_size, "%s", what);
    return -1;
}

static unsigned output_roles(unsigned directions)
{
    return (directions & TTT_DIRECTION_FORWARD ? FORWARD : 0) | (directions & TTT_DIRECTION_BACKWARD ? BACKWARD : 0);
}

/* The truth of one block. */

static int truth_call(struct stage *s, struct ttt_tensors *truth, enum ttt_direction direction)
{
    const struct ttt_call call = {
        .candidate = &ttt_candidate_ref_f64, .direction = direction, .threads = s->run->threads};
    const enum ttt_status status = ttt_call_plain(&call, truth);
    if (status == TTT_OK)
        return 0;
    snprintf(s->error, s->error_size, "ref-f64 %s: %s", ttt_direction_name[1u << direction],
             ttt_candidate_status(status));
    return -1;
}

static int truth_inputs(struct stage *s, struct ttt_tensors *truth, int64_t head0, int64_t heads)
{
    const struct ttt_run *run = s->run;
    const unsigned roles = ttt_reference_roles(run->directions);
    if (!run->file)
        return ttt_tensors_make(truth, &run->c, head0, heads, TTT_TYPES_F64, roles, s->error, s->error_size);
    if (ttt_tensors_load(truth, run->file, &run->c, head0, heads, TTT_TYPES_F64, roles & ~OUTPUTS, s->error,
                         s->error_size) != 0)
        return -1;
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        if (roles & OUTPUTS & 1u << ttt_tensor_info[t].role && ttt_tensor_present(t, &run->c) &&
            ttt_tensors_add(truth, t, TTT_F64, s->error, s->error_size) != 0)
            return -1;
    return 0;
}

/* Put the file's outputs in the place of those of the block. */
static int take_outputs(struct stage *s, struct ttt_tensors *block)
{
    struct ttt_tensors given;
    const int status = ttt_tensors_load(&given, s->run->file, &s->run->c, block->head0, block->c.shape.heads,
                                        block->types, output_roles(s->run->directions), s->error, s->error_size);
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT && status == 0; t++) {
        if (!given.buffer[t].data)
            continue;
        ttt_buffer_free(&block->buffer[t]);
        block->buffer[t] = given.buffer[t];
        given.buffer[t] = (struct ttt_buffer){.data = NULL};
    }
    ttt_tensors_free(&given);
    return status;
}

static int truth_make(struct stage *s, struct ttt_tensors *truth, int64_t head0, int64_t heads)
{
    const struct ttt_run *run = s->run;
    if (truth_inputs(s, truth, head0, heads) != 0)
        return -1;
    s->inputs_hash += ttt_tensors_inputs_hash(truth);
    ttt_vacuity_add(&s->vacuity, truth);
    /* A truth from a file has no checkpoints as a rule: the reference makes those that a backward pass may need. */
    if (!run->truth_in_file || run->directions & TTT_DIRECTION_BACKWARD)
        if (truth_call(s, truth, TTT_FORWARD) != 0)
            return -1;
    if (run->truth_in_file)
        return take_outputs(s, truth);
    return run->directions & TTT_DIRECTION_BACKWARD ? truth_call(s, truth, TTT_BACKWARD) : 0;
}

/* A contender on one block. */

static void lane_close(struct lane *lane, enum ttt_direction direction, const char *check, const char *why)
{
    lane->open &= ~(1u << direction);
    snprintf(lane->closed[direction], sizeof lane->closed[direction], "%s", why);
    if (check)
        ttt_result_note(lane->result, check, TTT_SKIPPED, "%s: %s", ttt_direction_name[1u << direction], why);
}

/* One pass; its outputs are there afterwards iff the direction is still open. */
static void lane_pass(const struct stage *s, struct lane *lane, struct ttt_tensors *k, enum ttt_direction direction)
{
    const struct ttt_candidate *candidate = lane->contender->candidate;
    if (!(lane->open & 1u << direction))
        return;
    const enum ttt_status status = candidate->supports(candidate->self, &k->c.shape, direction);
    if (status != TTT_OK) {
        lane_close(lane, direction, "supported", ttt_candidate_status(status));
        return;
    }
    const struct ttt_call call = {
        .candidate = candidate, .direction = direction, .threads = s->run->threads, .twice = k->head0 == 0};
    if (ttt_call_checked(&call, k, lane->result) != 0)
        lane_close(lane, direction, NULL, "the call failed");
}

static void lane_passes(const struct stage *s, struct lane *lane, struct ttt_tensors *k,
                        const struct ttt_tensors *truth)
{
    lane_pass(s, lane, k, TTT_FORWARD);
    if (!(lane->open & TTT_DIRECTION_FORWARD) && lane->open & TTT_DIRECTION_BACKWARD)
        ttt_reference_checkpoints(k, truth);
    lane_pass(s, lane, k, TTT_BACKWARD);
}

/* Only data from a file may be finer than the candidate's types. */
static int inputs_fit(const struct stage *s, const struct ttt_tensors *k, const struct ttt_tensors *truth)
{
    return !s->run->file || ttt_tensors_inputs_hash(k) == ttt_tensors_inputs_hash(truth);
}

/* Positions that are not finite; where all outputs and all replicas are, there is nothing to look at. */
static int lane_range(const struct stage *s, struct lane *lane, const struct ttt_tensors *k,
                      const struct ttt_tensors *truth)
{
    const struct ttt_range_question question = {
        .truth = truth, .k = k, .directions = lane->open, .points = lane->by->points, .threads = s->run->threads};
    if (!lane->open || (lane->by->finite && ttt_range_is_finite(k, lane->open)))
        return 0;
    lane->range_read = 1;
    return ttt_range_count(&question, lane->range, s->error, s->error_size);
}

static int lane_read(struct stage *s, struct lane *lane, const struct ttt_tensors *k, const struct ttt_tensors *truth)
{
    const unsigned roles = output_roles(lane->open);
    if (ttt_tally_add(&lane->tally, k, truth, roles, s->judged) != 0)
        return fail(s, out_of_memory);
    if (lane->contender->types == TTT_TYPES_F64)
        return 0;
    if (ttt_judge_read(&lane->by->judge, k, truth, roles, &lane->judgement) != 0)
        return fail(s, out_of_memory);
    return lane_range(s, lane, k, truth);
}

static int lane_block(struct stage *s, struct lane *lane, struct ttt_tensors *k, const struct ttt_tensors *truth)
{
    static const char unfit[] = "the inputs have values that its types cannot hold";
    if (ttt_reference_block(k, truth, lane->contender->types, s->run->directions, s->error, s->error_size) != 0)
        return -1;
    if (!inputs_fit(s, k, truth)) {
        lane_close(lane, TTT_FORWARD, "supported", unfit);
        lane_close(lane, TTT_BACKWARD, "supported", unfit);
    } else if (lane->contender->candidate) {
        lane_passes(s, lane, k, truth);
    } else if (take_outputs(s, k) != 0) {
        return -1;
    }
    return lane_read(s, lane, k, truth);
}

/* Replicas of the precision contract on one block, one after the other in `k`. */
static int replicas_block(struct stage *s, struct replicas *replicas, struct ttt_tensors *k,
                          const struct ttt_tensors *truth)
{
    const unsigned directions = s->run->directions;
    replicas->finite = 1;
    if (ttt_judge_block(&replicas->judge, truth) != 0)
        return fail(s, out_of_memory);
    if (ttt_reference_replica_block(k, truth, directions, s->error, s->error_size) != 0)
        return -1;
    for (int i = 0; i < TTT_REPLICAS; i++) {
        const struct ttt_candidate *replica = ttt_candidate_replica((uint64_t)i + 1, replicas->points);
        if (ttt_reference_run(replica, k, truth, directions, s->run->threads, s->error, s->error_size) != 0)
            return -1;
        const int finite = ttt_range_is_finite(k, directions);
        if (ttt_judge_replica(&replicas->judge, i, k, finite, truth) != 0)
            return fail(s, out_of_memory);
        replicas->finite &= finite;
    }
    ttt_judge_settle(&replicas->judge, truth);
    return 0;
}

/* A case. */

static void tell(const struct stage *s, const char *who, int64_t heads_done)
{
    if (s->run->progress)
        s->run->progress(s->run->progress_context, who, heads_done, s->run->c.shape.heads);
}

static int run_block(struct stage *s, int64_t head0, int64_t heads)
{
    struct ttt_tensors truth = {.head0 = 0}, k = {.head0 = 0};
    tell(s, "ref-f64", head0);
    int status = truth_make(s, &truth, head0, heads);
    if (status == 0 && s->with_replicas) {
        tell(s, "replicas of the contract", head0);
        status = replicas_block(s, &s->plain, &k, &truth);
        ttt_tensors_free(&k);
    }
    for (int i = 0; i < s->lane_count && status == 0; i++) {
        struct lane *lane = &s->lanes[i];
        if (!lane->open)
            continue;
        tell(s, lane->result->candidate, head0);
        if (lane->by == &lane->declared) {
            status = replicas_block(s, lane->by, &k, &truth);
            ttt_tensors_free(&k);
        }
        if (status == 0)
            status = lane_block(s, lane, &k, &truth);
        ttt_tensors_free(&k);
    }
    ttt_tensors_free(&truth);
    return status;
}

int64_t ttt_run_heads_per_block(const struct ttt_run *run, char *error, size_t error_size)
{
    const int64_t one = ttt_tensors_bytes(&run->c, 1, TTT_TYPES_F64, ttt_reference_roles(run->directions));
    const int64_t block = one > INT64_MAX / 2 ? INT64_MAX : 2 * one; /* the truth and a candidate */
    if (ttt_machine_fits("one head of this case", block, error, error_size) != 0)
        return -1;
    const int64_t heads = run->budget / block;
    return heads < 1 ? 1 : heads < run->c.shape.heads ? heads : run->c.shape.heads;
}

struct ttt_contender ttt_contender_of(const struct ttt_candidate *candidate)
{
    return (struct ttt_contender){candidate, candidate->types, ttt_points_declared(candidate)};
}

static void lane_open(struct stage *s, struct lane *lane, const struct ttt_contender *contender, struct ttt_result *r)
{
    const struct ttt_run *run = s->run;
    const unsigned modelled = ttt_points_modelled(contender->points, &run->c.shape, run->directions);
    r->c = run->c;
    r->candidate = contender->candidate ? contender->candidate->name : "file";
    r->types = contender->types;
    r->points = contender->points;
    r->directions = run->directions;
    lane->contender = contender;
    lane->result = r;
    lane->open = run->directions;
    lane->declared.points = modelled;
    lane->by = modelled ? &lane->declared : &s->plain;
    ttt_tally_init(&lane->tally, !contender->candidate, run->truth_in_file);
}

static void stage_open(struct stage *s, const struct ttt_contender *contenders, struct ttt_result *results)
{
    const struct ttt_run *run = s->run;
    int from_file = run->truth_in_file;
    for (int i = 0; i < s->lane_count; i++) {
        lane_open(s, &s->lanes[i], &contenders[i], &results[i]);
        s->with_replicas |= contenders[i].types != TTT_TYPES_F64;
        from_file |= !contenders[i].candidate;
    }
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        s->judged[t] = ttt_tensor_present(t, &run->c) &&
                       (!from_file || ttt_safetensors_find(run->file, ttt_tensor_info[t].name) != NULL);
    ttt_judge_init(&s->plain.judge, s->judged);
    for (int i = 0; i < s->lane_count; i++)
        ttt_judge_init(&s->lanes[i].declared.judge, s->judged);
}

static void write_tensor(const struct stage *s, const struct lane *lane, enum ttt_tensor t,
                         struct ttt_tensor_result *out)
{
    const enum ttt_direction direction =
        ttt_tensor_info[t].role == TTT_ROLE_BACKWARD_OUTPUT ? TTT_BACKWARD : TTT_FORWARD;
    *out = (struct ttt_tensor_result){.tensor = t, .metrics = lane->tally.metrics[t]};
    if (!(lane->open & 1u << direction)) {
        memcpy(out->skipped, lane->closed[direction], sizeof out->skipped);
    } else if (!s->judged[t]) {
        snprintf(out->skipped, sizeof out->skipped, "not in the file");
    } else {
        const enum ttt_types types = lane->contender->types;
        out->cost = types == TTT_TYPES_F64 ? 0 : ttt_judge_cost(&lane->by->judge, t, types);
        out->contract_cost = types == TTT_TYPES_F64 ? 0 : ttt_judge_cost(&s->plain.judge, t, types);
        out->range = lane->range[t];
        /* A sum over several blocks is known at the end only, and compared with the truth's. */
        if (t == TTT_GRAD_TOKEN_ETA && s->heads_per_block < s->run->c.shape.heads)
            out->range = (struct ttt_range){.wrong = out->metrics.mismatched,
                                            .first = out->metrics.worst,
                                            .k = out->metrics.worst_k,
                                            .r = out->metrics.worst_r};
        out->rounding = ttt_metrics_rel_l2(&lane->tally.rounding[t]);
        const struct ttt_evidence evidence = {
            .types = types,
            .c = &s->run->c,
            .from_file = s->run->file != NULL,
            .readings = lane->judgement.readings[t],
            .ill_conditioned = types != TTT_TYPES_F64 && ttt_judge_ill_conditioned(&s->plain.judge, t),
        };
        ttt_verdict_tensor(out, &evidence);
    }
}

/* The tensor that the points of one pass cost most, beside the contract without them; NULL: none can be judged. */
static const struct ttt_tensor_result *costs_most(const struct lane *lane, unsigned direction, double *ratio)
{
    const struct ttt_result *r = lane->result;
    const struct ttt_tensor_result *worst = NULL;
    *ratio = 0;
    for (int i = 0; i < r->tensor_count; i++) {
        const struct ttt_tensor_result *t = &r->tensors[i];
        const double more = t->contract_cost == 0 ? 1 : t->cost / t->contract_cost;
        if (ttt_output_direction(t->tensor) != direction || t->skipped[0] || t->ill_conditioned || more <= *ratio)
            continue;
        *ratio = more;
        worst = t;
    }
    return worst;
}

/* What the declared points cost in one pass, or that they are not modelled there. */
static void note_contract(const struct lane *lane, unsigned direction)
{
    struct ttt_result *r = lane->result;
    const char *row = direction == TTT_DIRECTION_FORWARD ? "contract" : "contract-backward";
    const unsigned modelled = ttt_points_modelled(r->points, &r->c.shape, direction);
    char points[TTT_POINTS_TEXT];
    double ratio;
    if (!r->points || !(lane->open & direction))
        return;
    ttt_points_format(modelled ? modelled : r->points, points);
    if (!modelled)
        ttt_result_note(r, row, TTT_SKIPPED,
                        "declares bf16+%s; the %s pass is not modelled with them on this case, sigma is bf16's", points,
                        ttt_direction_name[direction]);
    for (int i = 0; i < r->tensor_count && modelled; i++) {
        const struct ttt_tensor_result *t = &r->tensors[i];
        if (ttt_output_direction(t->tensor) == direction && !t->skipped[0] && !t->ill_conditioned &&
            ttt_judge_ill_conditioned(&lane->declared.judge, t->tensor))
            ttt_result_note(r, row, TTT_FAIL,
                            "%s can be judged, but not by bf16+%s: its replicas disagree by more than half of it",
                            ttt_tensor_info[t->tensor].name, points);
    }
    const struct ttt_tensor_result *worst = modelled ? costs_most(lane, direction, &ratio) : NULL;
    if (worst)
        ttt_result_note(r, row, TTT_PASS, "bf16+%s costs at most %.3g times what bf16 does: %.2e, not %.2e, of %s",
                        points, ratio, worst->cost, worst->contract_cost, ttt_tensor_info[worst->tensor].name);
}

static void note_calibration(struct ttt_result *r)
{
    char times[64] = "";
    const double walk = ttt_calibration_walk(r->types, &r->c.shape);
    if (walk > 1)
        snprintf(times, sizeof times, ", times %.3g for the length", walk);
    if (r->types != TTT_TYPES_F64 && !ttt_calibration_covers(r->types, &r->c.shape))
        ttt_result_note(r, "calibration", TTT_PASS,
                        "no shape like this one was calibrated: thresholds are the largest of all shapes and data%s",
                        times);
}

static void note_range(const struct lane *lane)
{
    struct ttt_result *r = lane->result;
    struct ttt_range all = {.wrong = 0};
    char reference[TTT_POINTS_TEXT];
    if (!lane->range_read)
        return;
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++) {
        all.wrong += lane->range[t].wrong;
        all.open += lane->range[t].open;
        all.non_finite += lane->range[t].non_finite;
    }
    ttt_contract_reference(r->types, lane->by->points, reference);
    ttt_result_note(r, "range", TTT_PASS,
                    "%s is not finite in %" PRId64 " positions; %" PRId64 " differ from it, %" PRId64
                    " more where the order of sums decides",
                    reference, all.non_finite, all.wrong, all.open);
}

static void keep_along(struct ttt_tensor_result *t, const struct ttt_profile *profile)
{
    t->columns = ttt_profile_columns(profile);
    for (int i = 0; i < t->columns; i++) {
        const struct ttt_cell *cell = &profile->along[i];
        t->along_error[i] = cell->error == 0 ? 0 : (float)sqrt(cell->error / cell->truth);
        t->along_cost[i] = cell->cost == 0 ? 0 : (float)sqrt(cell->cost / cell->truth);
    }
}

/* Where the errors are: in the worst tensor, and of token tensors along the sequence. */
static void keep_profiles(const struct lane *lane)
{
    struct ttt_result *r = lane->result;
    const struct ttt_tensor_result *worst = ttt_result_worst(r);
    if (!worst)
        return;
    r->mapped = worst->tensor;
    ttt_profile_map_heads(&lane->judgement.profile[worst->tensor], &r->heads);
    ttt_profile_map_tile(&lane->judgement.profile[worst->tensor], &r->tile);
    for (int i = 0; i < r->tensor_count; i++)
        if (ttt_tensor_info[r->tensors[i].tensor].token)
            keep_along(&r->tensors[i], &lane->judgement.profile[r->tensors[i].tensor]);
}

static int stage_finish(struct stage *s)
{
    for (int i = 0; i < s->lane_count; i++) {
        struct lane *lane = &s->lanes[i];
        struct ttt_result *r = lane->result;
        if (ttt_tally_finish(&lane->tally) != 0 ||
            (r->types != TTT_TYPES_F64 &&
             ttt_judge_finish(&lane->by->judge, &lane->tally, &s->run->c.shape, r->types, &lane->judgement) != 0))
            return fail(s, out_of_memory);
        r->inputs_hash = s->inputs_hash;
        r->one_mini_batch = ttt_shape_mini_batches(&s->run->c.shape) == 1;
        for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
            r->blind[t] = (unsigned char)ttt_vacuity_blind(&s->vacuity, t);
        for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
            if (ttt_tensor_present(t, &r->c) && output_roles(r->directions) & 1u << ttt_tensor_info[t].role)
                write_tensor(s, lane, t, &r->tensors[r->tensor_count++]);
        note_contract(lane, TTT_DIRECTION_FORWARD);
        note_contract(lane, TTT_DIRECTION_BACKWARD);
        note_range(lane);
        note_calibration(r);
        r->verdict = ttt_verdict_result(r);
        keep_profiles(lane);
    }
    return 0;
}

int ttt_run_case(const struct ttt_run *run, const struct ttt_contender *contenders, int count,
                 struct ttt_result *results, char *error, size_t error_size)
{
    struct stage s = {.run = run, .lane_count = count, .error = error, .error_size = error_size};
    const int64_t step = ttt_run_heads_per_block(run, error, error_size);
    if (step < 0)
        return -1;
    s.heads_per_block = step;
    s.lanes = calloc((size_t)count, sizeof *s.lanes);
    if (!s.lanes)
        return fail(&s, out_of_memory);
    stage_open(&s, contenders, results);
    int status = 0;
    for (int64_t head = 0; head < run->c.shape.heads && status == 0; head += run->every_head ? run->every_head : step) {
        const int64_t left = run->c.shape.heads - head;
        status = run_block(&s, head, run->every_head ? 1 : left < step ? left : step);
    }
    if (status == 0)
        status = stage_finish(&s);
    for (int i = 0; i < count; i++) {
        ttt_tally_free(&s.lanes[i].tally);
        ttt_judge_free(&s.lanes[i].declared.judge);
    }
    ttt_judge_free(&s.plain.judge);
    free(s.lanes);
    return status;
}
