/* SPDX-License-Identifier: MIT */
#include "cases.h"
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda_runtime.h>
#include <random>
#include <ttt/ttt_ref.h>

const char *const TENSOR_NAMES[TENSORS] = {
    "XQ",      "XK",      "XV",     "last_eta",       "ttt_norm_weight", "ttt_norm_bias",  "W1_init",        "b1_init",
    "W2_init", "b2_init", "XQW",    "W1_checkpoints", "b1_checkpoints",  "W2_checkpoints", "b2_checkpoints", "W1_last",
    "b1_last", "W2_last", "b2_last"};

static constexpr size_t RED_ZONE = 4096;

static void must(cudaError_t error, const char *what)
{
    if (error != cudaSuccess) {
        fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
        exit(1);
    }
}

float round_bf16(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    u = (u + 0x7fff + ((u >> 16) & 1)) & 0xffff0000u;
    memcpy(&x, &u, 4);
    return x;
}

size_t Case::elements(int t) const
{
    const int64_t S = shape.batch * shape.heads, F = shape.head_dim, D = shape.hidden_dim;
    const int64_t NC = (shape.seq_len - 1) / shape.mini_batch_size + 1;
    const int64_t K = (NC - 1) / shape.checkpoint_group_size + 1;
    const int64_t states[] = {F * D, D, D * F, F};
    if (t == ETA)
        return (size_t)(S * shape.seq_len);
    if (is_token(t))
        return (size_t)(S * shape.seq_len * F);
    if (t == WEIGHT || t == BIAS)
        return (size_t)(shape.heads * F);
    return (size_t)(S * (t >= CW1 && t <= CB2 ? K : 1) * states[t >= LW1 ? t - LW1 : t >= CW1 ? t - CW1 : t - W1]);
}

bool Case::is_token(int t) const
{
    return t <= ETA || t == XQW;
}

Case::Case(int64_t batch, int64_t heads, int64_t seq_len, int64_t group, double eps, Distribution d, uint64_t seed_)
    : shape{batch, heads, seq_len, 64, 64, 256, group, eps, 0}, distribution(d), seed(seed_)
{
    std::mt19937_64 bits(seed);
    std::normal_distribution<float> normal;
    const bool model = d == Distribution::Model, strong = d == Distribution::Strong;
    for (int t = XQ; t <= B2; t++)
        host[t].resize(elements(t));
    for (int t = XQ; t <= XV; t++)
        for (float &x : host[t])
            x = normal(bits);
    if (model)
        for (size_t row = 0; row < host[XQ].size() / 64; row++) {
            for (int t = XQ; t <= XK; t++) {
                float sum = 0;
                for (int f = 0; f < 64; f++)
                    sum += host[t][row * 64 + f] * host[t][row * 64 + f];
                for (int f = 0; f < 64; f++)
                    host[t][row * 64 + f] /= std::sqrt(sum);
            }
            for (int f = 0; f < 64; f++)
                host[XV][row * 64 + f] += host[XK][row * 64 + f];
        }
    for (float &x : host[ETA])
        x = model    ? 0.1f / (1 + std::exp(-normal(bits))) / 64 / 64
            : strong ? 0.5f / 64 * std::generate_canonical<float, 24>(bits)
                     : std::fabs(normal(bits)) * 0.02f;
    for (int t = XQ; t <= ETA; t++)
        for (float &x : host[t])
            x = round_bf16(x);
    for (float &x : host[WEIGHT])
        x = model ? 1 : 1 + (strong ? 0.3f : 0.1f) * normal(bits);
    for (float &x : host[BIAS])
        x = model ? 0 : 0.02f * normal(bits);
    for (int t = W1; t <= B2; t++)
        for (float &x : host[t])
            x = (strong ? 0.12f : 0.02f) * (model && (t == B1 || t == B2) ? 0 : normal(bits));
}

/* ---------------------------------------------------------------------------------------------- device */

DeviceCase::DeviceCase(const Case &c_) : args{}, c(c_)
{
    for (int t = 0; t < TENSORS; t++) {
        bytes[t] = c.elements(t) * (c.is_token(t) ? 2 : 4);
        must(cudaMalloc(reinterpret_cast<void **>(&base[t]), bytes[t] + 2 * RED_ZONE), "cudaMalloc");
        must(cudaMemset(base[t], POISON, bytes[t] + 2 * RED_ZONE), "cudaMemset");
        if (c.host[t].empty())
            continue;
        std::vector<unsigned char> raw(bytes[t]);
        for (size_t i = 0; i < c.host[t].size(); i++)
            if (c.is_token(t))
                memcpy(&raw[2 * i], reinterpret_cast<const unsigned char *>(&c.host[t][i]) + 2, 2);
            else
                memcpy(&raw[4 * i], &c.host[t][i], 4);
        must(cudaMemcpy(base[t] + RED_ZONE, raw.data(), bytes[t], cudaMemcpyHostToDevice), "cudaMemcpy");
    }
    unsigned char *p[TENSORS];
    for (int t = 0; t < TENSORS; t++)
        p[t] = base[t] + RED_ZONE;
    args = {p[XQ], p[XK],  p[XV],  p[ETA], nullptr, p[WEIGHT], p[BIAS], p[W1],  p[B1],  p[W2],
            p[B2], p[XQW], p[CW1], p[CB1], p[CW2],  p[CB2],    p[LW1],  p[LB1], p[LW2], p[LB2]};
}

DeviceCase::~DeviceCase()
{
    for (unsigned char *p : base)
        cudaFree(p);
}

