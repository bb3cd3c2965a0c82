/* SPDX-License-Identifier: MIT
 *
 * The rooms of gpu/ one by one, against the contract's formulas in double.  One block of one warpgroup each.
 */
#include "../../gpu/rooms/gelu.cuh"
#include "../../gpu/rooms/hessian.cuh"
#include "../../gpu/rooms/matmul.cuh"
#include "../../gpu/rooms/norm.cuh"
#include "../../gpu/rooms/quad.cuh"
#include "../../gpu/rooms/reduce.cuh"
#include "../../gpu/rooms/store.cuh"
#include "../../gpu/rooms/update.cuh"
#include "check.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

using namespace ttt_gpu;

/* ---------------------------------------------------------------------------------------------- helpers */

static __device__ Place place()
{
    Place at = {};
    at.thread = (int)threadIdx.x;
    at.warp = at.thread / WARP % 4;
    at.lane = at.thread % WARP;
    at.group = at.lane / 4;
    at.quad = at.lane % 4;
    return at;
}

/* Row and column of accumulator k of this thread. */
static __device__ int row_of(const Place &at, int k)
{
    return 16 * at.warp + at.group + 8 * (k / 2 % 2);
}

static __device__ int column_of(const Place &at, int k)
{
    return 8 * (k / 4) + 2 * at.quad + k % 2;
}

/* Runs kernel(out, in) on copies of the host's arrays. */
template <class Kernel>
static std::vector<float> run(Kernel kernel, const std::vector<float> &in, size_t count, size_t shared = 0)
{
    float *device_in, *device_out;
    std::vector<float> out(count);
    CHECK(cudaMalloc(&device_in, in.size() * 4) == cudaSuccess && cudaMalloc(&device_out, count * 4) == cudaSuccess);
    CHECK(cudaMemcpy(device_in, in.data(), in.size() * 4, cudaMemcpyHostToDevice) == cudaSuccess);
    CHECK(cudaMemset(device_out, 0xff, count * 4) == cudaSuccess);
    kernel<<<1, WARPGROUP, shared>>>(device_out, device_in);
    CHECK(cudaMemcpy(out.data(), device_out, count * 4, cudaMemcpyDeviceToHost) == cudaSuccess);
    cudaFree(device_in), cudaFree(device_out);
    return out;
}

static std::vector<float> normal(size_t count, float scale, unsigned seed)
{
    std::mt19937 bits(seed);
    std::normal_distribution<float> draw(0, scale);
    std::vector<float> x(count);
    for (float &v : x)
        v = draw(bits);
    return x;
}

static float as_bf16(float x)
{
    return __bfloat162float(__float2bfloat16(x));
}

static float as_f16(float x)
{
    return __half2float(__float2half_rn(x));
}

/* ---------------------------------------------------------------------------------------------- gelu */

/* out: gelu, gelu', and gelu' in half precision. */
static __global__ void gelu_kernel(float *out, const float *in)
{
    const Place at = place();
    float Z1[TILE_REGISTERS], S[TILE_REGISTERS];
    uint32_t X2[16];
    for (int k = 0; k < TILE_REGISTERS; k++)
        Z1[k] = in[row_of(at, k) * 64 + column_of(at, k)];
    for (int step = 0; step < 4; step++)
        gelu_step(X2, Z1, S, step);
    for (int k = 0; k < TILE_REGISTERS; k++)
        out[row_of(at, k) * 64 + column_of(at, k)] = __uint_as_float(k % 2 ? X2[k / 2] & 0xffff0000u : X2[k / 2] << 16);
    uint32_t slope[16];
    float ones[TILE_REGISTERS];
    for (int step = 0; step < 4; step++)
        gelu_grad_step(slope, Z1, S, step);
    for (float &one : ones)
        one = 1.0f;
    multiply_slope(ones, slope);
    gelu_grad<0>(Z1, S);
    gelu_grad<1>(Z1, S);
    for (int k = 0; k < TILE_REGISTERS; k++) {
        out[TILE + row_of(at, k) * 64 + column_of(at, k)] = Z1[k];
        out[2 * TILE + row_of(at, k) * 64 + column_of(at, k)] = ones[k];
    }
}

