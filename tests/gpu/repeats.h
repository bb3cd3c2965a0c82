/* SPDX-License-Identifier: MIT
 *
 * Repetition, bit for bit, of either pass; Device: DeviceCase or DeviceGradients.
 */
#ifndef TTT_TESTS_GPU_REPEATS_H
#define TTT_TESTS_GPU_REPEATS_H

#include "cases.h"
#include "check.h"

/* The same bits again and again, also while another stream works on `other`; nothing but the outputs is touched. */
template <class Device> static void check_repeats(Device &d, Device &other, int cluster_size, int repeats)
{
    cudaStream_t a, b;
    CHECK(cudaStreamCreate(&a) == cudaSuccess && cudaStreamCreate(&b) == cudaSuccess);
    CHECK(d.run(cluster_size, a) == TTT_OK && cudaDeviceSynchronize() == cudaSuccess);
    const std::vector<Bytes> first = d.outputs();
    CHECK(other.run(0, b) == TTT_OK && cudaDeviceSynchronize() == cudaSuccess);
    const std::vector<Bytes> first_other = other.outputs();
    for (int k = 0; k < repeats; k++) {
        d.poison();
        if (k % 2)
            CHECK(other.run(0, b) == TTT_OK);
        CHECK(d.run(cluster_size, a) == TTT_OK);
        CHECK(cudaDeviceSynchronize() == cudaSuccess);
        CHECK(d.outputs() == first);
    }
    CHECK(other.outputs() == first_other);
    CHECK(d.intact() && other.intact());
    cudaStreamDestroy(a), cudaStreamDestroy(b);
}

/* Captured once, replayed. */
template <class Device> static void check_graph(Device &d)
{
    CHECK(d.run(0) == TTT_OK && cudaDeviceSynchronize() == cudaSuccess);
    const std::vector<Bytes> direct = d.outputs();
    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t program;
    CHECK(cudaStreamCreate(&stream) == cudaSuccess);
    CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal) == cudaSuccess);
    CHECK(d.run(0, stream) == TTT_OK);
    CHECK(cudaStreamEndCapture(stream, &graph) == cudaSuccess);
    CHECK(cudaGraphInstantiate(&program, graph, 0) == cudaSuccess);
    for (int k = 0; k < 3; k++) {
        d.poison();
        CHECK(cudaGraphLaunch(program, stream) == cudaSuccess && cudaStreamSynchronize(stream) == cudaSuccess);
        CHECK(d.outputs() == direct);
    }
    cudaGraphExecDestroy(program), cudaGraphDestroy(graph), cudaStreamDestroy(stream);
}

#endif
