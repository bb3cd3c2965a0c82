/* SPDX-License-Identifier: MIT
 *
 * Accuracy of the backward kernels: for each gradient, the root mean square over heads (each its own data) of the
 * relative error against fp64, over that of the precision contract.
 * Usage: gradient-accuracy [MINI_BATCHES [ROW]], ROW a part of a row's name; exits 1 if a ratio exceeds 1.25 on `unit`
 * or `model`.
 */
#include "check.h"
#include "gradients.h"
#include <cmath>
#include <cstdio>
#include <cstring>

static constexpr int SEEDS = 8;
static constexpr double LIMIT = 1.25;

/* Root mean square over the heads. */
template <class A> static double rms(const std::vector<A> &k, const std::vector<double> &r)
{
    const size_t size = r.size() / SEEDS;
    double sum = 0;
    for (size_t head = 0; head < SEEDS; head++) {
        const double e = rel_error(k, r, head * size, size);
        sum += e * e;
    }
    return std::sqrt(sum / SEEDS);
}

/* Error over the contract's, whose outputs come before the final rounding that tokens get. */
static double ratio(const std::vector<float> &k, const std::vector<double> &contract, const std::vector<double> &truth,
                    bool token, double *error)
{
    std::vector<double> output;
    for (double x : truth)
        output.push_back(token ? round_bf16((float)x) : x);
    *error = rms(k, truth);
    return *error / std::hypot(rms(contract, truth), rms(output, truth));
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
        bool upstream, gated;
    } rows[] = {{"unit 1e-6", Distribution::Unit, 1e-6, false, true},
                {"unit 1e-8 upstream", Distribution::Unit, 1e-8, true, true},
                {"model 1e-6 upstream", Distribution::Model, 1e-6, true, true},
                {"model 1e-8", Distribution::Model, 1e-8, false, true},
                {"strong 1e-6", Distribution::Strong, 1e-6, false, false}};
    bool failed = false;
    for (const auto &row : rows) {
        if (!strstr(row.name, only))
            continue;
        const GradientCase c(Case(1, SEEDS, mini_batches * 64, 4, row.eps, row.distribution, 7), row.upstream);
        const GradientTruth truth = gradients_f64(c), contract = gradients_contract(c);
        DeviceGradients d(c, 0);
        for (int cluster_size : {2, 4}) {
            d.poison();
            const ttt_status status = d.run(cluster_size);
            if (status != TTT_OK) {
                fprintf(stderr, "refused with status %d\n", (int)status);
                return 1;
            }
            printf("%-20s NC %d cluster %d:", row.name, mini_batches, cluster_size);
            for (int g = 0; g < GRADIENTS; g++) {
                double error = 0;
                const double r = ratio(d.fetch(g), contract.out[g], truth.out[g], c.is_token(g), &error);
                printf(" %s %.3f (%.1e)", GRADIENT_NAMES[g], r, error);
                failed |= row.gated && !(r <= LIMIT);
            }
            printf("%s\n", d.intact() ? "" : " NOT INTACT");
            failed |= !d.intact();
            fflush(stdout);
        }
    }
    failures += failed;
    return report("gradient-accuracy");
}
