/* SPDX-License-Identifier: MIT */
#include "draw.h"
#include "harness/flops.h"
#include "harness/rng.h"

/* Draws one after the other from a stream of their own each. */
struct dice {
    uint64_t seed, index, stream;
};

enum { SHAPE_STREAM = 1, VALUES_STREAM = 1001 };

static uint64_t roll(struct dice *d, uint64_t sides)
{
    return ttt_rng_bits(d->seed, d->stream++, d->index) % sides;
}

static int64_t between(struct dice *d, int64_t least, int64_t most)
{
    return least + (int64_t)roll(d, (uint64_t)(most - least + 1));
}

#define PICK(dice, list) ((list)[roll(dice, sizeof(list) / sizeof(list)[0])])

/* Widths around tiles of 8, 16, 32 and 64, odd ones, and the smallest. */
static const int64_t batch_sizes[] = {1,  2,  3,  4,  5,  7,  8,  9,  12, 15, 16, 16, 16, 16,
                                      17, 20, 24, 31, 32, 32, 33, 48, 63, 64, 64, 64, 65};
static const int64_t widths[] = {1,  2,  3,  4,  5,  7,  8,  9,  12, 15, 16, 16, 16, 17, 20,
                                 24, 31, 32, 32, 32, 33, 40, 48, 63, 64, 64, 64, 64, 65};
static const int64_t hidden[] = {1, 2, 3, 5, 8, 13, 16, 17, 31, 32, 33, 63, 64, 65, 96, 127, 128, 129, 192, 256, 257};
static const double epsilons[] = {1e-6, 1e-6, 1e-6, 1e-6, 1e-8, 1e-8, 1e-8, 1e-5, 1e-5, 1e-2, 1, 1e-12, 0};

/* Both passes: larger cases are cut down, so that there are many. */
#define MOST_FLOPS 8e6

static int64_t draw_mini_batches(struct dice *d)
{
    const uint64_t kind = roll(d, 20);
    return kind < 2 ? 1 : kind < 5 ? 2 : kind < 16 ? between(d, 3, 8) : between(d, 9, 40);
}

/* N for NC mini-batches of C tokens: whole, or with a tail of 1, C - 1 or any number of tokens. */
static int64_t draw_tokens(struct dice *d, int64_t NC, int64_t C)
{
    const uint64_t kind = roll(d, 8);
    const int64_t tail = kind < 3 || C == 1 ? C : kind == 3 ? 1 : kind == 4 ? C - 1 : between(d, 1, C);
    return (NC - 1) * C + tail;
}

static double work(const struct ttt_mlp_shape *s)
{
    return ttt_flops(s, TTT_FORWARD) + ttt_flops(s, TTT_BACKWARD);
}

/* Halve what is largest, keeping the tail and at least three mini-batches as long as there is anything else. */
static void cut_down(struct ttt_mlp_shape *s)
{
    while (work(s) > MOST_FLOPS) {
        const int64_t C = s->mini_batch_size, NC = ttt_shape_mini_batches(s), tail = s->seq_len - (NC - 1) * C;
        if (s->heads > 2)
            s->heads = (s->heads + 1) / 2;
        else if (NC > 3)
            s->seq_len = ((NC + 1) / 2 - 1) * C + tail;
        else if (s->hidden_dim > 2 * s->head_dim)
            s->hidden_dim = (s->hidden_dim + 1) / 2;
        else if (s->batch > 1)
            s->batch--;
        else if (s->heads > 1)
            s->heads--;
        else
            s->head_dim = (s->head_dim + 1) / 2;
    }
}

/* A layer as it is trained: what a GPU kernel takes. */
static void draw_layer(struct dice *d, struct ttt_mlp_shape *s)
{
    s->mini_batch_size = s->head_dim = 64;
    s->hidden_dim = 256;
    s->batch = 1;
    s->heads = between(d, 1, 2);
    s->seq_len = draw_tokens(d, between(d, 1, 4), s->mini_batch_size);
}

