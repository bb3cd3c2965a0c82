/* SPDX-License-Identifier: MIT */
#include "schema.h"
#include "campaign.h"
#include "false_alarms.h"
#include "result.h"
#include "text.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What a value must be. */
enum type {
    TEXT,
    NUMBER,
    SIZE, /* a number that is not negative */
    COUNT,
    FLAG,
    WORD, /* one of the rule's words */
    TENSOR,
    CASE,
    DIGITS,
    OBJECT,
    LIST,    /* of objects */
    NUMBERS, /* and other lists */
    SIZES,
    COUNTS,
    TEXTS,
    TENSORS
};

struct ttt_rule {
    const char *key;
    enum type type;
    int optional;
    const struct ttt_rule *inside; /* of an object, or of each element of a list; ends with an empty rule */
    const char *const *words;      /* ends with NULL */
    int (*also)(const struct ttt_checker *c, const json_t *value); /* what types cannot say; of objects */
};

#define MUST(key, type)                                                                                                \
    {                                                                                                                  \
        key, type, 0, NULL, NULL, NULL                                                                                 \
    }
#define MAY(key, type)                                                                                                 \
    {                                                                                                                  \
        key, type, 1, NULL, NULL, NULL                                                                                 \
    }
#define MUST_BE(key, words)                                                                                            \
    {                                                                                                                  \
        key, WORD, 0, NULL, words, NULL                                                                                \
    }
#define HOLDS(key, type, inside)                                                                                       \
    {                                                                                                                  \
        key, type, 0, inside, NULL, NULL                                                                               \
    }
#define MAY_HOLD(key, type, inside, also)                                                                              \
    {                                                                                                                  \
        key, type, 1, inside, NULL, also                                                                               \
    }
#define END                                                                                                            \
    {                                                                                                                  \
        NULL, TEXT, 0, NULL, NULL, NULL                                                                                \
    }

static const char *const verdicts[] = {"PASS", "FAIL", "SKIPPED", "ILL-CONDITIONED", "VACUOUS", NULL};
static const char *const directions[] = {"forward", "backward", "both", NULL};
static const char *const forms[] = {"non-causal", "causal", NULL};
static const char *const outcomes[] = {"measured", "skipped", "failed", NULL};
static const char *const ends[] = {"killed", "survived", "equivalent", "below resolution", "error", NULL};

/* Refuse `key` of the object that the checker is at, or, without a key, the object. */
__attribute__((format(printf, 3, 4))) static int refuse_in(const struct ttt_checker *c, const char *key,
                                                           const char *format, ...)
{
    const struct ttt_json_step step = {c->at, key, 0};
    struct ttt_checker inside = *c;
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    inside.at = key ? &step : c->at;
    return ttt_schema_refuse(&inside, "%s", what);
}

static int same_length(const struct ttt_checker *c, const json_t *value, const char *one, const char *other)
{
    const size_t n = json_array_size(json_object_get(value, one)), m = json_array_size(json_object_get(value, other));
    return n == m ? 0 : refuse_in(c, other, "has %zu elements (allowed: as many as '%s', %zu)", m, one, n);
}

static int check_along(const struct ttt_checker *c, const json_t *value)
{
    return same_length(c, value, "error", "cost");
}

static int check_map(const struct ttt_checker *c, const json_t *value)
{
    const size_t values = json_array_size(json_object_get(value, "values"));
    const json_int_t rows = json_integer_value(json_object_get(value, "rows"));
    const json_int_t columns = json_integer_value(json_object_get(value, "columns"));
    if (rows <= 64 && columns <= 64 && values == (size_t)(rows * columns))
        return 0;
    return refuse_in(c, "values", "has %zu elements (allowed: rows x columns, at most 64 of each)", values);
}

/* A tensor that was judged has its numbers. */
static int check_tensor(const struct ttt_checker *c, const json_t *value)
{
    if (json_object_get(value, "skipped") || (json_object_get(value, "rel_l2") && json_object_get(value, "gates")))
        return 0;
    return refuse_in(c, NULL, "needs rel_l2 and gates, or skipped");
}

