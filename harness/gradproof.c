/* SPDX-License-Identifier: MIT */
#include "gradproof.h"
#include <math.h>

/* Each shape is proven in both forms on every distribution, with and without upstream gradients of the state. */
static const struct {
    const char *sizes;
    int state_grads;
} shapes[] = {
    {"b1h1n80c16f16d64g2 eps=1e-6", 1},   /* five mini-batches */
    {"b1h2n39c16f16d64g1 eps=1e-8", 0},   /* a tail; no upstream gradients of the state */
    {"b2h1n22c5f12d20g3 eps=1e-6", 1},    /* a batch, D != 4F, a tail, a short last group */
    {"b1h1n5c16f8d20g1 eps=1e-5", 1},     /* C > N */
    {"b2h2n9c4f8d7g1 eps=1e-6", 0},       /* D < F */
    {"b1h1n130c64f64d256g4 eps=1e-8", 1}, /* the real tile sizes, a tail of two rows */
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static struct ttt_gradproof_row *row_of(struct ttt_gradproof *proof, const struct ttt_case *c, enum ttt_tensor input)
{
    for (int i = 0; i < proof->count; i++) {
        struct ttt_gradproof_row *row = &proof->rows[i];
        if (row->causal == c->shape.causal && row->distribution == c->distribution && row->input == input)
            return row;
    }
    struct ttt_gradproof_row *row = &proof->rows[proof->count++];
    *row = (struct ttt_gradproof_row){
        .causal = c->shape.causal, .distribution = c->distribution, .input = input, .found = {.slope = 2}, .worst = *c};
    return row;
}

static void add(struct ttt_gradproof_row *row, const struct ttt_case *c, const struct ttt_gradcheck_result *found)
{
    row->found.checked += found->checked;
    row->found.slopes += found->slopes;
    if (!isnan(row->found.ratio) && !(found->ratio <= row->found.ratio)) {
        row->found.ratio = found->ratio;
        row->worst = *c;
    }
    if (!isnan(row->found.slope) && !(fabs(found->slope - 2) <= fabs(row->found.slope - 2)))
        row->found.slope = found->slope;
}

int ttt_gradproof_add(struct ttt_gradproof *proof, const struct ttt_case *c, char *error, size_t error_size)
{
    struct ttt_gradcheck check;
    int status = ttt_gradcheck_open(&check, c, error, error_size);
    for (enum ttt_tensor input = TTT_XQ; input <= TTT_B2_INIT && status == 0; input++) {
        struct ttt_gradcheck_result found;
        if (!ttt_gradcheck_has(&check, input))
            continue;
        status = ttt_gradcheck_input(&check, input, &found, error, error_size);
        if (status == 0)
            add(row_of(proof, c, input), c, &found);
    }
    ttt_gradcheck_close(&check);
    proof->cases++;
    return status;
}

int ttt_gradproof_run(struct ttt_gradproof *proof, struct ttt_progress *progress, char *error, size_t error_size)
{
    for (int i = 0; i < 2 * TTT_DIST_COUNT * SHAPES; i++) {
        const int shape = i % SHAPES;
        char text[TTT_CASE_TEXT];
        struct ttt_case c;
        snprintf(text, sizeof text, "%s dist=%s seed=%d causal=%d state_grads=%d", shapes[shape].sizes,
                 ttt_distribution_name[i / SHAPES % TTT_DIST_COUNT], i + 1, i / SHAPES / TTT_DIST_COUNT,
                 shapes[shape].state_grads);
        ttt_progress_case(progress, (size_t)i, 2 * TTT_DIST_COUNT * SHAPES, text);
        ttt_progress_show(progress, "gradients");
        if (ttt_case_parse(text, &c, error, error_size) != 0 || ttt_gradproof_add(proof, &c, error, error_size) != 0)
            return -1;
    }
    return 0;
}

void ttt_gradproof_judge(struct ttt_gradproof *proof)
{
    for (int i = 0; i < proof->count; i++) {
        struct ttt_gradproof_row *row = &proof->rows[i];
        const int proven = row->found.ratio <= TTT_GRADPROOF_RATIO && fabs(row->found.slope - 2) <= TTT_GRADPROOF_SLOPE;
        row->verdict = proven ? TTT_PASS : TTT_FAIL;
        proof->by_verdict[row->verdict]++;
        if (!isnan(proof->ratio) && !(row->found.ratio <= proof->ratio))
            proof->ratio = row->found.ratio;
    }
}

static void print_row(FILE *out, const struct ttt_gradproof_row *row)
{
    char slope[16] = "-", text[TTT_CASE_TEXT];
    if (row->found.slopes > 0)
        snprintf(slope, sizeof slope, "%.3f", row->found.slope);
    fprintf(out, "%-9s%-12s%-14s%-18s%9.1e%8d%9s%8d\n", ttt_verdict_name[row->verdict],
            row->causal ? "causal" : "non-causal", ttt_distribution_name[row->distribution],
            ttt_tensor_info[row->input].name, row->found.ratio, row->found.checked, slope, row->found.slopes);
    if (row->verdict == TTT_PASS)
        return;
    ttt_case_format(&row->worst, text);
    fprintf(out, "  the bound of the ratio is %g, of the slope 2 +- %g; worst ratio on %s\n", TTT_GRADPROOF_RATIO,
            TTT_GRADPROOF_SLOPE, text);
}

void ttt_gradproof_print(FILE *out, const struct ttt_gradproof *proof, int quiet)
{
    if (!quiet)
        fprintf(out, "%-9s%-12s%-14s%-18s%9s%8s%9s%8s\n", "verdict", "form", "distribution", "gradient by", "ratio",
                "checks", "slope", "slopes");
    for (int i = 0; i < proof->count; i++)
        if (!quiet || proof->rows[i].verdict == TTT_FAIL)
            print_row(out, &proof->rows[i]);
}