static void test_gelu()
{
    std::vector<float> z = normal(TILE, 2, 1);
    const float limits[] = {0, -0.0f, 12, -12, 1e4f, -1e4f, 1e30f, -1e30f, 3e38f, -3e38f, INFINITY, -INFINITY, NAN};
    const size_t count = sizeof limits / sizeof *limits;
    for (size_t k = 0; k < count; k++)
        z[k] = limits[k];
    const std::vector<float> y = run(gelu_kernel, z, 3 * TILE);
    for (size_t k = 0; k < TILE; k++) {
        const double x = z[k], c = 0.79788456080286535588, t = std::tanh(c * (x + 0.044715 * x * x * x));
        const double value = std::fabs(x) < 12 ? 0.5 * x * (1 + t) : x > 0 ? x : 0;
        const double slope =
            std::fabs(x) < 12 ? 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x) : x > 0;
        if (std::isnan(x)) {
            CHECK(std::isnan(y[k]) && std::isnan(y[TILE + k]) && std::isnan(y[2 * TILE + k]));
        } else if (std::isinf(x) || std::fabs(x) >= 12) {
            CHECK(y[k] == as_bf16((float)value) && y[TILE + k] == (float)slope);
        } else { /* tanh to 2^-11, a factor z, the rounding of X2 */
            CHECK(std::fabs(y[k] - value) <= std::fabs(x) * 0x1p-11 + std::fabs(value) * 0x1p-8);
            CHECK(std::fabs(y[TILE + k] - slope) <= 0x1p-9 + std::fabs(x) * 0x1p-10);
        }
        if (!std::isnan(x))
            CHECK(y[2 * TILE + k] == __half2float(__float2half_rn(y[TILE + k])));
    }
}

/* What clear_past_end reads of a kernel's parameters. */
struct ShortSequence {
    int mini_batches;
    int64_t seq_len;
};

static __global__ void clear_kernel(float *out, const float *in)
{
    const Place at = place();
    for (int tokens = 1; tokens <= C; tokens++)
        for (int i = 1; i < 3; i++) {
            float Z1[TILE_REGISTERS];
            for (int k = 0; k < TILE_REGISTERS; k++)
                Z1[k] = in[row_of(at, k) * C + column_of(at, k)];
            clear_past_end(Z1, ShortSequence{3, 2 * C + tokens}, i, at.quad);
            for (int k = 0; k < TILE_REGISTERS; k++)
                out[(((tokens - 1) * 2 + i - 1) * 64 + row_of(at, k)) * C + column_of(at, k)] = Z1[k];
        }
}

/* Columns past the end are 0 whatever they were, in the last mini-batch alone; the others are as they were. */
static void test_clear_past_end()
{
    std::vector<float> Z1 = normal(TILE, 1, 3);
    for (size_t k = 0; k < Z1.size(); k += 3)
        Z1[k] = k % 2 ? NAN : INFINITY;
    const std::vector<float> y = run(clear_kernel, Z1, (size_t)C * 2 * TILE);
    for (size_t k = 0; k < y.size(); k++) {
        const size_t tokens = k / (2 * TILE) + 1;
        const bool last = k / TILE % 2 == 1, past = last && k % C >= tokens;
        const float want = past ? 0.0f : Z1[k % TILE];
        CHECK(std::memcmp(&y[k], &want, sizeof want) == 0);
    }
}

/* out: gelu, gelu', gelu'' of gelu_curve. */
static __global__ void curve_kernel(float *out, const float *in)
{
    for (int k = (int)threadIdx.x; k < TILE; k += WARPGROUP) {
        const GeluCurve curve = gelu_curve(in[k]);
        out[k] = curve.value;
        out[TILE + k] = curve.slope;
        out[2 * TILE + k] = curve.bend;
    }
}