static int check_measured(const struct ttt_checker *c, const json_t *value)
{
    static const char *const figures[] = {"seconds", "spread",      "us_per_mini_batch", "gflops",
                                          "peak",    "peak_gflops", "share_of_peak"};
    const int measured = strcmp(json_string_value(json_object_get(value, "outcome")), "measured") == 0;
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        if (measured && !json_object_get(value, figures[i]))
            return refuse_in(c, figures[i], "is missing");
    return measured || json_object_get(value, "reason") ? 0 : refuse_in(c, "reason", "is missing");
}

static int check_training(const struct ttt_checker *c, const json_t *value)
{
    if (json_array_size(json_object_get(value, "loss_f64")) == 0)
        return refuse_in(c, "loss_f64", "has no element");
    return same_length(c, value, "loss_f64", "loss_gpu") == 0 ? same_length(c, value, "loss_f64", "loss_contract") : -1;
}

static int check_runs(const struct ttt_checker *c, const json_t *value)
{
    const json_t *criteria = json_object_get(value, "criteria");
    const size_t kernels = json_array_size(json_object_get(value, "kernels"));
    for (size_t i = 0; i < json_array_size(criteria); i++)
        if (json_array_size(json_object_get(json_array_get(criteria, i), "failed")) != kernels)
            return refuse_in(c, "criteria", "element %zu must have as many 'failed' as there are kernels", i);
    return same_length(c, value, "kernels", "runs");
}

static int check_digits(const struct ttt_checker *c, const json_t *value)
{
    const json_t *mutants = json_object_get(value, "mutants");
    const size_t names = json_array_size(json_object_get(value, "criteria"));
    for (size_t i = 0; i < json_array_size(mutants) && names > 0; i++) {
        const json_t *digits = json_object_get(json_array_get(mutants, i), "criteria");
        if (digits && json_string_length(digits) > 0 && json_string_length(digits) != names)
            return refuse_in(c, "mutants", "element %zu must have a digit for each of the %zu criteria", i, names);
    }
    return 0;
}

static const struct ttt_rule histogram[] = {MUST("first", NUMBER), MUST("counts", SIZES), END};
static const struct ttt_rule along[] = {MUST("error", NUMBERS), MUST("cost", NUMBERS), END};
static const struct ttt_rule map[] = {MUST("rows", COUNT),   MUST("columns", COUNT), MUST("values", NUMBERS),
                                      MUST("height", COUNT), MUST("width", COUNT),   END};
static const struct ttt_rule gate[] = {MUST("name", TEXT),    MUST_BE("verdict", verdicts), MUST("value", NUMBER),
                                       MUST("bound", NUMBER), MAY("place", TEXT),           END};
static const struct ttt_rule tensor[] = {MUST("name", TENSOR),
                                         MAY("skipped", TEXT),
                                         MAY("rel_l2", SIZE),
                                         MAY("max_abs", SIZE),
                                         MAY("max_ulp", SIZE),
                                         MAY("bias", NUMBER),
                                         MAY("cost", SIZE),
                                         MAY("rounding", SIZE),
                                         MAY("worst", TEXT),
                                         MAY_HOLD("gates", LIST, gate, NULL),
                                         MAY_HOLD("ulp_histogram", OBJECT, histogram, NULL),
                                         MAY_HOLD("along", OBJECT, along, check_along),
                                         MAY_HOLD("heads", OBJECT, map, check_map),
                                         MAY_HOLD("tile", OBJECT, map, check_map),
                                         END};
static const struct ttt_rule check[] = {MUST("name", TEXT), MUST_BE("verdict", verdicts), MUST("detail", TEXT), END};
static const struct ttt_rule verify_case[] = {MUST("case", CASE),
                                              MAY("file", TEXT),
                                              MUST("inputs_hash", TEXT),
                                              MUST("candidate", TEXT),
                                              MUST_BE("direction", directions),
                                              MUST_BE("verdict", verdicts),
                                              {"tensors", LIST, 0, tensor, NULL, check_tensor},
                                              HOLDS("checks", LIST, check),
                                              MUST("seconds", SIZE),
                                              MUST("repeat", TEXT),
                                              MAY("vacuous", TENSORS),
                                              MAY("one_mini_batch", FLAG),
                                              END};

