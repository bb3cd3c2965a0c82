/* SPDX-License-Identifier: MIT */
#include "ledger.h"
#include "draw.h"
#include "harness/campaign.h"
#include "harness/clock.h"
#include "harness/flops.h"
#include "harness/json.h"
#include "harness/output.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *campaign_json(const struct fuzz_options *o)
{
    char seed[32], held[FUZZ_CASE_TEXT + 16];
    snprintf(seed, sizeof seed, "%" PRIu64, o->seed);
    if (o->hold) {
        char text[FUZZ_CASE_TEXT];
        fuzz_case_format(&o->held, text);
        snprintf(held, sizeof held, "%s of %s", o->hold == FUZZ_HOLD_SHAPE ? "shape" : "values", text);
    }
    return json_pack("{s:o, s:s, s:s, s:o, s:o}", "candidate", ttt_json_text(o->candidate.spec), "direction",
                     ttt_direction_name[o->directions], "seed", seed, "cases",
                     o->cases == UINT64_MAX ? json_null() : json_integer((json_int_t)o->cases), "held",
                     o->hold ? json_string(held) : json_null());
}

static json_t *new_report(const struct fuzz_options *o, const char *command)
{
    char started[TTT_CLOCK_DATE];
    ttt_clock_date(started);
    json_t *report = ttt_json_head(TTT_CAMPAIGN_SCHEMA, "ttt-fuzz", command, started);
    json_object_set_new(report, "campaign", campaign_json(o));
    json_object_set_new(report, "ranks",
                        json_pack("[{s:I, s:I, s:I, s:b}]", "rank", (json_int_t)o->shard.rank, "size",
                                  (json_int_t)o->shard.size, "next", (json_int_t)o->shard.rank, "complete", 0));
    json_object_set_new(report, "hash", json_string("0000000000000000"));
    json_object_set_new(report, "counts", json_object());
    json_object_set_new(report, "findings", json_array());
    json_object_set_new(report, "nearest", json_pack("{s:f, s:s}", "value", 0.0, "case", ""));
    json_object_set_new(report, "seconds", json_real(0));
    return report;
}

/* FILE, or of one of many ranks FILE with its number before the extension; to be freed. */
static char *rank_path(const struct fuzz_options *o)
{
    const size_t size = strlen(o->json) + 32;
    const char *slash = strrchr(o->json, '/'), *dot = strrchr(o->json, '.');
    const int stem = dot && (!slash || dot > slash + 1) ? (int)(dot - o->json) : (int)strlen(o->json);
    char *path = malloc(size);
    if (path && o->sharded)
        snprintf(path, size, "%.*s.%" PRIu64 "%s", stem, o->json, o->shard.rank, o->json + stem);
    else if (path)
        snprintf(path, size, "%s", o->json);
    return path;
}

/* Go on with the report in the file, if it is there. */
static int resume(struct fuzz_ledger *l, char *error, size_t error_size)
{
    json_t *old = ttt_campaign_read(l->path, error, error_size);
    if (!old)
        return -1;
    const json_t *mine = json_array_get(json_object_get(l->report, "ranks"), 0);
    const json_t *its = json_array_get(json_object_get(old, "ranks"), 0);
    if (!json_equal(json_object_get(old, "campaign"), json_object_get(l->report, "campaign")) ||
        !json_equal(json_object_get(mine, "rank"), json_object_get(its, "rank")) ||
        !json_equal(json_object_get(mine, "size"), json_object_get(its, "size"))) {
        snprintf(error, error_size, "--resume: %s is of another campaign or rank", l->path);
        json_decref(old);
        return -1;
    }
    l->next = (uint64_t)json_integer_value(json_object_get(its, "next"));
    l->seconds_before = json_number_value(json_object_get(old, "seconds"));
    json_decref(l->report);
    l->report = old;
    return 0;
}

int fuzz_ledger_open(struct fuzz_ledger *l, const struct fuzz_options *o, const char *command, char *error,
                     size_t error_size)
{
    *l = (struct fuzz_ledger){.report = new_report(o, command), .next = o->shard.rank};
    l->path = o->json ? rank_path(o) : NULL;
    if (!l->report || (o->json && !l->path)) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    if (o->resume && l->path && access(l->path, F_OK) == 0)
        return resume(l, error, error_size);
    return fuzz_ledger_save(l, 0, 0, error, error_size); /* a path that cannot be written is better known now */
}

void fuzz_ledger_free(struct fuzz_ledger *l)
{
    json_decref(l->report);
    free(l->path);
}

enum { BIN_TEXT = 48 };

/* Which bin of widths or lengths: 1, 2, 3-4, 5-8 ... */
static const char *bin(char text[BIN_TEXT], int64_t n)
{
    int64_t top = 1;
    while (top < n)
        top *= 2;
    if (top <= 2)
        snprintf(text, BIN_TEXT, "%" PRId64, top);
    else
        snprintf(text, BIN_TEXT, "%" PRId64 "-%" PRId64, top / 2 + 1, top);
    return text;
}

/* The same of arithmetic, in millions of operations. */
static const char *work_bin(char text[BIN_TEXT], const struct ttt_mlp_shape *s)
{
    const double flops = ttt_flops(s, TTT_FORWARD) + ttt_flops(s, TTT_BACKWARD);
    snprintf(text, BIN_TEXT, "2^%d", (int)ceil(log2(flops / 1e6)));
    return text;
}

static int count_values(struct fuzz_ledger *l, const struct fuzz_case *f, const char *verdict)
{
    int failed = 0;
    if (fuzz_case_is_plain(f))
        failed |= ttt_campaign_count(l->report, "values", "drawn", verdict);
    for (enum ttt_tensor t = 0; t < TTT_XQW; t++)
        if (f->field[t].kind != FUZZ_DRAWN)
            failed |= ttt_campaign_count(l->report, "values", fuzz_kind_name[f->field[t].kind], verdict);
    return failed;
}