static void test_curve()
{
    std::vector<float> z = normal(TILE, 2, 11);
    const float limits[] = {0, -0.0f, 12, -12, 1e4f, -1e4f, 1e30f, -1e30f, 3e38f, -3e38f, INFINITY, -INFINITY, NAN};
    const size_t count = sizeof limits / sizeof *limits;
    for (size_t k = 0; k < count; k++)
        z[k] = limits[k];
    const std::vector<float> y = run(curve_kernel, z, 3 * TILE);
    for (size_t k = 0; k < TILE; k++) {
        const double x = z[k], c = 0.79788456080286535588, a = 0.044715;
        if (std::isnan(x)) {
            CHECK(std::isnan(y[k]) && std::isnan(y[TILE + k]) && std::isnan(y[2 * TILE + k]));
        } else if (std::fabs(x) >= 12) {
            CHECK(y[k] == (x > 0 ? z[k] : 0) && y[TILE + k] == (x > 0) && y[2 * TILE + k] == 0);
        } else { /* tanh to 2^-11, times what multiplies it */
            const double t = std::tanh(c * (x + a * x * x * x)), P = 1 - t * t, u1 = c * (1 + 3 * a * x * x);
            const double error = 0x1p-11 * std::fabs(t) + 0x1p-22;
            CHECK(std::fabs(y[k] - 0.5 * x * (1 + t)) <= std::fabs(x) * error);
            CHECK(std::fabs(y[TILE + k] - 0.5 * (1 + t + x * P * u1)) <= error * (1 + 2 * std::fabs(x * u1)));
            CHECK(std::fabs(y[2 * TILE + k] - P * (u1 + 3 * a * c * x * x - x * t * u1 * u1)) <=
                  3 * error * (u1 + std::fabs(x) * u1 * u1));
        }
    }
}

/* ---------------------------------------------------------------------------------------------- norm */

static constexpr int SPAN = 8; /* 16 rows of 64 on 128 threads */

/* in: Z2, w (b - (V - K)), w^2 [16, 64] each; out: normalize(Z2), -eta gZ2 with eta = 0.5. */
static __global__ void norm_kernel(float *out, const float *in)
{
    const int row = threadIdx.x / 8, column = threadIdx.x % 8 * SPAN;
    float x[SPAN], y[SPAN], wt[SPAN], ww[SPAN];
    for (int k = 0; k < SPAN; k++) {
        x[k] = y[k] = in[row * 64 + column + k];
        wt[k] = in[1024 + row * 64 + column + k];
        ww[k] = in[2048 + row * 64 + column + k];
    }
    normalize(x, 1e-6f);
    norm_l2_grad(y, wt, ww, 1e-6f, 0.5f);
    for (int k = 0; k < SPAN; k++) {
        out[row * 64 + column + k] = x[k];
        out[1024 + row * 64 + column + k] = y[k];
    }
}

static void test_norm()
{
    std::vector<float> in = normal(1024, 3e-3f, 2); /* a variance near eps, as at a model's initialisation */
    for (int k = 0; k < 256; k++)
        in[(size_t)k] += 0.5f; /* a mean that a one-pass variance would drown in */
    const std::vector<float> wt = normal(1024, 1, 3), w = normal(1024, 1, 4);
    in.insert(in.end(), wt.begin(), wt.end());
    for (float x : w)
        in.push_back(x * x);
    const std::vector<float> y = run(norm_kernel, in, 2048);
    for (size_t row = 0; row < 16; row++) {
        const float *z = &in[row * 64], *t = &in[1024 + row * 64], *ww = &in[2048 + row * 64];
        double mean = 0, var = 0, mean_a = 0, mean_ax = 0, a[64], x[64];
        for (int f = 0; f < 64; f++)
            mean += z[f] / 64.0;
        for (int f = 0; f < 64; f++)
            var += (z[f] - mean) * (z[f] - mean) / 64;
        const double rstd = 1 / std::sqrt(var + 1e-6);
        for (int f = 0; f < 64; f++) {
            x[f] = (z[f] - mean) * rstd;
            a[f] = ww[f] * x[f] + t[f];
            mean_a += a[f] / 64;
            mean_ax += a[f] * x[f] / 64;
        }
        for (size_t f = 0; f < 64; f++) {
            const double gZ2 = rstd * (a[f] - mean_a - x[f] * mean_ax);
            CHECK(std::fabs(y[row * 64 + f] - x[f]) < 1e-4);
            CHECK(std::fabs(y[1024 + row * 64 + f] + 0.5 * gZ2) < 1e-4 * rstd);
        }
    }
}

