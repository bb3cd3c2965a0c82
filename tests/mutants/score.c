/* SPDX-License-Identifier: MIT */
#include "score.h"
#include <jansson.h>
#include <string.h>

#define TIERS 3

static const char *const distributions[] = {"unit", "model", "strong"};
#define DISTRIBUTIONS (sizeof distributions / sizeof distributions[0])

/* A line of the table: what became of the mutants of one class. */
struct line {
    const char *group;
    size_t all, ends[END_COUNT], tiers[TIERS], by_distribution[DISTRIBUTIONS];
};

size_t score_count(const struct score *score, enum end end)
{
    size_t n = 0;
    for (size_t i = 0; i < score->count; i++)
        n += score->outcomes[i].end == end;
    return n;
}

static void count_one(struct line *line, const struct outcome *o)
{
    line->all++;
    line->ends[o->end]++;
    if (o->end != END_KILLED)
        return;
    line->tiers[o->failure.tier]++;
    for (size_t d = 0; d < DISTRIBUTIONS; d++)
        line->by_distribution[d] += strcmp(o->failure.distribution, distributions[d]) == 0;
}

static void print_line(FILE *out, const struct line *l)
{
    fprintf(out, "%-14s %5zu %7zu | %6zu %6zu %6zu | %6zu %6zu %6zu | %8zu %10zu %6zu %6zu\n", l->group, l->all,
            l->ends[END_KILLED], l->tiers[0], l->tiers[1], l->tiers[2], l->by_distribution[0], l->by_distribution[1],
            l->by_distribution[2], l->ends[END_SURVIVED], l->ends[END_EQUIVALENT], l->ends[END_BELOW],
            l->ends[END_ERROR]);
}

/* The first mutant of its class stands for the class. */
static int is_first(const struct score *score, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (strcmp(score->list[j]->group, score->list[i]->group) == 0)
            return 0;
    return 1;
}

static void print_table(FILE *out, const struct score *score)
{
    struct line total = {.group = "all"};
    fprintf(out, "%-14s %5s %7s | %6s %6s %6s | %6s %6s %6s | %8s %10s %6s %6s\n", "class", "all", "killed", "tier 0",
            "tier 1", "tier 2", "unit", "model", "strong", "survived", "equivalent", "below", "error");
    for (size_t i = 0; i < score->count; i++) {
        struct line line = {.group = score->list[i]->group};
        count_one(&total, &score->outcomes[i]);
        for (size_t j = i; j < score->count && is_first(score, i); j++)
            if (strcmp(score->list[j]->group, line.group) == 0)
                count_one(&line, &score->outcomes[j]);
        if (line.all > 0)
            print_line(out, &line);
    }
    print_line(out, &total);
}

static void print_alive(FILE *out, const struct mutant *m, const struct outcome *o)
{
    fprintf(out, "%s: %s [%s] %s (%s:%d)\n", end_name[o->end], m->name, m->group, m->about, m->path, m->line);
    if (o->end == END_ERROR)
        fprintf(out, "    %s\n", o->error);
    else if (o->same_bits)
        fprintf(out, "    its outputs on all cases are those of the clean build, bit by bit\n");
    if (o->end == END_BELOW)
        fprintf(out, "    %s\n", m->argument);
    if (m->larger)
        fprintf(out, "    the same, larger: %s%s\n", m->larger, o->end == END_SURVIVED ? ", lives too" : "");
}

void score_print(FILE *out, const struct score *score)
{
    print_table(out, score);
    fputc('\n', out);
    for (size_t i = 0; i < score->count; i++)
        if (score->outcomes[i].end != END_KILLED && score->outcomes[i].end != END_EQUIVALENT)
            print_alive(out, score->list[i], &score->outcomes[i]);
    if (score_count(score, END_ERROR) > 0)
        fprintf(out, "errors: %zu mutants could not be judged\n", score_count(score, END_ERROR));
    fprintf(out, "mutants: %zu killed, %zu survived, %zu equivalent, %zu below resolution\n",
            score_count(score, END_KILLED), score_count(score, END_SURVIVED), score_count(score, END_EQUIVALENT),
            score_count(score, END_BELOW));
}

static json_t *mutant_json(const struct mutant *m, const struct outcome *o)
{
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:f, s:f}", "name", m->name, "class", m->group, "about", m->about, "end",
                  end_name[o->end], "build_seconds", o->build_seconds, "judge_seconds", o->judge_seconds);
    if (o->end == END_KILLED) {
        const struct failure *f = &o->failure;
        json_object_set_new(object, "killed_by",
                            json_pack("{s:i, s:s, s:s, s:s, s:s, s:s}", "tier", f->tier, "gate", f->gate, "tensor",
                                      f->tensor, "where", f->detail, "case", f->case_text, "distribution",
                                      f->distribution));
    }
    if (o->end == END_ERROR)
        json_object_set_new(object, "error", json_string(o->error));
    if (o->end == END_SURVIVED || o->end == END_BELOW)
        json_object_set_new(object, "same_bits", json_boolean(o->same_bits));
    if (o->criteria[0])
        json_object_set_new(object, "criteria", json_string(o->criteria));
    if (m->argument)
        json_object_set_new(object, "argument", json_string(m->argument));
    return object;
}

/* In the order of the digits of each mutant. */
static json_t *names_json(const char *path)
{
    char line[256];
    FILE *in = fopen(path, "r");
    json_t *names = in ? json_array() : NULL;
    while (in && fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = '\0';
        json_array_append_new(names, json_string(line));
    }
    if (in)
        fclose(in);
    return names;
}

int score_write(const char *path, const struct score *score)
{
    json_t *mutants = json_array();
    for (size_t i = 0; i < score->count; i++)
        json_array_append_new(mutants, mutant_json(score->list[i], &score->outcomes[i]));
    json_t *summary = json_object();
    for (int e = 0; e < END_COUNT; e++)
        json_object_set_new(summary, end_name[e], json_integer((json_int_t)score_count(score, (enum end)e)));
    json_object_set_new(summary, "seconds", json_real(score->seconds));
    json_t *root = json_pack("{s:s, s:s, s:o, s:o}", "schema", "ttt-mutants-1", "program", "check-mutants", "mutants",
                             mutants, "summary", summary);
    const int named = !score->criteria || json_object_set_new(root, "criteria", names_json(score->criteria)) == 0;
    const int status = root && named ? json_dump_file(root, path, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : -1;
    json_decref(root);
    return status;
}