static int count_shape(struct fuzz_ledger *l, const struct ttt_mlp_shape *s, const char *verdict)
{
    const struct {
        const char *table;
        int64_t size;
    } sizes[] = {{"B H", s->batch * s->heads}, {"NC", ttt_shape_mini_batches(s)},
                 {"C", s->mini_batch_size},    {"F", s->head_dim},
                 {"D", s->hidden_dim},         {"K", ttt_shape_checkpoints(s)}};
    char text[BIN_TEXT];
    int failed = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        failed |= ttt_campaign_count(l->report, sizes[i].table, bin(text, sizes[i].size), verdict);
    snprintf(text, sizeof text, "%g", s->ln_eps);
    failed |= ttt_campaign_count(l->report, "eps", text, verdict);
    failed |= ttt_campaign_count(l->report, "form", s->causal ? "causal" : "non-causal", verdict);
    failed |= ttt_campaign_count(l->report, "NC >= 3 and a tail", fuzz_has_tail(s) ? "yes" : "no", verdict);
    return failed | ttt_campaign_count(l->report, "MFLOP", work_bin(text, s), verdict);
}

/* FNV-1a of what a case is and how it ended. */
static uint64_t hash_of(uint64_t index, const char *text, enum ttt_verdict verdict)
{
    uint64_t hash = 0xcbf29ce484222325u ^ index;
    for (const char *p = text; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 0x100000001b3u;
    return (hash ^ (uint64_t)verdict) * 0x100000001b3u;
}

int fuzz_ledger_add(struct fuzz_ledger *l, uint64_t index, const struct fuzz_case *f, const struct fuzz_outcome *o)
{
    const char *verdict = ttt_verdict_name[o->verdict];
    char text[FUZZ_CASE_TEXT];
    fuzz_case_format(f, text);
    int failed = ttt_campaign_count(l->report, "cases", "all", verdict);
    failed |= ttt_campaign_count(l->report, "judgement",
                                 o->suspicious ? "suspicious"
                                 : o->judged   ? "sampled"
                                               : "screened",
                                 verdict);
    failed |= ttt_campaign_count(l->report, "distribution", ttt_distribution_name[f->c.distribution], verdict);
    failed |= count_values(l, f, verdict) | count_shape(l, &f->c.shape, verdict);
    failed |= ttt_campaign_set_hash(l->report, ttt_campaign_hash(l->report) + hash_of(index, text, o->verdict));
    if (o->nearest > json_number_value(json_object_get(json_object_get(l->report, "nearest"), "value")))
        failed |= json_object_set_new(
            l->report, "nearest",
            json_pack("{s:f, s:s}", "value", isfinite(o->nearest) ? o->nearest : 1e308, "case", text));
    return failed ? -1 : 0;
}

static const char *tensor_name(const struct fuzz_outcome *o)
{
    return o->tensor < TTT_TENSOR_COUNT ? ttt_tensor_info[o->tensor].name : "";
}

int fuzz_ledger_knows(const struct fuzz_ledger *l, const struct fuzz_outcome *o)
{
    const json_t *findings = json_object_get(l->report, "findings");
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *f = json_array_get(findings, i);
        if (strcmp(json_string_value(json_object_get(f, "gate")), o->gate) == 0 &&
            strcmp(json_string_value(json_object_get(f, "tensor")), tensor_name(o)) == 0)
            return 1;
    }
    return 0;
}

int fuzz_ledger_find(struct fuzz_ledger *l, uint64_t index, const struct fuzz_finding *found,
                     const struct fuzz_finding *shrunk)
{
    char text[FUZZ_CASE_TEXT], small[FUZZ_CASE_TEXT];
    fuzz_case_format(&found->f, text);
    fuzz_case_format(&shrunk->f, small);
    return json_array_append_new(
        json_object_get(l->report, "findings"),
        json_pack("{s:I, s:s, s:s, s:s, s:o, s:{s:s, s:s, s:s, s:o, s:i}, s:s, s:s, s:o, s:o}", "index",
                  (json_int_t)index, "case", text, "gate", found->outcome.gate, "tensor", tensor_name(&found->outcome),
                  "detail", ttt_json_text(found->outcome.detail), "shrunk", "case", small, "gate", shrunk->outcome.gate,
                  "tensor", tensor_name(&shrunk->outcome), "detail", ttt_json_text(shrunk->outcome.detail), "tries",
                  shrunk->tries, "first_divergence", shrunk->place, "first_equation", shrunk->equation, "file",
                  ttt_json_text(shrunk->path), "repeat", ttt_json_text(shrunk->repeat)));
}

int fuzz_ledger_save(struct fuzz_ledger *l, double seconds, int complete, char *error, size_t error_size)
{
    struct ttt_output out;
    json_t *rank = json_array_get(json_object_get(l->report, "ranks"), 0);
    if (json_object_set_new(rank, "next", json_integer((json_int_t)l->next)) != 0 ||
        json_object_set_new(rank, "complete", json_boolean(complete)) != 0 ||
        json_object_set_new(l->report, "seconds", json_real(l->seconds_before + seconds)) != 0) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    if (!l->path)
        return 0;
    if (ttt_output_open(&out, l->path, error, error_size) != 0)
        return -1;
    if (json_dumpf(l->report, out.stream, JSON_INDENT(1) | JSON_SORT_KEYS) == 0 && fputc('\n', out.stream) != EOF)
        return ttt_output_commit(&out, error, error_size);
    snprintf(error, error_size, "--json: the report could not be written");
    ttt_output_abandon(&out);
    return -1;
}
