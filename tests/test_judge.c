/* SPDX-License-Identifier: MIT
 *
 * The judge as a whole: correct outputs pass, a fault in one tile or one row of one head and mini-batch is found and
 * located, data that cannot be judged is said to be so, and neither blocks nor threads change a reading.
 */
#include "harness/judge.h"
#include "harness/run.h"
#include "harness/table.h"
#include "harness/tier0.h"
#include "run.h"
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static struct ttt_run run_of(const char *text, unsigned directions)
{
    struct ttt_run run = {.directions = directions, .threads = 1, .budget = TTT_RUN_BUDGET};
    char error[256];
    ck_assert_msg(ttt_case_parse(text, &run.c, error, sizeof error) == 0, "%s", error);
    return run;
}

static struct ttt_result *result_of(const struct ttt_run *run, const struct ttt_candidate *candidate)
{
    const struct ttt_contender contender = ttt_contender_of(candidate);
    struct ttt_result *r = calloc(1, sizeof *r);
    char error[256];
    ck_assert_ptr_nonnull(r);
    ck_assert_msg(ttt_run_case(run, &contender, 1, r, error, sizeof error) == 0, "%s", error);
    return r;
}

static const char *first_failure(const struct ttt_result *r)
{
    static char line[TTT_TABLE_LINE];
    return ttt_table_failure(r, 0, line) ? line : "no failure";
}

/* ref-bf16 with a relative fault of 2^-4 in a few rows and columns of one mini-batch of one head. */
struct faulty {
    struct ttt_candidate candidate;
    enum ttt_tensor tensor; /* TTT_XQW or TTT_GRAD_XK */
    int64_t head, mini_batch, row, rows, column, columns;
};

static void spoil(const struct faulty *f, const struct ttt_mlp_shape *s, void *tensor)
{
    uint16_t *x = tensor;
    for (int64_t r = f->row; r < f->row + f->rows; r++)
        for (int64_t c = f->column; c < f->column + f->columns; c++) {
            const int64_t token = f->head * s->seq_len + f->mini_batch * s->mini_batch_size + r;
            uint16_t *element = &x[token * s->head_dim + c];
            *element = ttt_bf16_from_double(ttt_bf16_to_double(*element) * (1 + 0x1p-4));
        }
}

static enum ttt_status faulty_supports(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction)
{
    (void)self;
    return ttt_candidate_ref_bf16.supports(ttt_candidate_ref_bf16.self, shape, direction);
}

static size_t faulty_workspace(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction, int threads)
{
    (void)self;
    return ttt_candidate_ref_bf16.workspace(ttt_candidate_ref_bf16.self, shape, direction, threads);
}

static enum ttt_status faulty_forward(void *self, const struct ttt_mlp_shape *shape,
                                      const struct ttt_mlp_forward_args *args, const struct ttt_candidate_call *call)
{
    const struct faulty *f = self;
    const enum ttt_status status = ttt_candidate_ref_bf16.forward(ttt_candidate_ref_bf16.self, shape, args, call);
    if (f->tensor == TTT_XQW)
        spoil(f, shape, args->XQW);
    return status;
}

static enum ttt_status faulty_backward(void *self, const struct ttt_mlp_shape *shape,
                                       const struct ttt_mlp_backward_args *args, const struct ttt_candidate_call *call)
{
    const struct faulty *f = self;
    const enum ttt_status status = ttt_candidate_ref_bf16.backward(ttt_candidate_ref_bf16.self, shape, args, call);
    if (f->tensor == TTT_GRAD_XK)
        spoil(f, shape, args->grad_L_XK);
    return status;
}

static void faulty_make(struct faulty *f)
{
    f->candidate = (struct ttt_candidate){
        .abi = TTT_CANDIDATE_ABI,
        .name = "faulty",
        .about = "ref-bf16 with a fault",
        .types = TTT_TYPES_BF16,
        .deterministic = 1,
        .self = f,
        .supports = faulty_supports,
        .workspace = faulty_workspace,
        .forward = faulty_forward,
        .backward = faulty_backward,
    };
}

