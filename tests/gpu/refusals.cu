/* SPDX-License-Identifier: MIT
 *
 * What the passes refuse before they look at a device: runs on any machine.
 */
#include "check.h"
#include <cmath>
#include <cstdint>
#include <ttt/ttt_gpu.h>

/* Made-up addresses, far apart: nothing here is ever read. */
static const void *in(uintptr_t k)
{
    return reinterpret_cast<const void *>((k + 1) << 32);
}

static void *out(uintptr_t k)
{
    return reinterpret_cast<void *>((k + 1) << 32);
}

static ttt_mlp_shape good_shape()
{
    return {1, 2, 100, 64, 64, 256, 1, 1e-6, 0};
}

static ttt_mlp_forward_args good_args()
{
    return {in(0), in(1),   in(2),   in(3),   nullptr, in(4),   in(5),   in(6),   in(7),   in(8),
            in(9), out(10), out(11), out(12), out(13), out(14), out(15), out(16), out(17), out(18)};
}

static ttt_status call(const ttt_mlp_shape &shape, const ttt_mlp_forward_args &args)
{
    return ttt_gpu_mlp_forward(&shape, &args, nullptr, nullptr, 0, nullptr);
}

static void test_null()
{
    const ttt_mlp_shape shape = good_shape();
    const ttt_mlp_forward_args args = good_args();
    size_t bytes = 7;
    CHECK(ttt_gpu_mlp_forward(nullptr, &args, nullptr, nullptr, 0, nullptr) == TTT_ERROR_NULL);
    CHECK(ttt_gpu_mlp_forward(&shape, nullptr, nullptr, nullptr, 0, nullptr) == TTT_ERROR_NULL);
    CHECK(ttt_gpu_mlp_forward_workspace(nullptr, nullptr, &bytes) == TTT_ERROR_NULL && bytes == 7);
    CHECK(ttt_gpu_mlp_forward_workspace(&shape, nullptr, nullptr) == TTT_ERROR_NULL);
    CHECK(ttt_gpu_mlp_forward_workspace(&shape, nullptr, &bytes) == TTT_OK && bytes == 0);
    /* Every pointer but token_eta: required, or one of a group of four. */
    for (size_t k = 0; k < sizeof args / sizeof(void *); k++) {
        ttt_mlp_forward_args bad = args;
        reinterpret_cast<const void **>(&bad)[k] = nullptr;
        if (k != 4)
            CHECK(call(shape, bad) == TTT_ERROR_NULL);
    }
}

static void test_shape()
{
    const ttt_mlp_forward_args args = good_args();
    for (int k = 0; k < 7; k++) {
        ttt_mlp_shape bad = good_shape();
        (&bad.batch)[k] = 0;
        CHECK(call(bad, args) == TTT_ERROR_SIZE);
        (&bad.batch)[k] = -1;
        CHECK(call(bad, args) == TTT_ERROR_SIZE);
    }
    ttt_mlp_shape bad = good_shape();
    for (double eps : {-1e-6, (double)INFINITY, (double)NAN}) {
        bad.ln_eps = eps;
        CHECK(call(bad, args) == TTT_ERROR_EPS);
    }
    bad = good_shape(), bad.causal = 2;
    CHECK(call(bad, args) == TTT_ERROR_FORM);
    bad = good_shape(), bad.causal = 1;
    CHECK(call(bad, args) == TTT_ERROR_UNSUPPORTED);
    bad = good_shape(), bad.mini_batch_size = 16;
    CHECK(call(bad, args) == TTT_ERROR_UNSUPPORTED);
    bad = good_shape(), bad.head_dim = 128;
    CHECK(call(bad, args) == TTT_ERROR_UNSUPPORTED);
    bad = good_shape(), bad.hidden_dim = 128;
    CHECK(call(bad, args) == TTT_ERROR_UNSUPPORTED);
    bad = good_shape(), bad.seq_len = INT32_MAX;
    CHECK(call(bad, args) == TTT_ERROR_UNSUPPORTED);
    bad = good_shape(), bad.heads = (int64_t)1 << 30;
    CHECK(call(bad, args) == TTT_ERROR_UNSUPPORTED);
    bad = good_shape(), bad.batch = INT64_MAX / 2;
    CHECK(call(bad, args) == TTT_ERROR_OVERFLOW);
    for (int cluster_size : {-1, 3, 5, 8, 16}) {
        const ttt_gpu_options options = {cluster_size};
        const ttt_mlp_shape shape = good_shape();
        CHECK(ttt_gpu_mlp_forward(&shape, &args, &options, nullptr, 0, nullptr) == TTT_ERROR_UNSUPPORTED);
    }
}

