/* SPDX-License-Identifier: MIT
 *
 * Of each candidate: its tensors, the largest reading of each, how errors are distributed, and where they are.
 */
#include "page.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The picture of one candidate: relative errors on a logarithmic axis of whole decades. */
struct axis {
    double first, last; /* exponents of 10 */
};

/* What a row of the picture shows, of the case where the tensor is nearest to its bound. */
struct marks {
    double error, cost, gate; /* relative 2-norms; gate: of the whole tensor */
};

static double gate_bound(const json_t *tensor, const char *name)
{
    const json_t *gates = json_object_get(tensor, "gates");
    for (size_t i = 0; i < json_array_size(gates); i++)
        if (strcmp(ttt_load_text(json_array_get(gates, i), "name"), name) == 0)
            return ttt_load_number(json_array_get(gates, i), "bound");
    return (double)NAN;
}

static struct marks marks_of(const struct ttt_extreme *e)
{
    struct marks m = {.error = ttt_load_number(e->tensor, "rel_l2")};
    m.cost = hypot(ttt_load_number(e->tensor, "cost"), ttt_load_number(e->tensor, "rounding"));
    m.gate = gate_bound(e->tensor, "G1.tensor") * m.cost;
    if (isnan(m.gate)) /* a candidate in double */
        m.gate = gate_bound(e->tensor, "rel_l2");
    return m;
}

static void widen(struct axis *axis, double x)
{
    if (!(x > 0) || isinf(x))
        return;
    axis->first = fmin(axis->first, floor(log10(x)));
    axis->last = fmax(axis->last, ceil(log10(x)));
}

static struct axis axis_of(const struct ttt_standing *s)
{
    struct axis axis = {400, -400};
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        if (s->tensors[t].result) {
            const struct marks m = marks_of(&s->tensors[t]);
            widen(&axis, m.error);
            widen(&axis, m.cost);
            widen(&axis, m.gate);
        }
    return axis.first < axis.last ? axis : (struct axis){-1, 0};
}

/* Per cent of the axis; what is 0 or no number stands at an end. */
static double position(const struct axis *axis, double x)
{
    const double at = x > 0 ? 100 * (log10(x) - axis->first) / (axis->last - axis->first) : 0;
    return isnan(x) || at > 100 ? 100 : at < 0 ? 0 : at;
}

static json_t *ticks_json(const struct axis *axis)
{
    const int first = (int)axis->first, last = (int)axis->last, step = (last - first + 5) / 6;
    json_t *ticks = json_array();
    for (int e = first; e <= last; e += step) {
        const double at = position(axis, pow(10, e));
        json_array_append_new(ticks, json_pack("{s:o, s:o, s:o}", "at", json_sprintf("%.1f", at), "px",
                                               json_sprintf("%.1f", 4 * at), "label", json_sprintf("1e%d", e)));
    }
    return ticks;
}

static void set_mark(json_t *row, const char *name, const struct axis *axis, double x)
{
    char key[32];
    json_object_set_new(row, name, isnan(x) ? json_string("none") : ttt_page_error(x));
    snprintf(key, sizeof key, "%s_at", name);
    json_object_set_new(row, key, json_sprintf("%.1f", position(axis, x)));
    snprintf(key, sizeof key, "%s_px", name);
    json_object_set_new(row, key, json_sprintf("%.1f", 4 * position(axis, x)));
}

static json_t *tensor_row(const struct ttt_extreme *e, const struct axis *axis)
{
    const struct marks m = marks_of(e);
    json_t *row = json_object();
    json_object_set_new(row, "tensor", json_string(ttt_load_text(e->tensor, "name")));
    set_mark(row, "error", axis, m.error);
    if (m.cost > 0)
        set_mark(row, "cost", axis, m.cost);
    set_mark(row, "bound", axis, m.gate);
    json_object_set_new(row, "share", ttt_page_share(e->share));
    json_object_set_new(row, "class", json_string(ttt_page_class(e->share)));
    json_object_set_new(row, "gate", json_string(ttt_load_text(e->gate, "name")));
    json_object_set_new(row, "value", ttt_page_reading(ttt_load_number(e->gate, "value")));
    json_object_set_new(row, "limit", ttt_page_reading(ttt_load_number(e->gate, "bound")));
    json_object_set_new(row, "place", json_string(ttt_load_text(e->gate, "place")));
    json_object_set_new(row, "case", json_string(ttt_load_text(e->result, "case")));
    json_object_set_new(row, "repeat", json_string(ttt_load_text(e->result, "repeat")));
    return row;
}