static const char *const local_cases[] = {
    "b1h3n256c64f64d256g2 eps=1e-6 dist=unit seed=101",
    "b1h3n256c64f64d256g2 eps=1e-6 dist=strong seed=102",
    "b1h3n640c64f64d256g4 eps=1e-6 dist=unit seed=103",
    "b1h3n1024c64f64d256g16 eps=1e-6 dist=strong seed=104",
    "b1h3n256c16f64d256g4 eps=1e-6 dist=unit seed=105 causal=1",
    "b1h3n256c16f64d256g4 eps=1e-6 dist=strong seed=106 causal=1",
};
enum { LOCAL_CASES = sizeof local_cases / sizeof local_cases[0] };

/* The tensor failed, nothing else did, and the line says where: in the tile, or in one of its rows. */
static void assert_located(const struct faulty *f, const struct ttt_result *r)
{
    char line[TTT_TABLE_LINE], at[TTT_DETAIL_TEXT];
    ck_assert_int_eq(r->verdict, TTT_FAIL);
    const char *found = first_failure(r);
    const char *name = ttt_tensor_info[f->tensor].name;
    ck_assert_msg(strncmp(found, name, strlen(name)) == 0 && found[strlen(name)] == ':', "%s", found);
    snprintf(at, sizeof at, "at [batch 0, head %d, mini-batch %d, ", (int)f->head, (int)f->mini_batch);
    const char *place = strstr(found, at);
    ck_assert_msg(place != NULL, "'%s' is not '%s'", found, at);
    int row = -1, column = (int)f->column;
    const int numbers = sscanf(place + strlen(at), "tile of rows %d and columns %d on]", &row, &column);
    if (numbers != 2)
        sscanf(place + strlen(at), "row %d]", &row);
    ck_assert_msg(row >= f->row && row < f->row + f->rows && column == f->column, "%s", found);
    ck_assert_msg(!ttt_table_failure(r, 1, line), "a second failure: %s", line);
}

START_TEST(fault_in_one_tile_is_located)
{
    struct faulty f = {.tensor = TTT_GRAD_XK, .rows = TTT_TILE, .column = 32, .columns = TTT_TILE, .head = 1};
    const struct ttt_run run = run_of(local_cases[_i], TTT_DIRECTION_BOTH);
    f.mini_batch = ttt_shape_mini_batches(&run.c.shape) - 2;
    f.row = run.c.shape.mini_batch_size == 64 ? 16 : 0;
    faulty_make(&f);
    struct ttt_result *r = result_of(&run, &f.candidate);
    assert_located(&f, r);
    free(r);
}
END_TEST

START_TEST(fault_in_one_row_is_located)
{
    struct faulty f = {.tensor = TTT_XQW, .row = 9, .rows = 1, .columns = 64, .head = 2, .mini_batch = 1};
    const struct ttt_run run = run_of(local_cases[_i], TTT_DIRECTION_FORWARD);
    faulty_make(&f);
    struct ttt_result *r = result_of(&run, &f.candidate);
    assert_located(&f, r);
    free(r);
}
END_TEST

START_TEST(same_candidate_without_a_fault_passes)
{
    struct faulty f = {.tensor = TTT_XQW};
    const struct ttt_run run = run_of(local_cases[_i], TTT_DIRECTION_BOTH);
    faulty_make(&f);
    struct ttt_result *r = result_of(&run, &f.candidate);
    ck_assert_msg(r->verdict == TTT_PASS, "%s", first_failure(r));
    free(r);
}
END_TEST

