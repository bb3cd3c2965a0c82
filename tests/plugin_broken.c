/* SPDX-License-Identifier: MIT
 *
 * A plug-in that is wrong in the way that its argument names.
 */
#include <string.h>
#include <ttt/ttt_candidate.h>

static enum ttt_status supports(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction)
{
    (void)self, (void)shape, (void)direction;
    return TTT_ERROR_UNSUPPORTED;
}

static enum ttt_status forward(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                               const struct ttt_candidate_call *call)
{
    (void)self, (void)shape, (void)args, (void)call;
    return TTT_ERROR_DEVICE;
}

static enum ttt_status backward(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_backward_args *args,
                                const struct ttt_candidate_call *call)
{
    (void)self, (void)shape, (void)args, (void)call;
    return TTT_ERROR_DEVICE;
}

static struct ttt_candidate candidate = {
    .abi = TTT_CANDIDATE_ABI,
    .name = "broken",
    .about = "supports nothing",
    .types = TTT_TYPES_F32,
    .forms = TTT_CAN_NON_CAUSAL,
    .directions = TTT_CAN_FORWARD | TTT_CAN_BACKWARD,
    .deterministic = 1,
    .supports = supports,
    .forward = forward,
    .backward = backward,
};

const struct ttt_candidate *ttt_candidate_open(int abi, const char *args)
{
    (void)abi;
    if (strcmp(args, "refuse") == 0)
        return NULL;
    if (strcmp(args, "abi") == 0)
        candidate.abi = TTT_CANDIDATE_ABI + 1;
    if (strcmp(args, "function") == 0)
        candidate.backward = NULL;
    if (strcmp(args, "unnamed") == 0)
        candidate.name = NULL;
    if (strcmp(args, "name") == 0)
        candidate.name = "two words";
    if (strcmp(args, "points") == 0)
        candidate.rounding_points = "eta+sqrt";
    if (strcmp(args, "float-points") == 0)
        candidate.rounding_points = "eta";
    if (strcmp(args, "forms") == 0)
        candidate.forms = 4;
    if (strcmp(args, "directions") == 0)
        candidate.directions = 0;
    if (strcmp(args, "types") == 0)
        candidate.types = (enum ttt_types)7;
    return &candidate;
}
