/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "candidates.h"
#include "plugin.h"
#include "text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct ttt_candidate *const ttt_candidate_builtin[] = {
#ifdef TTT_HAVE_CUDA
    &ttt_candidate_gpu_bf16,
#endif
    &ttt_candidate_ref_f64,
    &ttt_candidate_ref_f32,
    &ttt_candidate_ref_bf16,
};
const size_t ttt_candidate_builtin_count = sizeof ttt_candidate_builtin / sizeof ttt_candidate_builtin[0];

int ttt_candidate_is_default(const struct ttt_candidate *candidate)
{
#ifdef TTT_HAVE_CUDA
    if (candidate == &ttt_candidate_gpu_bf16)
        return ttt_candidate_gpu_present();
#endif
    return candidate != &ttt_candidate_ref_f64;
}

const struct ttt_timer *ttt_candidate_timer(const struct ttt_candidate *candidate)
{
#ifdef TTT_HAVE_CUDA
    if (candidate == &ttt_candidate_gpu_bf16)
        return &ttt_timer_gpu;
#endif
    (void)candidate;
    return NULL;
}

static int find_builtin(const char *name, struct ttt_opened *out, char *error, size_t error_size)
{
    for (size_t i = 0; i < ttt_candidate_builtin_count; i++)
        if (strcmp(ttt_candidate_builtin[i]->name, name) == 0) {
            out->candidate = ttt_candidate_builtin[i];
            return 0;
        }
    char quoted[TTT_TEXT_QUOTE];
    int used = snprintf(error, error_size, "--candidate: no candidate '%s'; there are",
                        ttt_text_quote(quoted, sizeof quoted, name, strlen(name)));
    for (size_t i = 0; i < ttt_candidate_builtin_count && used > 0 && (size_t)used < error_size; i++)
        used += snprintf(error + used, error_size - (size_t)used, " %s", ttt_candidate_builtin[i]->name);
    if (used > 0 && (size_t)used < error_size)
        snprintf(error + used, error_size - (size_t)used, ", and PATH/TO/PLUGIN.so[:ARGS]");
    return -1;
}

int ttt_candidate_open_spec(const char *spec, struct ttt_opened *out, char *error, size_t error_size)
{
    struct ttt_opened opened = {.spec = spec};
    int status;
    const char *suffix = strstr(spec, ".so:");
    if (!suffix && !strchr(spec, '/') && !strstr(spec, ".so")) {
        status = find_builtin(spec, &opened, error, error_size);
    } else {
        char *path = strndup(spec, suffix ? (size_t)(suffix - spec) + 3 : strlen(spec));
        if (!path) {
            snprintf(error, error_size, "--candidate: out of memory");
            return -1;
        }
        opened.candidate = ttt_plugin_open(path, suffix ? suffix + 4 : "", error, error_size);
        status = opened.candidate ? 0 : -1;
        free(path);
    }
    if (status == 0)
        *out = opened;
    return status;
}

void ttt_candidate_close(struct ttt_opened *opened)
{
    if (opened->candidate && ttt_candidate_is_plugin(opened->candidate))
        ttt_plugin_close(opened->candidate);
    else if (opened->candidate && opened->candidate->close)
        opened->candidate->close(opened->candidate->self);
    opened->candidate = NULL;
}

int ttt_candidate_is_reference(const struct ttt_candidate *candidate)
{
    return candidate == &ttt_candidate_ref_f64 || candidate == &ttt_candidate_ref_f32 ||
           candidate == &ttt_candidate_ref_bf16;
}

const char *ttt_candidate_types(enum ttt_types types)
{
    static const char *const words[] = {"double", "float", "bfloat16 tokens, float state"};
    return words[types];
}

struct ttt_failure ttt_candidate_failure(const struct ttt_candidate *candidate, enum ttt_direction direction,
                                         enum ttt_status status)
{
    if (ttt_candidate_is_plugin(candidate))
        return *ttt_plugin_failure(candidate);
    struct ttt_failure failure = {.row = "status"};
    snprintf(failure.text, sizeof failure.text, "%s returned %d: %s", direction == TTT_FORWARD ? "forward" : "backward",
             (int)status, ttt_candidate_status(status));
    return failure;
}
