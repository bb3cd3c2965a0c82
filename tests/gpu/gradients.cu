/* SPDX-License-Identifier: MIT */
#include "gradients.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda_runtime.h>
#include <random>
#include <ttt/ttt_ref.h>

const char *const GRADIENT_NAMES[GRADIENTS] = {"dXQ",   "dXK",      "dXV",      "dlast_eta", "dweight",
                                               "dbias", "dW1_init", "db1_init", "dW2_init",  "db2_init"};

static constexpr size_t RED_ZONE = 4096;

static void must(cudaError_t error, const char *what)
{
    if (error != cudaSuccess) {
        fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
        exit(1);
    }
}

static void refuse(const char *what)
{
    fprintf(stderr, "%s was refused\n", what);
    exit(1);
}

GradientCase::GradientCase(const Case &forward_, bool with_upstream) : forward(forward_)
{
    std::mt19937_64 bits(forward.seed + 1000);
    std::normal_distribution<float> normal;
    dXQW.resize(forward.elements(XQW));
    for (float &x : dXQW)
        x = round_bf16(normal(bits));
    for (int t = 0; with_upstream && t < 4; t++) {
        upstream[t].resize(forward.elements(W1 + t));
        for (float &x : upstream[t])
            x = normal(bits);
    }
}

size_t GradientCase::elements(int gradient) const
{
    static const int like[GRADIENTS] = {XQ, XK, XV, ETA, WEIGHT, BIAS, W1, B1, W2, B2};
    return forward.elements(like[gradient]);
}

bool GradientCase::is_token(int gradient) const
{
    return gradient <= DETA;
}

/* ---------------------------------------------------------------------------------------------- device */

/* Device memory with a red zone on either side, all poison. */
unsigned char *DeviceGradients::buffer(size_t bytes)
{
    unsigned char *base;
    must(cudaMalloc(reinterpret_cast<void **>(&base), bytes + 2 * RED_ZONE), "cudaMalloc");
    must(cudaMemset(base, POISON, bytes + 2 * RED_ZONE), "cudaMemset");
    bases.push_back(base);
    sizes.push_back(bytes);
    return base + RED_ZONE;
}

unsigned char *DeviceGradients::copy(const std::vector<float> &x, bool token)
{
    const size_t element = token ? 2 : 4;
    std::vector<unsigned char> raw(x.size() * element);
    for (size_t i = 0; i < x.size(); i++)
        memcpy(&raw[element * i], reinterpret_cast<const unsigned char *>(&x[i]) + (4 - element), element);
    unsigned char *to = buffer(raw.size());
    must(cudaMemcpy(to, raw.data(), raw.size(), cudaMemcpyHostToDevice), "cudaMemcpy");
    return to;
}

DeviceGradients::DeviceGradients(const GradientCase &c_, int window_groups_)
    : args{}, workspace_bytes(0), c(c_), forward(c_.forward), window_groups(window_groups_)
{
    if (forward.run(0) != TTT_OK)
        refuse("the forward pass");
    const ttt_mlp_forward_args &f = forward.args;
    for (int g = 0; g < GRADIENTS; g++)
        output[g] = buffer(c.elements(g) * (c.is_token(g) ? 2 : 4));
    unsigned char *up[4] = {};
    for (int t = 0; t < 4; t++)
        if (!c.upstream[t].empty())
            up[t] = copy(c.upstream[t], false);
    args = {f.XQ,
            f.XK,
            f.XV,
            f.last_eta,
            nullptr,
            f.ttt_norm_weight,
            f.ttt_norm_bias,
            f.W1_checkpoints,
            f.b1_checkpoints,
            f.W2_checkpoints,
            f.b2_checkpoints,
            copy(c.dXQW, true),
            up[0],
            up[1],
            up[2],
            up[3],
            output[DXQ],
            output[DXK],
            output[DXV],
            output[DETA],
            nullptr,
            output[DWEIGHT],
            output[DBIAS],
            output[DW1],
            output[DB1],
            output[DW2],
            output[DB2]};
    const ttt_gpu_options options = {0, window_groups};
    if (ttt_gpu_mlp_backward_workspace(&c.forward.shape, &options, &workspace_bytes) != TTT_OK)
        refuse("the workspace query");
    workspace = buffer(workspace_bytes);
}

DeviceGradients::~DeviceGradients()
{
    for (unsigned char *base : bases)
        cudaFree(base);
}

void DeviceGradients::poison()
{
    for (int g = 0; g < GRADIENTS; g++)
        must(cudaMemset(output[g], POISON, c.elements(g) * (c.is_token(g) ? 2 : 4)), "cudaMemset");
    must(cudaMemset(workspace, POISON, workspace_bytes), "cudaMemset");
}

ttt_status DeviceGradients::run(int cluster_size, CUstream_st *stream)
{
    const ttt_gpu_options options = {cluster_size, window_groups};
    return ttt_gpu_mlp_backward(&c.forward.shape, &args, &options, workspace, workspace_bytes, stream);
}

Bytes DeviceGradients::fetch_bytes(int g) const
{
    std::vector<unsigned char> raw(c.elements(g) * (c.is_token(g) ? 2 : 4));
    must(cudaMemcpy(raw.data(), output[g], raw.size(), cudaMemcpyDeviceToHost), "the kernels");
    return raw;
}

