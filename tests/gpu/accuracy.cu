/* SPDX-License-Identifier: MIT
 *
 * Accuracy of the forward kernel: for each output, the root mean square over heads (each its own data) of the relative
 * error against fp64, over that of the precision contract.  For checkpoints, of every one; the worst is shown.
 * Usage: accuracy [MINI_BATCHES [ROW]], ROW a part of a row's name; exits 1 if a ratio exceeds 1.25 on `unit` or
 * `model`.
 *        accuracy points [MINI_BATCHES [ROW]]: what each declared rounding point costs, the same ratios for ref-bf16
 * with it; needs no device.
 */
#include "cases.h"
#include "check.h"
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ttt/ttt_ref.h>

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

struct Row {
    const char *name;
    Distribution distribution;
    double eps;
    bool gated;
};
static const Row rows[] = {{"unit 1e-6", Distribution::Unit, 1e-6, true},
                           {"unit 1e-8", Distribution::Unit, 1e-8, true},
                           {"model 1e-6", Distribution::Model, 1e-6, true},
                           {"model 1e-8", Distribution::Model, 1e-8, true},
                           {"strong 1e-6", Distribution::Strong, 1e-6, false}};

/* Prints the ratios of all outputs; the largest. */
static double print_ratios(const Case &c, const Truth &truth, const Truth &contract,
                           const std::vector<float> (&outputs)[TENSORS])
{
    const size_t checkpoints = c.elements(CW1) / c.elements(LW1);
    double worst = 0;
    for (int t = XQW; t < TENSORS; t++) {
        const size_t parts = t >= CW1 && t <= CB2 ? checkpoints : 1;
        double error = 0;
        const double ratio = worst_ratio(outputs[t], contract.out[t], truth.out[t], parts, t == XQW, &error);
        printf(" %s %.3f (%.1e)", TENSOR_NAMES[t], ratio, error);
        worst = ratio <= worst ? worst : ratio;
    }
    return worst;
}

static bool check_kernel(const Row &row, const Case &c, const Truth &truth, const Truth &contract)
{
    bool good = true;
    DeviceCase d(c);
    for (int cluster_size : {1, 2, 4}) {
        d.poison();
        const ttt_status status = d.run(cluster_size);
        if (status != TTT_OK) {
            fprintf(stderr, "refused with status %d\n", (int)status);
            return false;
        }
        std::vector<float> outputs[TENSORS];
        for (int t = XQW; t < TENSORS; t++)
            outputs[t] = d.fetch(t);
        printf("%-12s NC %d cluster %d:", row.name, (int)(c.shape.seq_len / 64), cluster_size);
        good &= print_ratios(c, truth, contract, outputs) <= LIMIT || !row.gated;
        puts(d.intact() ? "" : " RED ZONE OR INPUT CHANGED");
        good &= d.intact();
        fflush(stdout);
    }
    return good;
}

static void print_points(const Row &row, const Case &c, const Truth &truth, const Truth &contract)
{
    const unsigned eta = TTT_REF_POINT_ETA, exchange = TTT_REF_POINT_EXCHANGE, tanh = TTT_REF_POINT_TANH,
                   slope = TTT_REF_POINT_SLOPE;
    const struct {
        const char *name;
        unsigned points;
        int parts;
    } sets[] = {{"eta", eta, 0},
                {"exchange/2", exchange, 2},
                {"exchange/4", exchange, 4},
                {"tanh", tanh, 0},
                {"slope", slope, 0},
                {"clusters of 1", eta | tanh | slope, 0},
                {"clusters of 2", eta | exchange | tanh, 2},
                {"clusters of 4", eta | exchange | tanh, 4}};
    for (const auto &set : sets) {
        const Truth k = reference_contract(c, set.points, set.parts);
        std::vector<float> outputs[TENSORS];
        for (int t = XQW; t < TENSORS; t++)
            for (double x : k.out[t])
                outputs[t].push_back(t == XQW ? round_bf16((float)x) : (float)x);
        printf("%-12s NC %d %s:", row.name, (int)(c.shape.seq_len / 64), set.name);
        print_ratios(c, truth, contract, outputs);
        printf("\n");
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    const bool points = argc > 1 && !strcmp(argv[1], "points");
    const int first = points ? 2 : 1;
    const int mini_batches = argc > first ? atoi(argv[first]) : 32;
    const char *only = argc > first + 1 ? argv[first + 1] : "";
    if (!points)
        need_hopper();
    for (const Row &row : rows) {
        if (!strstr(row.name, only))
            continue;
        const Case c(1, SEEDS, mini_batches * 64, 4, row.eps, row.distribution, 7);
        const Truth truth = reference_f64(c), contract = reference_contract(c);
        if (points)
            print_points(row, c, truth, contract);
        else
            CHECK(check_kernel(row, c, truth, contract));
    }
    return report("accuracy");
}