static const struct ttt_rule proof_row[] = {
    MUST_BE("form", forms),       MUST("distribution", TEXT), MUST("input", TENSOR),
    MUST_BE("verdict", verdicts), MUST("ratio", SIZE),        MUST("checks", COUNT),
    MUST("slopes", COUNT),        MUST("worst", CASE),        END};
static const struct ttt_rule proof[] = {MUST("bound", SIZE), MUST("ratio", SIZE), HOLDS("rows", LIST, proof_row), END};

static const struct ttt_rule machine[] = {MUST("system", TEXT),        MUST("cpu", TEXT),  MUST("cores", COUNT),
                                          MUST("memory_bytes", COUNT), MAY("gpus", TEXTS), END};
#define HEAD                                                                                                           \
    MUST("program", TEXT), MUST("command", TEXT), MUST("version", TEXT), MUST("revision", TEXT),                       \
        HOLDS("machine", OBJECT, machine), MUST("started", TEXT)

static const struct ttt_rule summary[] = {MUST("seconds", SIZE), END};
static const struct ttt_rule verify[] = {HEAD, MUST("cases", LIST), MAY_HOLD("gradient_proof", OBJECT, proof, NULL),
                                         HOLDS("summary", OBJECT, summary), END};

static const struct ttt_rule range[] = {MUST("min", SIZE), MUST("max", SIZE), END};
static const struct ttt_rule bench_case[] = {MUST("case", CASE),
                                             MUST("candidate", TEXT),
                                             MUST_BE("direction", directions),
                                             MUST("threads", COUNT),
                                             MUST_BE("outcome", outcomes),
                                             MAY("reason", TEXT),
                                             MAY("seconds", SIZE),
                                             MAY_HOLD("spread", OBJECT, range, NULL),
                                             MAY("us_per_mini_batch", SIZE),
                                             MAY("gflops", SIZE),
                                             MAY("peak", TEXT),
                                             MAY("peak_gflops", SIZE),
                                             MAY("share_of_peak", SIZE),
                                             END};
static const struct ttt_rule bench[] = {
    HEAD, {"cases", LIST, 0, bench_case, NULL, check_measured}, HOLDS("summary", OBJECT, summary), END};

static const struct ttt_rule mutant[] = {MUST("name", TEXT),   MUST("class", TEXT),     MUST("about", TEXT),
                                         MUST_BE("end", ends), MAY("criteria", DIGITS), END};
static const struct ttt_rule mutants[] = {HOLDS("mutants", LIST, mutant), MAY("criteria", TEXTS), END};

static const struct ttt_rule smallest[] = {MUST("tensor", TENSOR), MUST("scope", TEXT), MUST("exponent", NUMBER), END};
static const struct ttt_rule power_case[] = {MUST("case", TEXT), MUST("seeds", COUNT),
                                             HOLDS("smallest", LIST, smallest), END};
static const struct ttt_rule power[] = {HOLDS("cases", LIST, power_case), END};

/* What a campaign holds is checked by campaign.h; this is what it shares with the others. */
static const struct ttt_rule fuzz[] = {HEAD, END};

static const struct ttt_rule table[] = {MUST("version", COUNT), MUST("checksum", TEXT), END};
static const struct ttt_rule nearness[] = {MUST("median", SIZE), MUST("p99", SIZE), MUST("largest", SIZE), END};
static const struct ttt_rule false_alarms[] = {HEAD,
                                               HOLDS("calibration", OBJECT, table),
                                               MUST("seeds", COUNT),
                                               MUST("first_seed", COUNT),
                                               MUST("runs", COUNT),
                                               MUST("alarms", COUNT),
                                               MUST("ill_conditioned", COUNT),
                                               MUST("confidence", SIZE),
                                               MUST("rate_below", SIZE),
                                               HOLDS("nearness", OBJECT, nearness),
                                               MUST("extrapolated_rate", SIZE),
                                               END};