static void draw_any(struct dice *d, struct ttt_mlp_shape *s)
{
    const int64_t C = PICK(d, batch_sizes), F = PICK(d, widths);
    s->mini_batch_size = C;
    s->head_dim = F;
    s->hidden_dim = roll(d, 2) ? 4 * F : PICK(d, hidden);
    s->batch = roll(d, 3) ? 1 : between(d, 2, 3);
    s->heads = roll(d, 3) == 0 ? 1 : roll(d, 16) ? between(d, 2, 5) : between(d, 16, 40);
    s->seq_len = roll(d, 24) ? draw_tokens(d, draw_mini_batches(d), C) : between(d, 1, C); /* the latter: C > N */
    cut_down(s);
}

void fuzz_draw_shape(uint64_t seed, uint64_t index, struct ttt_case *c)
{
    struct dice d = {seed, index, SHAPE_STREAM};
    struct ttt_mlp_shape *s = &c->shape;
    s->causal = roll(&d, 3) == 0;
    s->ln_eps = PICK(&d, epsilons);
    c->state_grads = roll(&d, 4) != 0;
    const uint64_t group = roll(&d, 6);
    if (roll(&d, 16) == 0)
        draw_layer(&d, s);
    else
        draw_any(&d, s);
    const int64_t NC = ttt_shape_mini_batches(s);
    s->checkpoint_group_size = group < 2 ? (int64_t)group + 1 : between(&d, NC > 1 ? NC - 1 : 1, NC + 2);
    if (group > 3)
        s->checkpoint_group_size = between(&d, 1, NC + 1);
}

static struct fuzz_field draw_field(struct dice *d, enum ttt_tensor t)
{
    static const enum fuzz_kind any[] = {FUZZ_ZERO, FUZZ_ONE,     FUZZ_TINY, FUZZ_DENORMAL, FUZZ_HUGE, FUZZ_LIMIT,
                                         FUZZ_FLAT, FUZZ_REPEAT,  FUZZ_FLAT, FUZZ_OUTLIER,  FUZZ_INF,  FUZZ_MINUS_INF,
                                         FUZZ_NAN,  FUZZ_OUTLIER, FUZZ_ZERO, FUZZ_REPEAT};
    static const enum fuzz_kind rate[] = {FUZZ_ZERO,  FUZZ_TINY,  FUZZ_DENORMAL, FUZZ_NEGATIVE, FUZZ_NEGATIVE,
                                          FUZZ_LARGE, FUZZ_LARGE, FUZZ_OUTLIER,  FUZZ_INF,      FUZZ_NAN};
    const enum fuzz_kind kind = t == TTT_LAST_ETA ? PICK(d, rate) : PICK(d, any);
    return (struct fuzz_field){kind, kind >= FUZZ_OUTLIER ? roll(d, (uint64_t)1 << 20) : 0};
}

void fuzz_draw_values(uint64_t seed, uint64_t index, struct fuzz_case *f)
{
    static const enum ttt_distribution distributions[] = {TTT_DIST_UNIT,   TTT_DIST_UNIT,   TTT_DIST_MODEL,
                                                          TTT_DIST_STRONG, TTT_DIST_STRONG, TTT_DIST_EXACT};
    struct dice d = {seed, index, VALUES_STREAM};
    char why[256];
    f->c.distribution = PICK(&d, distributions);
    f->c.seed = roll(&d, UINT32_MAX);
    for (enum ttt_tensor t = 0; t < TTT_XQW; t++)
        f->field[t] = (struct fuzz_field){FUZZ_DRAWN, 0};
    if (ttt_case_check(&f->c, why, sizeof why) != 0)
        f->c.distribution = TTT_DIST_UNIT; /* exact data exist for some sizes only */
    const uint64_t hard = f->c.distribution == TTT_DIST_EXACT ? 0 : roll(&d, 16);
    if (hard == 8) /* a layer norm over a constant row */
        f->field[TTT_W2_INIT].kind = f->field[TTT_B2_INIT].kind = FUZZ_ZERO;
    for (uint64_t i = 8; i < hard; i += 4) {
        const enum ttt_tensor t = (enum ttt_tensor)roll(&d, TTT_XQW);
        if (ttt_tensor_present(t, &f->c))
            f->field[t] = draw_field(&d, t);
    }
}

int fuzz_has_tail(const struct ttt_mlp_shape *shape)
{
    return ttt_shape_mini_batches(shape) >= 3 && shape->seq_len % shape->mini_batch_size != 0;
}
