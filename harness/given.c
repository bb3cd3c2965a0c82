/* SPDX-License-Identifier: MIT */
#include "given.h"
#include "result.h"
#include "text.h"

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

static int check_types(const struct ttt_safetensors *file, const struct ttt_case *c, enum ttt_types types,
                       const struct ttt_message *message)
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        const struct ttt_safetensors_entry *entry = ttt_safetensors_find(file, ttt_tensor_info[t].name);
        if (!entry || (!is_output(t, TTT_ROLE_FORWARD_OUTPUT, c) && !is_output(t, TTT_ROLE_BACKWARD_OUTPUT, c)))
            continue;
        const enum ttt_dtype dtype = ttt_tensor_dtype(t, types);
        if (entry->dtype != dtype)
            return ttt_message_refuse(message, "tensor '%s' is %s (allowed here: %s)", entry->name,
                                      ttt_dtype_name[entry->dtype], ttt_dtype_name[dtype]);
    }
    return 0;
}

int ttt_given_truth(const struct ttt_safetensors *file, const struct ttt_case *c, unsigned wanted, unsigned *directions,
                    char *error, size_t error_size)
{
    const struct ttt_message message = {ttt_safetensors_path(file), error, error_size};
    unsigned there = 0;
    if (ttt_safetensors_find(file, ttt_tensor_info[TTT_XQW].name))
        there |= TTT_DIRECTION_FORWARD;
    if (find_gradient(file, c, 1) != TTT_TENSOR_COUNT)
        there |= TTT_DIRECTION_BACKWARD;
    const unsigned covered = wanted ? there & wanted : there;
    if (!covered)
        return ttt_message_refuse(&message, "holds no outputs that could be the truth (direction %s)",
                                  ttt_direction_name[wanted ? wanted : TTT_DIRECTION_BOTH]);
    if (check_types(file, c, TTT_TYPES_F64, &message) != 0)
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
    const struct ttt_message message = {ttt_safetensors_path(file), error, error_size};
    const struct ttt_safetensors_entry *output = ttt_safetensors_find(file, ttt_tensor_info[TTT_XQW].name);
    if (!output)
        return ttt_message_refuse(&message, "tensor 'XQW' is missing: there is no output to judge");
    unsigned covered = TTT_DIRECTION_FORWARD;
    if (wanted ? wanted & TTT_DIRECTION_BACKWARD : find_gradient(file, c, 1) != TTT_TENSOR_COUNT) {
        const enum ttt_tensor missing = find_gradient(file, c, 0);
        if (missing != TTT_TENSOR_COUNT)
            return ttt_message_refuse(&message,
                                      "tensor '%s' is missing (gradients: all, or none and --direction forward)",
                                      ttt_tensor_info[missing].name);
        covered |= TTT_DIRECTION_BACKWARD;
    }
    if (wanted)
        covered &= wanted;
    if (check_types(file, c, types_of(output->dtype), &message) != 0)
        return -1;
    *types = types_of(output->dtype);
    *directions = covered;
    return 0;
}
