/* SPDX-License-Identifier: MIT
 *
 * What the JSON reports of all programs hold: the schemas that ttt-report reads, and the check of a value by them.
 */
#ifndef TTT_HARNESS_SCHEMA_H
#define TTT_HARNESS_SCHEMA_H

#include "json_text.h"
#include <jansson.h>

enum ttt_kind {
    TTT_KIND_VERIFY,
    TTT_KIND_BENCH,
    TTT_KIND_MUTANTS,
    TTT_KIND_POWER,
    TTT_KIND_FUZZ,
    TTT_KIND_FALSE_ALARMS,
    TTT_KIND_CRITERIA,
    TTT_KIND_TRAINING,
    TTT_KIND_COUNT
};

struct ttt_rule;
struct ttt_checker;

struct ttt_schema {
    const char *name;
    enum ttt_kind kind;
    const struct ttt_rule *rules;
    const struct ttt_rule *cases; /* of each element of "cases", where those are many and checked one by one; or NULL */
    int (*also)(const struct ttt_checker *c, const json_t *root); /* what rules cannot say; or NULL */
};

/* What was refused, and where: the steps become text only then, as there are millions of values. */
struct ttt_refusal {
    char path[160]; /* "cases[3].tensors[0].name"; "" for the report itself */
    char what[320];
    const char *at; /* in the text of the report */
};

/* A check that goes on: the text where places are found, and the steps from it. */
struct ttt_checker {
    const char *text, *end;
    const struct ttt_json_step *at;
    struct ttt_refusal *refusal; /* NULL: nobody asks what it was */
};

/* The schema that the report names; NULL where it is none of those that are read. */
const struct ttt_schema *ttt_schema_of(const json_t *root);

/* All of a report but its "cases" where those have rules of their own, and one of those.  0, or -1 with the refusal
 * filled in. */
int ttt_schema_check(struct ttt_checker *c, const struct ttt_schema *schema, const json_t *root);
int ttt_schema_check_case(struct ttt_checker *c, const struct ttt_schema *schema, const json_t *value, size_t index);

/* Always -1: refuse the value that the checker is at. */
__attribute__((format(printf, 2, 3))) int ttt_schema_refuse(const struct ttt_checker *c, const char *format, ...);

#endif
