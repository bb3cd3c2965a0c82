/* SPDX-License-Identifier: MIT */
#include "standings.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int ttt_extreme_is_worse(const struct ttt_extreme *a, const struct ttt_extreme *than)
{
    if (!a->result || !than->result)
        return a->result != NULL;
    return a->share > than->share;
}

static void keep(struct ttt_extreme *worst, const struct ttt_extreme *found)
{
    if (ttt_extreme_is_worse(found, worst))
        *worst = *found;
}

static struct ttt_extreme worst_of_tensor(const json_t *result, const json_t *tensor)
{
    struct ttt_extreme worst = {.share = 0};
    const json_t *gates = json_object_get(tensor, "gates");
    for (size_t i = 0; i < json_array_size(gates); i++) {
        const json_t *gate = json_array_get(gates, i);
        const struct ttt_extreme found = {ttt_load_share(gate), result, tensor, gate, NULL};
        keep(&worst, &found);
    }
    return worst;
}

static struct ttt_extreme worst_of_checks(const json_t *result)
{
    struct ttt_extreme worst = {.share = 0};
    const json_t *checks = json_object_get(result, "checks");
    for (size_t i = 0; i < json_array_size(checks); i++) {
        const json_t *check = json_array_get(checks, i);
        const struct ttt_extreme found = {HUGE_VAL, result, NULL, NULL, check};
        if (ttt_load_verdict(check) == TTT_FAIL)
            keep(&worst, &found);
    }
    return worst;
}

struct ttt_extreme ttt_standings_worst(const json_t *result)
{
    struct ttt_extreme worst = worst_of_checks(result);
    const json_t *tensors = json_object_get(result, "tensors");
    for (size_t i = 0; i < json_array_size(tensors); i++) {
        const struct ttt_extreme found = worst_of_tensor(result, json_array_get(tensors, i));
        keep(&worst, &found);
    }
    return worst;
}

static void add_ulps(double counts[TTT_ULP_BINS], const json_t *histogram)
{
    const json_t *from = json_object_get(histogram, "counts");
    const double first = ttt_load_number(histogram, "first") - TTT_METRICS_ULP_FIRST;
    for (size_t i = 0; i < json_array_size(from); i++) {
        const double bin = first + (double)i;
        if (bin >= 0 && bin < TTT_ULP_BINS)
            counts[(int)bin] += json_number_value(json_array_get(from, i));
    }
}

static void add_tensor(struct ttt_standing *s, const json_t *tensor, const struct ttt_extreme *found)
{
    const enum ttt_tensor t = ttt_tensor_find(ttt_load_text(tensor, "name"));
    const double bias = ttt_load_number(tensor, "bias");
    if (json_object_get(tensor, "skipped"))
        return;
    keep(&s->tensors[t], found);
    const json_t *map = json_object_get(tensor, "heads");
    if (map && json_object_get(tensor, "tile"))
        keep(&s->mapped[t], found);
    if (map && json_object_get(tensor, "tile") && json_integer_value(json_object_get(map, "columns")) > 1)
        keep(&s->along[t], found);
    s->largest_ulp[t] = fmax(s->largest_ulp[t], ttt_load_number(tensor, "max_ulp"));
    if (fabs(bias) > fabs(s->bias[t]))
        s->bias[t] = bias;
    add_ulps(s->ulps[t], json_object_get(tensor, "ulp_histogram"));
}

/* Which operands the case has, and which its data cannot see. */
static void add_operands(struct ttt_standing *s, const json_t *result)
{
    struct ttt_case c;
    char error[256];
    const json_t *blind = json_object_get(result, "vacuous");
    if (ttt_case_parse(ttt_load_text(result, "case"), &c, error, sizeof error) != 0)
        return;
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++)
        s->present[t] += ttt_tensor_present(t, &c) && ttt_tensor_info[t].role <= TTT_ROLE_UPSTREAM;
    for (size_t i = 0; i < json_array_size(blind); i++)
        s->blind[ttt_tensor_find(json_string_value(json_array_get(blind, i)))]++;
}

