/* SPDX-License-Identifier: MIT */
#include "harness/given.h"
#include "harness/result.h"
#include <stdio.h>

static int is_output(enum ttt_tensor t, enum ttt_role role, const struct ttt_case *c)
{
    return ttt_tensor_info[t].role == role && ttt_tensor_present(t, c);
}

/* The first gradient of the case that is there (or, with `there` = 0, is not); TTT_TENSOR_COUNT if none is. */
static enum ttt_tensor find_gradient(const struct ttt_safetensors *file, const struct ttt_case *c, int there)
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        if (is_output(t, TTT_ROLE_BACKWARD_OUTPUT, c) &&
            (ttt_safetensors_find(file, ttt_tensor_info[t].name) != NULL) == there)
            return t;
    return TTT_TENSOR_COUNT;
}

static int check_types(const struct ttt_safetensors *file, const struct ttt_case *c, enum ttt_types types, char *error,
                       size_t error_size)
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        const struct ttt_safetensors_entry *entry = ttt_safetensors_find(file, ttt_tensor_info[t].name);
        if (!entry ||
            (!is_output(t, TTT_ROLE_FORWARD_OUTPUT, c) && !is_output(t, TTT_ROLE_BACKWARD_OUTPUT, c)))
            continue;
        const enum ttt_dtype dtype = ttt_tensor_dtype(t, types);
        if (entry->dtype != dtype) {
            snprintf(error, error_size, "%s is %s, but %s is required here", entry->name, ttt_dtype_name[entry->dtype],
                     ttt_dtype_name[dtype]);
            return -1;
        }
    }
    return 0;
}

static int check_upstream(const struct ttt_safetensors *file, unsigned directions, char *error, size_t error_size)
{
    const char *name = ttt_tensor_info[TTT_GRAD_XQW].name;
    if (!(directions & TTT_DIRECTION_BACKWARD) || ttt_safetensors_find(file, name))
        return 0;
    snprintf(error, error_size, "gradients cannot be judged without the upstream gradient %s", name);
    return -1;
}

int ttt_given_truth(const struct ttt_safetensors *file, const struct ttt_case *c, unsigned wanted,
                    unsigned *directions, char *error, size_t error_size)
{
    unsigned there = 0;
    if (ttt_safetensors_find(file, ttt_tensor_info[TTT_XQW].name))
        there |= TTT_DIRECTION_FORWARD;
    if (find_gradient(file, c, 1) != TTT_TENSOR_COUNT)
        there |= TTT_DIRECTION_BACKWARD;
    const unsigned covered = wanted ? there & wanted : there;
    if (!covered || (wanted & ~there)) {
        snprintf(error, error_size, "it has no outputs that could be the truth%s%s", wanted ? " of direction " : "",
                 wanted ? ttt_direction_name[wanted] : "");
        return -1;
    }
    if (check_types(file, c, TTT_TYPES_F64, error, error_size) != 0 ||
        check_upstream(file, covered, error, error_size) != 0)
        return -1;
    *directions = covered;
    return 0;
}

static enum ttt_types types_of(enum ttt_dtype token_dtype)
{
    return token_dtype == TTT_BF16 ? TTT_TYPES_BF16 : token_dtype == TTT_F32 ? TTT_TYPES_F32 : TTT_TYPES_F64;
}

int ttt_given_outputs(const struct ttt_safetensors *file, const struct ttt_case *c, unsigned wanted,
                      unsigned *directions, enum ttt_types *types, char *error, size_t error_size)
{
    const struct ttt_safetensors_entry *output = ttt_safetensors_find(file, ttt_tensor_info[TTT_XQW].name);
    if (!output) {
        snprintf(error, error_size, "the output XQW is missing");
        return -1;
    }
    unsigned covered = TTT_DIRECTION_FORWARD;
    if (wanted ? wanted & TTT_DIRECTION_BACKWARD : find_gradient(file, c, 1) != TTT_TENSOR_COUNT) {
        const enum ttt_tensor missing = find_gradient(file, c, 0);
        if (missing != TTT_TENSOR_COUNT) {
            snprintf(error, error_size, "the gradient %s is missing (all of them are required, or none)",
                     ttt_tensor_info[missing].name);
            return -1;
        }
        covered |= TTT_DIRECTION_BACKWARD;
    }
    if (wanted)
        covered &= wanted;
    if (check_types(file, c, types_of(output->dtype), error, error_size) != 0 ||
        check_upstream(file, covered, error, error_size) != 0)
        return -1;
    *types = types_of(output->dtype);
    *directions = covered;
    return 0;
}