std::vector<float> DeviceGradients::fetch(int g) const
{
    const std::vector<unsigned char> raw = fetch_bytes(g);
    const size_t element = c.is_token(g) ? 2 : 4;
    std::vector<float> x(c.elements(g), 0.0f);
    for (size_t i = 0; i < x.size(); i++)
        memcpy(reinterpret_cast<unsigned char *>(&x[i]) + (4 - element), &raw[element * i], element);
    return x;
}

std::vector<Bytes> DeviceGradients::outputs() const
{
    std::vector<Bytes> all;
    for (int g = 0; g < GRADIENTS; g++)
        all.push_back(fetch_bytes(g));
    return all;
}

bool DeviceGradients::intact() const
{
    std::vector<unsigned char> zone(2 * RED_ZONE);
    for (size_t k = 0; k < bases.size(); k++) {
        must(cudaMemcpy(zone.data(), bases[k], RED_ZONE, cudaMemcpyDeviceToHost), "the kernels");
        must(cudaMemcpy(&zone[RED_ZONE], bases[k] + RED_ZONE + sizes[k], RED_ZONE, cudaMemcpyDeviceToHost),
             "cudaMemcpy");
        for (unsigned char x : zone)
            if (x != POISON)
                return false;
    }
    return forward.intact();
}

/* ---------------------------------------------------------------------------------------------- reference */

/* Inputs as a type set has them. */
template <class Token, class State> class HostTensor
{
  public:
    HostTensor(const std::vector<float> &x, bool token)
    {
        const bool bf16 = token && sizeof(Token) == 2;
        data.resize(x.size() * (bf16 ? 2 : sizeof(State)));
        for (size_t i = 0; i < x.size(); i++) {
            const State wide = (State)x[i];
            if (bf16)
                memcpy(&data[2 * i], reinterpret_cast<const unsigned char *>(&x[i]) + 2, 2);
            else
                memcpy(&data[sizeof(State) * i], &wide, sizeof(State));
        }
    }
    void *get()
    {
        return data.empty() ? nullptr : data.data();
    }

  private:
    std::vector<unsigned char> data;
};

struct Functions {
    decltype(ttt_ref_mlp_backward_workspace_f64) *query;
    decltype(ttt_ref_mlp_backward_f64) *backward;
};

/* Checkpoints come from the reference's own forward pass. */
template <class Token, class State>
static GradientTruth reference(const GradientCase &c, const Truth &forward, const Functions &functions,
                               const ttt_ref_options *options)
{
    typedef HostTensor<Token, State> Tensor;
    const std::vector<float>(&h)[TENSORS] = c.forward.host;
    Tensor q(h[XQ], true), k(h[XK], true), v(h[XV], true), eta(h[ETA], true), w(h[WEIGHT], false), b(h[BIAS], false),
        d(c.dXQW, true),
        up[4] = {{c.upstream[0], false}, {c.upstream[1], false}, {c.upstream[2], false}, {c.upstream[3], false}};
    std::vector<State> checkpoints[4], out[GRADIENTS];
    for (int t = 0; t < 4; t++)
        checkpoints[t].assign(forward.out[CW1 + t].begin(), forward.out[CW1 + t].end());
    for (int g = 0; g < GRADIENTS; g++)
        out[g].resize(c.elements(g));
    const ttt_mlp_backward_args args = {q.get(),
                                        k.get(),
                                        v.get(),
                                        eta.get(),
                                        nullptr,
                                        w.get(),
                                        b.get(),
                                        checkpoints[0].data(),
                                        checkpoints[1].data(),
                                        checkpoints[2].data(),
                                        checkpoints[3].data(),
                                        d.get(),
                                        up[0].get(),
                                        up[1].get(),
                                        up[2].get(),
                                        up[3].get(),
                                        out[DXQ].data(),
                                        out[DXK].data(),
                                        out[DXV].data(),
                                        out[DETA].data(),
                                        nullptr,
                                        out[DWEIGHT].data(),
                                        out[DBIAS].data(),
                                        out[DW1].data(),
                                        out[DB1].data(),
                                        out[DW2].data(),
                                        out[DB2].data()};
    size_t bytes = 0;
    functions.query(&c.forward.shape, options, &bytes);
    void *workspace = aligned_alloc(64, (bytes + 63) / 64 * 64);
    const ttt_status status = functions.backward(&c.forward.shape, &args, options, workspace, bytes);
    free(workspace);
    if (status != TTT_OK) {
        fprintf(stderr, "the reference: %s\n", ttt_status_string(status));
        exit(1);
    }
    GradientTruth truth;
    for (int g = 0; g < GRADIENTS; g++)
        truth.out[g].assign(out[g].begin(), out[g].end());
    return truth;
}

GradientTruth gradients_f64(const GradientCase &c)
{
    const ttt_ref_options options = {0, 0};
    return reference<double, double>(c, reference_f64(c.forward),
                                     {ttt_ref_mlp_backward_workspace_f64, ttt_ref_mlp_backward_f64}, &options);
}

GradientTruth gradients_contract(const GradientCase &c)
{
    const ttt_ref_options options = {0, 1};
    return reference<uint16_t, float>(c, reference_contract(c.forward),
                                      {ttt_ref_mlp_backward_workspace_bf16, ttt_ref_mlp_backward_bf16}, &options);
}