/* in: Z2, t, V - K, w, b [16, 64] each (w and b the same in all rows); out: dZ2, da [16, 64], dL/deta [16]; then the
 * output's dZ2b with Z2 as Z2b and t as dXQW. */
static __global__ void hessian_kernel(float *out, const float *in)
{
    const int row = threadIdx.x / 8, column = threadIdx.x % 8 * SPAN, at = row * 64 + column;
    float x[SPAN], a[SPAN], t[SPAN], w[SPAN], ww[SPAN], p[SPAN], y[SPAN], d[SPAN];
    float sum[1] = {0.0f};
    for (int k = 0; k < SPAN; k++) {
        x[k] = y[k] = in[at + k];
        t[k] = in[1024 + at + k];
        w[k] = in[3072 + at + k];
        ww[k] = w[k] * w[k];
        a[k] = w[k] * (in[4096 + at + k] - in[2048 + at + k]);
        d[k] = w[k] * t[k];
        sum[0] += ww[k];
    }
    row_means<SPAN>(sum);
    const NormCurvature m = norm_l2_curvature(x, a, ww, 1e-6f);
    for (int k = 0; k < SPAN; k++)
        p[k] = a[k] - m.norm.mean_a - m.norm.mean_ax * x[k];
    const float deta = hessian(t, p, x, ww, {m, 0.5f}, sum[0]);
    const float rstd = normalize(y, 1e-6f);
    norm_output_grad(y, d, rstd);
    for (int k = 0; k < SPAN; k++) {
        out[at + k] = t[k];
        out[1024 + at + k] = p[k];
        out[2064 + at + k] = y[k];
    }
    if (column == 0)
        out[2048 + row] = deta;
}

/* The pull-back of y through x -> normalize(x). */
static void pull_back(double *out, const double *y, const double *xhat, double rstd)
{
    double m0 = 0, m1 = 0;
    for (int f = 0; f < 64; f++) {
        m0 += y[f] / 64;
        m1 += y[f] * xhat[f] / 64;
    }
    for (int f = 0; f < 64; f++)
        out[f] = rstd * (y[f] - m0 - xhat[f] * m1);
}

