/* SPDX-License-Identifier: MIT */
#include "shapes.h"
#include "exact.h"
#include "tensors.h"
#include "text.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const ttt_distribution_name[TTT_DIST_NONE] = {"unit", "model", "strong", "exact"};

enum key { KEY_EPS, KEY_DIST, KEY_SEED, KEY_CAUSAL, KEY_STATE_GRADS, KEY_COUNT };

static const struct {
    const char *name, *allowed;
} keys[KEY_COUNT] = {
    [KEY_EPS] = {"eps", "a decimal number >= 0"},      [KEY_DIST] = {"dist", "unit, model, strong or exact"},
    [KEY_SEED] = {"seed", "an integer 0 to 2^64 - 1"}, [KEY_CAUSAL] = {"causal", "0 or 1"},
    [KEY_STATE_GRADS] = {"state_grads", "0 or 1"},
};

struct reader {
    const char *text, *at;
    char *error;
    size_t error_size;
};

static int refuse(const struct reader *r, const char *what)
{
    char quoted[TTT_CASE_TEXT];
    ttt_text_quote(quoted, sizeof quoted, r->text, strlen(r->text));
    snprintf(r->error, r->error_size, "case '%s', column %zu: %s", quoted, (size_t)(r->at - r->text) + 1, what);
    return -1;
}

/* The seven sizes, in order. */
static int read_sizes(struct reader *r, struct ttt_mlp_shape *shape)
{
    int64_t *const sizes[7] = {&shape->batch,
                               &shape->heads,
                               &shape->seq_len,
                               &shape->mini_batch_size,
                               &shape->head_dim,
                               &shape->hidden_dim,
                               &shape->checkpoint_group_size};
    for (int i = 0; i < 7; i++) {
        char what[96];
        if (*r->at != "bhncfdg"[i]) {
            snprintf(what, sizeof what, "expected '%c' (the sizes are b h n c f d g, all seven, in this order)",
                     "bhncfdg"[i]);
            return refuse(r, what);
        }
        r->at++;
        const size_t digits = strspn(r->at, "0123456789");
        uint64_t value;
        if (ttt_text_to_u64(r->at, digits, INT64_MAX, &value) || value == 0) {
            snprintf(what, sizeof what, "size '%c' must be an integer 1 to 2^63 - 1", "bhncfdg"[i]);
            return refuse(r, what);
        }
        *sizes[i] = (int64_t)value;
        r->at += digits;
    }
    return 0;
}

static int read_value(enum key key, const char *value, size_t n, struct ttt_case *c)
{
    uint64_t flag;
    switch (key) {
    case KEY_EPS:
        return ttt_text_to_double(value, n, &c->shape.ln_eps);
    case KEY_DIST:
        c->distribution = ttt_distribution_find(value, n);
        return c->distribution == TTT_DIST_NONE ? -1 : 0;
    case KEY_SEED:
        return ttt_text_to_u64(value, n, UINT64_MAX, &c->seed);
    default:
        if (n != 1 || ttt_text_to_u64(value, n, 1, &flag))
            return -1;
        *(key == KEY_CAUSAL ? &c->shape.causal : &c->state_grads) = (int)flag;
        return 0;
    }
}

/* One "key=value"; `seen` has a bit for each key that came before. */
static int read_key(struct reader *r, unsigned *seen, struct ttt_case *c)
{
    const size_t n = strcspn(r->at, " ");
    const char *equals = memchr(r->at, '=', n);
    enum key key = KEY_EPS;
    while (key < KEY_COUNT && !(equals && strlen(keys[key].name) == (size_t)(equals - r->at) &&
                                memcmp(keys[key].name, r->at, (size_t)(equals - r->at)) == 0))
        key++;
    if (key == KEY_COUNT)
        return refuse(r, n == 0 ? "one space between words, none at the end"
                                : "unknown key (allowed: eps= dist= seed= causal= state_grads=)");
    char what[96];
    snprintf(what, sizeof what, "%s is given twice", keys[key].name);
    if (*seen & 1u << key)
        return refuse(r, what);
    *seen |= 1u << key;
    snprintf(what, sizeof what, "%s must be %s", keys[key].name, keys[key].allowed);
    if (read_value(key, equals + 1, n - (size_t)(equals + 1 - r->at), c))
        return refuse(r, what);
    r->at += n;
    return 0;
}