static const struct ttt_rule criterion[] = {MUST("name", TEXT), MUST("failed", COUNTS), END};
static const struct ttt_rule criteria[] = {MUST("seeds", COUNT),
                                           MUST("cases", TEXTS),
                                           MUST("kernels", TEXTS),
                                           MUST("runs", COUNTS),
                                           HOLDS("criteria", LIST, criterion),
                                           END};

static const struct ttt_rule training[] = {
    MUST("case", CASE),           MUST("optimiser", TEXT), MUST("rate", SIZE),
    MUST("limit", SIZE),          MAY("device", TEXT),     MUST("loss_gpu", SIZES),
    MUST("loss_contract", SIZES), MUST("loss_f64", SIZES), END};

/* A schema stays readable when a newer one follows it: what the newer one added is optional above. */
static const struct ttt_schema schemas[] = {
    {"ttt-kernels/verify/2", TTT_KIND_VERIFY, verify, verify_case, NULL},
    {"ttt-kernels/verify/1", TTT_KIND_VERIFY, verify, verify_case, NULL},
    {"ttt-kernels/bench/1", TTT_KIND_BENCH, bench, NULL, NULL},
    {"ttt-mutants-1", TTT_KIND_MUTANTS, mutants, NULL, check_digits},
    {"ttt-power-1", TTT_KIND_POWER, power, NULL, NULL},
    {TTT_CAMPAIGN_SCHEMA, TTT_KIND_FUZZ, fuzz, NULL, NULL},
    {TTT_FALSE_ALARMS_SCHEMA, TTT_KIND_FALSE_ALARMS, false_alarms, NULL, NULL},
    {"ttt-criteria-1", TTT_KIND_CRITERIA, criteria, NULL, check_runs},
    {"ttt-training-1", TTT_KIND_TRAINING, training, NULL, check_training},
};

const struct ttt_schema *ttt_schema_of(const json_t *root)
{
    const char *name = json_string_value(json_object_get(root, "schema"));
    for (size_t i = 0; name && i < sizeof schemas / sizeof schemas[0]; i++)
        if (strcmp(name, schemas[i].name) == 0)
            return &schemas[i];
    return NULL;
}

/* The path, "cases[3].tensors", behind what is there of it. */
static size_t put_path(char *path, size_t size, const struct ttt_json_step *at)
{
    const size_t length = at->up ? put_path(path, size, at->up) : 0;
    const int more = at->key ? snprintf(path + length, size - length, "%s%s", length > 0 ? "." : "", at->key)
                             : snprintf(path + length, size - length, "[%zu]", at->index);
    return more < 0 || (size_t)more >= size - length ? size - 1 : length + (size_t)more;
}

int ttt_schema_refuse(const struct ttt_checker *c, const char *format, ...)
{
    struct ttt_refusal *r = c->refusal;
    va_list args;
    if (!r)
        return -1;
    va_start(args, format);
    vsnprintf(r->what, sizeof r->what, format, args);
    va_end(args);
    r->path[0] = '\0';
    if (c->at)
        put_path(r->path, sizeof r->path, c->at);
    r->at = ttt_json_text_find(c->text, c->end, c->at);
    return -1;
}

static int is_number(const json_t *v)
{
    const char *s = json_string_value(v);
    return json_is_number(v) || (s && (strcmp(s, "nan") == 0 || strcmp(s, "inf") == 0 || strcmp(s, "-inf") == 0));
}

static int is_size(const json_t *v)
{
    const char *s = json_string_value(v);
    return is_number(v) && !(json_number_value(v) < 0) && !(s && s[0] == '-');
}

static int is_count(const json_t *v)
{
    return json_is_integer(v) && json_integer_value(v) >= 0;
}

static int check_word(const struct ttt_checker *c, const char *s, const char *const *words)
{
    char allowed[128] = "";
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(s, words[i]) == 0)
            return 0;
        const size_t length = strlen(allowed);
        snprintf(allowed + length, sizeof allowed - length, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    return ttt_schema_refuse(c, "'%s' is not allowed (allowed: %s)", TTT_QUOTE(s), allowed);
}

