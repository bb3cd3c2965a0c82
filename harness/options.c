/* SPDX-License-Identifier: MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "harness/options.h"
#include "harness/result.h"
#include "harness/text.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "Usage: ttt-verify [OPTION]...\n"
    "Judge how accurate TTT-MLP kernels are, against a reference in double precision.\n"
    "\n"
    "What is judged:\n"
    "  --candidate NAME|PLUGIN.so[:ARGS]  a built-in candidate (see --list) or a plug-in; repeatable\n"
    "  --judge FILE       the outputs in a .safetensors file, by the inputs beside them; no kernel is run\n"
    "\n"
    "On what (default: --suite standard):\n"
    "  --suite smoke|standard|release     seconds, minutes, hours\n"
    "  --case 'CASE'      one case, as a FAIL line prints it, e.g.\n"
    "                     'b1h2n192c64f64d256g4 eps=1e-6 dist=model seed=7'; repeatable\n"
    "  --vectors FILE|DIR .safetensors whose outputs are the truth; also tries resumed runs and other group sizes\n"
    "  --direction forward|backward|both\n"
    "  --causal           with --case: in the causal form; else: only cases of the causal form\n"
    "  --seed N           of the generated data, instead of those of the cases\n"
    "\n"
    "Where it goes:\n"
    "  --json FILE        the results as JSON\n"
    "  --junit FILE       the results as JUnit XML\n"
    "  --dump FILE        write the inputs of the one --case as .safetensors, and the outputs of the --candidate if one\n"
    "                     is given; nothing is judged\n"
    "  --quiet            print failures only\n"
    "\n"
    "  --threads N        CPU threads (default: one per processor)\n"
    "  --list             list candidates and suites\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 all passed, 1 something failed, 2 bad usage or input, 77 nothing could run.\n";

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
    VERSION_OPTION = 1 << 15
};

static const struct option long_options[] = {
    {"candidate", required_argument, NULL, CANDIDATE},
    {"suite", required_argument, NULL, SUITE},
    {"case", required_argument, NULL, CASE},
    {"vectors", required_argument, NULL, VECTORS},
    {"dump", required_argument, NULL, DUMP},
    {"judge", required_argument, NULL, JUDGE},
    {"direction", required_argument, NULL, DIRECTION},
    {"causal", no_argument, NULL, CAUSAL},
    {"json", required_argument, NULL, JSON},
    {"junit", required_argument, NULL, JUNIT},
    {"list", no_argument, NULL, LIST},
    {"seed", required_argument, NULL, SEED},
    {"threads", required_argument, NULL, THREADS},
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
    {DUMP, TTT_MODE_DUMP, CASE | CANDIDATE | DIRECTION | CAUSAL | SEED | THREADS | QUIET},
    {JUDGE, TTT_MODE_JUDGE, DIRECTION | JSON | JUNIT | THREADS | QUIET},
    {VECTORS, TTT_MODE_VECTORS, CANDIDATE | DIRECTION | CAUSAL | JSON | JUNIT | THREADS | QUIET},
    {CASE, TTT_MODE_CASES, CANDIDATE | DIRECTION | CAUSAL | JSON | JUNIT | SEED | THREADS | QUIET},
    {SUITE, TTT_MODE_SUITE, CANDIDATE | DIRECTION | CAUSAL | JSON | JUNIT | SEED | THREADS | QUIET},
};

static const char *option_name(int bit)
{
    for (const struct option *o = long_options; o->name; o++)
        if (o->val == bit)
            return o->name;
    return "";
}

/* Room for one element more; 0, or -1. */
static int grow(void *array, size_t count, size_t size)
{
    void **pointer = array;
    void *more = realloc(*pointer, (count + 1) * size);
    if (!more)
        return -1;
    *pointer = more;
    return 0;
}
