/* SPDX-License-Identifier: MIT
 *
 * The backward kernels: against the references, and their exact properties bit for bit.
 * Usage: backward [REPEATS [CASES]]; 200 and all by default (a memory checker or an emulation wants fewer).
 */
#include "gradients.h"
#include "repeats.h"
#include <cmath>
#include <cstring>

/* Every length around the edges of a mini-batch, every kind of group and window, both cluster sizes: near the truth,
 * the same bits whatever the window, nothing touched outside the outputs. */
static void test_edges(int cases)
{
    static const struct {
        int64_t batch, heads, seq_len, group;
        bool upstream;
    } rows[] = {{1, 1, 64, 1, false},  {1, 1, 1, 1, true},     {2, 2, 130, 1, true},    {1, 1, 63, 100, false},
                {1, 2, 257, 2, false}, {2, 1, 65, 2, true},    {1, 1, 64 * 7, 3, true}, {1, 1, 15, 1, false},
                {1, 3, 193, 2, true},  {1, 1, 127, 16, false}, {1, 1, 16, 4, true},     {3, 1, 250, 1, false}};
    for (const auto &row : rows) {
        if (cases-- == 0)
            return;
        const GradientCase c(
            Case(row.batch, row.heads, row.seq_len, row.group, 1e-6, Distribution::Unit, (uint64_t)row.seq_len),
            row.upstream);
        const GradientTruth truth = gradients_f64(c);
        for (int cluster_size : {2, 4}) {
            std::vector<Bytes> first;
            for (int window : {0, 1, 2}) {
                DeviceGradients d(c, window);
                CHECK(d.run(cluster_size) == TTT_OK && cudaDeviceSynchronize() == cudaSuccess);
                if (first.empty())
                    first = d.outputs();
                CHECK(d.outputs() == first);
                CHECK(d.intact());
                for (int g = 0; g < GRADIENTS && window == 0; g++) {
                    const double error = rel_error(d.fetch(g), truth.out[g], 0, c.elements(g));
                    CHECK(error < 2e-2);
                    if (!(error < 2e-2))
                        fprintf(stderr, "B %d H %d N %d G %d cluster %d: %s %.2e\n", (int)row.batch, (int)row.heads,
                                (int)row.seq_len, (int)row.group, cluster_size, GRADIENT_NAMES[g], error);
                }
            }
        }
    }
}

static void test_repeats(int cluster_size, int repeats)
{
    const GradientCase c(Case(1, 3, 64 * 9 + 5, 4, 1e-6, Distribution::Unit, 1), true),
        load(Case(2, 20, 64 * 20, 4, 1e-6, Distribution::Unit, 2), false);
    DeviceGradients d(c, 0), other(load, 0);
    check_repeats(d, other, cluster_size, repeats);
}

static void test_graph()
{
    const GradientCase c(Case(1, 2, 300, 2, 1e-6, Distribution::Unit, 3), false);
    DeviceGradients d(c, 1);
    check_graph(d);
}

/* The chain is linear in what comes in: twice the gradients in, twice the gradients out, exactly. */
static void test_scale(int cluster_size)
{
    GradientCase c(Case(1, 2, 200, 2, 1e-6, Distribution::Unit, 4), true);
    DeviceGradients once(c, 0);
    CHECK(once.run(cluster_size) == TTT_OK);
    GradientCase large = c;
    const float scale = 0x1p40f;
    for (float &x : large.dXQW)
        x *= scale;
    for (std::vector<float> &x : large.upstream)
        for (float &y : x)
            y *= scale;
    DeviceGradients scaled(large, 0);
    CHECK(scaled.run(cluster_size) == TTT_OK);
    for (int g = 0; g < GRADIENTS; g++) {
        std::vector<float> x = once.fetch(g);
        for (float &y : x)
            y *= scale;
        CHECK(x == scaled.fetch(g));
    }
}

/* eta = 0: no step was taken, so nothing flows into K but zeros, and the state's gradient is the sum of the outputs'.
 */
static void test_no_step(int cluster_size)
{
    Case f(1, 1, 150, 2, 1e-6, Distribution::Unit, 7);
    for (float &eta : f.host[ETA])
        eta = 0;
    const GradientCase c(f, false);
    DeviceGradients d(c, 0);
    CHECK(d.run(cluster_size) == TTT_OK);
    for (int g : {DXK, DXV})
        for (float x : d.fetch(g))
            CHECK(x == 0);
    const GradientTruth truth = gradients_f64(c);
    for (int g : {DXQ, DETA, DW1, DB1, DW2, DB2})
        CHECK(rel_error(d.fetch(g), truth.out[g], 0, c.elements(g)) < 2e-2);
}

/* A NaN that comes in at one head stays in it; one in the last mini-batch's XQ leaves XQ's gradient of the others. */
static void test_non_finite(int cluster_size)
{
    const GradientCase clean(Case(1, 3, 200, 2, 1e-6, Distribution::Unit, 6), false);
    DeviceGradients d(clean, 0);
    CHECK(d.run(cluster_size) == TTT_OK);
    GradientCase bad = clean;
    bad.dXQW[(200 + 70) * 64 + 3] = NAN;
    DeviceGradients e(bad, 0);
    CHECK(e.run(cluster_size) == TTT_OK);
    for (int g : {DXQ, DXK, DXV, DETA, DW1, DB1, DW2, DB2}) {
        const std::vector<float> x = d.fetch(g), y = e.fetch(g);
        const size_t head = x.size() / 3;
        CHECK(memcmp(&x[0], &y[0], head * 4) == 0 && memcmp(&x[2 * head], &y[2 * head], head * 4) == 0);
        CHECK(std::isnan(y[head]) || g == DXQ);
    }
    CHECK(std::isnan(e.fetch(DXQ)[(200 + 70) * 64]));
}

int main(int argc, char **argv)
{
    const int repeats = argc > 1 ? atoi(argv[1]) : 200, cases = argc > 2 ? atoi(argv[2]) : -1;
    need_hopper();
    test_edges(cases);
    if (repeats > 0) {
        test_graph();
        for (int cluster_size : {2, 4}) {
            test_repeats(cluster_size, repeats);
            test_scale(cluster_size);
            test_no_step(cluster_size);
            test_non_finite(cluster_size);
        }
    }
    return report("backward");
}
