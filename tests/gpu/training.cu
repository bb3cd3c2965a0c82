/* SPDX-License-Identifier: MIT
 *
 * A training that a user would recognise: an outer optimiser (Adam) fits the initial state and the norm of a layer to a
 * random teacher, from the same start, with passes on the GPU, in fp64 on the CPU, and as the precision contract has
 * them on the CPU.  The GPU's curve of the loss must follow that of fp64 as the contract's does: bfloat16 operands
 * alone, where a step of Adam overshoots, move a loss by several percent. Usage: training [STEPS [JSON]]; 200 steps by
 * default; the curves go to the file JSON.
 */
#include "check.h"
#include "gradients.h"
#include <cmath>
#include <cstdio>

static constexpr int HEADS = 2, MINI_BATCHES = 6, GROUP = 2;
static constexpr double RATE = 3e-3;

/* Root mean square over steps of the loss over fp64's, less 1: over the contract's.  Its few spikes decide: hence 2. */
static constexpr double LIMIT = 2;

/* What is trained, and which gradient belongs to it. */
static constexpr int PARAMETERS = 6;
static constexpr int TRAINED[PARAMETERS] = {WEIGHT, BIAS, W1, B1, W2, B2};
static constexpr int TRAINED_BY[PARAMETERS] = {DWEIGHT, DBIAS, DW1, DB1, DW2, DB2};

static Case make_case(uint64_t seed)
{
    return Case(1, HEADS, MINI_BATCHES * 64, GROUP, 1e-6, Distribution::Strong, seed);
}

/* One run of the optimiser. */
struct Training {
    Case layer;
    std::vector<double> moment[PARAMETERS], square[PARAMETERS];
    int step = 0;

    explicit Training(const Case &start) : layer(start)
    {
        for (int k = 0; k < PARAMETERS; k++) {
            moment[k].resize(start.elements(TRAINED[k]));
            square[k].resize(start.elements(TRAINED[k]));
        }
    }

    /* Adam with its usual constants. */
    template <class T> void update(int k, const std::vector<T> &gradient)
    {
        const double first = 1 - std::pow(0.9, step), second = 1 - std::pow(0.999, step);
        for (size_t i = 0; i < gradient.size(); i++) {
            const double g = (double)gradient[i];
            moment[k][i] = 0.9 * moment[k][i] + 0.1 * g;
            square[k][i] = 0.999 * square[k][i] + 0.001 * g * g;
            layer.host[TRAINED[k]][i] -=
                (float)(RATE * moment[k][i] / first / (std::sqrt(square[k][i] / second) + 1e-8));
        }
    }
};

/* Half the mean square of XQW - target; its gradient, as `GradientCase` has it. */
template <class T>
static double loss_of(const std::vector<T> &output, const std::vector<double> &target, std::vector<float> &gradient)
{
    double sum = 0;
    gradient.resize(target.size());
    for (size_t i = 0; i < target.size(); i++) {
        const double d = (double)output[i] - target[i];
        sum += 0.5 * d * d / (double)target.size();
        gradient[i] = (float)(d / (double)target.size());
    }
    return sum;
}

static double step_on_gpu(Training &t, const std::vector<double> &target)
{
    GradientCase c(t.layer, false);
    DeviceCase forward(t.layer);
    CHECK(forward.run(0) == TTT_OK);
    const double loss = loss_of(forward.fetch(XQW), target, c.dXQW);
    for (float &x : c.dXQW)
        x = round_bf16(x);
    DeviceGradients backward(c, 0);
    CHECK(backward.run(0) == TTT_OK);
    t.step++;
    for (int k = 0; k < PARAMETERS; k++)
        t.update(k, backward.fetch(TRAINED_BY[k]));
    return loss;
}

typedef Truth Forward(const Case &);
typedef GradientTruth Backward(const GradientCase &);

