/* SPDX-License-Identifier: MIT
 *
 * Exact properties of the forward kernel, bit for bit: repetition, streams, graphs, edges, resumption, independence.
 * Usage: forward [REPEATS]; 200 by default (a memory checker or an emulation wants fewer).
 */
#include "repeats.h"
#include <cmath>
#include <cstring>

static void test_repeats(int cluster_size, int repeats)
{
    const Case c(1, 3, 64 * 9 + 5, 4, 1e-6, Distribution::Unit, 1),
        load(2, repeats < 10 ? 2 : 20, 64 * 20, 4, 1e-6, Distribution::Unit, 2);
    DeviceCase d(c), other(load);
    check_repeats(d, other, cluster_size, repeats);
}

static void test_graph()
{
    const Case c(1, 2, 300, 2, 1e-6, Distribution::Unit, 3);
    DeviceCase d(c);
    check_graph(d);
}

/* Every length around the edges of a mini-batch, every kind of group, against the contract. */
static void test_edges(int cluster_size)
{
    for (int seq_len : {1, 2, 15, 16, 17, 31, 63, 64, 65, 127, 128, 129, 193, 250, 257})
        for (int group : {1, 2, 100}) {
            const Case c(2, 1, seq_len, group, 1e-6, Distribution::Unit, (uint64_t)seq_len);
            const Truth truth = reference_f64(c);
            DeviceCase d(c);
            CHECK(d.run(cluster_size) == TTT_OK);
            for (int t = XQW; t < TENSORS; t++)
                CHECK(rel_error(d.fetch(t), truth.out[t], 0, c.elements(t)) < 1e-2);
            CHECK(d.intact());
        }
}

/* Optional outputs: their absence changes nothing. */
static void test_optional()
{
    const Case c(1, 2, 200, 2, 1e-6, Distribution::Unit, 4);
    DeviceCase d(c);
    CHECK(d.run(2) == TTT_OK && cudaDeviceSynchronize() == cudaSuccess);
    const Bytes XQW_bytes = d.fetch_bytes(XQW);
    const Bytes poison(d.fetch_bytes(LW1).size(), POISON);
    d.poison();
    d.args.W1_checkpoints = d.args.b1_checkpoints = d.args.W2_checkpoints = d.args.b2_checkpoints = nullptr;
    d.args.W1_last = d.args.b1_last = d.args.W2_last = d.args.b2_last = nullptr;
    CHECK(d.run(2) == TTT_OK && cudaDeviceSynchronize() == cudaSuccess);
    CHECK(d.fetch_bytes(XQW) == XQW_bytes);
    CHECK(d.fetch_bytes(LW1) == poison);
}

/* A part of a case: heads [from, from + heads) and tokens [first, first + tokens). */
static Case part_of(const Case &c, int64_t from, int64_t heads, int64_t first, int64_t tokens)
{
    Case part(1, heads, tokens, c.shape.checkpoint_group_size, c.shape.ln_eps, c.distribution, 0);
    for (int t = XQ; t <= B2; t++) {
        const bool token = c.is_token(t);
        const int64_t whole = (int64_t)c.elements(t) / c.shape.heads, piece = (int64_t)part.elements(t) / heads;
        const int64_t skip = token ? first * (whole / c.shape.seq_len) : 0;
        for (int64_t head = 0; head < heads; head++)
            memcpy(&part.host[t][(size_t)(head * piece)], &c.host[t][(size_t)((from + head) * whole + skip)],
                   (size_t)piece * sizeof(float));
    }
    return part;
}

static bool same(const std::vector<float> &a, size_t at_a, const std::vector<float> &b, size_t at_b, size_t count)
{
    return memcmp(&a[at_a], &b[at_b], count * sizeof(float)) == 0;
}

/* A run is its two halves, with the state handed over; a head is itself in any company. */
static void test_parts(int cluster_size)
{
    const int64_t N = 64 * 6 + 10, cut = 64 * 4, F = 64;
    const Case c(1, 3, N, 2, 1e-6, Distribution::Unit, 5);
    DeviceCase whole(c);
    CHECK(whole.run(cluster_size) == TTT_OK);
    const Case alone = part_of(c, 1, 1, 0, N), begin = part_of(c, 1, 1, 0, cut);
    Case end = part_of(c, 1, 1, cut, N - cut);
    DeviceCase a(alone), b(begin);
    CHECK(a.run(cluster_size) == TTT_OK && b.run(cluster_size) == TTT_OK);
    for (int t = LW1; t < TENSORS; t++)
        end.host[W1 + t - LW1] = b.fetch(t);
    DeviceCase e(end);
    CHECK(e.run(cluster_size) == TTT_OK);
    const std::vector<float> all = whole.fetch(XQW);
    CHECK(same(all, (size_t)(N * F), a.fetch(XQW), 0, (size_t)(N * F)));
    CHECK(same(all, (size_t)(N * F), b.fetch(XQW), 0, (size_t)(cut * F)));
    CHECK(same(all, (size_t)((N + cut) * F), e.fetch(XQW), 0, (size_t)((N - cut) * F)));
    for (int t = LW1; t < TENSORS; t++) {
        const size_t size = alone.elements(t);
        CHECK(same(whole.fetch(t), size, a.fetch(t), 0, size));
        CHECK(same(whole.fetch(t), size, e.fetch(t), 0, size));
    }
}

