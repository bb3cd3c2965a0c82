/* SPDX-License-Identifier: MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "arguments.h"
#include "contract.h"
#include "options.h"
#include "plugin.h"
#include "result.h"
#include "text.h"
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: ttt-verify [OPTION]...\n"
    "Judge how accurate TTT-MLP kernels are, against a reference in double precision.\n"
    "\n"
    "What is judged:\n"
    "  --candidate NAME|PLUGIN.so[:ARGS]  a built-in candidate (see --list) or a plug-in; repeatable\n"
    "  --judge FILE       the outputs in a .safetensors file, by the inputs beside them; no kernel is run\n"
    "  --contract bf16[+POINT]...  with --judge: the rounding points that the kernel declares beyond the contract\n"
    "\n"
    "On what (default: --suite standard):\n"
    "  --suite smoke|standard|release     seconds, minutes, hours\n"
    "  --case 'CASE'      one case, as a FAIL line prints it, e.g.\n"
    "                     'b1h2n192c64f64d256g4 eps=1e-6 dist=model seed=7'; repeatable\n"
    "  --vectors FILE|DIR .safetensors whose outputs are the truth\n"
    "  --prove-gradients  instead: check the gradients of the double-precision reference against derivatives of its\n"
    "                     forward pass by the complex step and by Taylor remainders\n"
    "  --direction forward|backward|both\n"
    "  --causal           with --case: in the causal form; else: only cases of the causal form\n"
    "  --every-head N     run and judge heads 0, N, 2N ... only: what is long is affordable so\n"
    "  --seed N           of the generated data, instead of those of the cases\n"
    "\n"
    "Where it goes:\n"
    "  --json FILE        the results as JSON\n"
    "  --junit FILE       the results as JUnit XML\n"
    "  --dump FILE        write the inputs of the one --case as .safetensors, and the outputs of the --candidate if "
    "one\n"
    "                     is given; nothing is judged\n"
    "  --quiet            print failures only\n"
    "\n"
    "  --threads N        CPU threads (default: one per processor)\n"
    "  --time-limit N     seconds that one call of a plug-in may take (default: 300)\n"
    "  --list             list candidates and suites\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 all passed, 1 something failed, 2 bad usage or input, 77 nothing could run.\n";

enum { MOST_HEADS = 1 << 20 };

/* One bit per option, so that those which do not go together can be told. */
enum {
    CANDIDATE = 1 << 0,
    SUITE = 1 << 1,
    CASE = 1 << 2,
    VECTORS = 1 << 3,
    DUMP = 1 << 4,
    JUDGE = 1 << 5,
    DIRECTION = 1 << 6,
    CAUSAL = 1 << 7,
    JSON = 1 << 8,
    JUNIT = 1 << 9,
    LIST = 1 << 10,
    SEED = 1 << 11,
    THREADS = 1 << 12,
    QUIET = 1 << 13,
    HELP = 1 << 14,
    VERSION_OPTION = 1 << 15,
    GRADIENTS = 1 << 16,
    TIME_LIMIT = 1 << 17,
    CONTRACT = 1 << 18,
    EVERY_HEAD = 1 << 19
};

static const struct option long_options[] = {
    {"candidate", required_argument, NULL, CANDIDATE},
    {"suite", required_argument, NULL, SUITE},
    {"case", required_argument, NULL, CASE},
    {"vectors", required_argument, NULL, VECTORS},
    {"dump", required_argument, NULL, DUMP},
    {"judge", required_argument, NULL, JUDGE},
    {"contract", required_argument, NULL, CONTRACT},
    {"prove-gradients", no_argument, NULL, GRADIENTS},
    {"direction", required_argument, NULL, DIRECTION},
    {"causal", no_argument, NULL, CAUSAL},
    {"json", required_argument, NULL, JSON},
    {"junit", required_argument, NULL, JUNIT},
    {"list", no_argument, NULL, LIST},
    {"every-head", required_argument, NULL, EVERY_HEAD},
    {"seed", required_argument, NULL, SEED},
    {"threads", required_argument, NULL, THREADS},
    {"time-limit", required_argument, NULL, TIME_LIMIT},
    {"quiet", no_argument, NULL, QUIET},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION_OPTION},
    {NULL, 0, NULL, 0},
};

/* A mode is the first of these whose option was given; it takes the options of `allowed`. */
static const struct {
    int option;
    enum ttt_mode mode;
    int allowed;
} modes[] = {
    {LIST, TTT_MODE_LIST, 0},
    {GRADIENTS, TTT_MODE_GRADIENTS, JSON | QUIET},
    {DUMP, TTT_MODE_DUMP, CASE | CANDIDATE | DIRECTION | CAUSAL | SEED | THREADS | TIME_LIMIT | QUIET},
    {JUDGE, TTT_MODE_JUDGE, CONTRACT | DIRECTION | JSON | JUNIT | THREADS | QUIET},
    {VECTORS, TTT_MODE_VECTORS, CANDIDATE | DIRECTION | CAUSAL | JSON | JUNIT | THREADS | TIME_LIMIT | QUIET},
    {CASE, TTT_MODE_CASES,
     EVERY_HEAD | CANDIDATE | DIRECTION | CAUSAL | JSON | JUNIT | SEED | THREADS | TIME_LIMIT | QUIET},
    {SUITE, TTT_MODE_SUITE, CANDIDATE | DIRECTION | CAUSAL | JSON | JUNIT | SEED | THREADS | TIME_LIMIT | QUIET},
};

