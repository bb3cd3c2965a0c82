/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "candidates.h"
#include "text.h"
#include <ctype.h>
#include <dlfcn.h>
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

/* What is wrong with the struct of a plug-in, or NULL. */
static const char *plugin_fault(const struct ttt_candidate *c)
{
    if (c->abi != TTT_CANDIDATE_ABI)
        return "its abi is not that of this program (TTT_CANDIDATE_ABI)";
    if (!c->name || !c->about)
        return "name or about is NULL";
    if (!c->name[0] || strlen(c->name) > 63)
        return "name is empty or longer than 63 bytes";
    for (const char *p = c->name; *p; p++)
        if (!isgraph((unsigned char)*p))
            return "name is not one word of printable characters";
    if (c->types != TTT_TYPES_F64 && c->types != TTT_TYPES_F32 && c->types != TTT_TYPES_BF16)
        return "types is not a value of enum ttt_types";
    if (c->deterministic != 0 && c->deterministic != 1)
        return "deterministic is neither 0 nor 1";
    if (!c->supports || !c->forward || !c->backward)
        return "supports, forward or backward is NULL";
    return NULL;
}

static int open_plugin(const char *path, const char *args, struct ttt_opened *out, char *error, size_t error_size)
{
    out->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!out->library) {
        snprintf(error, error_size, "--candidate: %s", dlerror());
        return -1;
    }
    /* POSIX promises that the conversion works; ISO C has no name for it. */
    ttt_candidate_open_fn *open_fn = NULL;
    void *symbol = dlsym(out->library, "ttt_candidate_open");
    memcpy(&open_fn, &symbol, sizeof open_fn);
    const char *fault = NULL;
    if (!symbol)
        fault = "it exports no symbol ttt_candidate_open";
    else if (!(out->candidate = open_fn(TTT_CANDIDATE_ABI, args)))
        fault = "ttt_candidate_open refused";
    else
        fault = plugin_fault(out->candidate);
    if (!fault)
        return 0;
    snprintf(error, error_size, "--candidate: %s: %s (ABI %d, arguments '%.100s')", path, fault, TTT_CANDIDATE_ABI,
             args);
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
        status = open_plugin(path, suffix ? suffix + 4 : "", &opened, error, error_size);
        free(path);
    }
    if (status == 0)
        *out = opened;
    else if (opened.library)
        dlclose(opened.library);
    return status;
}

void ttt_candidate_close(struct ttt_opened *opened)
{
    if (opened->candidate && opened->candidate->close)
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