static int is_before(const void *a, const void *b)
{
    const struct ttt_extreme *p = a, *q = b;
    return (p->share < q->share) - (p->share > q->share);
}

static void add_rows(json_t *candidate, const struct ttt_standing *s)
{
    const struct axis axis = axis_of(s);
    struct ttt_extreme order[TTT_TENSOR_COUNT];
    json_t *rows = json_array();
    int count = 0;
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        if (s->tensors[t].result)
            order[count++] = s->tensors[t];
    qsort(order, (size_t)count, sizeof order[0], is_before);
    for (int i = 0; i < count; i++) {
        json_t *row = tensor_row(&order[i], &axis);
        json_object_set_new(row, "y", json_integer(20 * i));
        json_array_append_new(rows, row);
    }
    json_object_set_new(candidate, "rows", rows);
    json_object_set_new(candidate, "ticks", ticks_json(&axis));
    json_object_set_new(candidate, "bottom", json_integer(20 * count));
    json_object_set_new(candidate, "height", json_integer(20 * count + 96));
}

/* The upper edge of the bin that holds this part of the elements; the largest of all is known better. */
static json_t *quantile(const double ulps[TTT_ULP_BINS], double part, double largest)
{
    double all = 0, sum = 0;
    int bin = 0;
    for (int i = 0; i < TTT_ULP_BINS; i++)
        all += ulps[i];
    for (sum = ulps[0]; bin + 1 < TTT_ULP_BINS && sum < part * all; sum += ulps[bin])
        bin++;
    const double edge = ldexp(1, TTT_METRICS_ULP_FIRST + bin);
    return json_sprintf("%.3g", edge < largest ? edge : largest);
}

static void add_quantiles(json_t *candidate, const struct ttt_standing *s)
{
    json_t *rows = json_array();
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        double all = 0;
        for (int i = 0; i < TTT_ULP_BINS; i++)
            all += s->ulps[t][i];
        if (!s->tensors[t].result || all == 0)
            continue;
        json_array_append_new(
            rows, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "tensor", ttt_tensor_info[t].name, "elements",
                            json_sprintf("%.3g", all), "p50", quantile(s->ulps[t], 0.5, s->largest_ulp[t]), "p99",
                            quantile(s->ulps[t], 0.99, s->largest_ulp[t]), "p9999",
                            quantile(s->ulps[t], 0.9999, s->largest_ulp[t]), "max", ttt_page_reading(s->largest_ulp[t]),
                            "bias", json_sprintf("%+.1e", s->bias[t])));
    }
    json_object_set_new(candidate, "quantiles", rows);
}

/* How wide a cell of a map is drawn, so that the whole is neither a dot nor wider than a column of the page. */
static json_int_t cell_side(json_int_t lines, json_int_t columns)
{
    const json_int_t side = columns * 280 > lines * 440 ? 440 / columns : 280 / lines;
    return side < 5 ? 5 : side > 26 ? 26 : side;
}

/* What is drawn darkest: twice the mean, so that an even map is of a middle shade, or the largest. */
static double darkest(const json_t *values, double *smallest, double *largest)
{
    const size_t n = json_array_size(values);
    double mean = 0;
    *smallest = HUGE_VAL;
    *largest = 0;
    for (size_t i = 0; i < n; i++) {
        const double v = json_number_value(json_array_get(values, i));
        *largest = fmax(*largest, v);
        *smallest = fmin(*smallest, v);
        mean += v / (double)n;
    }
    return fmax(fmax(2 * mean, *largest), DBL_MIN);
}

