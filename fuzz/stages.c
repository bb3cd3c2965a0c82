/* SPDX-License-Identifier: MIT */
#include "stages.h"
#include "blocks.h"
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Times the reference's own error.  The truth of the values is a float's where nothing rounds to bfloat16. */
static const double tolerance = 2;
static const double float_noise = 8 * (double)FLT_EPSILON;

void fuzz_stages_free(struct fuzz_stages *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->list[i].values);
    free(s->list);
    *s = (struct fuzz_stages){.list = NULL};
}

/* The stage that the rows belong to: the last one of this name, if they go on where it ends, else a new one. */
static struct fuzz_stage *stage_for(struct fuzz_stages *s, const struct ttt_mlp_stage *part)
{
    int occurrence = 0;
    for (size_t i = s->count; i > 0; i--) {
        struct fuzz_stage *old = &s->list[i - 1];
        if (strcmp(old->equation, part->equation) != 0 || old->head != part->head ||
            old->mini_batch != part->mini_batch || old->columns != part->columns)
            continue;
        if (part->row > 0 && old->count == part->row * part->columns)
            return old;
        occurrence = old->occurrence + 1;
        break;
    }
    if (s->count == s->room) {
        struct fuzz_stage *list = realloc(s->list, (s->room = 2 * s->room + 64) * sizeof *list);
        if (!list)
            return NULL;
        s->list = list;
    }
    struct fuzz_stage *fresh = &s->list[s->count++];
    *fresh = (struct fuzz_stage){
        .head = part->head, .mini_batch = part->mini_batch, .columns = part->columns, .occurrence = occurrence};
    snprintf(fresh->equation, sizeof fresh->equation, "%s", part->equation);
    return fresh;
}

/* Room for `n` more values, or NULL. */
static double *grow(struct fuzz_stage *stage, int64_t n)
{
    if (stage->count + n > stage->room) {
        double *values = realloc(stage->values, (size_t)(stage->room = stage->count + n) * sizeof *values);
        if (!values)
            return NULL;
        stage->values = values;
    }
    stage->count += n;
    return stage->values + stage->count - n;
}

void fuzz_stages_probe(void *context, const struct ttt_mlp_stage *part)
{
    struct fuzz_stages *s = context;
    const int64_t n = part->rows * part->columns;
    struct fuzz_stage *stage = s->failed ? NULL : stage_for(s, part);
    double *values = stage ? grow(stage, n) : NULL;
    s->failed |= !values;
    for (int64_t i = 0; values && i < n; i++)
        values[i] = s->is_double ? ((const double *)part->values)[i] : (double)((const float *)part->values)[i];
}

/* One line of the header and its values.  1 read, 0 end, -1 not as it must be. */
static int read_part(FILE *in, struct fuzz_stages *s)
{
    enum { MOST = 1 << 24 };
    char equation[FUZZ_EQUATION_TEXT];
    struct ttt_mlp_stage part = {.equation = equation};
    const int n = fscanf(in, "%31[^\t]%" SCNd64 "%" SCNd64 "%" SCNd64 "%" SCNd64 "%" SCNd64 "\n", equation, &part.head,
                         &part.mini_batch, &part.row, &part.rows, &part.columns);
    if (n == EOF)
        return 0;
    if (n != 6 || part.row < 0 || part.rows < 1 || part.columns < 1 || part.rows > MOST ||
        part.columns > MOST / part.rows || part.row > MOST / part.columns)
        return -1;
    struct fuzz_stage *stage = stage_for(s, &part);
    double *values = stage ? grow(stage, part.rows * part.columns) : NULL;
    for (int64_t i = 0; values && i < part.rows * part.columns; i++) {
        char line[64], *end;
        if (!fgets(line, sizeof line, in))
            return -1;
        values[i] = strtod(line, &end);
        if (end == line || *end != '\n')
            return -1;
    }
    return values ? 1 : -1;
}

int fuzz_stages_read(struct fuzz_stages *s, const char *path)
{
    FILE *in = fopen(path, "r");
    int status = in ? 1 : -1;
    while (status > 0)
        status = read_part(in, s);
    if (in)
        fclose(in);
    return status;
}

/* Both passes of one of the references, watched. */
static int watch_reference(const struct fuzz_lab *lab, const struct fuzz_subject *subject,
                           const struct ttt_candidate *reference, struct fuzz_stages *s, char *error, size_t error_size)
{
    struct ttt_tensors block = {.head0 = 0};
    s->is_double = reference->types == TTT_TYPES_F64;
    ttt_candidate_ref_probe(fuzz_stages_probe, s);
    const int status =
        fuzz_block_run(&block, &subject->inputs, reference, lab->directions, lab->threads, error, error_size);
    ttt_candidate_ref_probe(NULL, NULL);
    ttt_tensors_free(&block);
    if (status == 0 && s->failed)
        snprintf(error, error_size, "out of memory");
    return status == 0 && s->failed ? -1 : status;
}

