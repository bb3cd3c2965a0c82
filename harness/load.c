/* SPDX-License-Identifier: MIT */
#include "load.h"
#include "campaign.h"
#include "result.h"
#include "text.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What a value must be. */
enum type { TEXT, NUMBER, COUNT, FLAG, VERDICT, TENSOR, CASE, OBJECT, LIST, NUMBERS };

struct rule {
    const char *key;
    enum type type;
    int optional;
    const struct rule *inside; /* of an object, or of each element of a list; ends with an empty rule */
};

static const struct rule histogram[] = {
    {"first", NUMBER, 0, NULL}, {"counts", NUMBERS, 0, NULL}, {NULL, TEXT, 0, NULL}};

static const struct rule along[] = {{"error", NUMBERS, 0, NULL}, {"cost", NUMBERS, 0, NULL}, {NULL, TEXT, 0, NULL}};

static const struct rule map[] = {{"rows", COUNT, 0, NULL},   {"columns", COUNT, 0, NULL}, {"values", NUMBERS, 0, NULL},
                                  {"height", COUNT, 0, NULL}, {"width", COUNT, 0, NULL},   {NULL, TEXT, 0, NULL}};

static const struct rule gate[] = {{"name", TEXT, 0, NULL},    {"verdict", VERDICT, 0, NULL},
                                   {"value", NUMBER, 0, NULL}, {"bound", NUMBER, 0, NULL},
                                   {"place", TEXT, 1, NULL},   {NULL, TEXT, 0, NULL}};

static const struct rule tensor[] = {{"name", TENSOR, 0, NULL},
                                     {"skipped", TEXT, 1, NULL},
                                     {"rel_l2", NUMBER, 1, NULL},
                                     {"max_abs", NUMBER, 1, NULL},
                                     {"max_ulp", NUMBER, 1, NULL},
                                     {"bias", NUMBER, 1, NULL},
                                     {"cost", NUMBER, 1, NULL},
                                     {"rounding", NUMBER, 1, NULL},
                                     {"worst", TEXT, 1, NULL},
                                     {"gates", LIST, 1, gate},
                                     {"ulp_histogram", OBJECT, 1, histogram},
                                     {"along", OBJECT, 1, along},
                                     {"heads", OBJECT, 1, map},
                                     {"tile", OBJECT, 1, map},
                                     {NULL, TEXT, 0, NULL}};

static const struct rule check[] = {
    {"name", TEXT, 0, NULL}, {"verdict", VERDICT, 0, NULL}, {"detail", TEXT, 0, NULL}, {NULL, TEXT, 0, NULL}};

static const struct rule verify_case[] = {
    {"case", CASE, 0, NULL},      {"file", TEXT, 1, NULL},      {"inputs_hash", TEXT, 0, NULL},
    {"candidate", TEXT, 0, NULL}, {"direction", TEXT, 0, NULL}, {"verdict", VERDICT, 0, NULL},
    {"tensors", LIST, 0, tensor}, {"checks", LIST, 0, check},   {"seconds", NUMBER, 0, NULL},
    {"repeat", TEXT, 0, NULL},    {"vacuous", LIST, 1, NULL},   {"one_mini_batch", FLAG, 1, NULL},
    {NULL, TEXT, 0, NULL}};

static const struct rule proof_row[] = {
    {"form", TEXT, 0, NULL},       {"distribution", TEXT, 0, NULL}, {"input", TENSOR, 0, NULL},
    {"verdict", VERDICT, 0, NULL}, {"ratio", NUMBER, 0, NULL},      {"checks", COUNT, 0, NULL},
    {"slopes", COUNT, 0, NULL},    {"worst", CASE, 0, NULL},        {NULL, TEXT, 0, NULL}};

static const struct rule proof[] = {
    {"bound", NUMBER, 0, NULL}, {"ratio", NUMBER, 0, NULL}, {"rows", LIST, 0, proof_row}, {NULL, TEXT, 0, NULL}};

static const struct rule machine[] = {{"system", TEXT, 0, NULL},
                                      {"cpu", TEXT, 0, NULL},
                                      {"cores", COUNT, 0, NULL},
                                      {"memory_bytes", COUNT, 0, NULL},
                                      {NULL, TEXT, 0, NULL}};

