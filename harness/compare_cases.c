/* SPDX-License-Identifier: MIT
 *
 * Runs of ttt-verify, case by case and tensor by tensor.
 */
#include "compare.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ratios new / old of a tensor's errors over the cases of one candidate. */
struct drift {
    const char *candidate;
    double log_sum[TTT_TENSOR_COUNT];
    size_t count[TTT_TENSOR_COUNT];
};

struct drifts {
    struct drift *list;
    size_t count;
};

/* What makes two results the same thing: case or file, direction and, where a run has several, candidate. */
static json_t *key_of(const json_t *result, int by_candidate)
{
    const char *file = strrchr(ttt_load_text(result, "file"), '/');
    return json_sprintf("%s\n%s\n%s\n%s", by_candidate ? ttt_load_text(result, "candidate") : "",
                        ttt_load_text(result, "direction"), ttt_load_text(result, "case"),
                        file ? file : ttt_load_text(result, "file"));
}

static int has_one_candidate(const json_t *cases)
{
    const char *first = ttt_load_text(json_array_get(cases, 0), "candidate");
    for (size_t i = 1; i < json_array_size(cases); i++)
        if (strcmp(ttt_load_text(json_array_get(cases, i), "candidate"), first) != 0)
            return 0;
    return 1;
}

/* The results of a run by their keys. */
static json_t *index_of(const json_t *cases, int by_candidate)
{
    json_t *index = json_object();
    for (size_t i = 0; i < json_array_size(cases); i++) {
        json_t *key = key_of(json_array_get(cases, i), by_candidate);
        json_object_set(index, json_string_value(key), json_array_get(cases, i));
        json_decref(key);
    }
    return index;
}

static json_t *named(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(ttt_load_text(json_array_get(list, i), "name"), name) == 0)
            return json_array_get(list, i);
    return NULL;
}

static struct drift *drift_of(struct ttt_differences *d, struct drifts *drifts, const char *candidate)
{
    for (size_t i = 0; i < drifts->count; i++)
        if (strcmp(drifts->list[i].candidate, candidate) == 0)
            return &drifts->list[i];
    struct drift *more = realloc(drifts->list, (drifts->count + 1) * sizeof *more);
    if (!more) {
        d->failed = 1;
        return NULL;
    }
    drifts->list = more;
    drifts->list[drifts->count] = (struct drift){.candidate = candidate};
    return &drifts->list[drifts->count++];
}

/* The gate that fails, and did not in the old run: the one farthest beyond its bound. */
static const json_t *new_failure(const json_t *old, const json_t *new)
{
    const json_t *gates = json_object_get(new, "gates"), *worst = NULL;
    for (size_t i = 0; i < json_array_size(gates); i++) {
        const json_t *gate = json_array_get(gates, i);
        const json_t *before = named(json_object_get(old, "gates"), ttt_load_text(gate, "name"));
        if (ttt_load_verdict(gate) == TTT_FAIL && ttt_load_verdict(before) != TTT_FAIL &&
            (!worst || ttt_load_share(gate) > ttt_load_share(worst)))
            worst = gate;
    }
    return worst;
}

/* A failed gate weighs by how far it is beyond its bound, and more than any error that only grew. */
#define FAILED 1e6

static void tell_failure(struct ttt_differences *d, const json_t *result, const json_t *tensor, const json_t *gate)
{
    ttt_differences_add(d, TTT_WORSE, FAILED + fmin(FAILED, ttt_load_share(gate)),
                        "%s of %s now FAILs %s: %.3g of at most %.3g %s; %s", ttt_load_text(tensor, "name"),
                        ttt_load_text(result, "candidate"), ttt_load_text(gate, "name"), ttt_load_number(gate, "value"),
                        ttt_load_number(gate, "bound"), ttt_load_text(gate, "place"), ttt_load_text(result, "repeat"));
}

static void compare_errors(struct ttt_differences *d, const json_t *result, const json_t *old, const json_t *new,
                           struct drift *drift)
{
    const double before = ttt_load_number(old, "rel_l2"), after = ttt_load_number(new, "rel_l2");
    const double ratio = after / before, noise = ttt_compare_noise(1);
    const char *name = ttt_load_text(new, "name");
    if (after == before)
        return;
    if (!(ratio <= noise && ratio >= 1 / noise))
        ttt_differences_add(d, ratio < 1 ? TTT_BETTER : TTT_WORSE, isfinite(ratio) ? fabs(log(ratio)) : FAILED / 2,
                            "%s of %s: error %.2e, was %.2e; %s", name, ttt_load_text(result, "candidate"), after,
                            before, ttt_load_text(result, "repeat"));
    if (drift && isfinite(ratio) && ratio > 0) {
        drift->log_sum[ttt_tensor_find(name)] += log(ratio);
        drift->count[ttt_tensor_find(name)]++;
    }
}

static void compare_tensor(struct ttt_differences *d, const json_t *result, const json_t *old, const json_t *new,
                           struct drift *drift)
{
    const int was_skipped = json_object_get(old, "skipped") != NULL,
              is_skipped = json_object_get(new, "skipped") != NULL;
    const json_t *failure = new_failure(old, new), *relieved = new_failure(new, old);
    d->compared++;
    if (was_skipped != is_skipped) {
        ttt_differences_add(d, is_skipped ? TTT_VANISHED : TTT_NEW, 2, "%s of %s %s judged; %s",
                            ttt_load_text(new, "name"), ttt_load_text(result, "candidate"),
                            is_skipped ? "is no longer" : "is now", ttt_load_text(result, "repeat"));
        return;
    }
    if (is_skipped)
        return;
    if (failure)
        tell_failure(d, result, new, failure);
    else if (relieved)
        ttt_differences_add(d, TTT_BETTER, FAILED, "%s of %s no longer fails %s; %s", ttt_load_text(new, "name"),
                            ttt_load_text(result, "candidate"), ttt_load_text(relieved, "name"),
                            ttt_load_text(result, "repeat"));
    else
        compare_errors(d, result, old, new, drift);
}

