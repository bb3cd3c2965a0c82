/* SPDX-License-Identifier: MIT
 *
 * What is not a tensor: proofs of gradients, speed, planted faults.
 */
#include "compare.h"
#include <math.h>
#include <string.h>

/* The element of the list that agrees in all of these strings; NULL where there is none. */
static const json_t *twin(const json_t *list, const json_t *of, const char *const keys[])
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *found = json_array_get(list, i);
        int same = 1;
        for (int k = 0; keys[k] && same; k++)
            same = json_equal(json_object_get(found, keys[k]), json_object_get(of, keys[k]));
        if (same)
            return found;
    }
    return NULL;
}

void ttt_compare_proofs(struct ttt_differences *d, const json_t *old, const json_t *new)
{
    static const char *const keys[] = {"form", "distribution", "input", NULL};
    const json_t *before = json_object_get(json_object_get(old, "gradient_proof"), "rows");
    const json_t *after = json_object_get(json_object_get(new, "gradient_proof"), "rows");
    for (size_t i = 0; i < json_array_size(before); i++) {
        const json_t *was = json_array_get(before, i), *is = twin(after, was, keys);
        d->compared++;
        if (!is)
            ttt_differences_add(d, TTT_VANISHED, 5, "the proof of the gradient of %s, %s, %s",
                                ttt_load_text(was, "input"), ttt_load_text(was, "form"),
                                ttt_load_text(was, "distribution"));
        else if (ttt_load_verdict(is) != ttt_load_verdict(was))
            ttt_differences_add(d, ttt_load_verdict(is) == TTT_PASS ? TTT_BETTER : TTT_WORSE, HUGE_VAL,
                                "the gradient of %s, %s, %s: now %s, ratio %.2g", ttt_load_text(is, "input"),
                                ttt_load_text(is, "form"), ttt_load_text(is, "distribution"),
                                ttt_load_text(is, "verdict"), ttt_load_number(is, "ratio"));
    }
}

void ttt_compare_speeds(struct ttt_differences *d, const json_t *old, const json_t *new)
{
    static const char *const keys[] = {"case", "candidate", "direction", "threads", NULL};
    const json_t *before = json_object_get(old, "cases"), *after = json_object_get(new, "cases");
    for (size_t i = 0; i < json_array_size(before); i++) {
        const json_t *was = json_array_get(before, i), *is = twin(after, was, keys);
        if (!json_object_get(was, "seconds"))
            continue;
        d->compared++;
        if (!json_object_get(is, "seconds")) {
            ttt_differences_add(d, TTT_VANISHED, 1, "%s %s, %s", ttt_load_text(was, "candidate"),
                                ttt_load_text(was, "direction"), ttt_load_text(was, "case"));
            continue;
        }
        const json_t *a = json_object_get(was, "spread"), *b = json_object_get(is, "spread");
        const double seconds = ttt_load_number(is, "seconds"), earlier = ttt_load_number(was, "seconds");
        const int slower = ttt_load_number(b, "min") > ttt_load_number(a, "max");
        if (slower || ttt_load_number(b, "max") < ttt_load_number(a, "min"))
            ttt_differences_add(d, slower ? TTT_WORSE : TTT_BETTER, fabs(log(seconds / earlier)),
                                "%s %s: %.4g ms, was %.4g ms; %s", ttt_load_text(is, "candidate"),
                                ttt_load_text(is, "direction"), 1e3 * seconds, 1e3 * earlier,
                                ttt_load_text(is, "case"));
    }
}

/* An end that is as good as another. */
static int is_settled(const char *end)
{
    return strcmp(end, "killed") == 0 || strcmp(end, "equivalent") == 0;
}

void ttt_compare_mutants(struct ttt_differences *d, const json_t *old, const json_t *new)
{
    static const char *const keys[] = {"name", NULL};
    const json_t *before = json_object_get(old, "mutants"), *after = json_object_get(new, "mutants");
    for (size_t i = 0; i < json_array_size(before); i++) {
        const json_t *was = json_array_get(before, i), *is = twin(after, was, keys);
        const char *end = ttt_load_text(is, "end"), *earlier = ttt_load_text(was, "end");
        d->compared++;
        if (!is)
            ttt_differences_add(d, TTT_VANISHED, 1, "the planted fault %s", ttt_load_text(was, "name"));
        else if (is_settled(end) != is_settled(earlier))
            ttt_differences_add(d, is_settled(end) ? TTT_BETTER : TTT_WORSE, 1, "the planted fault %s: %s, was %s; %s",
                                ttt_load_text(is, "name"), end, earlier, ttt_load_text(is, "about"));
    }
}