/* Against the composition that ref/ has: norm_l2_grad_backward, step by step. */
static void test_hessian()
{
    std::vector<float> in = normal(5 * 1024, 1, 12);
    for (size_t k = 0; k < 1024; k++) {
        in[k] *= k < 512 ? 3e-3f : 1.0f; /* variances near eps and far above it */
        in[3072 + k] = in[3072 + k % 64], in[4096 + k] = in[4096 + k % 64];
    }
    const std::vector<float> y = run(hessian_kernel, in, 3088);
    for (size_t row = 0; row < 16; row++) {
        const float *z = &in[row * 64], *t = z + 1024, *target = z + 2048, *w = z + 3072, *b = z + 4096;
        double mean = 0, var = 0, x[64], a[64], g[64], y1[64], da[64], dx[64], dZ2[64], s = 0, m0 = 0, m1 = 0, mt = 0;
        for (int f = 0; f < 64; f++)
            mean += z[f] / 64.0;
        for (int f = 0; f < 64; f++)
            var += (z[f] - mean) * (z[f] - mean) / 64;
        const double rstd = 1 / std::sqrt(var + 1e-6);
        for (int f = 0; f < 64; f++) {
            x[f] = (z[f] - mean) * rstd;
            a[f] = w[f] * (w[f] * x[f] + b[f] - target[f]);
            s += a[f] * x[f] / 64;
        }
        pull_back(g, a, x, rstd);
        for (int f = 0; f < 64; f++) {
            y1[f] = 0.5 * t[f]; /* dgZ2: eta is 0.5 */
            m1 += rstd * y1[f] * x[f] / 64;
            m0 += rstd * y1[f] / 64;
            mt += y1[f] * g[f] / 64;
        }
        double size = 0, deta = 0;
        for (int f = 0; f < 64; f++) {
            const double dy = rstd * y1[f];
            da[f] = dy - m0 - x[f] * m1;
            dx[f] = w[f] * w[f] * da[f] - s * dy - a[f] * m1;
            deta += t[f] * g[f];
        }
        pull_back(dZ2, dx, x, rstd);
        for (int f = 0; f < 64; f++) {
            dZ2[f] -= rstd * mt * x[f];
            size = std::max(size, std::fabs(dZ2[f]));
        }
        for (size_t f = 0; f < 64; f++) {
            CHECK(std::fabs(y[row * 64 + f] - dZ2[f]) < 1e-4 * size);
            CHECK(std::fabs(y[1024 + row * 64 + f] - da[f]) < 1e-5 * rstd);
            a[f] = w[f] * t[f];
        }
        CHECK(std::fabs(y[2048 + row] - deta) < 1e-4 * (std::fabs(deta) + rstd));
        pull_back(dZ2, a, x, rstd);
        for (size_t f = 0; f < 64; f++)
            CHECK(std::fabs(y[2064 + row * 64 + f] - dZ2[f]) < 1e-4 * rstd);
    }
}

/* ---------------------------------------------------------------------------------------------- matmul, store */

/* in: A, B [64, 64]; out: A B (K along A, down B), A^T B, A B^T, and A B with A packed. */
static __global__ void matmul_kernel(float *out, const float *in)
{
    __shared__ __align__(SWIZZLE_BYTES) __nv_bfloat16 tile[2][TILE];
    const Place at = place();
    float d[4][TILE_REGISTERS];
    uint32_t a[16], b[16];
    for (int k = 0; k < TILE_REGISTERS; k++)
        d[0][k] = in[row_of(at, k) * 64 + column_of(at, k)], d[1][k] = in[TILE + row_of(at, k) * 64 + column_of(at, k)];
    pack_tile(a, d[0]);
    pack_tile(b, d[1]);
    store_tile(tile[0], a, at);
    store_tile(tile[1], b, at);
    proxy_fence();
    __syncthreads();
    for (int k = 0; k < TILE_REGISTERS; k++)
        d[3][k] = 0.0f;
    wgmma_fence();
    multiply<K_ALONG, K_DOWN, 4>(d[0], tile[0], tile[1], false);
    multiply<K_DOWN, K_DOWN, 4>(d[1], tile[0], tile[1], false);
    multiply<K_ALONG, K_ALONG, 4>(d[2], tile[0], tile[1], false);
    multiply<K_DOWN>(d[3], a, tile[1]);
    wgmma_commit();
    wgmma_wait<0>();
    for (int m = 0; m < 4; m++) {
        settle(d[m]);
        for (int k = 0; k < TILE_REGISTERS; k++)
            out[m * TILE + row_of(at, k) * 64 + column_of(at, k)] = d[m][k];
    }
}

static void test_matmul()
{
    const std::vector<float> in = normal(2 * TILE, 1, 5), y = run(matmul_kernel, in, 4 * TILE);
    for (size_t r = 0; r < 64; r++)
        for (size_t c = 0; c < 64; c++) {
            double sum[3] = {0, 0, 0};
            for (size_t k = 0; k < 64; k++) {
                sum[0] += (double)as_bf16(in[r * 64 + k]) * as_bf16(in[TILE + k * 64 + c]);
                sum[1] += (double)as_bf16(in[k * 64 + r]) * as_bf16(in[TILE + k * 64 + c]);
                sum[2] += (double)as_bf16(in[r * 64 + k]) * as_bf16(in[TILE + c * 64 + k]);
            }
            for (size_t m = 0; m < 4; m++)
                CHECK(std::fabs(y[m * TILE + r * 64 + c] - sum[m % 3]) < 1e-4);
        }
}