static double step_on_cpu(Training &t, const std::vector<double> &target, Forward *forward, Backward *backward,
                          bool rounds)
{
    GradientCase c(t.layer, false);
    std::vector<double> output = forward(t.layer).out[XQW];
    for (double &x : output)
        x = rounds ? round_bf16((float)x) : x;
    const double loss = loss_of(output, target, c.dXQW);
    for (float &x : c.dXQW)
        x = rounds ? round_bf16(x) : x;
    const GradientTruth gradients = backward(c);
    t.step++;
    for (int k = 0; k < PARAMETERS; k++)
        t.update(k, gradients.out[TRAINED_BY[k]]);
    return loss;
}

static Truth forward_contract(const Case &c)
{
    return reference_contract(c);
}

/* How far a curve is from fp64's. */
static double apart(const std::vector<double> &curve, const std::vector<double> &f64)
{
    double sum = 0;
    for (size_t k = 0; k < curve.size(); k++)
        sum += (curve[k] / f64[k] - 1) * (curve[k] / f64[k] - 1);
    return std::sqrt(sum / (double)curve.size());
}

static void write_curve(FILE *file, const char *name, const std::vector<double> &curve, const char *end)
{
    fprintf(file, "  \"%s\": [", name);
    for (size_t i = 0; i < curve.size(); i++)
        fprintf(file, "%s%.9g", i ? ", " : "", curve[i]);
    fprintf(file, "]%s\n", end);
}

static void write_json(const char *path, const std::vector<double> &gpu, const std::vector<double> &contract,
                       const std::vector<double> &f64)
{
    FILE *file = fopen(path, "w");
    CHECK(file != nullptr);
    if (!file)
        return;
    fprintf(file, "{\n  \"schema\": \"ttt-training-1\",\n  \"program\": \"training\",\n");
    cudaDeviceProp device;
    CHECK(cudaGetDeviceProperties(&device, 0) == cudaSuccess);
    fprintf(file, "  \"device\": \"%s\",\n", device.name);
    fprintf(file, "  \"case\": \"b1h%dn%dc64f64d256g%d eps=1e-6 dist=strong\",\n", HEADS, MINI_BATCHES * 64, GROUP);
    fprintf(file, "  \"optimiser\": \"adam\",\n  \"rate\": %g,\n  \"limit\": %g,\n", RATE, LIMIT);
    write_curve(file, "loss_gpu", gpu, ",");
    write_curve(file, "loss_contract", contract, ",");
    write_curve(file, "loss_f64", f64, "");
    fprintf(file, "}\n");
    CHECK(fclose(file) == 0);
}

int main(int argc, char **argv)
{
    const int steps = argc > 1 ? atoi(argv[1]) : 200;
    need_hopper();
    /* The teacher reads the same tokens with a state and a norm of its own. */
    Case start = make_case(21), teacher = start;
    const Case other = make_case(22);
    for (int parameter : TRAINED)
        teacher.host[parameter] = other.host[parameter];
    const std::vector<double> target = reference_f64(teacher).out[XQW];
    Training gpu(start), contract(start), f64(start);
    std::vector<double> on_gpu, by_contract, in_f64;
    for (int k = 0; k < steps; k++) {
        on_gpu.push_back(step_on_gpu(gpu, target));
        by_contract.push_back(step_on_cpu(contract, target, forward_contract, gradients_contract, true));
        in_f64.push_back(step_on_cpu(f64, target, reference_f64, gradients_f64, false));
    }
    const double mine = apart(on_gpu, in_f64), its = apart(by_contract, in_f64);
    printf("loss %.6f -> %.6f on the GPU, %.6f by the contract, %.6f in fp64; from fp64 %.2f%% (the contract %.2f%%)\n",
           on_gpu.front(), on_gpu.back(), by_contract.back(), in_f64.back(), 100 * mine, 100 * its);
    CHECK(mine <= LIMIT * its);
    CHECK(steps < 100 || in_f64.back() < 0.5 * in_f64.front()); /* it does learn */
    if (argc > 2)
        write_json(argv[2], on_gpu, by_contract, in_f64);
    return report("training");
}