/* The same of a plug-in that offers it; *offered. */
static int watch_plugin(const struct fuzz_lab *lab, const char *spec, const struct fuzz_subject *subject,
                        const char *path, struct fuzz_stages *s, int *offered, char *error, size_t error_size)
{
    struct ttt_opened opened = {.candidate = NULL};
    struct ttt_tensors block = {.head0 = 0};
    const size_t size = strlen(spec) + strlen(path) + sizeof ":probe=";
    char *probing = malloc(size), refusal[512];
    if (!probing) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    snprintf(probing, size, "%s%sprobe=%s", spec, strstr(spec, ".so:") ? "," : ":", path);
    int status = 0;
    *offered = ttt_candidate_open_spec(probing, &opened, refusal, sizeof refusal) == 0;
    if (*offered) {
        status = fuzz_block_run(&block, &subject->inputs, opened.candidate, lab->directions, lab->threads, error,
                                error_size);
        ttt_candidate_close(&opened);
        *offered = status == 0 && fuzz_stages_read(s, path) == 0 && s->count > 0;
    }
    ttt_tensors_free(&block);
    unlink(path);
    free(probing);
    return status;
}

static const struct fuzz_stage *find(const struct fuzz_stages *s, const struct fuzz_stage *like)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct fuzz_stage *stage = &s->list[i];
        if (strcmp(stage->equation, like->equation) == 0 && stage->head == like->head &&
            stage->mini_batch == like->mini_batch && stage->occurrence == like->occurrence &&
            stage->count == like->count)
            return stage;
    }
    return NULL;
}

/* Root mean square of a - r over the finite positions; infinity where only one of them is finite. */
static double error_of(const struct fuzz_stage *a, const struct fuzz_stage *r)
{
    double square = 0;
    for (int64_t i = 0; i < r->count; i++) {
        const double x = a->values[i] - r->values[i];
        if (isfinite(a->values[i]) != isfinite(r->values[i]))
            return (double)INFINITY;
        square += isfinite(x) ? x * x : 0;
    }
    return sqrt(square / (double)r->count);
}

static double size_of(const struct fuzz_stage *r)
{
    double square = 0;
    for (int64_t i = 0; i < r->count; i++)
        square += isfinite(r->values[i]) ? r->values[i] * r->values[i] : 0;
    return sqrt(square / (double)r->count);
}

static void compare(const struct fuzz_stages *truth, const struct fuzz_stages *contract, const struct fuzz_stages *k,
                    struct fuzz_equation *out)
{
    for (size_t i = 0; i < truth->count && !out->found; i++) {
        const struct fuzz_stage *r = &truth->list[i], *c = find(contract, r), *mine = find(k, r);
        if (!c || !mine)
            continue;
        const double error = error_of(mine, r), allowed = tolerance * (error_of(c, r) + float_noise * size_of(r));
        if (error <= allowed)
            continue;
        out->found = 1;
        memcpy(out->equation, r->equation, sizeof out->equation);
        out->head = r->head;
        out->mini_batch = r->mini_batch;
        out->recomputed = r->occurrence > 0;
        out->ratio = error / allowed;
    }
}

int fuzz_find_equation(const struct fuzz_lab *lab, const char *spec, const struct fuzz_subject *subject,
                       const char *path, struct fuzz_equation *out, char *error, size_t error_size)
{
    struct fuzz_stages truth = {.list = NULL}, contract = {.list = NULL}, k = {.list = NULL};
    *out = (struct fuzz_equation){.offered = ttt_candidate_is_reference(lab->candidate)};
    int status = out->offered ? watch_reference(lab, subject, lab->candidate, &k, error, error_size)
                              : watch_plugin(lab, spec, subject, path, &k, &out->offered, error, error_size);
    if (status == 0 && out->offered)
        status = watch_reference(lab, subject, &ttt_candidate_ref_f64, &truth, error, error_size);
    if (status == 0 && out->offered)
        status = watch_reference(lab, subject, fuzz_reference(lab->candidate->types), &contract, error, error_size);
    if (status == 0 && out->offered)
        compare(&truth, &contract, &k, out);
    fuzz_stages_free(&truth);
    fuzz_stages_free(&contract);
    fuzz_stages_free(&k);
    return status;
}