static int check_text(const struct ttt_checker *c, const json_t *v, enum type type, const char *const *words)
{
    struct ttt_case parsed;
    char why[256];
    const char *s = json_string_value(v);
    if (!s)
        return ttt_schema_refuse(c, "must be a string");
    if (type == WORD)
        return check_word(c, s, words);
    if (type == TENSOR && ttt_tensor_find(s) == TTT_TENSOR_COUNT)
        return ttt_schema_refuse(c, "'%s' is no tensor of the contract", TTT_QUOTE(s));
    if (type == CASE && ttt_case_parse(s, &parsed, why, sizeof why) != 0)
        return ttt_schema_refuse(c, "%s", why);
    if (type == DIGITS && s[strspn(s, "01")])
        return ttt_schema_refuse(c, "'%s' must have the digits 0 and 1 only", TTT_QUOTE(s));
    return 0;
}

static int check_scalar(const struct ttt_checker *c, const json_t *v, enum type type, const char *const *words)
{
    if (type == NUMBER)
        return is_number(v) ? 0 : ttt_schema_refuse(c, "must be a number, or \"nan\", \"inf\" or \"-inf\"");
    if (type == SIZE)
        return is_size(v) ? 0 : ttt_schema_refuse(c, "must be a number >= 0, or \"nan\" or \"inf\"");
    if (type == COUNT)
        return is_count(v) ? 0 : ttt_schema_refuse(c, "must be an integer >= 0");
    if (type == FLAG)
        return json_is_boolean(v) ? 0 : ttt_schema_refuse(c, "must be true or false");
    return check_text(c, v, type, words);
}

static int check_object(struct ttt_checker *c, const json_t *v, const struct ttt_rule *rules);

/* Of each element of a list, its type. */
static enum type element_of(enum type list)
{
    return list == NUMBERS ? NUMBER : list == SIZES ? SIZE : list == COUNTS ? COUNT : list == TEXTS ? TEXT : TENSOR;
}

static int check_list(struct ttt_checker *c, const json_t *v, const struct ttt_rule *rule)
{
    struct ttt_json_step step = {.up = c->at};
    int status = 0;
    if (!json_is_array(v))
        return ttt_schema_refuse(c, "must be an array");
    if (rule->type == LIST && !rule->inside)
        return 0;
    c->at = &step;
    for (; step.index < json_array_size(v) && status == 0; step.index++) {
        const json_t *element = json_array_get(v, step.index);
        if (rule->type != LIST)
            status = check_scalar(c, element, element_of(rule->type), NULL);
        else if ((status = check_object(c, element, rule->inside)) == 0 && rule->also)
            status = rule->also(c, element);
    }
    c->at = step.up;
    return status;
}

static int check_value(struct ttt_checker *c, const json_t *v, const struct ttt_rule *rule)
{
    if (rule->type == OBJECT)
        return check_object(c, v, rule->inside) != 0 ? -1 : rule->also ? rule->also(c, v) : 0;
    return rule->type >= LIST ? check_list(c, v, rule) : check_scalar(c, v, rule->type, rule->words);
}

static int check_object(struct ttt_checker *c, const json_t *v, const struct ttt_rule *rules)
{
    struct ttt_json_step step = {.up = c->at};
    if (!json_is_object(v))
        return ttt_schema_refuse(c, "must be an object");
    int status = 0;
    c->at = &step;
    for (const struct ttt_rule *rule = rules; rule->key && status == 0; rule++) {
        const json_t *inner = json_object_get(v, rule->key);
        step.key = rule->key;
        if (inner)
            status = check_value(c, inner, rule);
        else if (!rule->optional)
            status = ttt_schema_refuse(c, "is missing");
    }
    c->at = step.up;
    return status;
}

int ttt_schema_check(struct ttt_checker *c, const struct ttt_schema *schema, const json_t *root)
{
    if (check_object(c, root, schema->rules) != 0)
        return -1;
    return schema->also ? schema->also(c, root) : 0;
}

int ttt_schema_check_case(struct ttt_checker *c, const struct ttt_schema *schema, const json_t *value, size_t index)
{
    const struct ttt_json_step cases = {c->at, "cases", 0}, step = {&cases, NULL, index};
    c->at = &step;
    const int status = check_object(c, value, schema->cases);
    c->at = cases.up;
    return status;
}
