/* SPDX-License-Identifier: MIT
 *
 * How the state moves without a rounding error.  Rows of F are read as quaternions: groups of four elements, with
 * signs + - + - ... that make the mean 0.  Before update number e the layer norm sees the same row everywhere,
 *
 *     Z2 = d_e,   d_e = 2^e DIRECTION[(e + phase) mod 6],   mean of squares 4^e, so that rstd = 2^-e (eps = 0),
 *
 * and the update turns it into d_(e+1) = d_e (1 + i + j + k): a multiplication by a quaternion of norm 2.  What it
 * adds, g_e = d_(e+1) - d_e = d_e (i + j + k), is orthogonal to 1 and to d_e, so the layer norm's gradient can have
 * that direction: with XV = XK + w xhat + b + g_e / (2^e w) it is gZ2 = -g_e / 4^e, its two means being 0.  All entries
 * of DIRECTION are 0, +-1 or +-2, those of g_e / 2^e at most 4, those of w +-1 or +-2.
 *
 * Non-causal form.  Six hidden units are on, all others off.  The on units have X2 = ON = (8, 8, 9, 9, 10, 11), where
 * tanh is 1 in every precision: 1 + sum ON^2 = 2^9.  The first three lie in one half of the hidden units, the first two
 * next to each other in any quarter, the last three in the other half: so a kernel that sums over halves or quarters of
 * the hidden units has partial sums of Z2, and of their gradients, that are d_e 2^-9 (or a gradient) times 209, 302 =
 * 2 * 151 or parts of those, of at most 8 significant bits: bfloat16 keeps them.  With W2 = 2^-9 ON d_e (outer product)
 * and b2 = 2^-9 d_e, Z2 is d_e; an update with sum eta gZ2 = -2^-9 g_e changes W2, b2 and Z2 from d_e to d_(e+1).  Each
 * W2 has at most 7 significant bits.  The first two
 * units have +-4/F besides in the second column of each four of W2: it cancels in Z2, but gives these units a gradient
 * gX2, so that W1 and b1 move too: by -K_e s and -s.  Since K_e . K_n = -1 for e < n, and the queries after update e
 * are K_(e+1), the two cancel for all that read them later, and Z1 stays ON.
 *
 * Causal form.  All units are off, so that b2 alone is Z2: b2 = d_e.  (A product of on units would be an operand here,
 * of 13 bits.)  The one row with a gradient is the first of a mini-batch, so that all rows see the whole update; where
 * token_eta is -1, its opposite: d_e (1 - i - j - k), of norm 2 again.
 *
 * Backward.  Upstream gradients are orthogonal to 1 and to the output's row, so that dZ2b is one power of two times w
 * grad_L_XQW; they reach one update, the first (a longer chain of exact gradients outgrows eight bits): in head h,
 * mini-batches 1 .. last_still(h) have eta = 0, and what comes from the last of them is carried back through the
 * others. In even heads the upstream gradient has a part along g_0 (for last_eta), in odd ones along the 4/F (for W1,
 * XK).
 *
 * An off unit has Z1 <= -32: gelu, gelu' and gelu'' are 0 in double, too.
 */
#include "exact.h"
#include "distributions.h"
#include "rng.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { UNITS = 6, PAIR = 2, SUM = 9 }; /* SUM: 1 + sum ON^2 = 2^SUM */
static const double on_value[UNITS] = {8, 8, 9, 9, 10, 11};

/* Multiplication by (1 + i + j + k) / 2, again and again, from 2. */
static const double direction[6][4] = {{2, 0, 0, 0},  {1, 1, 1, 1},     {-1, 1, 1, 1},
                                       {-2, 0, 0, 0}, {-1, -1, -1, -1}, {1, -1, -1, -1}};

/* Where an element lies. */
struct place {
    int64_t head, row, column; /* head: of the batch, too; row: token, or hidden unit or column of a matrix */
};

