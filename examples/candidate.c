/* SPDX-License-Identifier: MIT
 *
 * A kernel under test in forty lines.  Here the library's own float reference does the work; put yours in its place.
 *
 *     cc -shared -fPIC candidate.c -o mine.so $(pkg-config --cflags --libs ttt-ref)
 *     ttt-verify --candidate ./mine.so --suite smoke
 */
#include <ttt/ttt_candidate.h>
#include <ttt/ttt_ref.h>

static size_t workspace(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction, int threads)
{
    const struct ttt_ref_options options = {.threads = threads};
    size_t bytes = 0;
    (void)self;
    if (direction == TTT_FORWARD)
        ttt_ref_mlp_forward_workspace_f32(shape, &options, &bytes);
    else
        ttt_ref_mlp_backward_workspace_f32(shape, &options, &bytes);
    return bytes;
}

static enum ttt_status supports(void *self, const struct ttt_mlp_shape *shape, enum ttt_direction direction)
{
    return workspace(self, shape, direction, 1) > 0 ? TTT_OK : TTT_ERROR_UNSUPPORTED;
}

static enum ttt_status forward(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_forward_args *args,
                               const struct ttt_candidate_call *call)
{
    const struct ttt_ref_options options = {.threads = call->threads};
    (void)self;
    return ttt_ref_mlp_forward_f32(shape, args, &options, call->workspace, call->workspace_bytes);
}

static enum ttt_status backward(void *self, const struct ttt_mlp_shape *shape, const struct ttt_mlp_backward_args *args,
                                const struct ttt_candidate_call *call)
{
    const struct ttt_ref_options options = {.threads = call->threads};
    (void)self;
    return ttt_ref_mlp_backward_f32(shape, args, &options, call->workspace, call->workspace_bytes);
}

const struct ttt_candidate *ttt_candidate_open(int abi, const char *args)
{
    static const struct ttt_candidate mine = {.abi = TTT_CANDIDATE_ABI,
                                              .name = "mine",
                                              .about = "the float reference as a plug-in",
                                              .types = TTT_TYPES_F32,
                                              .forms = TTT_CAN_NON_CAUSAL | TTT_CAN_CAUSAL,
                                              .directions = TTT_CAN_FORWARD | TTT_CAN_BACKWARD,
                                              .deterministic = 1,
                                              .supports = supports,
                                              .workspace = workspace,
                                              .forward = forward,
                                              .backward = backward};
    return abi == TTT_CANDIDATE_ABI && !args[0] ? &mine : NULL;
}