/* ---------------------------------------------------------------------------------------------- update, reduce */

/* in: A [64, 64]; out: sums of its rows onto 1 (update_b1), then of its first 16 rows' columns over a warp's 4 rows. */
static __global__ void sums_kernel(float *out, const float *in)
{
    const Place at = place();
    float A1[TILE_REGISTERS], b1[2] = {1.0f, 1.0f}, x[SPAN];
    for (int k = 0; k < TILE_REGISTERS; k++)
        A1[k] = in[row_of(at, k) * 64 + column_of(at, k)];
    update_b1(b1, A1);
    if (at.quad == 0)
        out[row_of(at, 0)] = b1[0], out[row_of(at, 2)] = b1[1];
    const int row = at.thread / 8;
    int column = at.thread % 8 * SPAN;
    for (int k = 0; k < SPAN; k++)
        x[k] = in[row * 64 + column + k];
    sum_rows<SPAN / 2, F / SPAN>(x, column, at.lane);
    out[64 + at.warp * 64 + column] = x[0];
    out[64 + at.warp * 64 + column + 1] = x[1];
}

static void test_sums()
{
    const std::vector<float> in = normal(TILE, 1, 6), y = run(sums_kernel, in, 64 + 4 * 64);
    for (size_t r = 0; r < 64; r++) {
        double sum = 1;
        for (size_t c = 0; c < 64; c++)
            sum += in[r * 64 + c];
        CHECK(std::fabs(y[r] - sum) < 1e-4);
    }
    for (size_t warp = 0; warp < 4; warp++)
        for (size_t c = 0; c < 64; c++) {
            double sum = 0;
            for (size_t r = 0; r < 4; r++)
                sum += in[(4 * warp + r) * 64 + c];
            CHECK(std::fabs(y[64 + warp * 64 + c] - sum) < 1e-5);
        }
}

/* in: a tile for each rank; out: rank r's share of the rows of their sum, 64 columns. */
template <int CS, class Part>
static __global__ void __cluster_dims__(CS, 1, 1) exchange_kernel(float *out, const float *in)
{
    constexpr int ROWS = C / CS, SPAN = ROWS * F / WARPGROUP;
    __shared__ __align__(SWIZZLE_BYTES) Part parts[2][CS][ROWS * F];
    __shared__ uint64_t full[2];
    Place at = place();
    at.rank = cluster_rank();
    if (threadIdx.x == 0) {
        mbarrier_init(&full[0], WARPGROUP);
        mbarrier_init(&full[1], WARPGROUP);
        mbarrier_init_fence();
    }
    __syncthreads();
    cluster_arrive();
    cluster_wait();
    const Sender<Part> sender = make_sender<CS>(parts, full, 0, at);
    const Span span = span_of_thread<SPAN>(at);
    float Z2[TILE_REGISTERS], x[SPAN];
    for (int now = 0; now < 2; now++) {
        for (int k = 0; k < TILE_REGISTERS; k++)
            Z2[k] = in[at.rank * TILE + row_of(at, k) * 64 + column_of(at, k)] * (float)(now + 1);
        send_parts<CS, 4>(Z2, sender, full, now, at);
        mbarrier_wait(&full[now], 0);
        sum_parts<CS>(x, parts[now][0], span);
        for (int k = 0; k < SPAN; k++)
            out[now * TILE + (ROWS * at.rank + span.row) * 64 + span.column + k] = x[k];
    }
    cluster_arrive();
    cluster_wait();
}

