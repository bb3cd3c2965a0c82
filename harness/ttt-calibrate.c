/* SPDX-License-Identifier: MIT
 *
 * ttt-calibrate: what correct runs read at the gates of the judge.
 *
 *     ttt-calibrate --write FILE [--seeds N] [--jobs N]     the largest readings become harness/calibration_table.c
 *     ttt-calibrate --false-alarms [--json FILE] [--seeds N] [--jobs N]
 *                                          judge as many correct runs on other data with that table
 *
 * A correct run is ref-f32 or ref-bf16 on data of one distribution, one seed and one of the shapes below.  Not
 * installed: `make regen-calibration` and `make false-alarms` run it.
 */
#include "calibration.h"
#include "clock.h"
#include "command.h"
#include "false_alarms.h"
#include "output.h"
#include "run.h"
#include "table.h"
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* The shapes that runs are drawn from, in turn, by class of size: real layers, the same with a smaller hidden width (in
 * most of them each gate is read, so that each sees most of the seeds), tails, and some that no tile divides. */
static const char *const shapes[TTT_CLASS_COUNT][8] = {
    {"b1h1n192c64f64d256g2", "b2h2n40c16f16d64g2", "b1h2n160c64f64d128g1 causal=1", "b1h2n150c64f64d64g1",
     "b1h2n64c16f64d96g2 causal=1", "b2h3n33c9f24d40g3", "b1h1n256c64f64d64g2", "b1h1n48c16f64d256g1 causal=1"},
    {"b1h1n640c64f64d256g4", "b1h2n500c64f64d64g3", "b1h1n248c16f64d128g4 causal=1", "b2h1n200c16f16d64g5 causal=1",
     "b1h2n360c64f64d64g2 causal=1", "b1h1n160c16f64d256g16 causal=1", "b1h1n320c64f128d512g4", "b1h2n90c9f20d40g2"},
    {"b1h1n2048c64f64d256g16", "b1h2n2048c64f64d64g8", "b1h1n1088c64f64d64g4 causal=1", "b1h1n500c16f64d128g4 causal=1",
     "b2h1n1150c64f64d64g7", "b1h2n400c16f16d64g3 causal=1", "b1h1n512c16f64d256g4 causal=1", "b1h3n340c20f20d80g5"},
    {"b1h1n18112c64f64d256g16", "b1h1n4096c64f64d256g16", "b1h2n4608c16f16d64g16 causal=1",
     "b1h2n528c16f64d64g1 causal=1", "b1h1n1600c16f64d128g8 causal=1", "b1h1n2150c64f64d64g3", "b1h1n4500c16f64d64g300",
     "b1h2n1700c20f20d80g10"},
    {"b2h3n20c8f8d12g2", "b1h2n64c16f8d32g1 causal=1", "b1h3n33c5f7d11g3", "b1h2n5c16f8d20g1", "b1h2n300c16f12d48g4",
     "b2h1n90c9f3d8g2", "b1h1n41c4f4d16g2 causal=1", "b1h2n120c8f8d32g2"},
};

static const double eps_of[] = {1e-6, 1e-8, 1e-5};

static const char *const types_name[TTT_CALIBRATED_TYPES] = {"float", "bfloat16"};

/* Each mode has its own data. */
enum { FIRST_OF_TABLE = 1000000, FIRST_OF_ALARMS = 3000000 };

enum { SHAPES = sizeof shapes[0] / sizeof shapes[0][0], MAX_JOBS = 64 };

/* The largest of correct runs is not the largest that there is.  Of float candidates, layer norms over a few elements
 * and large state motion over more than a few mini-batches the tails are heavy: three times that.  Else the mean
 * squares scatter little, and are where an operand that is rounded once more, a constant that is a little off or a
 * fault of 2^-4 in one tile shows: half as much again; single elements and sums of signed errors: twice.  `make
 * false-alarms` says what that leaves. */
static double margin_of(int by_types, int distribution, int size, int gate)
{
    const int is_float = by_types != TTT_TYPES_BF16 - TTT_TYPES_F32;
    if (is_float || size == TTT_CLASS_NARROW || (distribution == TTT_DIST_STRONG && size != TTT_CLASS_SHORT))
        return 3;
    return gate < TTT_GATE_G2 ? 1.5 : 2;
}

/* What one process found. */
struct findings {
    struct ttt_calibration_cell cells[TTT_CALIBRATED_TYPES][TTT_DIST_COUNT][TTT_CLASS_COUNT];
    int64_t alarms, ill_conditioned;
    int failed;
};