int ttt_case_parse(const char *text, struct ttt_case *out, char *error, size_t error_size)
{
    struct reader r = {.text = text, .at = text, .error = error, .error_size = error_size};
    struct ttt_case c = {
        .shape = {.ln_eps = 1e-6, .causal = 0}, .distribution = TTT_DIST_UNIT, .seed = 1, .state_grads = 1};
    if (read_sizes(&r, &c.shape))
        return -1;
    unsigned seen = 0;
    while (*r.at) {
        if (*r.at != ' ')
            return refuse(&r, "expected a space or the end");
        r.at++;
        if (read_key(&r, &seen, &c))
            return -1;
    }
    char what[256];
    if (ttt_case_check(&c, what, sizeof what)) {
        r.at = text;
        return refuse(&r, what);
    }
    *out = c;
    return 0;
}

int ttt_case_check(const struct ttt_case *c, char *error, size_t error_size)
{
    const struct ttt_mlp_shape *s = &c->shape;
    const struct {
        const char *name;
        int64_t value, max;
    } sizes[] = {{"batch", s->batch, INT64_MAX},
                 {"heads", s->heads, INT64_MAX},
                 {"seq_len", s->seq_len, INT64_MAX},
                 {"mini_batch_size", s->mini_batch_size, INT32_MAX},
                 {"head_dim", s->head_dim, INT32_MAX},
                 {"hidden_dim", s->hidden_dim, INT32_MAX},
                 {"checkpoint_group_size", s->checkpoint_group_size, INT64_MAX}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (sizes[i].value >= 1 && sizes[i].value <= sizes[i].max)
            continue;
        snprintf(error, error_size, "%s is %" PRId64 " (allowed: 1 to %" PRId64 ")", sizes[i].name, sizes[i].value,
                 sizes[i].max);
        return -1;
    }
    if (!(isfinite(s->ln_eps) && s->ln_eps >= 0)) {
        snprintf(error, error_size, "ln_eps is %g (allowed: finite and >= 0)", s->ln_eps);
        return -1;
    }
    for (enum ttt_tensor t = TTT_XQ; t < TTT_TENSOR_COUNT; t++) {
        const int64_t elements = ttt_tensor_elements(t, s);
        if (elements >= 0 && elements <= INT64_MAX / 32)
            continue;
        snprintf(error, error_size, "the sizes overflow: %s would have more than 2^58 elements",
                 ttt_tensor_info[t].name);
        return -1;
    }
    return c->distribution == TTT_DIST_EXACT ? ttt_exact_check(c, error, error_size) : 0;
}

enum ttt_distribution ttt_distribution_find(const char *name, size_t n)
{
    enum ttt_distribution d = TTT_DIST_UNIT;
    while (d < TTT_DIST_NONE &&
           !(strlen(ttt_distribution_name[d]) == n && memcmp(ttt_distribution_name[d], name, n) == 0))
        d++;
    return d;
}

void ttt_case_format(const struct ttt_case *c, char text[TTT_CASE_TEXT])
{
    const struct ttt_mlp_shape *s = &c->shape;
    char eps[TTT_TEXT_DOUBLE];
    ttt_text_from_double(eps, s->ln_eps);
    snprintf(text, TTT_CASE_TEXT,
             "b%" PRId64 "h%" PRId64 "n%" PRId64 "c%" PRId64 "f%" PRId64 "d%" PRId64 "g%" PRId64
             " eps=%s dist=%s seed=%" PRIu64 " causal=%d state_grads=%d",
             s->batch, s->heads, s->seq_len, s->mini_batch_size, s->head_dim, s->hidden_dim, s->checkpoint_group_size,
             eps, ttt_distribution_name[c->distribution], c->seed, s->causal, c->state_grads);
}

int64_t ttt_shape_mini_batches(const struct ttt_mlp_shape *shape)
{
    return (shape->seq_len - 1) / shape->mini_batch_size + 1;
}

int64_t ttt_shape_checkpoints(const struct ttt_mlp_shape *shape)
{
    return (ttt_shape_mini_batches(shape) - 1) / shape->checkpoint_group_size + 1;
}
