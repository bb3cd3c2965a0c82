/* SPDX-License-Identifier: MIT */
#include "operands.h"
#include <string.h>

struct operand {
    enum ttt_tensor tensor;
    size_t offset; /* of its pointer */
};

#define FORWARD(tensor, field)                                                                                         \
    {                                                                                                                  \
        tensor, offsetof(struct ttt_mlp_forward_args, field)                                                           \
    }
#define BACKWARD(tensor, field)                                                                                        \
    {                                                                                                                  \
        tensor, offsetof(struct ttt_mlp_backward_args, field)                                                          \
    }

/* clang-format off */
static const struct operand forward[] = {
    FORWARD(TTT_XQ, XQ), FORWARD(TTT_XK, XK), FORWARD(TTT_XV, XV),
    FORWARD(TTT_LAST_ETA, last_eta), FORWARD(TTT_TOKEN_ETA, token_eta),
    FORWARD(TTT_NORM_WEIGHT, ttt_norm_weight), FORWARD(TTT_NORM_BIAS, ttt_norm_bias),
    FORWARD(TTT_W1_INIT, W1_init), FORWARD(TTT_B1_INIT, b1_init),
    FORWARD(TTT_W2_INIT, W2_init), FORWARD(TTT_B2_INIT, b2_init),
    FORWARD(TTT_XQW, XQW),
    FORWARD(TTT_W1_CHECKPOINTS, W1_checkpoints), FORWARD(TTT_B1_CHECKPOINTS, b1_checkpoints),
    FORWARD(TTT_W2_CHECKPOINTS, W2_checkpoints), FORWARD(TTT_B2_CHECKPOINTS, b2_checkpoints),
    FORWARD(TTT_W1_LAST, W1_last), FORWARD(TTT_B1_LAST, b1_last),
    FORWARD(TTT_W2_LAST, W2_last), FORWARD(TTT_B2_LAST, b2_last),
};

static const struct operand backward[] = {
    BACKWARD(TTT_XQ, XQ), BACKWARD(TTT_XK, XK), BACKWARD(TTT_XV, XV),
    BACKWARD(TTT_LAST_ETA, last_eta), BACKWARD(TTT_TOKEN_ETA, token_eta),
    BACKWARD(TTT_NORM_WEIGHT, ttt_norm_weight), BACKWARD(TTT_NORM_BIAS, ttt_norm_bias),
    BACKWARD(TTT_W1_CHECKPOINTS, W1_checkpoints), BACKWARD(TTT_B1_CHECKPOINTS, b1_checkpoints),
    BACKWARD(TTT_W2_CHECKPOINTS, W2_checkpoints), BACKWARD(TTT_B2_CHECKPOINTS, b2_checkpoints),
    BACKWARD(TTT_GRAD_XQW, grad_L_XQW),
    BACKWARD(TTT_GRAD_W1_LAST, grad_L_W1_last), BACKWARD(TTT_GRAD_B1_LAST, grad_L_b1_last),
    BACKWARD(TTT_GRAD_W2_LAST, grad_L_W2_last), BACKWARD(TTT_GRAD_B2_LAST, grad_L_b2_last),
    BACKWARD(TTT_GRAD_XQ, grad_L_XQ), BACKWARD(TTT_GRAD_XK, grad_L_XK), BACKWARD(TTT_GRAD_XV, grad_L_XV),
    BACKWARD(TTT_GRAD_LAST_ETA, grad_L_last_eta), BACKWARD(TTT_GRAD_TOKEN_ETA, grad_L_token_eta),
    BACKWARD(TTT_GRAD_NORM_WEIGHT, grad_L_ttt_norm_weight), BACKWARD(TTT_GRAD_NORM_BIAS, grad_L_ttt_norm_bias),
    BACKWARD(TTT_GRAD_W1_INIT, grad_L_W1_init), BACKWARD(TTT_GRAD_B1_INIT, grad_L_b1_init),
    BACKWARD(TTT_GRAD_W2_INIT, grad_L_W2_init), BACKWARD(TTT_GRAD_B2_INIT, grad_L_b2_init),
};
/* clang-format on */

_Static_assert(sizeof forward / sizeof forward[0] == sizeof(struct ttt_mlp_forward_args) / sizeof(void *),
               "every pointer of the forward arguments is in the table");
_Static_assert(sizeof backward / sizeof backward[0] == sizeof(struct ttt_mlp_backward_args) / sizeof(void *),
               "every pointer of the backward arguments is in the table");
_Static_assert(sizeof backward / sizeof backward[0] == TTT_OPERANDS_MOST, "the longer of the two tables");

static const struct operand *operand_of(enum ttt_direction direction, int i)
{
    return direction == TTT_FORWARD ? &forward[i] : &backward[i];
}

int ttt_operand_count(enum ttt_direction direction)
{
    return (int)(direction == TTT_FORWARD ? sizeof forward / sizeof forward[0] : sizeof backward / sizeof backward[0]);
}

enum ttt_tensor ttt_operand_tensor(enum ttt_direction direction, int i)
{
    return operand_of(direction, i)->tensor;
}

int ttt_operand_is_output(enum ttt_direction direction, int i)
{
    const enum ttt_role role = ttt_tensor_info[operand_of(direction, i)->tensor].role;
    return role == (direction == TTT_FORWARD ? TTT_ROLE_FORWARD_OUTPUT : TTT_ROLE_BACKWARD_OUTPUT);
}

void *ttt_operand_get(const union ttt_arguments *args, enum ttt_direction direction, int i)
{
    void *pointer;
    memcpy(&pointer, (const char *)args + operand_of(direction, i)->offset, sizeof pointer);
    return pointer;
}

void ttt_operand_set(union ttt_arguments *args, enum ttt_direction direction, int i, void *pointer)
{
    memcpy((char *)args + operand_of(direction, i)->offset, &pointer, sizeof pointer);
}

size_t ttt_operand_bytes(enum ttt_direction direction, int i, const struct ttt_mlp_shape *shape, enum ttt_types types)
{
    const enum ttt_tensor t = operand_of(direction, i)->tensor;
    return (size_t)ttt_tensor_elements(t, shape) * ttt_dtype_size(ttt_tensor_dtype(t, types));
}