struct plan {
    const char *path; /* of the table */
    const char *json; /* of what false alarms were found, or NULL */
    int64_t seeds;
    int jobs, false_alarms;
    double *nearness; /* of false alarms, shared by the jobs: of each run the largest reading / threshold */
};

static int64_t runs_of(const struct plan *plan)
{
    return plan->seeds * TTT_DIST_COUNT * TTT_CLASS_COUNT * TTT_CALIBRATED_TYPES;
}

static int make_case(struct ttt_case *c, int distribution, int size, int64_t seed, char *error, size_t error_size)
{
    char text[TTT_CASE_TEXT];
    snprintf(text, sizeof text, "%s eps=%g dist=%s seed=%" PRId64 " state_grads=%d", shapes[size][seed % SHAPES],
             eps_of[seed / SHAPES % 3], ttt_distribution_name[distribution], seed, (int)(seed / (SHAPES * 3) % 2));
    return ttt_case_parse(text, c, error, error_size);
}

/* Keep the largest readings of one result.  0, or -1 when one is no number that a threshold could be made of. */
static int keep_readings(struct ttt_calibration_cell *cell, const struct ttt_result *r)
{
    int status = 0;
    for (int i = 0; i < r->tensor_count; i++) {
        const struct ttt_tensor_result *t = &r->tensors[i];
        if (t->ill_conditioned)
            continue;
        cell->runs[t->tensor]++;
        for (int g = 0; g < t->gate_count; g++)
            for (int gate = 0; gate < TTT_GATES; gate++)
                if (strcmp(t->gates[g].name, ttt_gate_name(gate)) == 0) {
                    const double value = t->gates[g].value * ttt_gate_weight(gate, t->gates[g].place.elements);
                    status = isfinite(value) ? status : -1;
                    cell->most[t->tensor][gate] = fmaxf(cell->most[t->tensor][gate], (float)value);
                }
    }
    return status;
}

/* How near one result came to its thresholds. */
static double nearness_of(const struct ttt_result *r)
{
    double ratio = 0;
    for (int i = 0; i < r->tensor_count; i++)
        for (int g = 1; g < r->tensors[i].gate_count; g++)
            ratio = fmax(ratio, r->tensors[i].gates[g].value / r->tensors[i].gates[g].bound);
    return ratio;
}

static void note_alarm(struct findings *f, const struct ttt_result *r)
{
    f->ill_conditioned += r->verdict == TTT_ILL_CONDITIONED;
    if (r->verdict == TTT_FAIL) {
        char text[TTT_CASE_TEXT], line[TTT_TABLE_LINE];
        f->alarms++;
        ttt_case_format(&r->c, text);
        for (int i = 0; ttt_table_failure(r, i, line); i++)
            fprintf(stderr, "%s on %s: %s\n", r->candidate, text, line);
    }
}

static int fail_reading(const struct ttt_result *r, char *error, size_t error_size)
{
    char text[TTT_CASE_TEXT];
    ttt_case_format(&r->c, text);
    snprintf(error, error_size, "%s: a reading of %s is not finite", text, r->candidate);
    return -1;
}

static int run_one(const struct plan *plan, struct findings *f, int distribution, int size, int64_t seed)
{
    const int64_t first = plan->false_alarms ? FIRST_OF_ALARMS : FIRST_OF_TABLE;
    char error[1024];
    struct ttt_run run = {.directions = TTT_DIRECTION_BOTH, .threads = 1, .budget = TTT_RUN_BUDGET};
    const struct ttt_contender contenders[TTT_CALIBRATED_TYPES] = {{&ttt_candidate_ref_f32, TTT_TYPES_F32, 0},
                                                                   {&ttt_candidate_ref_bf16, TTT_TYPES_BF16, 0}};
    struct ttt_result *results = calloc(TTT_CALIBRATED_TYPES, sizeof *results);
    int status = results ? make_case(&run.c, distribution, size, first + seed, error, sizeof error) : -1;
    if (status == 0)
        status = ttt_run_case(&run, contenders, TTT_CALIBRATED_TYPES, results, error, sizeof error);
    for (int i = 0; i < TTT_CALIBRATED_TYPES && status == 0; i++) {
        if (plan->false_alarms) {
            const int64_t cell = distribution * TTT_CLASS_COUNT + size;
            plan->nearness[(cell * plan->seeds + seed) * TTT_CALIBRATED_TYPES + i] = nearness_of(&results[i]);
            note_alarm(f, &results[i]);
        } else if (keep_readings(&f->cells[i][distribution][size], &results[i]) != 0)
            status = fail_reading(&results[i], error, sizeof error);
        ttt_result_free(&results[i]);
    }
    if (status != 0)
        fprintf(stderr, "ttt-calibrate: %s\n", results ? error : "out of memory");
    free(results);
    return status;
}