static void test_operands()
{
    const ttt_mlp_shape shape = good_shape();
    ttt_mlp_forward_args bad = good_args();
    bad.token_eta = in(30);
    CHECK(call(shape, bad) == TTT_ERROR_FORM);
    for (size_t k = 0; k < sizeof bad / sizeof(void *); k++) {
        bad = good_args();
        const char *&pointer = reinterpret_cast<const char **>(&bad)[k];
        if (k == 4)
            continue;
        pointer += 8;
        CHECK(call(shape, bad) == TTT_ERROR_ALIGNMENT);
    }
    bad = good_args(), bad.XQW = out(0); /* XQ itself */
    CHECK(call(shape, bad) == TTT_ERROR_ALIAS);
    bad = good_args(), bad.XQW = static_cast<char *>(out(2)) + 2 * 100 * 64 * 2 - 16; /* the end of XV */
    CHECK(call(shape, bad) == TTT_ERROR_ALIAS);
    bad = good_args(), bad.W1_last = bad.W1_checkpoints;
    CHECK(call(shape, bad) == TTT_ERROR_ALIAS);
    CHECK(ttt_gpu_mlp_forward(&shape, &bad, nullptr, reinterpret_cast<void *>(8), 16, nullptr) == TTT_ERROR_ALIGNMENT);
    /* All is well but the addresses, or there is no device. */
    CHECK(call(shape, good_args()) == TTT_ERROR_DEVICE);
}

/* ---------------------------------------------------------------------------------------------- backward */

static ttt_mlp_backward_args good_gradients()
{
    return {in(0),   in(1),   in(2),   in(3),   nullptr, in(4),   in(5),   in(6),   in(7),
            in(8),   in(9),   in(10),  in(11),  in(12),  in(13),  in(14),  out(15), out(16),
            out(17), out(18), nullptr, out(19), out(20), out(21), out(22), out(23), out(24)};
}

static size_t workspace_bytes(const ttt_mlp_shape &shape, const ttt_gpu_options *options)
{
    size_t bytes = 0;
    CHECK(ttt_gpu_mlp_backward_workspace(&shape, options, &bytes) == TTT_OK);
    return bytes;
}

static ttt_status call(const ttt_mlp_shape &shape, const ttt_mlp_backward_args &args)
{
    return ttt_gpu_mlp_backward(&shape, &args, nullptr, out(40), (size_t)1 << 31, nullptr);
}

static void test_backward_shape()
{
    const ttt_mlp_backward_args args = good_gradients();
    for (int k = 0; k < 7; k++) {
        ttt_mlp_shape bad = good_shape();
        (&bad.batch)[k] = 0;
        CHECK(call(bad, args) == TTT_ERROR_SIZE);
    }
    ttt_mlp_shape bad = good_shape();
    bad.ln_eps = NAN;
    CHECK(call(bad, args) == TTT_ERROR_EPS);
    bad = good_shape(), bad.causal = 1;
    CHECK(call(bad, args) == TTT_ERROR_UNSUPPORTED);
    bad = good_shape(), bad.hidden_dim = 128;
    CHECK(call(bad, args) == TTT_ERROR_UNSUPPORTED);
    bad = good_shape(), bad.batch = INT64_MAX / 2;
    CHECK(call(bad, args) == TTT_ERROR_OVERFLOW);
    const ttt_mlp_shape shape = good_shape();
    for (const ttt_gpu_options options : {ttt_gpu_options{3, 0}, ttt_gpu_options{2, -1}}) {
        size_t bytes = 7;
        CHECK(ttt_gpu_mlp_backward(&shape, &args, &options, out(40), (size_t)1 << 31, nullptr) ==
              TTT_ERROR_UNSUPPORTED);
        CHECK(ttt_gpu_mlp_backward_workspace(&shape, &options, &bytes) == TTT_ERROR_UNSUPPORTED && bytes == 7);
    }
}