/* The truth, rounded to the output's types, reads what rounding makes and nothing more. */
START_TEST(the_truth_itself_passes)
{
    const unsigned roles = ~0U;
    const struct ttt_run run = run_of("b2h2n40c16f16d64g2 eps=1e-6 dist=unit seed=1 causal=1", TTT_DIRECTION_BOTH);
    struct ttt_tensors truth, k;
    struct ttt_judge judge;
    struct ttt_judgement *judgement = calloc(1, sizeof *judgement);
    char judged[TTT_TENSOR_COUNT], error[256];
    ck_assert_ptr_nonnull(judgement);
    memset(judged, 1, sizeof judged);
    ck_assert_int_eq(ttt_tensors_make(&truth, &run.c, 0, 2, TTT_TYPES_F64, roles, error, sizeof error), 0);
    ck_assert_int_eq(ttt_tensors_make(&k, &run.c, 0, 2, TTT_TYPES_BF16, roles, error, sizeof error), 0);
    struct ttt_call call = {.candidate = &ttt_candidate_ref_f64, .direction = TTT_FORWARD, .threads = 1};
    ck_assert_int_eq(ttt_call_plain(&call, &truth), TTT_OK);
    call.direction = TTT_BACKWARD;
    ck_assert_int_eq(ttt_call_plain(&call, &truth), TTT_OK);
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++)
        for (int64_t i = 0; i < k.buffer[t].elements; i++)
            ttt_buffer_set(&k.buffer[t], i, ttt_buffer_get(&truth.buffer[t], i));

    ttt_judge_init(&judge, judged);
    ck_assert_int_eq(ttt_judge_block(&judge, &truth), 0);
    for (int i = 0; i < TTT_REPLICAS; i++) /* of which none errs: sigma is the rounding of the output alone */
        ck_assert_int_eq(ttt_judge_replica(&judge, i, &truth, 1, &truth), 0);
    ttt_judge_settle(&judge, &truth);
    ck_assert_int_eq(ttt_judge_read(&judge, &k, &truth, roles, judgement), 0);
    ttt_judge_free(&judge);
    struct ttt_tally tally;
    ttt_tally_init(&tally, 0, 0);
    ck_assert_int_eq(ttt_judge_finish(&judge, &tally, &run.c.shape, TTT_TYPES_BF16, judgement), 0);
    for (enum ttt_tensor t = TTT_XQW; t < TTT_TENSOR_COUNT; t++) {
        if (t == TTT_GRAD_TOKEN_ETA)
            continue;
        const struct ttt_reading *r = judgement->readings[t];
        ck_assert_int_eq(r[TTT_GATE_G1].place.elements, truth.buffer[t].elements);
        ck_assert_double_le(r[TTT_GATE_G1].value, 1.3);
        ck_assert(!ttt_judge_ill_conditioned(&judge, t));
    }
    ck_assert_double_gt(judgement->readings[TTT_XQW][TTT_GATE_G1].value, 0.7);
    free(judgement);
    ttt_tensors_free(&truth);
    ttt_tensors_free(&k);
}
END_TEST

/* What G1 reads of the whole of XQW for a k that is off by 1 at `wrong`, beside replicas of which one is NaN at
 * `hidden`. */