/* The seeds of one process. */
static void work(const struct plan *plan, struct findings *f, int job)
{
    omp_set_num_threads(1); /* there is a process for each processor */
    for (int distribution = 0; distribution < TTT_DIST_COUNT; distribution++)
        for (int size = 0; size < TTT_CLASS_COUNT; size++)
            for (int64_t seed = job; seed < plan->seeds && !f->failed; seed += plan->jobs)
                f->failed = run_one(plan, f, distribution, size, seed) != 0;
}

static void merge(struct findings *to, const struct findings *from)
{
    for (int a = 0; a < TTT_CALIBRATED_TYPES; a++)
        for (int d = 0; d < TTT_DIST_COUNT; d++)
            for (int c = 0; c < TTT_CLASS_COUNT; c++)
                for (int t = 0; t < TTT_TENSOR_COUNT; t++) {
                    to->cells[a][d][c].runs[t] += from->cells[a][d][c].runs[t];
                    for (int g = 0; g < TTT_GATES; g++)
                        to->cells[a][d][c].most[t][g] =
                            fmaxf(to->cells[a][d][c].most[t][g], from->cells[a][d][c].most[t][g]);
                }
    to->alarms += from->alarms;
    to->ill_conditioned += from->ill_conditioned;
    to->failed |= from->failed;
}

/* Fork the jobs (candidates keep one workspace, so a process runs one case at a time) and merge what they found. */
static int run_all(const struct plan *plan, struct findings *total)
{
    const size_t bytes = (size_t)plan->jobs * sizeof *total;
    struct findings *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return -1;
    int status = 0;
    for (int job = 0; job < plan->jobs; job++) {
        const pid_t pid = fork();
        if (pid == 0) {
            work(plan, &shared[job], job);
            _exit(shared[job].failed);
        }
        status |= pid < 0;
    }
    for (int code; wait(&code) > 0;)
        status |= code != 0;
    for (int job = 0; job < plan->jobs; job++)
        merge(total, &shared[job]);
    munmap(shared, bytes);
    return status ? -1 : 0;
}

static void write_cell(FILE *out, const struct ttt_calibration_cell *cell)
{
    fprintf(out, "          {.margin = {");
    for (int g = 0; g < TTT_GATES; g++)
        fprintf(out, "%s%g", g ? ", " : "", cell->margin[g]);
    fprintf(out, "},\n           .most = {\n");
    for (int t = 0; t < TTT_TENSOR_COUNT; t++) {
        if (!cell->runs[t])
            continue;
        fprintf(out, "               [%d] = {", t);
        for (int g = 0; g < TTT_GATES; g++)
            fprintf(out, "%s%.8ef", g ? ", " : "", (double)cell->most[t][g]);
        fprintf(out, "}, /* %s */\n", ttt_tensor_info[t].name);
    }
    fprintf(out, "           },\n           .runs = {");
    for (int t = 0; t < TTT_TENSOR_COUNT; t++)
        if (cell->runs[t])
            fprintf(out, "[%d] = %d, ", t, cell->runs[t]);
    fprintf(out, "}},\n");
}

static void write_table(FILE *out, const struct plan *plan, const struct findings *f)
{
    static struct ttt_calibration table = {
        .version = TTT_CALIBRATION_VERSION, .gates = TTT_GATES, .tensors = TTT_TENSOR_COUNT};
    memcpy(table.cells, f->cells, sizeof table.cells);
    for (int a = 0; a < TTT_CALIBRATED_TYPES; a++)
        for (int d = 0; d < TTT_DIST_COUNT; d++)
            for (int c = 0; c < TTT_CLASS_COUNT; c++)
                for (int g = 0; g < TTT_GATES; g++)
                    table.cells[a][d][c].margin[g] = margin_of(a, d, c, g);
    fprintf(
        out,
        "/* SPDX-License-Identifier: MIT\n *\n"
        " * Written by `make regen-calibration`; do not edit, a checksum tells.\n *\n"
        " * The largest readings of %" PRId64
        " correct runs (ref-f32 and ref-bf16) per distribution and class of size;\n"
        " * columns are the gates of gates.h in order.  A threshold is the margin times that.  With no reading beyond\n"
        " * its maximum in n runs, the rate beyond the maximum is below 3/n with 95%% confidence.\n */\n"
        "#include \"calibration.h\"\n\n/* clang-format off */\n"
        "const struct ttt_calibration ttt_calibration_table = {\n    .version = %d,\n    .gates = %d,\n"
        "    .tensors = %d,\n    .checksum = 0x%016" PRIx64 "u,\n    .cells = {\n",
        plan->seeds, table.version, table.gates, table.tensors, ttt_calibration_checksum(&table));
    for (int a = 0; a < TTT_CALIBRATED_TYPES; a++) {
        fprintf(out, "      { /* %s */\n", types_name[a]);
        for (int d = 0; d < TTT_DIST_COUNT; d++) {
            fprintf(out, "        { /* %s */\n", ttt_distribution_name[d]);
            for (int c = 0; c < TTT_CLASS_COUNT; c++)
                write_cell(out, &table.cells[a][d][c]);
            fprintf(out, "        },\n");
        }
        fprintf(out, "      },\n");
    }
    fprintf(out, "    },\n};\n");
}