static struct place place_of(enum ttt_tensor t, const struct ttt_mlp_shape *s, int64_t index)
{
    int64_t dims[TTT_MAX_DIMS];
    const int64_t width = dims[ttt_tensor_dims(t, s, dims) - 1];
    const struct ttt_split split = ttt_tensor_split(t, s);
    return (struct place){index / split.inner, index % split.inner / width, index % width};
}

/* A drawn integer of [-most, most]. */
static double drawn(const struct ttt_case *c, enum ttt_tensor t, int64_t index, int most)
{
    const uint64_t bits = ttt_rng_bits(c->seed, 1000 + (uint64_t)t, (uint64_t)index);
    return (double)(bits % (uint64_t)(2 * most + 1)) - most;
}

static double sign_of(int64_t f)
{
    return f / 4 % 2 ? -1 : 1;
}

/* d_m / 2^m, which is xhat, too. */
static double turned(const struct ttt_case *c, int64_t head, int64_t m, int64_t f)
{
    return sign_of(f) * direction[(uint64_t)(head + m + (int64_t)(c->seed % 6)) % 6][f % 4];
}

/* g_m / 2^m */
static double step(const struct ttt_case *c, int64_t head, int64_t m, int64_t f)
{
    return 2 * turned(c, head, m + 1, f) - turned(c, head, m, f);
}

/* The mini-batch whose outputs have upstream gradients; it and those before it, but the first, do not update. */
static int64_t last_still(const struct ttt_case *c, int64_t head)
{
    const int64_t NC = ttt_shape_mini_batches(&c->shape);
    return (head + NC - 1) % NC;
}

/* A token's place in time: its mini-batch, the updates before it, and its share of the update. */
struct moment {
    int64_t m, before, after;
    int64_t row;
    double share; /* of up to four rows, from the last one on: 1/2, 1/4, 1/8, 1/8; the causal form has the first row */
};

static struct moment moment_of(const struct ttt_case *c, int64_t head, int64_t n)
{
    const int64_t C = c->shape.mini_batch_size, m = n / C, left = c->shape.seq_len - m * C, still = last_still(c, head);
    const int64_t rows = left < C ? left : C, r = n % C, active = rows < 4 ? rows : 4, i = rows - 1 - r;
    struct moment at = {.m = m, .row = r};
    at.before = m == 0 ? 0 : m <= still ? 1 : m - still;
    at.after = m > 0 && m <= still ? 1 : at.before + 1;
    if (at.after > at.before && c->shape.causal)
        at.share = r == 0;
    else if (at.after > at.before && i < active)
        at.share = ldexp(1, (int)-(i < active - 1 ? i + 1 : active - 1));
    return at;
}

/* Element f of K_m: 1, then for each pair i < j an element where K_i is 1 and K_j is -2. */
static double key(int64_t m, int64_t f)
{
    int64_t j = 1;
    while (f > j * (j + 1) / 2)
        j++;
    const int64_t i = f - 1 - j * (j - 1) / 2;
    return f == 0 ? 1 : m == i ? 1 : m == j ? -2 : 0;
}

static int64_t key_length(const struct ttt_mlp_shape *s)
{
    const int64_t NC = ttt_shape_mini_batches(s);
    return 1 + NC * (NC + 1) / 2;
}

/* Does the output of this token have an upstream gradient? */
static int is_watched(const struct ttt_case *c, int64_t head, const struct moment *at)
{
    return head > 0 && at->m == last_still(c, head) && at->row == 0;
}

/* XQ and XK: the key, and drawn values where no on unit reads them.  A token that updates the state or sends a gradient
 * into it has none of these. */
static double token(enum ttt_tensor t, const struct ttt_case *c, int64_t index)
{
    const struct place p = place_of(t, &c->shape, index);
    const struct moment at = moment_of(c, p.head, p.row);
    const int plain = t == TTT_XQ ? is_watched(c, p.head, &at) : at.share > 0;
    if (!c->shape.causal && p.column < key_length(&c->shape))
        return key(t == TTT_XQ ? at.after : at.before, p.column);
    return plain ? 0 : drawn(c, t, index, 4) / 2;
}

