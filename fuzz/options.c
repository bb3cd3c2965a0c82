/* SPDX-License-Identifier: MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "harness/arguments.h"
#include "harness/plugin.h"
#include "harness/result.h"
#include "harness/text.h"
#include "options.h"
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: ttt-fuzz [OPTION]...\n"
    "Try a TTT-MLP kernel on random shapes and values; shrink and save what fails.\n"
    "\n"
    "  --candidate NAME|PLUGIN.so[:ARGS]  what is tried (default: the best that is here)\n"
    "  --direction forward|backward|both\n"
    "\n"
    "Which cases (default: --time 60s --seed 1):\n"
    "  --time N[s|m|h]    go on for so long\n"
    "  --cases N          end with index N - 1\n"
    "  --seed N           case I of seed N is the same on every machine\n"
    "  --case 'CASE'      this one case, as a FAIL line prints it\n"
    "  --hold shape|values  with --case: hold this part of it, draw the other\n"
    "  --replay FILE      the inputs in a .safetensors file; without --candidate the outputs in it are judged\n"
    "  --first            end with the first failure\n"
    "  --shard I/N|auto   only indices that are I modulo N; auto: rank and size are those of the launcher\n"
    "\n"
    "Where it goes:\n"
    "  --json FILE        the report, brought up to date as it goes; of rank I: FILE with .I before its extension\n"
    "  --resume           go on where the report in that file ends\n"
    "  --save DIR         where shrunk cases go (default: the current directory)\n"
    "  --quiet            print failures only\n"
    "\n"
    "  --time-limit N     seconds that one call of a plug-in may take (default: 300)\n"
    "  --threads N        CPU threads of a pass (default: 1)\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 all passed, 1 something failed, 2 bad usage or input, 77 nothing could run.\n";

/* One bit per option, so that those which do not go together can be told. */
enum {
    CANDIDATE = 1 << 0,
    DIRECTION = 1 << 1,
    TIME = 1 << 2,
    CASES = 1 << 3,
    SEED = 1 << 4,
    CASE = 1 << 5,
    HOLD = 1 << 6,
    REPLAY = 1 << 7,
    SHARD = 1 << 8,
    JSON = 1 << 9,
    RESUME = 1 << 10,
    SAVE = 1 << 11,
    QUIET = 1 << 12,
    THREADS = 1 << 13,
    HELP = 1 << 14,
    VERSION_OPTION = 1 << 15,
    FIRST = 1 << 16,
    TIME_LIMIT = 1 << 17
};

static const struct option long_options[] = {
    {"candidate", required_argument, NULL, CANDIDATE},
    {"direction", required_argument, NULL, DIRECTION},
    {"time", required_argument, NULL, TIME},
    {"cases", required_argument, NULL, CASES},
    {"seed", required_argument, NULL, SEED},
    {"case", required_argument, NULL, CASE},
    {"hold", required_argument, NULL, HOLD},
    {"replay", required_argument, NULL, REPLAY},
    {"first", no_argument, NULL, FIRST},
    {"shard", required_argument, NULL, SHARD},
    {"json", required_argument, NULL, JSON},
    {"resume", no_argument, NULL, RESUME},
    {"save", required_argument, NULL, SAVE},
    {"quiet", no_argument, NULL, QUIET},
    {"threads", required_argument, NULL, THREADS},
    {"time-limit", required_argument, NULL, TIME_LIMIT},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION_OPTION},
    {NULL, 0, NULL, 0},
};

/* What does not go with one case. */
enum { OF_CAMPAIGNS = TIME | CASES | SEED | FIRST | SHARD | JSON | RESUME | SAVE };

static const char *option_name(int bit)
{
    for (const struct option *o = long_options; o->name; o++)
        if (o->val == bit)
            return o->name;
    return "";
}

static int parse_time(const char *value, double *seconds, char *error, size_t error_size)
{
    static const char units[] = "smh";
    const size_t n = strlen(value);
    const char *unit = n > 0 ? strchr(units, value[n - 1]) : NULL;
    uint64_t number;
    if (ttt_text_to_u64(value, n - (unit != NULL), 1000000, &number) != 0 || number == 0)
        return ttt_argument_refuse("time", value, "an integer 1 to 1000000 with s, m or h", error, error_size);
    *seconds = (double)number * (!unit || *unit == 's' ? 1 : *unit == 'm' ? 60 : 3600);
    return 0;
}

static const char *environment(const char *name)
{
    return getenv(name);
}

/* Before a candidate is opened, which may look for its GPU. */
static int parse_shard(struct fuzz_options *o, const char *value, char *error, size_t error_size)
{
    char device[64];
    o->sharded = 1;
    if (fuzz_shard_parse(value, environment, &o->shard, error, error_size) != 0)
        return -1;
    if (strcmp(value, "auto") != 0)
        return 0;
    fuzz_shard_device(environment, device, sizeof device);
    if (device[0])
        setenv("CUDA_VISIBLE_DEVICES", device, 1);
    return 0;
}