void DeviceCase::poison()
{
    for (int t = XQW; t < TENSORS; t++)
        must(cudaMemset(base[t], POISON, bytes[t] + 2 * RED_ZONE), "cudaMemset");
}

ttt_status DeviceCase::run(int cluster_size, CUstream_st *stream)
{
    const ttt_gpu_options options = {cluster_size};
    return ttt_gpu_mlp_forward(&c.shape, &args, &options, nullptr, 0, stream);
}

Bytes DeviceCase::fetch_bytes(int t) const
{
    std::vector<unsigned char> raw(bytes[t]);
    must(cudaMemcpy(raw.data(), base[t] + RED_ZONE, bytes[t], cudaMemcpyDeviceToHost), "the kernel");
    return raw;
}

std::vector<float> DeviceCase::fetch(int t) const
{
    const std::vector<unsigned char> raw = fetch_bytes(t);
    std::vector<float> x(c.elements(t), 0.0f);
    for (size_t i = 0; i < x.size(); i++)
        if (c.is_token(t))
            memcpy(reinterpret_cast<unsigned char *>(&x[i]) + 2, &raw[2 * i], 2);
        else
            memcpy(&x[i], &raw[4 * i], 4);
    return x;
}

bool DeviceCase::red_zones_intact() const
{
    for (int t = 0; t < TENSORS; t++) {
        std::vector<unsigned char> zone(2 * RED_ZONE);
        must(cudaMemcpy(zone.data(), base[t], RED_ZONE, cudaMemcpyDeviceToHost), "the kernel");
        must(cudaMemcpy(&zone[RED_ZONE], base[t] + RED_ZONE + bytes[t], RED_ZONE, cudaMemcpyDeviceToHost),
             "cudaMemcpy");
        for (unsigned char x : zone)
            if (x != POISON)
                return false;
    }
    return true;
}

bool DeviceCase::inputs_unchanged() const
{
    for (int t = XQ; t <= B2; t++) {
        const std::vector<float> now = fetch(t);
        if (memcmp(now.data(), c.host[t].data(), now.size() * 4))
            return false;
    }
    return true;
}

std::vector<Bytes> DeviceCase::outputs() const
{
    std::vector<Bytes> all;
    for (int t = XQW; t < TENSORS; t++)
        all.push_back(fetch_bytes(t));
    return all;
}

bool DeviceCase::intact() const
{
    return red_zones_intact() && inputs_unchanged();
}

/* ---------------------------------------------------------------------------------------------- reference */

template <class Token, class State>
static Truth reference(const Case &c, decltype(ttt_ref_mlp_forward_f64) *forward,
                       decltype(ttt_ref_mlp_forward_workspace_f64) *query, const ttt_ref_options *options)
{
    std::vector<unsigned char> data[TENSORS];
    void *p[TENSORS];
    for (int t = 0; t < TENSORS; t++) {
        const bool bf16 = c.is_token(t) && t != XQW && sizeof(Token) == 2;
        const size_t element = bf16 ? 2 : sizeof(State);
        data[t].resize(c.elements(t) * element);
        p[t] = data[t].data();
        for (size_t i = 0; i < c.host[t].size(); i++) {
            const State wide = (State)c.host[t][i];
            if (bf16)
                memcpy(&data[t][2 * i], reinterpret_cast<const unsigned char *>(&c.host[t][i]) + 2, 2);
            else
                memcpy(&data[t][i * element], &wide, element);
        }
    }
    const ttt_mlp_forward_args args = {p[XQ],  p[XK],  p[XV],  p[ETA], nullptr, p[WEIGHT], p[BIAS],
                                       p[W1],  p[B1],  p[W2],  p[B2],  p[XQW],  p[CW1],    p[CB1],
                                       p[CW2], p[CB2], p[LW1], p[LB1], p[LW2],  p[LB2]};
    size_t bytes = 0;
    query(&c.shape, options, &bytes);
    void *workspace = aligned_alloc(64, (bytes + 63) / 64 * 64);
    const ttt_status status = forward(&c.shape, &args, options, workspace, bytes);
    free(workspace);
    if (status != TTT_OK) {
        fprintf(stderr, "the reference: %s\n", ttt_status_string(status));
        exit(1);
    }
    Truth truth;
    for (int t = XQW; t < TENSORS; t++) {
        const State *x = reinterpret_cast<const State *>(data[t].data());
        truth.out[t].assign(x, x + c.elements(t));
    }
    return truth;
}

Truth reference_f64(const Case &c)
{
    const ttt_ref_options options = {};
    return reference<double, double>(c, ttt_ref_mlp_forward_f64, ttt_ref_mlp_forward_workspace_f64, &options);
}

Truth reference_contract(const Case &c, unsigned points, int exchange_parts)
{
    ttt_ref_options options = {};
    options.exact_outputs = 1;
    options.points = points;
    options.exchange_parts = exchange_parts;
    return reference<uint16_t, float>(c, ttt_ref_mlp_forward_bf16, ttt_ref_mlp_forward_workspace_bf16, &options);
}

template <class A> double rel_error(const std::vector<A> &k, const std::vector<double> &r, size_t from, size_t count)
{
    double error = 0, size = 0;
    for (size_t i = from; i < from + count; i++) {
        const double d = (double)k[i] - r[i];
        error += d * d;
        size += r[i] * r[i];
    }
    return std::sqrt(error / size);
}

template double rel_error(const std::vector<float> &, const std::vector<double> &, size_t, size_t);
template double rel_error(const std::vector<double> &, const std::vector<double> &, size_t, size_t);
