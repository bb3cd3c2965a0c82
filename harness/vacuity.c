/* SPDX-License-Identifier: MIT */
#include "vacuity.h"

static int is_input(enum ttt_tensor t)
{
    return ttt_tensor_info[t].role == TTT_ROLE_INPUT || ttt_tensor_info[t].role == TTT_ROLE_UPSTREAM;
}

void ttt_vacuity_add(struct ttt_vacuity *v, const struct ttt_tensors *block)
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        const struct ttt_buffer *b = &block->buffer[t];
        if (!is_input(t) || !b->data)
            continue;
        if (!v->seen[t])
            v->value[t] = ttt_buffer_get(b, 0);
        v->seen[t] = 1;
        for (int64_t i = 0; i < b->elements && !v->varies[t]; i++)
            v->varies[t] = ttt_buffer_get(b, i) != v->value[t];
    }
}

int ttt_vacuity_blind(const struct ttt_vacuity *v, enum ttt_tensor t)
{
    return v->seen[t] && !v->varies[t];
}