#define HEAD                                                                                                           \
    {"program", TEXT, 0, NULL}, {"command", TEXT, 0, NULL}, {"version", TEXT, 0, NULL}, {"revision", TEXT, 0, NULL},   \
        {"machine", OBJECT, 0, machine},                                                                               \
    {                                                                                                                  \
        "started", TEXT, 0, NULL                                                                                       \
    }

static const struct rule summary[] = {{"seconds", NUMBER, 0, NULL}, {NULL, TEXT, 0, NULL}};

static const struct rule verify[] = {HEAD,
                                     {"cases", LIST, 0, verify_case},
                                     {"gradient_proof", OBJECT, 1, proof},
                                     {"summary", OBJECT, 0, summary},
                                     {NULL, TEXT, 0, NULL}};

static const struct rule range[] = {{"min", NUMBER, 0, NULL}, {"max", NUMBER, 0, NULL}, {NULL, TEXT, 0, NULL}};

static const struct rule bench_case[] = {
    {"case", CASE, 0, NULL},      {"candidate", TEXT, 0, NULL}, {"direction", TEXT, 0, NULL},
    {"threads", COUNT, 0, NULL},  {"outcome", TEXT, 0, NULL},   {"seconds", NUMBER, 1, NULL},
    {"spread", OBJECT, 1, range}, {"peak", TEXT, 1, NULL},      {NULL, TEXT, 0, NULL}};

static const struct rule bench[] = {
    HEAD, {"cases", LIST, 0, bench_case}, {"summary", OBJECT, 0, summary}, {NULL, TEXT, 0, NULL}};

static const struct rule mutant[] = {{"name", TEXT, 0, NULL}, {"class", TEXT, 0, NULL},    {"about", TEXT, 0, NULL},
                                     {"end", TEXT, 0, NULL},  {"criteria", TEXT, 1, NULL}, {NULL, TEXT, 0, NULL}};

static const struct rule mutants[] = {{"mutants", LIST, 0, mutant}, {NULL, TEXT, 0, NULL}};

static const struct rule smallest[] = {
    {"tensor", TENSOR, 0, NULL}, {"scope", TEXT, 0, NULL}, {"exponent", NUMBER, 0, NULL}, {NULL, TEXT, 0, NULL}};

static const struct rule power_case[] = {
    {"case", TEXT, 0, NULL}, {"seeds", COUNT, 0, NULL}, {"smallest", LIST, 0, smallest}, {NULL, TEXT, 0, NULL}};

static const struct rule power[] = {{"cases", LIST, 0, power_case}, {NULL, TEXT, 0, NULL}};

/* What a campaign holds is checked by campaign.h; this is what it shares with the others. */
static const struct rule fuzz[] = {HEAD, {NULL, TEXT, 0, NULL}};

/* A schema stays readable when a newer one follows it: what the newer one added is optional above. */
static const struct {
    const char *schema;
    enum ttt_kind kind;
    const struct rule *rules;
} schemas[] = {
    {"ttt-kernels/verify/2", TTT_KIND_VERIFY, verify},
    {"ttt-kernels/verify/1", TTT_KIND_VERIFY, verify},
    {"ttt-kernels/bench/1", TTT_KIND_BENCH, bench},
    {"ttt-mutants-1", TTT_KIND_MUTANTS, mutants},
    {"ttt-power-1", TTT_KIND_POWER, power},
    {TTT_CAMPAIGN_SCHEMA, TTT_KIND_FUZZ, fuzz},
};
enum { SCHEMAS = sizeof schemas / sizeof schemas[0] };

/* Where in the report the check is: a key, or (key NULL) the index in an array, of the step before.  It becomes text
 * only when something is refused: there are millions of values. */
struct step {
    const struct step *up; /* NULL: the first */
    const char *key;
    size_t index;
};

struct place {
    const struct step *at; /* NULL: the report itself */
    char *error;
    size_t error_size;
};

/* The path, "cases[3].tensors", behind what is there of it. */
static size_t put_path(char *path, size_t size, const struct step *at)
{
    const size_t length = at->up ? put_path(path, size, at->up) : 0;
    const int more = at->key ? snprintf(path + length, size - length, "%s%s", length > 0 ? "." : "", at->key)
                             : snprintf(path + length, size - length, "[%zu]", at->index);
    return more < 0 || (size_t)more >= size - length ? size - 1 : length + (size_t)more;
}

