/* SPDX-License-Identifier: MIT */
#include "flops.h"

/* Pairs of rows (r, j), j <= r, in all mini-batches of one head. */
static double causal_pairs(const struct ttt_mlp_shape *s)
{
    const double C = (double)s->mini_batch_size, whole = (double)(s->seq_len / s->mini_batch_size);
    const double tail = (double)(s->seq_len % s->mini_batch_size);
    return whole * C * (C + 1) / 2 + tail * (tail + 1) / 2;
}

double ttt_flops(const struct ttt_mlp_shape *s, enum ttt_direction direction)
{
    const double F = (double)s->head_dim, D = (double)s->hidden_dim;
    const double products = direction == TTT_FORWARD ? 7 : 21, masked = direction == TTT_FORWARD ? 3 : 8;
    double head = products * 2 * (double)s->seq_len * F * D;
    if (s->causal)
        head += masked * 2 * causal_pairs(s) * (F + D);
    return (double)s->batch * (double)s->heads * head;
}