static void compare_checks(struct ttt_differences *d, const json_t *old, const json_t *new)
{
    const json_t *checks = json_object_get(new, "checks"), *before_checks = json_object_get(old, "checks");
    for (size_t i = 0; i < json_array_size(checks); i++) {
        const json_t *check = json_array_get(checks, i);
        const int before = ttt_load_verdict(named(before_checks, ttt_load_text(check, "name")));
        const int after = ttt_load_verdict(check);
        d->compared++;
        if ((after == TTT_FAIL) != (before == TTT_FAIL))
            ttt_differences_add(d, after == TTT_FAIL ? TTT_WORSE : TTT_BETTER, 3 * FAILED,
                                "check '%s' of %s %s FAILs: %s; %s", ttt_load_text(check, "name"),
                                ttt_load_text(new, "candidate"), after == TTT_FAIL ? "now" : "no longer",
                                ttt_load_text(check, "detail"), ttt_load_text(new, "repeat"));
        else if (after == TTT_SKIPPED && before == TTT_PASS)
            ttt_differences_add(d, TTT_VANISHED, 1, "check '%s' of %s is now skipped: %s; %s",
                                ttt_load_text(check, "name"), ttt_load_text(new, "candidate"),
                                ttt_load_text(check, "detail"), ttt_load_text(new, "repeat"));
    }
    for (size_t i = 0; i < json_array_size(before_checks); i++)
        if (!named(checks, ttt_load_text(json_array_get(before_checks, i), "name")))
            ttt_differences_add(d, TTT_VANISHED, 1, "check '%s' of %s; %s",
                                ttt_load_text(json_array_get(before_checks, i), "name"),
                                ttt_load_text(new, "candidate"), ttt_load_text(new, "repeat"));
}

static int is_judged(const json_t *result)
{
    const int verdict = ttt_load_verdict(result);
    return verdict != TTT_SKIPPED && verdict != TTT_ILL_CONDITIONED;
}

static void compare_results(struct ttt_differences *d, const json_t *old, const json_t *new, struct drift *drift)
{
    const json_t *tensors = json_object_get(new, "tensors"), *before = json_object_get(old, "tensors");
    if (is_judged(old) && !is_judged(new))
        ttt_differences_add(d, TTT_VANISHED, 4, "now %s: %s", ttt_load_text(new, "verdict"),
                            ttt_load_text(new, "repeat"));
    for (size_t i = 0; i < json_array_size(before); i++)
        if (!named(tensors, ttt_load_text(json_array_get(before, i), "name")))
            ttt_differences_add(d, TTT_VANISHED, 2, "%s of %s; %s", ttt_load_text(json_array_get(before, i), "name"),
                                ttt_load_text(new, "candidate"), ttt_load_text(new, "repeat"));
    for (size_t i = 0; i < json_array_size(tensors); i++) {
        const json_t *tensor = json_array_get(tensors, i);
        const json_t *was = named(before, ttt_load_text(tensor, "name"));
        if (was)
            compare_tensor(d, new, was, tensor, drift);
    }
    compare_checks(d, old, new);
}

/* A small change that all cases of a tensor share. */
static void tell_drifts(struct ttt_differences *d, const struct drifts *drifts)
{
    for (size_t i = 0; i < drifts->count; i++)
        for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
            const size_t n = drifts->list[i].count[t];
            const double mean = n > 1 ? exp(drifts->list[i].log_sum[t] / (double)n) : 1,
                         noise = ttt_compare_noise(n + !n);
            if (!(mean <= noise && mean >= 1 / noise))
                ttt_differences_add(d, mean < 1 ? TTT_BETTER : TTT_WORSE, 1 + fabs(log(mean)),
                                    "%s of %s: errors are %.3g times what they were, the mean of %zu cases",
                                    ttt_tensor_info[t].name, drifts->list[i].candidate, mean, n);
        }
}

void ttt_compare_cases(struct ttt_differences *d, const json_t *old, const json_t *new)
{
    const json_t *old_cases = json_object_get(old, "cases"), *new_cases = json_object_get(new, "cases");
    const int by_candidate = !has_one_candidate(old_cases) || !has_one_candidate(new_cases);
    json_t *before = index_of(old_cases, by_candidate), *after = index_of(new_cases, by_candidate);
    struct drifts drifts = {.list = NULL};
    const char *key;
    json_t *result;
    json_object_foreach(after, key, result)
    {
        const json_t *was = json_object_get(before, key);
        const struct ttt_extreme worst = ttt_standings_worst(result);
        if (was)
            compare_results(d, was, result, drift_of(d, &drifts, ttt_load_text(result, "candidate")));
        else if (ttt_load_verdict(result) == TTT_FAIL)
            ttt_differences_add(d, TTT_WORSE, FAILED, "%s of %s FAILs in a new case; %s",
                                worst.check ? ttt_load_text(worst.check, "name") : ttt_load_text(worst.tensor, "name"),
                                ttt_load_text(result, "candidate"), ttt_load_text(result, "repeat"));
        else
            ttt_differences_add(d, TTT_NEW, 0, "%s: %s", ttt_load_text(result, "verdict"),
                                ttt_load_text(result, "repeat"));
    }
    json_object_foreach(before, key, result)
    {
        if (!json_object_get(after, key))
            ttt_differences_add(d, TTT_VANISHED, 3, "%s", ttt_load_text(result, "repeat"));
    }
    tell_drifts(d, &drifts);
    free(drifts.list);
    json_decref(before);
    json_decref(after);
}