__attribute__((format(printf, 2, 3))) static int refuse(const struct place *p, const char *format, ...)
{
    char what[320], path[160] = "";
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (p->at)
        put_path(path, sizeof path, p->at);
    snprintf(p->error, p->error_size, "%s%s%s", path, path[0] ? ": " : "", what);
    return -1;
}

static int is_number(const json_t *v)
{
    const char *s = json_string_value(v);
    return json_is_number(v) || (s && (strcmp(s, "nan") == 0 || strcmp(s, "inf") == 0 || strcmp(s, "-inf") == 0));
}

static int is_verdict(const char *s)
{
    for (int v = 0; v < TTT_VERDICT_COUNT; v++)
        if (strcmp(s, ttt_verdict_name[v]) == 0)
            return 1;
    return 0;
}

static int check_numbers(const json_t *v, const struct place *p)
{
    if (!json_is_array(v))
        return refuse(p, "must be an array of numbers");
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!is_number(json_array_get(v, i)))
            return refuse(p, "element %zu must be a number", i);
    return 0;
}

static int check_scalar(const json_t *v, enum type type, const struct place *p)
{
    struct ttt_case parsed;
    char why[256];
    const char *s = json_string_value(v);
    if (type == NUMBER)
        return is_number(v) ? 0 : refuse(p, "must be a number, or \"nan\", \"inf\" or \"-inf\"");
    if (type == COUNT)
        return json_is_integer(v) && json_integer_value(v) >= 0 ? 0 : refuse(p, "must be an integer >= 0");
    if (type == FLAG)
        return json_is_boolean(v) ? 0 : refuse(p, "must be true or false");
    if (!s)
        return refuse(p, "must be a string");
    if (type == VERDICT && !is_verdict(s))
        return refuse(p, "'%s' is no verdict", TTT_QUOTE(s));
    if (type == TENSOR && ttt_tensor_find(s) == TTT_TENSOR_COUNT)
        return refuse(p, "'%s' is no tensor of the contract", TTT_QUOTE(s));
    if (type == CASE && ttt_case_parse(s, &parsed, why, sizeof why) != 0)
        return refuse(p, "%s", why);
    return 0;
}

static int check_object(const json_t *v, const struct rule *rules, struct place *p);

static int check_list(const json_t *v, const struct rule *inside, struct place *p)
{
    struct step step = {.up = p->at};
    if (!json_is_array(v))
        return refuse(p, "must be an array");
    int status = 0;
    p->at = &step;
    for (; step.index < json_array_size(v) && status == 0; step.index++) {
        const json_t *element = json_array_get(v, step.index);
        status = inside ? check_object(element, inside, p) : check_scalar(element, TENSOR, p);
    }
    p->at = step.up;
    return status;
}

static int check_value(const json_t *v, const struct rule *rule, struct place *p)
{
    if (rule->type == OBJECT)
        return check_object(v, rule->inside, p);
    if (rule->type == NUMBERS)
        return check_numbers(v, p);
    return rule->type == LIST ? check_list(v, rule->inside, p) : check_scalar(v, rule->type, p);
}

static int check_object(const json_t *v, const struct rule *rules, struct place *p)
{
    struct step step = {.up = p->at};
    if (!json_is_object(v))
        return refuse(p, "must be an object");
    int status = 0;
    p->at = &step;
    for (const struct rule *rule = rules; rule->key && status == 0; rule++) {
        const json_t *inner = json_object_get(v, rule->key);
        step.key = rule->key;
        if (inner)
            status = check_value(inner, rule, p);
        else if (!rule->optional)
            status = refuse(p, "is missing");
    }
    p->at = step.up;
    return status;
}

static int check_map(const json_t *tensor_json, const char *key, struct place *p)
{
    const json_t *m = json_object_get(tensor_json, key);
    const size_t values = json_array_size(json_object_get(m, "values"));
    const json_int_t rows = json_integer_value(json_object_get(m, "rows"));
    const json_int_t columns = json_integer_value(json_object_get(m, "columns"));
    if (!m || (rows <= 64 && columns <= 64 && values == (size_t)(rows * columns)))
        return 0;
    return refuse(p, "'%s' must have rows x columns values, at most 64 of each", key);
}

