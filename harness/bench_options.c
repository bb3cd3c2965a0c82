/* SPDX-License-Identifier: MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "arguments.h"
#include "bench_options.h"
#include "result.h"
#include "text.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "Usage: ttt-bench [OPTION]...\n"
    "Measure how fast TTT-MLP kernels are, beside what matrix products reach on the same machine.\n"
    "\n"
    "  --candidate NAME|PLUGIN.so[:ARGS]  ref-f64, ref-f32, ref-bf16, gpu-bf16 (timed on the device), or a plug-in;\n"
    "                     repeatable (default: all that run here)\n"
    "  --case 'CASE'      e.g. 'b1h48n2048c64f64d256g16'; repeatable (default: some real models' shapes)\n"
    "  --direction forward|backward|both\n"
    "  --threads N        CPU threads, of the candidate and of the matrix product (default: one per processor)\n"
    "  --repetitions N    how often each is measured, 5 or more (default: 5)\n"
    "  --json FILE        the results as JSON\n"
    "  --quiet            print no table\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 all measured or skipped, 1 a candidate failed, 2 bad usage or input, 77 nothing could run.\n";

enum { REPETITIONS_MIN = 5, REPETITIONS_MAX = 1000 };

/* One bit per option, so that one given twice can be told. */
enum {
    CANDIDATE = 1 << 0,
    CASE = 1 << 1,
    DIRECTION = 1 << 2,
    THREADS = 1 << 3,
    REPETITIONS = 1 << 4,
    JSON = 1 << 5,
    QUIET = 1 << 6,
    HELP = 1 << 7,
    VERSION_OPTION = 1 << 8
};

static const struct option long_options[] = {
    {"candidate", required_argument, NULL, CANDIDATE},
    {"case", required_argument, NULL, CASE},
    {"direction", required_argument, NULL, DIRECTION},
    {"threads", required_argument, NULL, THREADS},
    {"repetitions", required_argument, NULL, REPETITIONS},
    {"json", required_argument, NULL, JSON},
    {"quiet", no_argument, NULL, QUIET},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION_OPTION},
    {NULL, 0, NULL, 0},
};

/* A video model (48 heads), wider heads, a language model (32 heads, causal), and one head alone. */
static const char *const default_cases[] = {
    "b1h48n2048c64f64d256g16 eps=1e-8 dist=model",
    "b1h16n2048c64f128d512g16 eps=1e-8 dist=model",
    "b1h32n2048c16f64d256g16 dist=model causal=1",
    "b1h1n16384c64f64d256g16 eps=1e-8 dist=model",
};
enum { DEFAULT_CASES = sizeof default_cases / sizeof default_cases[0] };

static const char *option_name(int bit)
{
    for (const struct option *o = long_options; o->name; o++)
        if (o->val == bit)
            return o->name;
    return "";
}

static int parse_int(const char *option, const char *value, uint64_t min, uint64_t max, int *number, char *error,
                     size_t error_size)
{
    uint64_t n;
    if (ttt_argument_number(option, value, min, max, &n, error, error_size) != 0)
        return -1;
    *number = (int)n;
    return 0;
}

static int parse_option(struct ttt_bench_options *o, int option, const char *value, char *error, size_t error_size)
{
    switch (option) {
    case CANDIDATE:
        return ttt_argument_candidate(value, o->candidates, &o->candidate_count, error, error_size);
    case CASE:
        return ttt_argument_case(value, &o->cases[o->case_count++], error, error_size);
    case DIRECTION:
        return ttt_argument_directions(value, &o->directions, error, error_size);
    case THREADS:
        return parse_int("threads", value, 1, TTT_ARGUMENT_THREADS, &o->threads, error, error_size);
    case REPETITIONS:
        return parse_int("repetitions", value, REPETITIONS_MIN, REPETITIONS_MAX, &o->repetitions, error, error_size);
    case JSON:
        o->json = value;
        return 0;
    default:
        o->quiet = 1;
        return 0;
    }
}

/* What was not named. */
static int add_defaults(struct ttt_bench_options *o, char *error, size_t error_size)
{
    for (size_t i = 0; o->case_count < DEFAULT_CASES && i == o->case_count; i++)
        if (ttt_argument_case(default_cases[i], &o->cases[o->case_count++], error, error_size) != 0)
            return -1;
    const int named = o->candidate_count > 0;
    for (size_t i = 0; i < ttt_candidate_builtin_count && !named; i++) {
        const struct ttt_candidate *candidate = ttt_candidate_builtin[i];
        if (ttt_candidate_is_reference(candidate) || ttt_candidate_is_default(candidate))
            o->candidates[o->candidate_count++] = (struct ttt_opened){.candidate = candidate, .spec = candidate->name};
    }
    return 0;
}

int ttt_bench_options_parse(struct ttt_bench_options *o, int argc, char **argv, char *error, size_t error_size)
{
    *o = (struct ttt_bench_options){
        .directions = TTT_DIRECTION_BOTH, .threads = ttt_argument_threads(), .repetitions = REPETITIONS_MIN};
    o->candidates = calloc((size_t)argc + ttt_candidate_builtin_count, sizeof *o->candidates);
    o->cases = calloc((size_t)argc + DEFAULT_CASES, sizeof *o->cases);
    if (!o->candidates || !o->cases) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    int given = 0, option;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (option == '?' || option == ':')
            return ttt_argument_unknown(argv[optind - 1], option, error, error_size);
        if (option == HELP || option == VERSION_OPTION) {
            fputs(option == HELP ? help : "ttt-bench (" PACKAGE_NAME ") " PACKAGE_VERSION "\n", stdout);
            return 1;
        }
        if (given & option & ~(CANDIDATE | CASE)) {
            snprintf(error, error_size, "--%s is given twice", option_name(option));
            return -1;
        }
        given |= option;
        if (parse_option(o, option, optarg, error, error_size) != 0)
            return -1;
    }
    if (optind < argc)
        return ttt_argument_unknown(argv[optind], '?', error, error_size);
    return add_defaults(o, error, error_size);
}

void ttt_bench_options_free(struct ttt_bench_options *o)
{
    for (size_t i = 0; i < o->candidate_count; i++)
        ttt_candidate_close(&o->candidates[i]);
    free(o->candidates);
    free(o->cases);
}