static void test_backward_operands()
{
    const ttt_mlp_shape shape = good_shape();
    ttt_mlp_backward_args bad = good_gradients();
    /* Every pointer but those of token_eta: required, or one of a group of four. */
    for (size_t k = 0; k < sizeof bad / sizeof(void *); k++) {
        bad = good_gradients();
        const char *&pointer = reinterpret_cast<const char **>(&bad)[k];
        if (k == 4 || k == 20)
            continue;
        pointer += 8;
        CHECK(call(shape, bad) == TTT_ERROR_ALIGNMENT);
        pointer = nullptr;
        CHECK(call(shape, bad) == TTT_ERROR_NULL);
    }
    bad = good_gradients(), bad.token_eta = in(30);
    CHECK(call(shape, bad) == TTT_ERROR_FORM);
    bad = good_gradients(), bad.grad_L_token_eta = out(30);
    CHECK(call(shape, bad) == TTT_ERROR_FORM);
    bad = good_gradients(), bad.grad_L_XK = out(1); /* XK itself */
    CHECK(call(shape, bad) == TTT_ERROR_ALIAS);
    bad = good_gradients(), bad.grad_L_W2_init = bad.grad_L_W1_init;
    CHECK(call(shape, bad) == TTT_ERROR_ALIAS);
    bad = good_gradients(), bad.grad_L_XV = out(40); /* the workspace */
    CHECK(call(shape, bad) == TTT_ERROR_ALIAS);
    CHECK(call(shape, good_gradients()) == TTT_ERROR_DEVICE);
}

static void test_backward_workspace()
{
    ttt_mlp_shape shape = good_shape();
    const ttt_mlp_backward_args args = good_gradients();
    const size_t needed = workspace_bytes(shape, nullptr);
    CHECK(ttt_gpu_mlp_backward(&shape, &args, nullptr, nullptr, needed, nullptr) == TTT_ERROR_WORKSPACE);
    CHECK(ttt_gpu_mlp_backward(&shape, &args, nullptr, out(40), needed - 1, nullptr) == TTT_ERROR_WORKSPACE);
    CHECK(ttt_gpu_mlp_backward(&shape, &args, nullptr, out(40), needed, nullptr) == TTT_ERROR_DEVICE);
    CHECK(ttt_gpu_mlp_backward_workspace(nullptr, nullptr, nullptr) == TTT_ERROR_NULL);
    /* The least: 165 KB for each (batch, head) and mini-batch of a group; more groups, more bytes, up to all. */
    shape = {1, 48, 18112, 64, 64, 256, 16, 1e-6, 0};
    size_t before = 0;
    for (int groups : {1, 2, 4, 8, 18}) {
        const ttt_gpu_options options = {0, groups};
        const size_t bytes = workspace_bytes(shape, &options);
        CHECK(bytes > before && bytes <= (size_t)groups * 48 * 16 * 165000);
        before = bytes;
    }
    const ttt_gpu_options more = {0, 1000};
    CHECK(workspace_bytes(shape, &more) == before);
}

int main()
{
    test_null();
    test_shape();
    test_operands();
    test_backward_shape();
    test_backward_operands();
    test_backward_workspace();
    return report("refusals");
}