/* A map as squares of a drawing. */
static json_t *map_json(const json_t *map, const char *rows_are, const char *columns_are)
{
    const json_int_t columns = json_integer_value(json_object_get(map, "columns"));
    const json_int_t lines = json_integer_value(json_object_get(map, "rows"));
    const json_t *values = json_object_get(map, "values");
    json_t *cells = json_array();
    double smallest, largest;
    const double scale = darkest(values, &smallest, &largest);
    const json_int_t side = lines > 0 && columns > 0 ? cell_side(lines, columns) : 1;
    for (size_t i = 0; i < json_array_size(values); i++) {
        const double v = json_number_value(json_array_get(values, i));
        const json_int_t row = (json_int_t)i / columns, column = (json_int_t)i % columns;
        json_array_append_new(cells,
                              json_pack("{s:I, s:I, s:o, s:o}", "x", column * side, "y", row * side, "dark",
                                        json_sprintf("%.2f", 0.04 + 0.96 * v / scale), "value", ttt_page_reading(v)));
    }
    return json_pack("{s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:s, s:s, s:O, s:O}", "cells", cells, "side", side - 1,
                     "drawn_width", columns * side, "drawn_height", lines * side, "largest", ttt_page_reading(largest),
                     "smallest", ttt_page_reading(smallest), "scale", ttt_page_reading(scale), "rows_are", rows_are,
                     "columns_are", columns_are, "tall", json_object_get(map, "height"), "wide",
                     json_object_get(map, "width"));
}

/* The worst tensor that has maps; `along`: maps over more than one mini-batch. */
static const struct ttt_extreme *worst_mapped(const struct ttt_standing *s, int along)
{
    const struct ttt_extreme *worst = NULL;
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        const struct ttt_extreme *e = along ? &s->along[t] : &s->mapped[t];
        if (e->result && (!worst || ttt_extreme_is_worse(e, worst)))
            worst = e;
    }
    return worst;
}

static void add_map(json_t *list, const struct ttt_extreme *e)
{
    json_t *maps = json_array();
    json_array_append_new(maps, map_json(json_object_get(e->tensor, "heads"), "heads", "mini-batches or checkpoints"));
    json_array_append_new(maps, map_json(json_object_get(e->tensor, "tile"), "rows", "columns"));
    json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "tensor", ttt_load_text(e->tensor, "name"), "case",
                                          ttt_load_text(e->result, "case"), "maps", maps));
}

/* Where the error is, in the worst tensor of the worst case that has maps; where that tensor has no mini-batches, in
 * the worst that has, too. */
static void add_maps(json_t *candidate, const struct ttt_standing *s)
{
    const struct ttt_extreme *worst = worst_mapped(s, 0), *along = worst_mapped(s, 1);
    json_t *list = json_array();
    if (worst)
        add_map(list, worst);
    if (along && (!worst || along->tensor != worst->tensor))
        add_map(list, along);
    json_object_set_new(candidate, "where", list);
}

void ttt_page_tensors(struct ttt_page *page)
{
    json_t *list = json_array();
    for (size_t i = 0; i < page->standings.count; i++) {
        const struct ttt_standing *s = &page->standings.list[i];
        json_t *candidate = json_pack("{s:s, s:I}", "candidate", s->candidate, "number", (json_int_t)i + 1);
        size_t cases = 0;
        for (int v = 0; v < TTT_VERDICT_COUNT; v++)
            cases += s->by_verdict[v];
        json_object_set_new(candidate, "cases", json_integer((json_int_t)cases));
        json_object_set_new(candidate, "failed", json_integer((json_int_t)s->by_verdict[TTT_FAIL]));
        add_rows(candidate, s);
        add_quantiles(candidate, s);
        add_maps(candidate, s);
        json_array_append_new(list, candidate);
    }
    json_object_set(page->values, "first", json_array_get(list, 0));
    json_object_set_new(page->values, "candidates", list);
}
