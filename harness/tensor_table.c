/* SPDX-License-Identifier: MIT
 *
 * Names, shapes and types of the contract's tensors.
 */
#include "tensors.h"
#include <string.h>

const struct ttt_tensor_info ttt_tensor_info[TTT_TENSOR_COUNT] = {
    [TTT_XQ] = {"XQ", "BHNF", TTT_ROLE_INPUT, 1},
    [TTT_XK] = {"XK", "BHNF", TTT_ROLE_INPUT, 1},
    [TTT_XV] = {"XV", "BHNF", TTT_ROLE_INPUT, 1},
    [TTT_LAST_ETA] = {"last_eta", "BHN", TTT_ROLE_INPUT, 1},
    [TTT_TOKEN_ETA] = {"token_eta", "C", TTT_ROLE_INPUT, 0},
    [TTT_NORM_WEIGHT] = {"ttt_norm_weight", "HF", TTT_ROLE_INPUT, 0},
    [TTT_NORM_BIAS] = {"ttt_norm_bias", "HF", TTT_ROLE_INPUT, 0},
    [TTT_W1_INIT] = {"W1_init", "BHFD", TTT_ROLE_INPUT, 0},
    [TTT_B1_INIT] = {"b1_init", "BHD", TTT_ROLE_INPUT, 0},
    [TTT_W2_INIT] = {"W2_init", "BHDF", TTT_ROLE_INPUT, 0},
    [TTT_B2_INIT] = {"b2_init", "BHF", TTT_ROLE_INPUT, 0},
    [TTT_GRAD_XQW] = {"grad_L_XQW", "BHNF", TTT_ROLE_UPSTREAM, 1},
    [TTT_GRAD_W1_LAST] = {"grad_L_W1_last", "BHFD", TTT_ROLE_UPSTREAM, 0},
    [TTT_GRAD_B1_LAST] = {"grad_L_b1_last", "BHD", TTT_ROLE_UPSTREAM, 0},
    [TTT_GRAD_W2_LAST] = {"grad_L_W2_last", "BHDF", TTT_ROLE_UPSTREAM, 0},
    [TTT_GRAD_B2_LAST] = {"grad_L_b2_last", "BHF", TTT_ROLE_UPSTREAM, 0},
    [TTT_XQW] = {"XQW", "BHNF", TTT_ROLE_FORWARD_OUTPUT, 1},
    [TTT_W1_CHECKPOINTS] = {"W1_checkpoints", "BHKFD", TTT_ROLE_FORWARD_OUTPUT, 0},
    [TTT_B1_CHECKPOINTS] = {"b1_checkpoints", "BHKD", TTT_ROLE_FORWARD_OUTPUT, 0},
    [TTT_W2_CHECKPOINTS] = {"W2_checkpoints", "BHKDF", TTT_ROLE_FORWARD_OUTPUT, 0},
    [TTT_B2_CHECKPOINTS] = {"b2_checkpoints", "BHKF", TTT_ROLE_FORWARD_OUTPUT, 0},
    [TTT_W1_LAST] = {"W1_last", "BHFD", TTT_ROLE_FORWARD_OUTPUT, 0},
    [TTT_B1_LAST] = {"b1_last", "BHD", TTT_ROLE_FORWARD_OUTPUT, 0},
    [TTT_W2_LAST] = {"W2_last", "BHDF", TTT_ROLE_FORWARD_OUTPUT, 0},
    [TTT_B2_LAST] = {"b2_last", "BHF", TTT_ROLE_FORWARD_OUTPUT, 0},
    [TTT_GRAD_XQ] = {"grad_L_XQ", "BHNF", TTT_ROLE_BACKWARD_OUTPUT, 1},
    [TTT_GRAD_XK] = {"grad_L_XK", "BHNF", TTT_ROLE_BACKWARD_OUTPUT, 1},
    [TTT_GRAD_XV] = {"grad_L_XV", "BHNF", TTT_ROLE_BACKWARD_OUTPUT, 1},
    [TTT_GRAD_LAST_ETA] = {"grad_L_last_eta", "BHN", TTT_ROLE_BACKWARD_OUTPUT, 1},
    [TTT_GRAD_TOKEN_ETA] = {"grad_L_token_eta", "C", TTT_ROLE_BACKWARD_OUTPUT, 0},
    [TTT_GRAD_NORM_WEIGHT] = {"grad_L_ttt_norm_weight", "HF", TTT_ROLE_BACKWARD_OUTPUT, 0},
    [TTT_GRAD_NORM_BIAS] = {"grad_L_ttt_norm_bias", "HF", TTT_ROLE_BACKWARD_OUTPUT, 0},
    [TTT_GRAD_W1_INIT] = {"grad_L_W1_init", "BHFD", TTT_ROLE_BACKWARD_OUTPUT, 0},
    [TTT_GRAD_B1_INIT] = {"grad_L_b1_init", "BHD", TTT_ROLE_BACKWARD_OUTPUT, 0},
    [TTT_GRAD_W2_INIT] = {"grad_L_W2_init", "BHDF", TTT_ROLE_BACKWARD_OUTPUT, 0},
    [TTT_GRAD_B2_INIT] = {"grad_L_b2_init", "BHF", TTT_ROLE_BACKWARD_OUTPUT, 0},
};