/* What the rules cannot say: a tensor that was judged has its numbers, and a map as many values as cells. */
static int check_tensors(const json_t *tensors, size_t of_case, struct place *p)
{
    const struct step a = {NULL, "cases", 0}, b = {&a, NULL, of_case}, c = {&b, "tensors", 0};
    struct step d = {&c, NULL, 0};
    int status = 0;
    p->at = &d;
    for (; d.index < json_array_size(tensors) && status == 0; d.index++) {
        const json_t *t = json_array_get(tensors, d.index);
        if (!json_object_get(t, "skipped") && (!json_object_get(t, "rel_l2") || !json_object_get(t, "gates")))
            status = refuse(p, "needs rel_l2 and gates, or skipped");
        else if (check_map(t, "heads", p) != 0 || check_map(t, "tile", p) != 0)
            status = -1;
    }
    p->at = NULL;
    return status;
}

static int check_cases(const json_t *root, struct place *p)
{
    const json_t *cases = json_object_get(root, "cases");
    int status = 0;
    for (size_t i = 0; i < json_array_size(cases) && status == 0; i++)
        status = check_tensors(json_object_get(json_array_get(cases, i), "tensors"), i, p);
    return status;
}

static int check_root(struct ttt_loaded *loaded, struct place *p)
{
    const char *schema = json_string_value(json_object_get(loaded->root, "schema"));
    int at = 0;
    while (at < SCHEMAS && !(schema && strcmp(schema, schemas[at].schema) == 0))
        at++;
    if (at == SCHEMAS)
        return refuse(p,
                      "'schema' is '%s': not a report of ttt-verify, ttt-bench, ttt-fuzz, check-mutants or "
                      "power-curves that this version reads",
                      TTT_QUOTE(schema ? schema : "not there"));
    loaded->kind = schemas[at].kind;
    if (check_object(loaded->root, schemas[at].rules, p) != 0)
        return -1;
    return loaded->kind == TTT_KIND_VERIFY ? check_cases(loaded->root, p) : 0;
}

/* (json_load_file() takes a lock for each byte in a program with threads: half of the time.) */
static size_t more_bytes(void *buffer, size_t size, void *in)
{
    const size_t got = fread(buffer, 1, size, in);
    return got == 0 && ferror((FILE *)in) ? (size_t)-1 : got;
}

/* 0, or -1 with one line in `error`. */
static int parse(struct ttt_loaded *loaded, const struct ttt_message *message)
{
    json_error_t what;
    FILE *in = fopen(loaded->path, "rb");
    if (!in)
        return ttt_message_refuse(message, "%s", strerror(errno));
    loaded->root = json_load_callback(more_bytes, in, JSON_REJECT_DUPLICATES, &what);
    const int unread = ferror(in);
    fclose(in);
    if (loaded->root)
        return 0;
    if (unread)
        return ttt_message_refuse(message, "it cannot be read");
    return ttt_message_refuse(message, "line %d, column %d: %s", what.line, what.column, TTT_QUOTE(what.text));
}

int ttt_load(const char *path, struct ttt_loaded *loaded, char *error, size_t error_size)
{
    const struct ttt_message message = {path, error, error_size};
    char text[512];
    struct place place = {.error = text, .error_size = sizeof text};
    *loaded = (struct ttt_loaded){.path = path};
    if (parse(loaded, &message) != 0)
        return -1;
    if (check_root(loaded, &place) == 0) {
        json_t *campaign = loaded->kind == TTT_KIND_FUZZ ? ttt_campaign_read(path, error, error_size) : NULL;
        const int bad = loaded->kind == TTT_KIND_FUZZ && !campaign;
        json_decref(campaign);
        if (!bad)
            return 0;
    } else {
        ttt_message_refuse(&message, "%s", text);
    }
    json_decref(loaded->root);
    loaded->root = NULL;
    return -1;
}

double ttt_load_number(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    const char *s = json_string_value(v);
    if (json_is_number(v))
        return json_number_value(v);
    return s && strcmp(s, "inf") == 0 ? HUGE_VAL : s && strcmp(s, "-inf") == 0 ? -HUGE_VAL : (double)NAN;
}

const char *ttt_load_text(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "";
}

int ttt_load_verdict(const json_t *object)
{
    const char *s = ttt_load_text(object, "verdict");
    int v = 0;
    while (v < TTT_VERDICT_COUNT && strcmp(s, ttt_verdict_name[v]) != 0)
        v++;
    return v;
}

double ttt_load_share(const json_t *gate_json)
{
    const double value = ttt_load_number(gate_json, "value"), bound = ttt_load_number(gate_json, "bound");
    const double share = value == 0 ? 0 : value / bound;
    return isnan(share) ? HUGE_VAL : share;
}
