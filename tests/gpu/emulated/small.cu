/* SPDX-License-Identifier: MIT
 *
 * Small cases of the forward pass on the emulated device: as near to the truth as the contract is, and bit for bit the
 * same in whatever order threads run and copies land.
 * Usage: small [ORDERS]; 4 by default (what looks for races needs one).
 */
#include "../cases.h"
#include "../check.h"
#include <cmath>

/* As accurate as the contract, within the bound of tests/gpu/accuracy.cu. */
static constexpr double LIMIT = 1.25;

/* 2-norm of the difference. */
template <class A, class B> static double distance(const std::vector<A> &x, const std::vector<B> &y)
{
    double sum = 0;
    for (size_t i = 0; i < x.size(); i++)
        sum += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
    return std::sqrt(sum);
}

/* XQW is rounded once more than the contract's, which comes before its final rounding. */
static void check_accuracy(const Case &c, const DeviceCase &d, int cluster_size)
{
    const Truth truth = reference_f64(c), contract = reference_contract(c);
    for (int t = XQW; t < TENSORS; t++) {
        std::vector<double> rounded = truth.out[t];
        for (double &x : rounded)
            x = t == XQW ? round_bf16((float)x) : x;
        const double mine = distance(d.fetch(t), truth.out[t]);
        const double its = std::hypot(distance(contract.out[t], truth.out[t]), distance(rounded, truth.out[t]));
        CHECK(mine <= LIMIT * its);
        if (!(mine <= LIMIT * its))
            fprintf(stderr, "%lld heads, %lld tokens, groups of %lld, clusters of %d: %s %.2e, the contract %.2e\n",
                    (long long)c.shape.heads, (long long)c.shape.seq_len, (long long)c.shape.checkpoint_group_size,
                    cluster_size, TENSOR_NAMES[t], mine, its);
    }
}

int main(int argc, char **argv)
{
    const unsigned orders = argc > 1 ? (unsigned)atoi(argv[1]) : 4;
    const struct {
        int64_t heads, seq_len, group;
        double eps;
        Distribution distribution;
    } rows[] = {{1, 1, 1, 1e-6, Distribution::Unit},        {2, 63, 2, 1e-6, Distribution::Unit},
                {1, 64, 1, 1e-8, Distribution::Model},      {2, 65, 1, 1e-8, Distribution::Unit},
                {1, 5 * 64, 2, 1e-6, Distribution::Strong}, {2, 4 * 64 + 17, 5, 1e-6, Distribution::Model},
                {1, 2 * 64, 5, 1e-8, Distribution::Unit}};
    for (const auto &row : rows)
        for (int cluster_size : {1, 2, 4}) {
            const Case c(1, row.heads, row.seq_len, row.group, row.eps, row.distribution, 11);
            DeviceCase d(c);
            std::vector<Bytes> first;
            for (unsigned schedule = 0; schedule < orders; schedule++) {
                emulated::schedule = schedule;
                d.poison();
                CHECK(d.run(cluster_size) == TTT_OK && cudaDeviceSynchronize() == cudaSuccess);
                if (first.empty())
                    first = d.outputs();
                CHECK(d.outputs() == first);
                CHECK(d.intact());
            }
            check_accuracy(c, d, cluster_size);
        }
    return report("small");
}
