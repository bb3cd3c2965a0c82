/* SPDX-License-Identifier: MIT */
#include "result.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const ttt_verdict_name[TTT_VERDICT_COUNT] = {"PASS", "FAIL", "SKIPPED", "ILL-CONDITIONED", "VACUOUS"};
const char *const ttt_direction_name[TTT_DIRECTION_BOTH + 1] = {"none", "forward", "backward", "both"};

unsigned ttt_output_direction(enum ttt_tensor output)
{
    return ttt_tensor_info[output].role == TTT_ROLE_BACKWARD_OUTPUT ? TTT_DIRECTION_BACKWARD : TTT_DIRECTION_FORWARD;
}

struct ttt_check *ttt_result_check(struct ttt_result *r, const char *name)
{
    for (int i = 0; i < r->check_count; i++)
        if (strcmp(r->checks[i].name, name) == 0)
            return &r->checks[i];
    struct ttt_check *check = &r->checks[r->check_count++];
    *check = (struct ttt_check){.name = name, .verdict = TTT_PASS};
    return check;
}

void ttt_result_note(struct ttt_result *r, const char *name, enum ttt_verdict verdict, const char *format, ...)
{
    struct ttt_check *check = ttt_result_check(r, name);
    if (check->verdict == TTT_FAIL)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(check->detail, sizeof check->detail, format, args);
    va_end(args);
    check->verdict = verdict;
}

/* What dimension `d` of a tensor counts.  Of a matrix the first of F and D counts rows. */
static const char *dimension_word(const char *letters, int d)
{
    switch (letters[d]) {
    case 'B':
        return "batch";
    case 'H':
        return "head";
    case 'K':
        return "checkpoint";
    case 'C':
        return "row";
    default:
        return letters[d + 1] ? "row" : "column";
    }
}

void ttt_tensor_place(enum ttt_tensor t, const struct ttt_mlp_shape *shape, int64_t i, char text[TTT_DETAIL_TEXT])
{
    int64_t dims[TTT_MAX_DIMS], index[TTT_MAX_DIMS];
    const char *letters = ttt_tensor_info[t].dims;
    const int n = ttt_tensor_dims(t, shape, dims);
    for (int d = n - 1; d >= 0; d--) {
        index[d] = i % dims[d];
        i /= dims[d];
    }
    int used = 0;
    for (int d = 0; d < n; d++) {
        char *to = text + used;
        const size_t room = TTT_DETAIL_TEXT - (size_t)used;
        const char *before = d == 0 ? "[" : ", ";
        if (letters[d] == 'N')
            used += snprintf(to, room, "%smini-batch %" PRId64 ", row %" PRId64, before,
                             index[d] / shape->mini_batch_size, index[d] % shape->mini_batch_size);
        else
            used += snprintf(to, room, "%s%s %" PRId64, before, dimension_word(letters, d), index[d]);
    }
    snprintf(text + used, TTT_DETAIL_TEXT - (size_t)used, "]");
}

void ttt_group_place(enum ttt_tensor t, const struct ttt_mlp_shape *shape, const struct ttt_place *place,
                     char text[TTT_DETAIL_TEXT])
{
    const char *dims = ttt_tensor_info[t].dims;
    const int tokens = strchr(dims, 'N') != NULL;
    size_t used = (size_t)snprintf(text, TTT_DETAIL_TEXT, "[");
    if (place->level != TTT_LEVEL_TENSOR && dims[0] == 'B')
        used += (size_t)snprintf(text + used, TTT_DETAIL_TEXT - used, "batch %" PRId64 ", head %" PRId64,
                                 place->head / shape->heads, place->head % shape->heads);
    else if (place->level != TTT_LEVEL_TENSOR && dims[0] == 'H')
        used += (size_t)snprintf(text + used, TTT_DETAIL_TEXT - used, "head %" PRId64, place->head);
    else
        used += (size_t)snprintf(text + used, TTT_DETAIL_TEXT - used, "the whole tensor");
    if (place->level >= TTT_LEVEL_PIECE && (tokens || strchr(dims, 'K')))
        used += (size_t)snprintf(text + used, TTT_DETAIL_TEXT - used, ", %s %" PRId64,
                                 tokens ? "mini-batch" : "checkpoint", place->piece);
    if (place->level == TTT_LEVEL_ROW)
        used += (size_t)snprintf(text + used, TTT_DETAIL_TEXT - used, ", row %" PRId64, place->row);
    else if (place->level == TTT_LEVEL_TILE)
        used += (size_t)snprintf(text + used, TTT_DETAIL_TEXT - used,
                                 ", tile of rows %" PRId64 " and columns %" PRId64 " on", place->row, place->column);
    snprintf(text + used, TTT_DETAIL_TEXT - used, "]");
}

/* How far a gate is used up, NaN and a bound of 0 included. */
static double severity(const struct ttt_gate *g)
{
    if (!(g->value <= g->bound))
        return g->value / g->bound < 1e290 ? g->value / g->bound : 1e290;
    return g->bound > 0 ? g->value / g->bound : 0;
}

const struct ttt_gate *ttt_tensor_worst_gate(const struct ttt_tensor_result *t)
{
    const struct ttt_gate *worst = NULL;
    for (int g = 0; g < t->gate_count && !t->skipped[0]; g++)
        if (!worst || severity(&t->gates[g]) > severity(worst))
            worst = &t->gates[g];
    return worst;
}

const struct ttt_tensor_result *ttt_result_worst(const struct ttt_result *r)
{
    const struct ttt_tensor_result *worst = NULL;
    for (int i = 0; i < r->tensor_count; i++) {
        const struct ttt_gate *gate = ttt_tensor_worst_gate(&r->tensors[i]);
        if (gate && (!worst || severity(gate) > severity(ttt_tensor_worst_gate(worst))))
            worst = &r->tensors[i];
    }
    return worst;
}

void ttt_result_free(struct ttt_result *r)
{
    free(r->file);
    free(r->repeat);
    r->file = r->repeat = NULL;
}
