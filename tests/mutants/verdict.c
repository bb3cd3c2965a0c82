/* SPDX-License-Identifier: MIT */
#include "verdict.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *string_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "";
}

static int failed(const json_t *object)
{
    return strcmp(string_of(object, "verdict"), "FAIL") == 0;
}

/* Checks of memory and of the call are tier 0; the others are exact relations. */
static int tier_of_check(const char *name)
{
    static const char *const hard[] = {"status", "overwritten", "red-zones", "inputs",       "cached", "deterministic",
                                       "crash",  "exit",        "hang",      "kept-pointer", "cuda"};
    for (size_t i = 0; i < sizeof hard / sizeof hard[0]; i++)
        if (strcmp(name, hard[i]) == 0)
            return 0;
    return 1;
}

static int tier_of_gate(const char *name)
{
    return strcmp(name, "finite") == 0 ? 0 : strcmp(name, "exact") == 0 ? 1 : 2;
}

static int read_checks(const json_t *checks, struct failure *f)
{
    size_t i;
    const json_t *check;
    json_array_foreach(checks, i, check)
    {
        if (!failed(check))
            continue;
        snprintf(f->gate, sizeof f->gate, "%s", string_of(check, "name"));
        snprintf(f->detail, sizeof f->detail, "%s", string_of(check, "detail"));
        f->tier = tier_of_check(f->gate);
        return 1;
    }
    return 0;
}

/* How far a gate is beyond its bound; what is no number ("nan", "inf") is farthest. */
static double severity(const json_t *gate)
{
    const json_t *value = json_object_get(gate, "value"), *bound = json_object_get(gate, "bound");
    return json_is_real(value) && json_real_value(bound) > 0 ? json_real_value(value) / json_real_value(bound)
                                                             : HUGE_VAL;
}

/* The lowest tier, in it the worst gate. */
static int read_tensors(const json_t *tensors, struct failure *f)
{
    size_t i, j;
    const json_t *tensor, *gate;
    double worst = -1;
    json_array_foreach(tensors, i, tensor) json_array_foreach(json_object_get(tensor, "gates"), j, gate)
    {
        const char *name = string_of(gate, "name");
        const int tier = tier_of_gate(name);
        if (!failed(gate) || (worst >= 0 && (tier > f->tier || (tier == f->tier && severity(gate) <= worst))))
            continue;
        worst = severity(gate);
        f->tier = tier;
        snprintf(f->gate, sizeof f->gate, "%s", name);
        snprintf(f->tensor, sizeof f->tensor, "%s", string_of(tensor, "name"));
        const char *place = string_of(gate, "place");
        snprintf(f->detail, sizeof f->detail, "%s", place[0] ? place : string_of(tensor, "worst"));
    }
    return worst >= 0;
}

static int read_case(const json_t *one, struct failure *f)
{
    *f = (struct failure){.tier = 0};
    snprintf(f->case_text, sizeof f->case_text, "%s", string_of(one, "case"));
    const char *name = strstr(f->case_text, "dist=");
    snprintf(f->distribution, sizeof f->distribution, "%.*s", name ? (int)strcspn(name + 5, " ") : 0,
             name ? name + 5 : "");
    return failed(one) &&
           (read_checks(json_object_get(one, "checks"), f) || read_tensors(json_object_get(one, "tensors"), f));
}

int verdict_read(const char *path, struct failure *failure, char *error, size_t error_size)
{
    json_error_t fault;
    json_t *root = json_load_file(path, 0, &fault);
    const json_t *cases = json_object_get(root, "cases"), *one;
    int found = json_array_size(cases) > 0 ? 0 : -1;
    size_t i;
    if (found < 0)
        snprintf(error, error_size, "%s: not a report of the judge: %s", path, root ? "no cases" : fault.text);
    json_array_foreach(cases, i, one) if (found == 0) found = read_case(one, failure);
    json_decref(root);
    return found;
}
