/* SPDX-License-Identifier: MIT
 *
 * One case of the forward pass for the GPU tests: data on the host and on the device, and what the reference makes of
 * it.  Buffers on the device have red zones of poison around them.
 */
#ifndef TTT_TESTS_GPU_CASES_H
#define TTT_TESTS_GPU_CASES_H

#include <cstdint>
#include <string>
#include <ttt/ttt_gpu.h>
#include <vector>

typedef std::vector<unsigned char> Bytes;

/* Each byte of what is not written yet, and of red zones: NaN as bfloat16 and as float. */
static constexpr unsigned char POISON = 0xff;

enum class Distribution { Unit, Model, Strong };

/* The thirteen tensors of a call by position, in the order of struct ttt_mlp_forward_args. */
enum Tensor { XQ, XK, XV, ETA, WEIGHT, BIAS, W1, B1, W2, B2, XQW, CW1, CB1, CW2, CB2, LW1, LB1, LW2, LB2, TENSORS };
extern const char *const TENSOR_NAMES[TENSORS];

struct Case {
    ttt_mlp_shape shape;
    Distribution distribution;
    uint64_t seed;
    std::vector<float> host[TENSORS]; /* inputs: representable in their type; empty for outputs */

    Case(int64_t batch, int64_t heads, int64_t seq_len, int64_t group, double eps, Distribution distribution,
         uint64_t seed);
    size_t elements(int tensor) const;
    bool is_token(int tensor) const; /* bfloat16 on the device, else float */
};

/* The device's copy of a case.  Outputs are poisoned; run() may be called again and again. */
class DeviceCase
{
  public:
    explicit DeviceCase(const Case &c);
    ~DeviceCase();
    DeviceCase(const DeviceCase &) = delete;

    void poison();
    ttt_status run(int cluster_size, CUstream_st *stream = nullptr);
    std::vector<float> fetch(int tensor) const;
    Bytes fetch_bytes(int tensor) const;
    std::vector<Bytes> outputs() const;
    bool intact() const; /* inputs unchanged, red zones untouched */

    ttt_mlp_forward_args args; /* device pointers; may be changed by a test */

  private:
    bool red_zones_intact() const;
    bool inputs_unchanged() const;

    const Case &c;
    unsigned char *base[TENSORS];
    size_t bytes[TENSORS];
};

/* Outputs of the reference, as doubles; empty for inputs. */
struct Truth {
    std::vector<double> out[TENSORS];
};
Truth reference_f64(const Case &c);
/* XQW before its final rounding; `points`: of enum ttt_ref_point. */
Truth reference_contract(const Case &c, unsigned points = 0, int exchange_parts = 0);

/* Relative error in the 2-norm; NaN if any element is. */
template <class A> double rel_error(const std::vector<A> &k, const std::vector<double> &r, size_t from, size_t count);

float round_bf16(float x);

#endif