static double reading_beside_nan(int64_t hidden, int64_t wrong)
{
    const unsigned roles = ~0U;
    const struct ttt_run run = run_of("b1h1n40c16f16d64g2 eps=1e-6 dist=unit seed=1", TTT_DIRECTION_FORWARD);
    struct ttt_tensors truth, replica, k;
    struct ttt_judge judge;
    struct ttt_judgement *judgement = calloc(1, sizeof *judgement);
    char judged[TTT_TENSOR_COUNT] = {[TTT_XQW] = 1}, error[256];
    ck_assert_ptr_nonnull(judgement);
    ck_assert_int_eq(ttt_tensors_make(&truth, &run.c, 0, 1, TTT_TYPES_F64, roles, error, sizeof error), 0);
    ck_assert_int_eq(ttt_tensors_make(&replica, &run.c, 0, 1, TTT_TYPES_F64, roles, error, sizeof error), 0);
    ck_assert_int_eq(ttt_tensors_make(&k, &run.c, 0, 1, TTT_TYPES_BF16, roles, error, sizeof error), 0);
    for (int64_t i = 0; i < truth.buffer[TTT_XQW].elements; i++) {
        ttt_buffer_set(&truth.buffer[TTT_XQW], i, 1);
        ttt_buffer_set(&replica.buffer[TTT_XQW], i, 1.001);
        ttt_buffer_set(&k.buffer[TTT_XQW], i, i == wrong ? 2 : 1);
    }
    ttt_judge_init(&judge, judged);
    ck_assert_int_eq(ttt_judge_block(&judge, &truth), 0);
    for (int i = 0; i < TTT_REPLICAS; i++) {
        ttt_buffer_set(&replica.buffer[TTT_XQW], hidden, i == 3 ? (double)NAN : 1.001);
        ck_assert_int_eq(ttt_judge_replica(&judge, i, &replica, i != 3, &truth), 0);
    }
    ttt_judge_settle(&judge, &truth);
    ck_assert_int_eq(ttt_judge_read(&judge, &k, &truth, roles, judgement), 0);
    ttt_total_read(&judgement->total[TTT_XQW], TTT_REPLICAS, ttt_gates_scale(TTT_TYPES_BF16),
                   judgement->readings[TTT_XQW]);
    const double value = judgement->readings[TTT_XQW][TTT_GATE_G1].value;
    ttt_judge_free(&judge);
    ttt_tensors_free(&truth);
    ttt_tensors_free(&replica);
    ttt_tensors_free(&k);
    free(judgement);
    return value;
}

/* Where the contract itself may be NaN, it does not say what an error may be; everywhere else it does. */
START_TEST(errors_count_where_all_replicas_are_finite)
{
    ck_assert_double_eq(reading_beside_nan(77, 77), 0);
    ck_assert_double_gt(reading_beside_nan(77, 78), 5);
}
END_TEST

/* Shapes that nobody calibrated, on which a correct kernel was beyond the thresholds of others: fewer hidden units than
 * columns, one row, one or two columns, a mini-batch cut short, many rows of few columns. */
START_TEST(correct_kernels_pass_on_odd_shapes)
{
    static const char *const cases[] = {
        "b1h1n40c2f64d2g8 eps=1e-06 seed=12124980",
        "b1h3n2c1f65d16g3 eps=1e-08 dist=strong seed=16551716",
        "b1h1n1300c65f1d4g14 eps=1e-06 seed=87048636",
        "b1h2n192c16f2d16g8 eps=1e-08 seed=78492928",
        "b2h2n2c4f2d127g2 eps=1e-05 seed=12764611 causal=1",
        "b1h1n5c7f63d3g2 eps=1e-06 dist=model seed=48919938",
        "b1h3n155c31f31d124g1 eps=1e-05 seed=90158904 causal=1 state_grads=0",
        "b1h3n144c48f12d48g3 eps=1e-05 dist=model seed=96106913 causal=1 state_grads=0",
        "b1h3n80c4f16d64g9 eps=1e-08 seed=73456323",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct ttt_run run = run_of(cases[i], TTT_DIRECTION_BOTH);
        struct ttt_result *r = result_of(&run, &ttt_candidate_ref_bf16);
        ck_assert_msg(r->verdict != TTT_FAIL, "%s: %s", cases[i], first_failure(r));
        ck_assert_ptr_nonnull(strstr(ttt_result_check(r, "calibration")->detail, "no shape like this one"));
        free(r);
    }
}
END_TEST