enum ttt_tensor ttt_tensor_find(const char *name)
{
    enum ttt_tensor t = TTT_XQ;
    while (t < TTT_TENSOR_COUNT && strcmp(ttt_tensor_info[t].name, name) != 0)
        t++;
    return t;
}

int ttt_tensor_present(enum ttt_tensor t, const struct ttt_case *c)
{
    if (t == TTT_TOKEN_ETA || t == TTT_GRAD_TOKEN_ETA)
        return c->shape.causal;
    if (t >= TTT_GRAD_W1_LAST && t <= TTT_GRAD_B2_LAST)
        return c->state_grads;
    return 1;
}

int ttt_tensor_dims(enum ttt_tensor t, const struct ttt_mlp_shape *shape, int64_t dims[TTT_MAX_DIMS])
{
    int n = 0;
    for (const char *letter = ttt_tensor_info[t].dims; *letter; letter++)
        switch (*letter) {
        case 'B':
            dims[n++] = shape->batch;
            break;
        case 'H':
            dims[n++] = shape->heads;
            break;
        case 'N':
            dims[n++] = shape->seq_len;
            break;
        case 'C':
            dims[n++] = shape->mini_batch_size;
            break;
        case 'F':
            dims[n++] = shape->head_dim;
            break;
        case 'D':
            dims[n++] = shape->hidden_dim;
            break;
        default: /* 'K' */
            dims[n++] = ttt_shape_checkpoints(shape);
        }
    return n;
}

int64_t ttt_tensor_elements(enum ttt_tensor t, const struct ttt_mlp_shape *shape)
{
    int64_t dims[TTT_MAX_DIMS], elements = 1;
    const int n = ttt_tensor_dims(t, shape, dims);
    for (int i = 0; i < n; i++) {
        if (dims[i] > INT64_MAX / elements)
            return -1;
        elements *= dims[i];
    }
    return elements;
}

struct ttt_split ttt_tensor_split(enum ttt_tensor t, const struct ttt_mlp_shape *shape)
{
    const char *dims = ttt_tensor_info[t].dims;
    struct ttt_split split = {.batches = strchr(dims, 'B') ? shape->batch : 1,
                              .heads = strchr(dims, 'H') ? shape->heads : 1};
    split.inner = ttt_tensor_elements(t, shape) / (split.batches * split.heads);
    return split;
}

enum ttt_dtype ttt_tensor_dtype(enum ttt_tensor t, enum ttt_types types)
{
    if (types == TTT_TYPES_F64)
        return TTT_F64;
    return types == TTT_TYPES_BF16 && ttt_tensor_info[t].token ? TTT_BF16 : TTT_F32;
}
