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

/* Times the reference's own error of a row, squared for a single element; and what the sums in float make. */
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

/* Both passes of one of the references, watched; of replica `seed` of the contract where that is not 0. */
static int watch_reference(const struct fuzz_lab *lab, const struct fuzz_subject *subject,
                           const struct ttt_candidate *reference, uint64_t seed, struct fuzz_stages *s, char *error,
                           size_t error_size)
{
    struct ttt_tensors block = {.head0 = 0};
    s->is_double = reference->types == TTT_TYPES_F64;
    ttt_candidate_ref_probe(fuzz_stages_probe, s);
    const int status =
        seed ? fuzz_block_replicate(&block, &subject->inputs, seed, lab->points, lab->directions, lab->threads, error,
                                    error_size)
             : fuzz_block_run(&block, &subject->inputs, reference, lab->directions, lab->threads, error, error_size);
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

/* What the reference's own arithmetic costs: to nearest, and stochastically (of bfloat16 types). */
enum { SAMPLES = 9 };

struct samples {
    struct fuzz_stages list[SAMPLES];
    int count;
};

/* Element i: the largest error of the samples; infinity where all of them and the truth, NaN where some are not
 * finite. */
static double cost_of(const struct fuzz_stage *r, const struct fuzz_stage *const *samples, int count, int64_t i)
{
    double most = 0;
    int finite = isfinite(r->values[i]) != 0;
    const int truth_is = finite;
    for (int s = 0; s < count; s++) {
        most = fmax(most, fabs(samples[s]->values[i] - r->values[i]));
        finite += isfinite(samples[s]->values[i]) != 0;
    }
    return finite == count + 1 ? most : finite == 0 && !truth_is ? (double)INFINITY : (double)NAN;
}

/* An error of a row and of its elements in units of what is suspicious, the largest over the elements. */
static double row_ratio(const struct fuzz_stage *k, const struct fuzz_stage *r, const struct fuzz_stage *const *samples,
                        int count, int64_t first)
{
    double error = 0, size = 0, allowed = 0, worst = 0;
    int compared = 0;
    for (int64_t i = first; i < first + r->columns; i++)
        size += isfinite(r->values[i]) ? r->values[i] * r->values[i] : 0;
    const double noise = float_noise * sqrt(size / (double)r->columns);
    for (int64_t i = first; i < first + r->columns; i++) {
        const double cost = cost_of(r, samples, count, i), x = fabs(k->values[i] - r->values[i]);
        if (isnan(cost)) /* at the end of the range */
            continue;
        if (isfinite(cost) != isfinite(k->values[i]))
            return (double)INFINITY;
        if (!isfinite(cost))
            continue;
        worst = fmax(worst, x == 0 ? 0 : x / (tolerance * tolerance * (cost + noise)));
        error += x * x;
        allowed += cost * cost;
        compared++;
    }
    const double most = tolerance * (sqrt(allowed) + noise * sqrt((double)compared));
    return error == 0 ? worst : fmax(worst, sqrt(error) / most);
}

/* The stage of k against the truth's; 0 where one of the samples does not have it. */
static double stage_ratio(const struct fuzz_stage *k, const struct fuzz_stage *r, const struct samples *samples)
{
    const struct fuzz_stage *own[SAMPLES];
    double worst = 0;
    for (int s = 0; s < samples->count; s++)
        if (!(own[s] = find(&samples->list[s], r)))
            return 0;
    for (int64_t first = 0; first < r->count; first += r->columns)
        worst = fmax(worst, row_ratio(k, r, own, samples->count, first));
    return worst;
}

static void compare(const struct fuzz_stages *truth, const struct samples *samples, const struct fuzz_stages *k,
                    struct fuzz_equation *out)
{
    for (size_t i = 0; i < truth->count && !out->found; i++) {
        const struct fuzz_stage *r = &truth->list[i], *mine = find(k, r);
        const double ratio = mine ? stage_ratio(mine, r, samples) : 0;
        if (ratio <= 1)
            continue;
        *out = (struct fuzz_equation){1, 1, "", r->head, r->mini_batch, r->occurrence > 0, ratio};
        memcpy(out->equation, r->equation, sizeof out->equation);
    }
}

int fuzz_find_equation(const struct fuzz_lab *lab, const char *spec, const struct fuzz_subject *subject,
                       const char *path, struct fuzz_equation *out, char *error, size_t error_size)
{
    struct fuzz_stages truth = {.list = NULL}, k = {.list = NULL};
    struct samples samples = {.count = 0};
    const struct ttt_candidate *reference = ttt_candidate_contract(lab->types, lab->points);
    *out = (struct fuzz_equation){.offered = ttt_candidate_is_reference(lab->candidate)};
    int status = out->offered ? watch_reference(lab, subject, lab->candidate, 0, &k, error, error_size)
                              : watch_plugin(lab, spec, subject, path, &k, &out->offered, error, error_size);
    if (status == 0 && out->offered)
        status = watch_reference(lab, subject, &ttt_candidate_ref_f64, 0, &truth, error, error_size);
    const int wanted = lab->types == TTT_TYPES_BF16 ? SAMPLES : 1;
    for (int i = 0; i < wanted && status == 0 && out->offered; i++, samples.count++)
        status = watch_reference(lab, subject, reference, (uint64_t)i, &samples.list[i], error, error_size);
    if (status == 0 && out->offered)
        compare(&truth, &samples, &k, out);
    fuzz_stages_free(&truth);
    fuzz_stages_free(&k);
    for (int i = 0; i < SAMPLES; i++)
        fuzz_stages_free(&samples.list[i]);
    return status;
}