/* States that explode: eight replicas of the same arithmetic have nothing in common. */
START_TEST(data_that_replicas_disagree_on_is_ill_conditioned)
{
    const struct ttt_run run = run_of("b1h1n256c2f3d4g1 eps=0 dist=strong seed=2", TTT_DIRECTION_BOTH);
    struct ttt_result *r = result_of(&run, &ttt_candidate_ref_bf16);
    ck_assert_msg(r->verdict == TTT_ILL_CONDITIONED, "%s", first_failure(r));
    int ill_conditioned = 0;
    for (int i = 0; i < r->tensor_count; i++) {
        const struct ttt_tensor_result *t = &r->tensors[i];
        ill_conditioned += t->ill_conditioned;
        ck_assert_int_eq(t->gate_count > 1, !t->ill_conditioned); /* "finite" remains */
    }
    ck_assert_int_gt(ill_conditioned, 0);
    char line[TTT_TABLE_LINE];
    ck_assert_int_eq(ttt_table_limit(r, ill_conditioned - 1, line), 1);
    ck_assert_int_eq(strncmp(line, "ILL-CONDITIONED ", 16), 0);
    ck_assert_int_eq(ttt_table_limit(r, ill_conditioned, line), 0);
    free(r);
}
END_TEST

/* The same readings at the same places, but for the order of sums. */
static void assert_same(const struct ttt_result *a, const struct ttt_result *b, double tolerance)
{
    ck_assert_int_eq(a->verdict, b->verdict);
    ck_assert_int_eq(a->tensor_count, b->tensor_count);
    for (int i = 0; i < a->tensor_count; i++) {
        const struct ttt_tensor_result *s = &a->tensors[i], *t = &b->tensors[i];
        ck_assert_int_eq(s->gate_count, t->gate_count);
        for (int g = 0; g < s->gate_count && s->tensor != TTT_GRAD_TOKEN_ETA; g++) {
            const struct ttt_gate *x = &s->gates[g], *y = &t->gates[g];
            ck_assert_str_eq(x->name, y->name);
            ck_assert_msg(fabs(x->value - y->value) <= tolerance * (1 + x->value), "%s %s: %.17g, %.17g",
                          ttt_tensor_info[s->tensor].name, x->name, x->value, y->value);
            ck_assert(x->place.elements == y->place.elements && x->place.head == y->place.head &&
                      x->place.piece == y->place.piece && x->place.row == y->place.row &&
                      x->place.column == y->place.column);
        }
    }
}

START_TEST(blocks_and_threads_change_no_reading)
{
    struct ttt_run run = run_of(_i ? "b2h3n40c16f32d64g2 eps=1e-6 dist=strong seed=5 causal=1"
                                   : "b2h3n150c64f64d64g2 eps=1e-6 dist=unit seed=4",
                                TTT_DIRECTION_BOTH);
    omp_set_num_threads(1);
    struct ttt_result *whole = result_of(&run, &ttt_candidate_ref_bf16);
    ck_assert_msg(whole->verdict == TTT_PASS, "%s", first_failure(whole));
    run.threads = 2;
    omp_set_num_threads(3);
    struct ttt_result *threads = result_of(&run, &ttt_candidate_ref_bf16);
    assert_same(whole, threads, 0);
    run.budget = 1;
    struct ttt_result *blocks = result_of(&run, &ttt_candidate_ref_bf16);
    assert_same(whole, blocks, 1e-12);
    free(whole);
    free(threads);
    free(blocks);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("judge");
    TCase *tests = tcase_create("judge");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, fault_in_one_tile_is_located, 0, LOCAL_CASES);
    tcase_add_loop_test(tests, fault_in_one_row_is_located, 0, LOCAL_CASES);
    tcase_add_loop_test(tests, same_candidate_without_a_fault_passes, 0, LOCAL_CASES);
    tcase_add_test(tests, the_truth_itself_passes);
    tcase_add_test(tests, errors_count_where_all_replicas_are_finite);
    tcase_add_test(tests, correct_kernels_pass_on_odd_shapes);
    tcase_add_test(tests, data_that_replicas_disagree_on_is_ill_conditioned);
    tcase_add_loop_test(tests, blocks_and_threads_change_no_reading, 0, 2);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
