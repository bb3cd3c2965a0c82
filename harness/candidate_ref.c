/* SPDX-License-Identifier: MIT
 *
 * The reference as candidates: the only file of the harness that knows <ttt/ttt_ref.h>.
 */
#include "candidates.h"
#include "contract.h"
#include <ttt/ttt_ref.h>

/* Shown every stage of every call; NULL: nobody looks. */
static ttt_mlp_probe_fn *probe;
static void *probe_context;

typedef enum ttt_status query_fn(const struct ttt_mlp_shape *, const struct ttt_ref_options *, size_t *);

/* One precision. */
struct reference {
    query_fn *query[2]; /* by enum ttt_direction */
    enum ttt_status (*forward)(const struct ttt_mlp_shape *, const struct ttt_mlp_forward_args *,
                               const struct ttt_ref_options *, void *, size_t);
    enum ttt_status (*backward)(const struct ttt_mlp_shape *, const struct ttt_mlp_backward_args *,
                                const struct ttt_ref_options *, void *, size_t);
    int exact_outputs;
    uint64_t stochastic_seed;
    unsigned points; /* bit mask of 1 << enum ttt_point */
};

/* The parts of an exchange where nobody says how many: replicas have two and four in turn. */
static int parts_of(const struct reference *r, const struct ttt_mlp_shape *shape)
{
    const int parts = r->stochastic_seed % 2 ? 4 : 2;
    return shape->hidden_dim < parts ? 1 : parts;
}

/* The points that the pass has, in the reference's words. */
static unsigned points_of(const struct reference *r, const struct ttt_mlp_shape *shape, enum ttt_direction direction)
{
    static const struct {
        enum ttt_point point;
        enum ttt_ref_point ref;
    } words[] = {{TTT_POINT_ETA, TTT_REF_POINT_ETA},    {TTT_POINT_EXCHANGE, TTT_REF_POINT_EXCHANGE},
                 {TTT_POINT_TANH, TTT_REF_POINT_TANH},  {TTT_POINT_SLOPE, TTT_REF_POINT_SLOPE},
                 {TTT_POINT_XHAT, TTT_REF_POINT_XHAT},  {TTT_POINT_GELU1, TTT_REF_POINT_GELU1},
                 {TTT_POINT_DWOUT, TTT_REF_POINT_DWOUT}};
    /* A shape that is missing is for the reference to refuse. */
    const unsigned modelled = shape ? ttt_points_modelled(r->points, shape, 1u << direction) : 0;
    unsigned points = 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (modelled & 1u << words[i].point)
            points |= words[i].ref;
    return points;
}

static struct ttt_ref_options options_of(const struct reference *r, const struct ttt_mlp_shape *shape,
                                         enum ttt_direction direction, int threads)
{
    const unsigned points = points_of(r, shape, direction);
    return (struct ttt_ref_options){.threads = threads,
                                    .exact_outputs = r->exact_outputs,
                                    .stochastic_seed = r->stochastic_seed,
                                    .points = points,
                                    .exchange_parts = points & TTT_REF_POINT_EXCHANGE ? parts_of(r, shape) : 0,
                                    .probe = probe,
                                    .probe_context = probe_context};
}

static enum ttt_status reference_supports(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction)
{
    const struct reference *r = self;
    const struct ttt_ref_options options = options_of(r, shape, direction, 1);
    size_t bytes;
    return r->query[direction](shape, &options, &bytes);
}

static size_t reference_workspace(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction,
                                  int threads)
{
    const struct reference *r = self;
    const struct ttt_ref_options options = options_of(r, shape, direction, threads);
    size_t bytes = 0;
    r->query[direction](shape, &options, &bytes);
    return bytes;
}

static enum ttt_status reference_forward(void *self, const struct ttt_mlp_shape *shape,
                                         const struct ttt_mlp_forward_args *args, const struct ttt_candidate_call *call)
{
    const struct reference *r = self;
    const struct ttt_ref_options options = options_of(r, shape, TTT_FORWARD, call->threads);
    return r->forward(shape, args, &options, call->workspace, call->workspace_bytes);
}

