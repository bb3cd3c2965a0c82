/* SPDX-License-Identifier: MIT
 *
 * A stranger's first program against the installed library: one forward pass whose result is known.  The inner model
 * is zero and misses its target by a constant, which the gradient of the norm cannot see, so that the state stays and
 * XQW = XQ + ttt_norm_bias.
 */
#include <stdio.h>
#include <stdlib.h>
#include <ttt/ttt_ref.h>

enum { N = 3, F = 2, D = 5 };

int main(void)
{
    const struct ttt_mlp_shape shape = {.batch = 1,
                                        .heads = 1,
                                        .seq_len = N,
                                        .mini_batch_size = 2,
                                        .head_dim = F,
                                        .hidden_dim = D,
                                        .checkpoint_group_size = 1,
                                        .ln_eps = 1e-6};
    const double XQ[N * F] = {1, -2, 3, -4, 5, -6}, zero[F * D] = {0}, eta[N] = {1, 1, 1};
    const double weight[F] = {1, 1}, bias[F] = {0.5, 0.5};
    double XQW[N * F] = {0};
    const struct ttt_mlp_forward_args args = {.XQ = XQ,
                                              .XK = XQ,
                                              .XV = XQ,
                                              .last_eta = eta,
                                              .ttt_norm_weight = weight,
                                              .ttt_norm_bias = bias,
                                              .W1_init = zero,
                                              .b1_init = zero,
                                              .W2_init = zero,
                                              .b2_init = zero,
                                              .XQW = XQW};
    size_t bytes = 0;
    enum ttt_status status = ttt_ref_mlp_forward_workspace_f64(&shape, NULL, &bytes);
    void *workspace = status == TTT_OK ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;
    if (workspace)
        status = ttt_ref_mlp_forward_f64(&shape, &args, NULL, workspace, bytes);
    free(workspace);
    printf("%s:", ttt_status_string(status));
    int wrong = status != TTT_OK || !workspace;
    for (int i = 0; i < N * F; i++) {
        printf(" %g", XQW[i]);
        wrong |= !(XQW[i] == XQ[i] + bias[0]);
    }
    printf("\n");
    return wrong;
}