/* Batches swapped and heads moved round: outputs move with them, bit for bit. */
static void test_permutation(int cluster_size)
{
    const int64_t B = 2, H = 3;
    const Case c(B, H, 150, 2, 1e-6, Distribution::Unit, 9);
    Case moved = c;
    const auto from = [&](int64_t sequence) { return (B - 1 - sequence / H) * H + (sequence % H + 1) % H; };
    for (int t = XQ; t <= B2; t++) {
        const int64_t parts = t == WEIGHT || t == BIAS ? H : B * H;
        const size_t size = c.elements(t) / (size_t)parts;
        for (int64_t part = 0; part < parts; part++)
            memcpy(&moved.host[t][(size_t)part * size], &c.host[t][(size_t)(from(part) % parts) * size],
                   size * sizeof(float));
    }
    DeviceCase d(c), e(moved);
    CHECK(d.run(cluster_size) == TTT_OK && e.run(cluster_size) == TTT_OK);
    for (int t = XQW; t < TENSORS; t++) {
        const size_t size = c.elements(t) / (size_t)(B * H);
        const std::vector<float> a = d.fetch(t), b = e.fetch(t);
        for (int64_t sequence = 0; sequence < B * H; sequence++)
            CHECK(same(a, (size_t)from(sequence) * size, b, (size_t)sequence * size, size));
    }
}

/* A NaN, an infinity in mini-batch 2 of head 1 stay there and after; -inf in b1 is only gelu's limit.  (A huge positive
 * b1 overflows the half precision of the exchange, as declared.) */
static void test_non_finite(int cluster_size)
{
    const Case clean(1, 3, 300, 2, 1e-6, Distribution::Unit, 6);
    DeviceCase d(clean);
    CHECK(d.run(cluster_size) == TTT_OK);
    const std::vector<float> good = d.fetch(XQW);
    const size_t head = 300 * 64;
    for (int t : {XQ, XK, XV, ETA})
        for (float bad : {NAN, INFINITY}) {
            Case c = clean;
            c.host[t][(300 + 2 * 64 + 7) * (t == ETA ? 1u : 64u)] = bad;
            DeviceCase e(c);
            CHECK(e.run(cluster_size) == TTT_OK);
            const std::vector<float> x = e.fetch(XQW);
            CHECK(same(good, 0, x, 0, head + 2 * 64 * 64) && same(good, 2 * head, x, 2 * head, head));
            CHECK(std::isnan(x[head + (2 * 64 + 7) * 64]));
            CHECK(t == XQ || std::isnan(x[head + 299 * 64]));
        }
    Case c = clean;
    c.host[B1][3] = -INFINITY;
    c.host[B1][9] = -3e38f;
    DeviceCase e(c);
    CHECK(e.run(cluster_size) == TTT_OK);
    const std::vector<float> x = e.fetch(XQW);
    for (size_t i = 0; i < head; i++)
        CHECK(std::isfinite(x[i]));
    for (float z : e.fetch(LW1))
        CHECK(!std::isnan(z));
}

/* eta = 0 leaves the state alone; eps = 0 with a constant row of Z2 is NaN. */
static void test_degenerate(int cluster_size)
{
    Case c(1, 2, 200, 1, 1e-6, Distribution::Unit, 7);
    for (float &eta : c.host[ETA])
        eta = 0;
    DeviceCase d(c);
    CHECK(d.run(cluster_size) == TTT_OK);
    for (int t = LW1; t < TENSORS; t++)
        CHECK(d.fetch(t) == c.host[W1 + t - LW1]);
    c.shape.ln_eps = 0;
    for (int t : {W2, B2})
        for (float &x : c.host[t])
            x = 0;
    DeviceCase e(c);
    CHECK(e.run(cluster_size) == TTT_OK);
    CHECK(std::isnan(e.fetch(XQW)[0]));
}

/* Memory of the host is refused, and nothing is left behind. */
static void test_host_pointer()
{
    const Case c(1, 1, 64, 1, 1e-6, Distribution::Unit, 8);
    DeviceCase d(c);
    alignas(16) static unsigned char host[64 * 64 * 2];
    d.args.XK = host;
    CHECK(d.run(2) == TTT_ERROR_DEVICE);
    CHECK(cudaGetLastError() == cudaSuccess);
    CHECK(d.fetch_bytes(XQW) == Bytes(64 * 64 * 2, POISON));
}

int main(int argc, char **argv)
{
    const int repeats = argc > 1 ? atoi(argv[1]) : 200;
    need_hopper();
    test_graph();
    test_optional();
    test_host_pointer();
    for (int cluster_size : {1, 2, 4}) {
        test_repeats(cluster_size, repeats);
        if (repeats >= 10)
            test_edges(cluster_size);
        test_parts(cluster_size);
        test_permutation(cluster_size);
        test_non_finite(cluster_size);
        test_degenerate(cluster_size);
    }
    return report("forward");
}
