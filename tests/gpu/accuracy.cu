/* SPDX-License-Identifier: MIT
 *
 * Accuracy of the forward kernel: for each output, the root mean square over heads (each its own data) of the relative
 * error against fp64, over that of the precision contract.  For checkpoints, of every one; the worst is shown.
 * Usage: accuracy [MINI_BATCHES [ROW]], ROW a part of a row's name; exits 1 if a ratio exceeds 1.25 on `unit` or
 * `model`.
 */
#include "cases.h"
#include "check.h"
#include <cmath>
#include <cstdio>
#include <cstring>

static constexpr int SEEDS = 8;
static constexpr double LIMIT = 1.25;

/* Root mean square over the heads; part `k` of `parts` in each head. */
template <class A> static double rms(const std::vector<A> &k, const std::vector<double> &r, size_t part, size_t parts)
{
    const size_t size = r.size() / SEEDS / parts;
    double sum = 0;
    for (size_t head = 0; head < SEEDS; head++) {
        const double e = rel_error(k, r, (head * parts + part) * size, size);
        sum += e * e;
    }
    return std::sqrt(sum / SEEDS);
}

/* Error over the contract's, for one tensor: the worst of its parts. */
static double worst_ratio(const std::vector<float> &k, const std::vector<double> &contract,
                          const std::vector<double> &truth, size_t parts, bool rounded, double *error)
{
    std::vector<double> output;
    for (double x : truth)
        output.push_back(rounded ? round_bf16((float)x) : x);
    double worst = 0;
    for (size_t part = 0; part < parts; part++) {
        const double mine = rms(k, truth, part, parts);
        const double its = std::hypot(rms(contract, truth, part, parts), rounded ? rms(output, truth, part, parts) : 0);
        if (part == 0 && parts > 1 && !(mine > 0)) /* the state before the first mini-batch: exact, or all zero */
            continue;
        const double ratio = mine / its;
        if (!(ratio <= worst)) {
            worst = ratio;
            *error = mine;
        }
    }
    return worst;
}

int main(int argc, char **argv)
{
    const int mini_batches = argc > 1 ? atoi(argv[1]) : 32;
    const char *only = argc > 2 ? argv[2] : "";
    need_hopper();
    const struct {
        const char *name;
        Distribution distribution;
        double eps;
        bool gated;
    } rows[] = {{"unit 1e-6", Distribution::Unit, 1e-6, true},
                {"unit 1e-8", Distribution::Unit, 1e-8, true},
                {"model 1e-6", Distribution::Model, 1e-6, true},
                {"model 1e-8", Distribution::Model, 1e-8, true},
                {"strong 1e-6", Distribution::Strong, 1e-6, false}};
    bool failed = false;
    for (const auto &row : rows) {
        if (!strstr(row.name, only))
            continue;
        const Case c(1, SEEDS, mini_batches * 64, 4, row.eps, row.distribution, 7);
        const Truth truth = reference_f64(c), contract = reference_contract(c);
        DeviceCase d(c);
        for (int cluster_size : {2, 4}) {
            d.poison();
            const ttt_status status = d.run(cluster_size);
            if (status != TTT_OK) {
                fprintf(stderr, "refused with status %d\n", (int)status);
                return 1;
            }
            printf("%-12s NC %d cluster %d:", row.name, mini_batches, cluster_size);
            for (int t = XQW; t < TENSORS; t++) {
                const size_t parts = t >= CW1 && t <= CB2 ? (size_t)(mini_batches + 3) / 4 : 1;
                double error = 0;
                const double ratio = worst_ratio(d.fetch(t), contract.out[t], truth.out[t], parts, t == XQW, &error);
                printf(" %s %.3f (%.1e)", TENSOR_NAMES[t], ratio, error);
                failed |= row.gated && !(ratio <= LIMIT);
            }
            printf("%s%s\n", d.red_zones_intact() ? "" : " RED ZONE", d.inputs_unchanged() ? "" : " INPUT CHANGED");
            failed |= !d.red_zones_intact() || !d.inputs_unchanged();
            fflush(stdout);
        }
    }
    failures += failed;
    return report("accuracy");
}