/* +-1 in even heads, +-2 in odd ones: the same square in all of a head. */
static double norm_weight(const struct ttt_case *c, int64_t index)
{
    const double size = index / c->shape.head_dim % 2 ? 2 : 1;
    return ttt_rng_bits(c->seed, 1000 + TTT_NORM_WEIGHT, (uint64_t)index) % 2 ? -size : size;
}

static double norm_bias(const struct ttt_case *c, int64_t index)
{
    return drawn(c, TTT_NORM_BIAS, index, 3) / 4;
}

static int64_t norm_index(const struct ttt_case *c, const struct place *p)
{
    return p->head % c->shape.heads * c->shape.head_dim + p->column;
}

static double value_token(const struct ttt_case *c, int64_t index)
{
    const struct place p = place_of(TTT_XV, &c->shape, index);
    const struct moment at = moment_of(c, p.head, p.row);
    const double w = norm_weight(c, norm_index(c, &p)), b = norm_bias(c, norm_index(c, &p));
    const double still = token(TTT_XK, c, index) + w * turned(c, p.head, at.before, p.column) + b;
    return at.share > 0 ? still + step(c, p.head, at.before, p.column) / w : still;
}

static double learning_rate(const struct ttt_case *c, int64_t index)
{
    const int64_t head = index / c->shape.seq_len;
    const struct moment at = moment_of(c, head, index % c->shape.seq_len);
    if (at.after == at.before)
        return 0;
    if (at.share > 0)
        return ldexp(at.share, (int)(2 * at.before) - (c->shape.causal ? 0 : SUM));
    return ldexp(1, (int)drawn(c, TTT_LAST_ETA, index, 3) - 8);
}

static double token_rate(const struct ttt_case *c, int64_t r)
{
    const int64_t C = c->shape.mini_batch_size, last = (c->shape.seq_len - 1) % C;
    return r % 2 && r != C - 1 && r != last ? -1 : 1;
}

/* The direction of upstream gradients, in the second half of a row: d_1 i in even heads, else d_0 (j - k).  (Head 0 is
 * watched by b2 alone, whose part along g_0 would reach XK with too many bits.) */
static double watched(const struct ttt_case *c, int64_t head, int64_t f)
{
    const int64_t first = f - f % 4;
    const int is_even = head > 0 && head % 2 == 0;
    double d[4];
    for (int i = 0; i < 4; i++)
        d[i] = turned(c, head, is_even, first + i);
    const double even[4] = {-d[1], d[0], d[3], -d[2]};
    const double odd[4] = {d[3] - d[2], -d[2] - d[3], d[0] + d[1], d[1] - d[0]};
    return f < c->shape.head_dim / 2 ? 0 : is_even ? even[f % 4] : odd[f % 4];
}

static double upstream_token(const struct ttt_case *c, int64_t index)
{
    const struct place p = place_of(TTT_GRAD_XQW, &c->shape, index);
    const struct moment at = moment_of(c, p.head, p.row);
    return is_watched(c, p.head, &at) ? watched(c, p.head, p.column) / norm_weight(c, norm_index(c, &p)) : 0;
}

/* Where on unit `u` lies: moved about by the seed, and by it in one half of the hidden units or the other. */
static int64_t on_place(const struct ttt_case *c, int u)
{
    const int64_t D = c->shape.hidden_dim, half = D / 2, shift = (int64_t)(c->seed / 2 % (uint64_t)half);
    const int first_half = u < 3 ? c->seed % 2 == 0 : c->seed % 2 == 1;
    const int64_t pair = shift / 2 * 2 % (half / 2 * 2);
    const int64_t within = u < PAIR ? pair + u
                           : u < 3  ? (pair + 2 + (half - 3) / 2) % half
                                    : (shift + (u - 3) * half / 3) % half;
    return first_half ? within : within + (D - half);
}

/* Number of the hidden unit among those that are on, or -1. */
static int on_unit(const struct ttt_case *c, int64_t d)
{
    for (int u = 0; u < UNITS && !c->shape.causal; u++)
        if (on_place(c, u) == d)
            return u;
    return -1;
}