static int parse_held(struct fuzz_options *o, const char *value, char *error, size_t error_size)
{
    char what[512];
    if (fuzz_case_parse(value, &o->held, what, sizeof what) == 0)
        return 0;
    snprintf(error, error_size, "--case: %s", what);
    return -1;
}

static int parse_hold(struct fuzz_options *o, const char *value, char *error, size_t error_size)
{
    o->hold = strcmp(value, "shape") == 0    ? FUZZ_HOLD_SHAPE
              : strcmp(value, "values") == 0 ? FUZZ_HOLD_VALUES
                                             : FUZZ_HOLD_NOTHING;
    return o->hold ? 0 : ttt_argument_refuse("hold", value, "shape or values", error, error_size);
}

static int parse_option(struct fuzz_options *o, int option, const char *value, char *error, size_t error_size)
{
    uint64_t number;
    switch (option) {
    case CANDIDATE:
        o->candidate.spec = value; /* opened when all is known */
        return 0;
    case DIRECTION:
        return ttt_argument_directions(value, &o->directions, error, error_size);
    case TIME:
        return parse_time(value, &o->seconds, error, error_size);
    case CASES:
        return ttt_argument_number("cases", value, 1, (uint64_t)1 << 53, &o->cases, error, error_size);
    case SEED:
        return ttt_argument_number("seed", value, 0, UINT64_MAX, &o->seed, error, error_size);
    case CASE:
        return parse_held(o, value, error, error_size);
    case HOLD:
        return parse_hold(o, value, error, error_size);
    case REPLAY:
        o->replay = value;
        return 0;
    case SHARD:
        return parse_shard(o, value, error, error_size);
    case JSON:
        o->json = value;
        return 0;
    case SAVE:
        o->save = value;
        return 0;
    case THREADS:
        if (ttt_argument_number("threads", value, 1, TTT_ARGUMENT_THREADS, &number, error, error_size) != 0)
            return -1;
        o->threads = (int)number;
        return 0;
    case TIME_LIMIT:
        if (ttt_argument_number("time-limit", value, 1, TTT_PLUGIN_LONGEST, &number, error, error_size) != 0)
            return -1;
        ttt_plugin_set_limit((int)number);
        return 0;
    default:
        return 0;
    }
}

static int settle(struct fuzz_options *o, int given, char *error, size_t error_size)
{
    const int one = given & REPLAY ? REPLAY : given & CASE && !(given & HOLD) ? CASE : 0;
    const int misfits = one == REPLAY     ? given & (OF_CAMPAIGNS | CASE | HOLD)
                        : one             ? given & OF_CAMPAIGNS
                        : !(given & CASE) ? given & HOLD
                                          : 0;
    if (misfits) {
        snprintf(error, error_size, one ? "--%s does not go with --%s" : "--%s needs --case",
                 option_name(misfits & -misfits), option_name(one));
        return -1;
    }
    if (given & RESUME && !(given & JSON)) {
        snprintf(error, error_size, "--resume needs --json");
        return -1;
    }
    o->mode = one == REPLAY ? FUZZ_MODE_REPLAY : one ? FUZZ_MODE_CASE : FUZZ_MODE_CAMPAIGN;
    if (!(given & (TIME | CASES)))
        o->seconds = 60;
    o->resume = (given & RESUME) != 0;
    o->quiet = (given & QUIET) != 0;
    o->first = (given & FIRST) != 0;
    if (given & CANDIDATE)
        return ttt_candidate_open_spec(o->candidate.spec, &o->candidate, error, error_size);
    for (size_t i = 0; i < ttt_candidate_builtin_count && one != REPLAY && !o->candidate.candidate; i++)
        if (ttt_candidate_is_default(ttt_candidate_builtin[i]))
            o->candidate = (struct ttt_opened){ttt_candidate_builtin[i], ttt_candidate_builtin[i]->name};
    return 0;
}

int fuzz_options_parse(struct fuzz_options *o, int argc, char **argv, char *error, size_t error_size)
{
    *o = (struct fuzz_options){.save = ".",
                               .seconds = (double)INFINITY,
                               .cases = UINT64_MAX,
                               .seed = 1,
                               .shard = {0, 1},
                               .directions = TTT_DIRECTION_BOTH,
                               .threads = 1};
    int given = 0, option;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (option == '?' || option == ':')
            return ttt_argument_unknown(argv[optind - 1], option, error, error_size);
        if (option == HELP || option == VERSION_OPTION) {
            fputs(option == HELP ? help : "ttt-fuzz (" PACKAGE_NAME ") " PACKAGE_VERSION "\n", stdout);
            return 1;
        }
        if (given & option) {
            snprintf(error, error_size, "--%s is given twice", option_name(option));
            return -1;
        }
        given |= option;
        if (parse_option(o, option, optarg, error, error_size) != 0)
            return -1;
    }
    if (optind < argc)
        return ttt_argument_unknown(argv[optind], '?', error, error_size);
    return settle(o, given, error, error_size);
}

void fuzz_options_free(struct fuzz_options *o)
{
    if (o->candidate.candidate)
        ttt_candidate_close(&o->candidate);
}
