/* SPDX-License-Identifier: MIT */
#include "tally.h"
#include "blocks.h"

void ttt_tally_init(struct ttt_tally *tally, int k_from_file, int r_from_file)
{
    *tally = (struct ttt_tally){.k_from_file = k_from_file, .r_from_file = r_from_file};
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        ttt_metrics_init(&tally->metrics[t]);
        ttt_metrics_init(&tally->rounding[t]);
    }
}

void ttt_tally_free(struct ttt_tally *tally)
{
    ttt_buffer_free(&tally->sum_k);
    ttt_buffer_free(&tally->sum_r);
}

static void compare_run(struct ttt_tally *tally, enum ttt_tensor t, const struct ttt_buffer *k,
                        const struct ttt_buffer *r, int64_t offset)
{
    ttt_metrics_add(&tally->metrics[t], k, r, offset);
    if (k->dtype != r->dtype)
        ttt_metrics_add_rounding(&tally->rounding[t], r, k->dtype, offset);
}

static int add_sum(struct ttt_buffer *sum, const struct ttt_buffer *part, int from_file)
{
    if (!sum->data) {
        if (ttt_buffer_alloc(sum, TTT_F64, part->elements) != 0)
            return -1;
        ttt_buffer_convert(sum, part);
        return 0;
    }
    for (int64_t i = 0; i < part->elements && !from_file; i++)
        ttt_buffer_set(sum, i, ttt_buffer_get(sum, i) + ttt_buffer_get(part, i));
    return 0;
}

int ttt_tally_add(struct ttt_tally *tally, const struct ttt_tensors *k, const struct ttt_tensors *r, unsigned roles,
                  const char judged[TTT_TENSOR_COUNT])
{
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        if (!judged[t] || !(roles & 1u << ttt_tensor_info[t].role))
            continue;
        if (t == TTT_GRAD_TOKEN_ETA) {
            tally->sum_dtype = k->buffer[t].dtype;
            if (add_sum(&tally->sum_k, &k->buffer[t], tally->k_from_file) != 0 ||
                add_sum(&tally->sum_r, &r->buffer[t], tally->r_from_file) != 0)
                return -1;
            continue;
        }
        const struct ttt_runs runs = ttt_block_runs(r, t);
        for (int64_t i = 0; i < runs.count; i++) {
            const struct ttt_buffer run_k = ttt_block_run(k, t, &runs, i), run_r = ttt_block_run(r, t, &runs, i);
            compare_run(tally, t, &run_k, &run_r, runs.first + i * runs.stride);
        }
    }
    return 0;
}

int ttt_tally_finish(struct ttt_tally *tally)
{
    if (!tally->sum_k.data)
        return 0;
    struct ttt_buffer k;
    if (ttt_buffer_alloc(&k, tally->sum_dtype, tally->sum_k.elements) != 0)
        return -1;
    ttt_buffer_convert(&k, &tally->sum_k);
    compare_run(tally, TTT_GRAD_TOKEN_ETA, &k, &tally->sum_r, 0);
    ttt_buffer_free(&k);
    return 0;
}
