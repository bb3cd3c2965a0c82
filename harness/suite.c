/* SPDX-License-Identifier: MIT */
#include "suite.h"
#include "result.h"
#include <string.h>

/* `strong` appears with few mini-batches only: its error grows with each until no finite precision can follow. */

/* Directions, and which heads. */
#define BOTH TTT_DIRECTION_BOTH, 0

static const struct ttt_suite_entry smoke[] = {
    {"b1h1n128c64f64d256g2 eps=1e-6 dist=unit seed=1", "the real tile sizes", BOTH},
    {"b1h2n128c64f64d256g1 eps=1e-8 dist=model seed=2", "data at initialisation, eps of the video model", BOTH},
    {"b2h2n40c16f16d64g2 eps=1e-6 dist=strong seed=3", "large state motion, a batch, a short tail", BOTH},
    {"b1h2n152c16f64d256g4 eps=1e-6 dist=unit seed=4 causal=1", "the causal form with a short tail", BOTH},
    {"b1h1n5c16f8d20g1 eps=1e-5 dist=unit seed=5 state_grads=0", "C > N; no upstream gradients of the state", BOTH},
    {"b1h1n1c1f1d1g1 eps=1e-6 dist=unit seed=6", "every size 1: normalize of one element is 0", BOTH},
    {"b1h4n150c64f64d256g2 eps=0 dist=exact seed=7", "data that need no rounding: bit by bit", BOTH},
    {"b2h3n67c16f64d64g2 eps=0 dist=exact seed=8 causal=1", "the same in the causal form", BOTH},
};

static const struct ttt_suite_entry standard[] = {
    {"b1h48n2048c64f64d256g16 eps=1e-8 dist=model seed=11", "the video model's layer at initialisation", BOTH},
    {"b1h12n2048c64f64d256g16 eps=1e-6 dist=unit seed=12", "12 heads: tensor parallelism of 4", BOTH},
    {"b1h4n256c64f64d256g16 eps=1e-6 dist=strong seed=13", "large state motion at the real tile sizes", BOTH},
    {"b1h8n1024c16f64d256g16 eps=1e-6 dist=unit seed=14 causal=1", "the language model's layer", BOTH},
    {"b2h4n512c16f64d256g16 eps=1e-6 dist=model seed=15 causal=1", "the language model at initialisation", BOTH},
    {"b1h2n64c16f32d128g2 eps=1e-6 dist=strong seed=16 causal=1", "the causal form with large state motion", BOTH},
    {"b1h4n512c64f128d512g4 eps=1e-6 dist=unit seed=17", "F = 128", BOTH},
    {"b1h4n512c64f128d512g4 eps=1e-8 dist=model seed=18", "F = 128 at initialisation", BOTH},
    {"b3h2n300c64f64d256g2 eps=1e-6 dist=unit seed=19", "norm gradients summed over a batch; a tail of 44", BOTH},
    {"b1h2n257c64f64d256g2 eps=1e-6 dist=unit seed=20", "a tail of one row", BOTH},
    {"b1h2n255c64f64d256g2 eps=1e-8 dist=model seed=21", "a tail that lacks one row", BOTH},
    {"b1h2n39c64f64d256g1 eps=1e-6 dist=unit seed=22", "C > N", BOTH},
    {"b2h2n70c16f32d96g3 eps=1e-6 dist=unit seed=23 causal=1", "causal with a tail, D = 3F, a short last group", BOTH},
    {"b1h1n7c16f32d128g1 eps=1e-6 dist=strong seed=24 causal=1", "causal with C > N", BOTH},
    {"b1h2n40c16f64d256g2 eps=1e-6 dist=unit seed=27 causal=1",
     "a short causal sequence: grad_L_token_eta is a small difference of large terms", BOTH},
    {"b1h2n320c64f64d256g1 eps=1e-6 dist=unit seed=25", "G = 1: every state is saved", BOTH},
    {"b1h2n320c64f64d256g5 eps=1e-6 dist=unit seed=25", "G = NC: one checkpoint", BOTH},
    {"b1h2n320c64f64d256g99 eps=1e-6 dist=unit seed=25", "G > NC", BOTH},
    {"b1h2n320c64f64d256g4 eps=1e-6 dist=unit seed=25 state_grads=0", "no upstream gradients of the state", BOTH},
    {"b1h3n33c5f7d11g3 eps=1e-6 dist=unit seed=26", "sizes that no tile divides", BOTH},
    {"b1h2n192c64f64d256g2 eps=1e-1 dist=unit seed=33", "an eps that the output's norm sees, too", BOTH},
    {"b1h6n384c64f64d256g2 eps=0 dist=exact seed=27", "no rounding, six mini-batches", BOTH},
    {"b1h5n257c64f64d256g4 eps=0 dist=exact seed=28", "no rounding, a tail of one row", BOTH},
    {"b1h3n150c64f128d512g1 eps=0 dist=exact seed=29", "no rounding, F = 128", BOTH},
    {"b2h2n39c64f64d256g1 eps=0 dist=exact seed=30", "no rounding, C > N", BOTH},
    {"b1h3n10c5f16d6g1 eps=0 dist=exact seed=31", "no rounding, every hidden unit on", BOTH},
    {"b1h12n250c16f64d256g4 eps=0 dist=exact seed=32 causal=1", "no rounding, causal with a tail", BOTH},
};

static const struct ttt_suite_entry release[] = {
    {"b1h48n18112c64f64d256g16 eps=1e-8 dist=model seed=31", "3 seconds of video, 48 heads", BOTH},
    {"b1h48n345600c64f64d256g16 eps=1e-8 dist=model seed=32", "63 seconds of video; 4 of 48 heads",
     TTT_DIRECTION_FORWARD, 12},
};

#define COUNT(entries) (sizeof(entries) / sizeof(entries)[0])

const struct ttt_suite ttt_suites[] = {
    {"smoke", "seconds: each form and distribution once", NULL, smoke, COUNT(smoke)},
    {"standard", "minutes: real layers, every distribution, the edges of each size", &ttt_suites[0], standard,
     COUNT(standard)},
    {"release", "hours: standard and the lengths of real video", &ttt_suites[1], release, COUNT(release)},
};
const size_t ttt_suite_count = COUNT(ttt_suites);
const struct ttt_suite *const ttt_suite_default = &ttt_suites[1];

const struct ttt_suite *ttt_suite_find(const char *name)
{
    for (size_t i = 0; i < ttt_suite_count; i++)
        if (strcmp(ttt_suites[i].name, name) == 0)
            return &ttt_suites[i];
    return NULL;
}

static size_t entries_of(const struct ttt_suite *suite)
{
    return suite ? suite->count + entries_of(suite->base) : 0;
}

const struct ttt_suite_entry *ttt_suite_entry_at(const struct ttt_suite *suite, size_t i)
{
    const size_t before = entries_of(suite->base);
    if (i < before)
        return ttt_suite_entry_at(suite->base, i);
    return i - before < suite->count ? &suite->entries[i - before] : NULL;
}
