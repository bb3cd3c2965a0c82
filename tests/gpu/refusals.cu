/* SPDX-License-Identifier: MIT
 *
 * What ttt_gpu_mlp_forward refuses before it looks at a device: runs on any machine.
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

int main()
{
    test_null();
    test_shape();
    test_operands();
    return report("refusals");
}
