/* SPDX-License-Identifier: MIT
 *
 * Room: sums over the ranks of a cluster.  No twin in ref/: there one thread sums over all of D.
 *
 * Each rank holds a partial sum of Z2 (its hidden units) and sends it, in 16 bits (declared: `exchange`; the forward's
 * in half precision, gradients, whose range is the caller's, in bfloat16), to the rank that normalises the row.  Sums
 * run over ranks 0, 1, ... in fp32, so every rank gets the same bits.
 *
 * A row of parts has 8 chunks of 16 bytes.  Chunk 4 J + q holds columns 32 J + 8 j + 2 q + {0, 1}, j = 0 .. 3: what one
 * thread has in its accumulators, so that it sends 16 bytes at once.  The chunks of row r are permuted by an exclusive
 * or that keeps both the stores (two rows x four chunks) and the loads (four rows) free of bank conflicts.
 */
#ifndef TTT_GPU_ROOMS_REDUCE_CUH
#define TTT_GPU_ROOMS_REDUCE_CUH

#include "../ptx/math.cuh"
#include "../roles.cuh"

namespace ttt_gpu
{

/* Two floats as a pair of parts, and back; the last argument is there for its type. */
TTT_DEVICE uint32_t pack_pair(float low, float high, __half)
{
    return pack_f16(low, high);
}

TTT_DEVICE uint32_t pack_pair(float low, float high, __nv_bfloat16)
{
    return pack_bf16(low, high);
}

TTT_DEVICE float2 unpack_pair(uint32_t pair, __half)
{
    return __half22float2(*reinterpret_cast<const __half2 *>(&pair));
}

TTT_DEVICE float2 unpack_pair(uint32_t pair, __nv_bfloat16)
{
    return make_float2(__uint_as_float(pair << 16), __uint_as_float(pair & 0xffff0000u));
}

/* Where chunk `chunk` of row `row` lies, in halfs. */
TTT_DEVICE int part_offset(int row, int chunk)
{
    return row * F + ((chunk ^ (row % 4) ^ (row % 2 * 4)) * 8);
}

/* Where a thread's part of its warp's rows goes: addresses in the rank that normalises them. */
template <class Part> struct Sender {
    bool own;         /* that rank is this one */
    uint32_t to;      /* of the thread's first chunk, even mini-batches */
    uint32_t barrier; /* of the mbarrier that counts it */
};

/* `parts` [2][CS][C / CS * F] and `full` [2] lie at the same place in each rank; columns from 32 * `block` on. */
template <int CS, class Part>
TTT_DEVICE Sender<Part> make_sender(Part (*parts)[CS][C / CS * F], uint64_t *full, int block, const Place &at)
{
    const int row = 16 * at.warp + at.group, owner = row / (C / CS);
    const uint32_t to = shared_address(parts[0][at.rank] + part_offset(row % (C / CS), 4 * block + at.quad));
    Sender<Part> sender;
    sender.own = owner == at.rank;
    sender.to = sender.own ? to : cluster_address(to, owner);
    sender.barrier = cluster_address(shared_address(full), owner);
    return sender;
}

/* Sends a thread's accumulators of a 64 x (32 or 64) tile of an even (now = 0) or odd mini-batch; WARPS warps of each
 * rank take part. */
template <int CS, int WARPS, class Part, int REGISTERS>
TTT_DEVICE void send_parts(const float (&Z2)[REGISTERS], const Sender<Part> &sender, uint64_t *full, int now,
                           const Place &at)
{
    constexpr uint32_t ROWS_BYTES = C / CS * F * 2;
    uint4 v[2][REGISTERS / 16];
#pragma unroll
    for (int k = 0; k < REGISTERS / 8; k++) {
        const float *z = Z2 + k / 2 * 16 + k % 2 * 2;
        v[k % 2][k / 2] = {pack_pair(z[0], z[1], Part()), pack_pair(z[4], z[5], Part()), pack_pair(z[8], z[9], Part()),
                           pack_pair(z[12], z[13], Part())};
    }
    const uint32_t to = sender.to + now * CS * ROWS_BYTES, barrier = sender.barrier + now * (uint32_t)sizeof(uint64_t);
    /* The next four chunks differ in one bit, the next eight rows lie behind. */
    if (sender.own) {
#pragma unroll
        for (int k = 0; k < REGISTERS / 8; k++)
            store_shared((to ^ (k / 2 * 64)) + k % 2 * 8 * F * 2, v[k % 2][k / 2]);
    } else {
#pragma unroll
        for (int k = 0; k < REGISTERS / 8; k++)
            store_async((to ^ (k / 2 * 64)) + k % 2 * 8 * F * 2, v[k % 2][k / 2], barrier);
    }
    warp_arrive(full + now, (CS - 1) * ROWS_BYTES / WARPS, at);
}

/* x = sum over ranks of a thread's piece of a row; `parts` [CS, C / CS, F]. */
template <int CS, class Part, int SPAN> TTT_DEVICE void sum_parts(float (&x)[SPAN], const Part *parts, const Span &span)
{
    const int j = span.column / 8;
    const int first = part_offset(span.row, j / 4 * 4) + j % 4 * 2;
#pragma unroll
    for (int rank = 0; rank < CS; rank++) {
#pragma unroll
        for (int quad = 0; quad < 4; quad++) {
            const Part *from = parts + rank * (C / CS * F) + (first ^ (quad * 8));
            uint32_t pair[SPAN / 8];
            if constexpr (SPAN == 16)
                *reinterpret_cast<uint2 *>(pair) = *reinterpret_cast<const uint2 *>(from);
            else
                pair[0] = *reinterpret_cast<const uint32_t *>(from);
#pragma unroll
            for (int k = 0; k < SPAN / 8; k++) {
                const float2 v = unpack_pair(pair[k], Part());
                x[8 * k + 2 * quad] = rank == 0 ? v.x : x[8 * k + 2 * quad] + v.x;
                x[8 * k + 2 * quad + 1] = rank == 0 ? v.y : x[8 * k + 2 * quad + 1] + v.y;
            }
        }
    }
}

/* A piece of row `row`, packed, to the same tile of every rank; WARPS warps of each rank send C / CS rows. */
template <int CS, int WARPS, int CHUNKS>
TTT_DEVICE void send_row(__nv_bfloat16 *tile, uint64_t *full, const uint4 (&packed)[CHUNKS], int row, int column,
                         const Place &at)
{
#pragma unroll
    for (int j = 0; j < CHUNKS; j++) {
        __nv_bfloat16 *here = tile + row * F + ((column / 8 + j) ^ (row % 8)) * 8;
#pragma unroll
        for (int k = 1; k < CS; k++) {
            const int rank = (at.rank + k) % CS;
            store_async(cluster_address(shared_address(here), rank), packed[j],
                        cluster_address(shared_address(full), rank));
        }
        *reinterpret_cast<uint4 *>(here) = packed[j];
    }
    warp_arrive(full, (CS - 1) * (C / CS) * F * 2 / WARPS, at);
}

/* Leaves a warp's sums of two columns in every rank's parts [CS * WARPS][F]. */
template <int CS, int WARPS>
TTT_DEVICE void send_sums(float (*parts)[F], uint64_t *full, float2 sums, int column, const Place &at)
{
    float *here = &parts[at.rank * WARPS + at.thread / WARP][column];
    *reinterpret_cast<float2 *>(here) = sums;
#pragma unroll
    for (int k = 1; k < CS; k++) {
        const int rank = (at.rank + k) % CS;
        store_async(cluster_address(shared_address(here), rank), sums, cluster_address(shared_address(full), rank));
    }
    warp_arrive(full, (CS - 1) * F * 4, at);
}

/* The sum of column `column` over PARTS parts, in their order. */
template <int PARTS> TTT_DEVICE float total_of_column(const float (*parts)[F], int column)
{
    float sum = 0.0f;
#pragma unroll
    for (int part = 0; part < PARTS; part++)
        sum += parts[part][column];
    return sum;
}

/* Sums over the rows of a warp: the span of x shrinks by halves until each lane is left with the sums of two columns,
 * x[0] and x[1]; `column` moves to the first of them. */
template <int KEEP, int ROW_BIT, int SPAN> TTT_DEVICE void sum_rows(float (&x)[SPAN], int &column, int lane)
{
    const bool upper = lane & ROW_BIT;
#pragma unroll
    for (int k = 0; k < KEEP; k++) {
        const float sent = upper ? x[k] : x[k + KEEP];
        const float kept = upper ? x[k + KEEP] : x[k];
        x[k] = kept + __shfl_xor_sync(0xffffffff, sent, ROW_BIT);
    }
    column += upper ? KEEP : 0;
    if constexpr (KEEP > 2)
        sum_rows<KEEP / 2, ROW_BIT * 2>(x, column, lane);
}

} // namespace ttt_gpu

#endif
