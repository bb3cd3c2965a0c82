/* SPDX-License-Identifier: MIT
 *
 * One case of the backward pass for the GPU tests: a forward case, the gradients that come in, and the ten that go out.
 */
#ifndef TTT_TESTS_GPU_GRADIENTS_H
#define TTT_TESTS_GPU_GRADIENTS_H

#include "cases.h"

/* The gradients that come out, in the order of struct ttt_mlp_backward_args without grad_L_token_eta. */
enum Gradient { DXQ, DXK, DXV, DETA, DWEIGHT, DBIAS, DW1, DB1, DW2, DB2, GRADIENTS };
extern const char *const GRADIENT_NAMES[GRADIENTS];

struct GradientCase {
    Case forward;
    std::vector<float> dXQW;        /* representable in bfloat16 */
    std::vector<float> upstream[4]; /* of the last state; empty: none */

    GradientCase(const Case &forward, bool upstream);
    size_t elements(int gradient) const;
    bool is_token(int gradient) const;
};

/* The device's copy: the checkpoints are those of the forward kernel.  Outputs and workspace are poisoned. */
class DeviceGradients
{
  public:
    DeviceGradients(const GradientCase &c, int window_groups);
    ~DeviceGradients();
    DeviceGradients(const DeviceGradients &) = delete;

    void poison();
    ttt_status run(int cluster_size, CUstream_st *stream = nullptr);
    std::vector<float> fetch(int gradient) const;
    Bytes fetch_bytes(int gradient) const;
    std::vector<Bytes> outputs() const;
    bool intact() const; /* inputs unchanged, red zones of outputs and workspace untouched */

    ttt_mlp_backward_args args; /* device pointers; may be changed by a test */
    size_t workspace_bytes;

  private:
    unsigned char *buffer(size_t bytes);
    unsigned char *copy(const std::vector<float> &x, bool token);

    const GradientCase &c;
    DeviceCase forward;
    int window_groups;
    std::vector<unsigned char *> bases;
    std::vector<size_t> sizes;
    unsigned char *output[GRADIENTS], *workspace;
};

/* What the references make of it. */
struct GradientTruth {
    std::vector<double> out[GRADIENTS];
};
GradientTruth gradients_f64(const GradientCase &c);
GradientTruth gradients_contract(const GradientCase &c); /* before the final rounding */

#endif