/* What an on unit reads from the first element of a key, beside its bias. */
static double first_weight(int unit)
{
    return unit < PAIR ? 0 : (unit - 3.5) / 2;
}

/* The 4/F; in even heads 8/F, and not where upstream gradients are. */
static double pair(const struct ttt_case *c, const struct place *p)
{
    const int64_t F = c->shape.head_dim, end = p->head % 2 ? F : F / 2;
    return p->column % 4 == 1 && p->column < end ? 4 * sign_of(p->column) / (double)end : 0;
}

static double state(enum ttt_tensor t, const struct ttt_case *c, int64_t index)
{
    const struct place p = place_of(t, &c->shape, index);
    const int64_t d = t == TTT_W2_INIT ? p.row : p.column;
    const int unit = t == TTT_B2_INIT ? 0 : on_unit(c, d);
    const int off = unit < 0;
    const double scale = c->shape.causal ? 1 : ldexp(1, -SUM);
    switch (t) {
    case TTT_W1_INIT:
        return off ? drawn(c, t, index, 8) / 8 : p.row == 0 ? first_weight(unit) : 0;
    case TTT_B1_INIT:
        return off ? -32 - 2 * (double)c->shape.head_dim + drawn(c, t, index, 8) : on_value[unit] - first_weight(unit);
    case TTT_W2_INIT:
        if (off)
            return drawn(c, t, index, 8) / 8;
        return scale * on_value[unit] * turned(c, p.head, 0, p.column) +
               (unit < PAIR ? (unit ? -1 : 1) * pair(c, &p) : 0);
    default:
        return scale * turned(c, p.head, 0, p.column);
    }
}

/* What off units have goes through to the gradient of the first state; b2 alone watches the last state of head 0. */
static double upstream_state(enum ttt_tensor t, const struct ttt_case *c, int64_t index)
{
    const struct place p = place_of(t, &c->shape, index);
    if (t == TTT_GRAD_B2_LAST)
        return p.head == 0 ? watched(c, 0, p.column) : 0;
    return on_unit(c, t == TTT_GRAD_W2_LAST ? p.row : p.column) < 0 ? drawn(c, t, index, 8) / 8 : 0;
}

double ttt_exact_value(enum ttt_tensor t, const struct ttt_case *c, int64_t index)
{
    switch (t) {
    case TTT_XQ:
    case TTT_XK:
        return token(t, c, index);
    case TTT_XV:
        return value_token(c, index);
    case TTT_LAST_ETA:
        return learning_rate(c, index);
    case TTT_TOKEN_ETA:
        return token_rate(c, index);
    case TTT_NORM_WEIGHT:
        return norm_weight(c, index);
    case TTT_NORM_BIAS:
        return norm_bias(c, index);
    case TTT_W1_INIT:
    case TTT_B1_INIT:
    case TTT_W2_INIT:
    case TTT_B2_INIT:
        return state(t, c, index);
    case TTT_GRAD_XQW:
        return upstream_token(c, index);
    default:
        return upstream_state(t, c, index);
    }
}

int ttt_exact_check(const struct ttt_case *c, char *error, size_t error_size)
{
    const struct ttt_mlp_shape *s = &c->shape;
    const int64_t F = s->head_dim, NC = ttt_shape_mini_batches(s);
    const char *what = NULL;
    if (s->ln_eps > 0)
        what = "eps=0";
    else if (F < 16 || (F & (F - 1)) != 0)
        what = "a head_dim that is a power of two, at least 16";
    else if (s->causal && NC > 24)
        what = "at most 24 mini-batches in the causal form";
    else if (!s->causal && s->hidden_dim < UNITS)
        what = "a hidden_dim of at least 6";
    else if (!s->causal && F > 512)
        what = "a head_dim of at most 512"; /* 4/F beside ON d_e would take more than 8 bits */
    else if (!s->causal && (NC > 6 || key_length(s) > F / 2))
        what = "at most 6 mini-batches, and NC (NC + 1) <= head_dim - 2";
    if (!what)
        return 0;
    snprintf(error, error_size, "dist=exact takes %s", what);
    return -1;
}