/* Returns the worst reading of the result. */
static struct ttt_extreme add_result(struct ttt_standing *s, const json_t *result)
{
    const json_t *tensors = json_object_get(result, "tensors");
    const int verdict = ttt_load_verdict(result);
    s->by_verdict[verdict]++;
    if (verdict == TTT_PASS || verdict == TTT_VACUOUS)
        add_operands(s, result);
    struct ttt_extreme worst = worst_of_checks(result);
    for (size_t i = 0; i < json_array_size(tensors); i++) {
        const json_t *tensor = json_array_get(tensors, i);
        const struct ttt_extreme found = worst_of_tensor(result, tensor);
        keep(&worst, &found);
        add_tensor(s, tensor, &found);
    }
    keep(&s->worst, &worst);
    worst.result = result;
    return worst;
}

static struct ttt_standing *standing_of(struct ttt_standings *s, const char *candidate)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->list[i].candidate, candidate) == 0)
            return &s->list[i];
    struct ttt_standing *more = realloc(s->list, (s->count + 1) * sizeof *more);
    if (!more)
        return NULL;
    s->list = more;
    s->list[s->count] = (struct ttt_standing){.candidate = candidate};
    return &s->list[s->count++];
}

enum ttt_verdict ttt_standing_verdict(const struct ttt_standing *s)
{
    if (s->by_verdict[TTT_FAIL] > 0)
        return TTT_FAIL;
    return s->by_verdict[TTT_PASS] + s->by_verdict[TTT_VACUOUS] > 0 ? TTT_PASS : TTT_SKIPPED;
}

static int is_before(const struct ttt_standing *a, const struct ttt_standing *b)
{
    static const int rank[TTT_VERDICT_COUNT] = {[TTT_FAIL] = 2, [TTT_PASS] = 1};
    const int first = rank[ttt_standing_verdict(a)], second = rank[ttt_standing_verdict(b)];
    return first != second ? first > second : ttt_extreme_is_worse(&a->worst, &b->worst);
}

/* Those that are alike stay in their order. */
static void sort(struct ttt_standings *s)
{
    for (size_t i = 1; i < s->count; i++)
        for (size_t j = i; j > 0 && is_before(&s->list[j], &s->list[j - 1]); j--) {
            const struct ttt_standing moved = s->list[j];
            s->list[j] = s->list[j - 1];
            s->list[j - 1] = moved;
        }
}

int ttt_standings_is_proof(const json_t *result)
{
    return strcmp(ttt_load_text(result, "candidate"), "ref-f64") == 0 &&
           strstr(ttt_load_text(result, "repeat"), "--vectors") != NULL;
}

/* Is anything else there than the proof of the truth? */
static int has_candidates(const struct ttt_loaded *loaded, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *cases = loaded[i].kind == TTT_KIND_VERIFY ? json_object_get(loaded[i].root, "cases") : NULL;
        for (size_t j = 0; j < json_array_size(cases); j++)
            if (!ttt_standings_is_proof(json_array_get(cases, j)))
                return 1;
    }
    return 0;
}

int ttt_standings_has(const struct ttt_standings *s, const json_t *result)
{
    return !(s->leave_proofs && ttt_standings_is_proof(result));
}

int ttt_standings_make(struct ttt_standings *s, const struct ttt_loaded *loaded, size_t count)
{
    size_t all = 0;
    for (size_t i = 0; i < count; i++)
        all += json_array_size(json_object_get(loaded[i].root, "cases"));
    *s = (struct ttt_standings){.results = calloc(all + 1, sizeof *s->results),
                                .leave_proofs = has_candidates(loaded, count)};
    for (size_t i = 0; i < count && s->results; i++) {
        const json_t *cases = loaded[i].kind == TTT_KIND_VERIFY ? json_object_get(loaded[i].root, "cases") : NULL;
        for (size_t j = 0; j < json_array_size(cases); j++) {
            const json_t *result = json_array_get(cases, j);
            if (!ttt_standings_has(s, result))
                continue;
            struct ttt_standing *standing = standing_of(s, ttt_load_text(result, "candidate"));
            if (!standing)
                return -1;
            s->results[s->result_count++] = add_result(standing, result);
        }
    }
    sort(s);
    return s->results ? 0 : -1;
}

void ttt_standings_free(struct ttt_standings *s)
{
    free(s->list);
    free(s->results);
    s->list = NULL;
    s->results = NULL;
}

int ttt_standing_unseen(const struct ttt_standing *s, enum ttt_tensor t)
{
    return s->present[t] > 0 && s->blind[t] == s->present[t];
}