static enum ttt_status reference_backward(void *self, const struct ttt_mlp_shape *shape,
                                          const struct ttt_mlp_backward_args *args,
                                          const struct ttt_candidate_call *call)
{
    const struct reference *r = self;
    const struct ttt_ref_options options = options_of(r, shape, TTT_BACKWARD, call->threads);
    return r->backward(shape, args, &options, call->workspace, call->workspace_bytes);
}

/* The functions of a precision's two passes. */
#define BOTH_PASSES(precision)                                                                                         \
    .query = {ttt_ref_mlp_forward_workspace_##precision, ttt_ref_mlp_backward_workspace_##precision},                  \
    .forward = ttt_ref_mlp_forward_##precision, .backward = ttt_ref_mlp_backward_##precision

static struct reference f64 = {BOTH_PASSES(f64)};
static struct reference f32 = {BOTH_PASSES(f32)};
static struct reference bf16 = {BOTH_PASSES(bf16)};
static struct reference replica = {BOTH_PASSES(bf16), .exact_outputs = 1};
static struct reference declared = {BOTH_PASSES(bf16)};
static struct reference c128 = {
    .query = {ttt_ref_mlp_forward_workspace_c128, NULL},
    .forward = ttt_ref_mlp_forward_c128,
};

/* What all candidates made of a reference have in common, and those with both passes. */
#define REFERENCE(reference)                                                                                           \
    .abi = TTT_CANDIDATE_ABI, .forms = TTT_CAN_NON_CAUSAL | TTT_CAN_CAUSAL, .deterministic = 1, .self = &(reference),  \
    .workspace = reference_workspace, .forward = reference_forward
#define TWO_WAY_REFERENCE(reference)                                                                                   \
    REFERENCE(reference), .directions = TTT_CAN_FORWARD | TTT_CAN_BACKWARD, .supports = reference_supports,            \
                          .backward = reference_backward

const struct ttt_candidate ttt_candidate_ref_f64 = {
    TWO_WAY_REFERENCE(f64),
    .name = "ref-f64",
    .about = "CPU reference in double: the truth",
    .types = TTT_TYPES_F64,
};

const struct ttt_candidate ttt_candidate_ref_f32 = {
    TWO_WAY_REFERENCE(f32),
    .name = "ref-f32",
    .about = "CPU reference in float: the portable fallback",
    .types = TTT_TYPES_F32,
};

const struct ttt_candidate ttt_candidate_ref_bf16 = {
    TWO_WAY_REFERENCE(bf16),
    .name = "ref-bf16",
    .about = "CPU reference with the rounding points of the bf16 precision contract",
    .types = TTT_TYPES_BF16,
};

const struct ttt_candidate *ttt_candidate_replica(uint64_t seed, unsigned points)
{
    static const struct ttt_candidate candidate = {
        TWO_WAY_REFERENCE(replica),
        .name = "replica",
        .about = "ref-bf16 with stochastic rounding, before the rounding of its outputs",
        .types = TTT_TYPES_BF16,
    };
    replica.stochastic_seed = seed;
    replica.points = points;
    return &candidate;
}

const struct ttt_candidate *ttt_candidate_contract(enum ttt_types types, unsigned points)
{
    static const struct ttt_candidate candidate = {
        TWO_WAY_REFERENCE(declared),
        .name = "ref-bf16",
        .about = "ref-bf16 with rounding points beyond the contract",
        .types = TTT_TYPES_BF16,
    };
    if (points)
        declared.points = points;
    return types == TTT_TYPES_F64   ? &ttt_candidate_ref_f64
           : types == TTT_TYPES_F32 ? &ttt_candidate_ref_f32
           : points                 ? &candidate
                                    : &ttt_candidate_ref_bf16;
}

void ttt_candidate_ref_probe(ttt_mlp_probe_fn *fn, void *context)
{
    probe = fn;
    probe_context = context;
}

const struct ttt_candidate ttt_candidate_ref_c128 = {
    REFERENCE(c128),
    .name = "ref-c128",
    .about = "ref-f64 in complex double, forward only",
    .types = TTT_TYPES_F64,
    .directions = TTT_CAN_FORWARD,
};

const char *ttt_candidate_status(enum ttt_status status)
{
    return ttt_status_string(status);
}