static const char *option_name(int bit)
{
    for (const struct option *o = long_options; o->name; o++)
        if (o->val == bit)
            return o->name;
    return "";
}

static int parse_suite(struct ttt_options *o, const char *value, char *error, size_t error_size)
{
    o->suite = ttt_suite_find(value);
    return o->suite ? 0 : ttt_argument_refuse("suite", value, "smoke, standard or release", error, error_size);
}

static int parse_contract(struct ttt_options *o, const char *value, char *error, size_t error_size)
{
    char what[256];
    if (ttt_contract_parse(value, &o->points, what, sizeof what) == 0)
        return 0;
    snprintf(error, error_size, "--contract: %s", what);
    return -1;
}

static int parse_option(struct ttt_options *o, int option, const char *value, char *error, size_t error_size)
{
    uint64_t number;
    switch (option) {
    case CANDIDATE:
        return ttt_argument_candidate(value, o->candidates, &o->candidate_count, error, error_size);
    case SUITE:
        return parse_suite(o, value, error, error_size);
    case CASE:
        return ttt_argument_case(value, &o->cases[o->case_count++], error, error_size);
    case VECTORS:
    case JUDGE:
    case DUMP:
        o->path = value;
        return 0;
    case DIRECTION:
        return ttt_argument_directions(value, &o->directions, error, error_size);
    case JSON:
        o->json = value;
        return 0;
    case JUNIT:
        o->junit = value;
        return 0;
    case SEED:
        return ttt_argument_number("seed", value, 0, UINT64_MAX, &o->seed, error, error_size);
    case EVERY_HEAD:
        if (ttt_argument_number("every-head", value, 1, MOST_HEADS, &number, error, error_size) != 0)
            return -1;
        o->every_head = (int64_t)number;
        return 0;
    case THREADS:
        if (ttt_argument_number("threads", value, 1, TTT_ARGUMENT_THREADS, &number, error, error_size) != 0)
            return -1;
        o->threads = (int)number;
        return 0;
    case CONTRACT:
        return parse_contract(o, value, error, error_size);
    case TIME_LIMIT:
        if (ttt_argument_number("time-limit", value, 1, TTT_PLUGIN_LONGEST, &number, error, error_size) != 0)
            return -1;
        ttt_plugin_set_limit((int)number);
        return 0;
    default:
        return 0;
    }
}

/* The mode, and that every option given goes with it. */
static int settle_mode(struct ttt_options *o, int given, char *error, size_t error_size)
{
    size_t m = 0;
    while (m + 1 < sizeof modes / sizeof modes[0] && !(given & modes[m].option))
        m++;
    o->mode = modes[m].mode;
    const int misfits = given & ~modes[m].allowed & ~modes[m].option;
    if (misfits) {
        snprintf(error, error_size, "--%s does not go with --%s", option_name(misfits & -misfits),
                 option_name(modes[m].option));
        return -1;
    }
    if (o->mode == TTT_MODE_DUMP && (o->case_count != 1 || o->candidate_count > 1)) {
        snprintf(error, error_size, "--dump takes exactly one --case and at most one --candidate");
        return -1;
    }
    if (o->json && o->junit && strcmp(o->json, o->junit) == 0) {
        snprintf(error, error_size, "--json and --junit name the same file '%s'", TTT_QUOTE(o->json));
        return -1;
    }
    o->has_seed = (given & SEED) != 0;
    o->causal = (given & CAUSAL) != 0;
    o->quiet = (given & QUIET) != 0;
    return 0;
}

int ttt_options_parse(struct ttt_options *o, int argc, char **argv, char *error, size_t error_size)
{
    *o = (struct ttt_options){.suite = ttt_suite_default, .threads = ttt_argument_threads()};
    o->candidates = calloc((size_t)argc, sizeof *o->candidates);
    o->cases = calloc((size_t)argc, sizeof *o->cases);
    if (!o->candidates || !o->cases) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    int given = 0, option;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (option == '?' || option == ':')
            return ttt_argument_unknown(argv[optind - 1], option, error, error_size);
        if (option == HELP || option == VERSION_OPTION) {
            fputs(option == HELP ? help : "ttt-verify (" PACKAGE_NAME ") " PACKAGE_VERSION "\n", stdout);
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
    return settle_mode(o, given, error, error_size);
}

void ttt_options_free(struct ttt_options *o)
{
    for (size_t i = 0; i < o->candidate_count; i++)
        ttt_candidate_close(&o->candidates[i]);
    free(o->candidates);
    free(o->cases);
}