static int usage(const char *what)
{
    fprintf(stderr,
            "ttt-calibrate: %s (allowed: --write FILE or --false-alarms with --json FILE, --seeds 1..1000000, "
            "--jobs 1..%d)\n",
            what, MAX_JOBS);
    return 2;
}

static int parse(struct plan *plan, int argc, char **argv)
{
    static const struct option options[] = {
        {"write", required_argument, NULL, 'w'}, {"false-alarms", no_argument, NULL, 'f'},
        {"json", required_argument, NULL, 'o'},  {"seeds", required_argument, NULL, 's'},
        {"jobs", required_argument, NULL, 'j'},  {NULL, 0, NULL, 0}};
    opterr = 0;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'w')
            plan->path = optarg;
        else if (o == 'f')
            plan->false_alarms = 1;
        else if (o == 'o')
            plan->json = optarg;
        else if (o == 's')
            plan->seeds = strtoll(optarg, NULL, 10);
        else if (o == 'j')
            plan->jobs = (int)strtol(optarg, NULL, 10);
        else
            return usage("unknown option");
    }
    if (optind < argc || !plan->path == !plan->false_alarms || (plan->json && !plan->false_alarms) || plan->seeds < 1 ||
        plan->seeds > 1000000 || plan->jobs < 1 || plan->jobs > MAX_JOBS)
        return usage("bad arguments");
    return 0;
}

/* What the nearness of all runs says, to people and to the file that was named.  The exit status. */
static int tell_false_alarms(const struct plan *plan, const struct findings *found, double seconds, const char *command,
                             const char *started)
{
    struct ttt_false_alarms f = {.seeds = plan->seeds,
                                 .first_seed = FIRST_OF_ALARMS,
                                 .runs = runs_of(plan),
                                 .alarms = found->alarms,
                                 .ill_conditioned = found->ill_conditioned,
                                 .seconds = seconds};
    struct ttt_output out = {.stream = NULL};
    char error[1024];
    ttt_false_alarms_tail(&f, plan->nearness);
    ttt_false_alarms_print(stdout, &f);
    if (!plan->json)
        return f.alarms > 0;
    int status = ttt_output_open(&out, plan->json, error, sizeof error);
    if (status == 0 && ttt_false_alarms_write(out.stream, &f, command, started) != 0) {
        snprintf(error, sizeof error, "out of memory");
        status = -1;
    }
    if (status == 0)
        status = ttt_output_commit(&out, error, sizeof error);
    ttt_output_abandon(&out);
    if (status != 0)
        fprintf(stderr, "ttt-calibrate: --json: %s\n", error);
    return status != 0 ? 2 : f.alarms > 0;
}

int main(int argc, char **argv)
{
    static struct findings total;
    char date[TTT_CLOCK_DATE];
    struct plan plan = {.seeds = 1000, .jobs = (int)sysconf(_SC_NPROCESSORS_ONLN)};
    plan.jobs = plan.jobs > MAX_JOBS ? MAX_JOBS : plan.jobs;
    const int bad = parse(&plan, argc, argv);
    if (bad)
        return bad;
    const size_t bytes = (size_t)runs_of(&plan) * sizeof *plan.nearness;
    plan.nearness = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (plan.nearness == MAP_FAILED)
        return usage("out of memory");
    const double started = ttt_clock_seconds();
    ttt_clock_date(date);
    if (run_all(&plan, &total) != 0)
        return 2;
    const double seconds = ttt_clock_seconds() - started;
    fprintf(stderr, "%.0f s\n", seconds);
    if (plan.false_alarms) {
        char *command = ttt_command_text(argc, (const char *const *)argv);
        const int status = command ? tell_false_alarms(&plan, &total, seconds, command, date) : usage("out of memory");
        free(command);
        return status;
    }
    FILE *out = fopen(plan.path, "w");
    if (!out)
        return usage("the table cannot be written");
    write_table(out, &plan, &total);
    return fclose(out) == 0 ? 0 : usage("the table cannot be written");
}