/* round: to the type of the parts, and back. */
template <int CS, class Part> static void test_exchange(float (*round)(float))
{
    const std::vector<float> in = normal(CS * TILE, 1, 7);
    float *device_in, *device_out;
    std::vector<float> y(2 * TILE);
    CHECK(cudaMalloc(&device_in, in.size() * 4) == cudaSuccess && cudaMalloc(&device_out, y.size() * 4) == cudaSuccess);
    CHECK(cudaMemcpy(device_in, in.data(), in.size() * 4, cudaMemcpyHostToDevice) == cudaSuccess);
    exchange_kernel<CS, Part><<<CS, WARPGROUP>>>(device_out, device_in);
    CHECK(cudaMemcpy(y.data(), device_out, y.size() * 4, cudaMemcpyDeviceToHost) == cudaSuccess);
    cudaFree(device_in), cudaFree(device_out);
    for (size_t now = 0; now < 2; now++)
        for (size_t k = 0; k < TILE; k++) {
            float sum = 0;
            for (size_t rank = 0; rank < CS; rank++)
                sum += round(in[rank * TILE + k] * (float)(now + 1));
            CHECK(y[now * TILE + k] == sum);
        }
}

/* ---------------------------------------------------------------------------------------------- quad */

/* in: 64 rows of 64; out: the same through accumulators, rows and a bfloat16 tile, the first row in every row, and the
 * sums over each warp's two times eight rows. */
static __global__ void quad_kernel(float *out, const float *in)
{
    __shared__ __align__(SWIZZLE_BYTES) __nv_bfloat16 rounded[TILE];
    __shared__ float first_row[F];
    const Place at = place();
    float d[TILE_REGISTERS], x[QUAD_SPAN];
    if (at.thread < F)
        first_row[at.thread] = in[at.thread];
    __syncthreads();
    for (int k = 0; k < TILE_REGISTERS; k++)
        d[k] = in[row_of(at, k) * 64 + column_of(at, k)];
    for (int r = 0; r < 2; r++) {
        take_row(x, d, r);
        store_quad(rounded, x, 16 * at.warp + 8 * r, at);
        int column;
        const float2 sums = sum_quad_rows(x, column, at);
        out[2 * TILE + (2 * at.warp + r) * 64 + column] = sums.x;
        out[2 * TILE + (2 * at.warp + r) * 64 + column + 1] = sums.y;
    }
    __syncthreads();
    for (int r = 0; r < 2; r++) {
        const int row = 16 * at.warp + 8 * r + at.group;
        load_quad(x, rounded, row, at);
        for (int k = 0; k < QUAD_SPAN; k++)
            out[row * 64 + k / 2 * 8 + 2 * at.quad + k % 2] = x[k];
    }
    start_with_row(d, first_row, at);
    for (int k = 0; k < TILE_REGISTERS; k++)
        out[TILE + row_of(at, k) * 64 + column_of(at, k)] = d[k];
}

static void test_quad()
{
    const std::vector<float> in = normal(TILE, 1, 8), y = run(quad_kernel, in, 2 * TILE + 8 * 64);
    for (size_t k = 0; k < TILE; k++)
        CHECK(y[k] == as_bf16(in[k]) && y[TILE + k] == in[k % 64]);
    for (size_t rows = 0; rows < 8; rows++)
        for (size_t c = 0; c < 64; c++) {
            double sum = 0;
            for (size_t r = 0; r < 8; r++)
                sum += in[(8 * rows + r) * 64 + c];
            CHECK(std::fabs(y[2 * TILE + rows * 64 + c] - sum) < 1e-5);
        }
}

int main()
{
    need_hopper();
    test_gelu();
    test_clear_past_end();
    test_curve();
    test_norm();
    test_hessian();
    test_matmul();
    test_sums();
    test_exchange<2, __half>(as_f16);
    test_exchange<4, __half>(as_f16);
    test_exchange<2, __nv_bfloat16>(as_bf16);
    test_exchange<4, __nv_bfloat16>(as_bf16);
    test_quad();
    return report("rooms");
}
