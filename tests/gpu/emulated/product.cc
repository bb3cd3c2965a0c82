/* SPDX-License-Identifier: MIT
 *
 * Warpgroup products, warp by warp: each has 16 rows of the result to itself.
 *
 * The operands are read when the first lane issues a product, and again when it is waited for: they must not have
 * changed.  Sums run over K in order, in fp32, rounded to nearest (the hardware adds the 16 products of a step at once
 * and cuts the sum off: a difference of the last bits).
 */
#include "state.h"

namespace emulated
{

static constexpr int K = 16;

/* ---------------------------------------------------------------------------------------------- operands */

/* Matrix descriptors (PTX ISA): start address, leading and stride byte offset in units of 16 bytes, swizzle.  The
 * address of element (row, k) of an operand, row being its other index. */
struct Layout {
    uint32_t start, leading, stride;
    bool swizzled, down;

    Layout(uint64_t descriptor, bool down_)
        : start((uint32_t)(descriptor & 0x3fff) << 4), leading((uint32_t)(descriptor >> 16 & 0x3fff) << 4),
          stride((uint32_t)(descriptor >> 32 & 0x3fff) << 4), swizzled(descriptor >> 62 == 1), down(down_)
    {
        if (descriptor >> 62 > 1 || (descriptor >> 49 & 7))
            fault("a matrix descriptor %#llx: swizzle 128 bytes or none, base offset 0 are emulated",
                  (unsigned long long)descriptor);
    }

    uint32_t address(uint32_t row, uint32_t k) const
    {
        if (!swizzled)
            return start + (down ? row / 8 * stride + k / 8 * leading + k % 8 * 16 + row % 8 * 2
                                 : row / 8 * stride + k / 8 * leading + row % 8 * 16 + k % 8 * 2);
        const uint32_t at = start + (down ? row / 64 * leading + k / 8 * stride + k % 8 * 128 + row % 64 * 2
                                          : row / 8 * stride + row % 8 * 128 + k * 2);
        return at ^ (at >> 3 & 0x70);
    }
};

/* Elements in chunks of 16 bytes: 8 along K, or 8 along the other index. */
template <int ROWS, int LENGTH>
static void read_operand(uint16_t (&x)[ROWS][LENGTH], bool by_k, uint64_t descriptor, bool down, int first, int count,
                         bool fenced)
{
    const Layout layout(descriptor, down);
    for (int row = 0; row < count; row += down ? 8 : 1)
        for (int k = 0; k < K; k += down ? 1 : 8) {
            const uint32_t address = layout.address((uint32_t)(first + row), (uint32_t)k);
            uint16_t chunk[8];
            memcpy(chunk, at_address(address, 16, "an operand of a product"), 16);
            loaded_by_product(*current().block, address - SHARED_BASE, 16);
            if (fenced)
                need_proxy_fence(address - SHARED_BASE, "a product");
            for (int e = 0; e < 8; e++)
                (by_k ? x[down ? k : k + e][down ? row + e : row] : x[down ? row + e : row][down ? k : k + e]) =
                    chunk[e];
        }
}

static void read_operands(Product &p, bool fenced)
{
    if (!p.in_registers)
        read_operand(p.A, false, p.a, p.a_down, current().index / WARP % 4 * 16, 16, fenced);
    read_operand(p.B, true, p.b, p.b_down, 0, p.columns, fenced);
}

/* ---------------------------------------------------------------------------------------------- issue */

/* Element of the accumulators, or (register pairs of 16-bit elements) of a fragment of A. */
static int row_of(int lane, int k)
{
    return lane / 4 + 8 * (k / 2 % 2);
}

static int column_of(int lane, int k)
{
    return 8 * (k / 4) + 2 * (lane % 4) + k % 2;
}

/* The accumulators at `d`, in flight already or from now on. */
static std::list<Accumulators>::iterator take_accumulators(Warp &warp, int lane, float *d, int registers, bool add,
                                                           bool first, size_t number,
                                                           std::list<Accumulators>::iterator of_others)
{
    std::list<Accumulators>::iterator to = warp.accumulators.begin();
    while (to != warp.accumulators.end() && to->registers[lane] != d)
        to++;
    if (to == warp.accumulators.end()) {
        if (first) {
            to = warp.accumulators.emplace(to);
            *to = {};
        } else
            to = of_others;
        to->registers[lane] = d;
        for (int k = 0; k < registers; k++) {
            if (add)
                to->value[row_of(lane, k)][column_of(lane, k)] = d[k];
            memcpy(&d[k], &ACCUMULATOR, sizeof d[k]);
        }
    }
    if (!first && to != of_others)
        fault("lanes of one warp give different accumulators to a product");
    to->last = number;
    return to;
}

void wgmma(float *d, int registers, const Operand &a, const Operand &b, bool add)
{
    Thread &me = current();
    Warp &warp = *me.warp;
    if (!me.products_begun)
        fault("a product without a wgmma_fence since the last wait");
    if (warp.size != WARP || me.block->warps.size() % 4)
        fault("a product in a block that is not made of warpgroups");
    const size_t number = me.products++, k = number - warp.first_product;
    const bool first = k == warp.products.size();
    if (first) {
        Product p = {};
        p.a = a.descriptor, p.b = b.descriptor;
        p.in_registers = a.registers != nullptr;
        p.a_down = a.down, p.b_down = b.down, p.add = add;
        p.columns = 2 * registers;
        warp.products.push_back(p);
        read_operands(warp.products.back(), true);
    }
    Product &p = warp.products[k];
    if (p.a != a.descriptor || p.b != b.descriptor || p.columns != 2 * registers || p.add != add ||
        p.in_registers != (a.registers != nullptr) || p.a_down != a.down || p.b_down != b.down)
        fault("lanes of one warp disagree about a product");
    p.to = take_accumulators(warp, me.lane, d, registers, add, first, number, p.to);
    p.lanes++;
    if (a.registers)
        for (int e = 0; e < 8; e++)
            p.A[row_of(me.lane, e)][column_of(me.lane, e)] = (uint16_t)(a.registers[e / 2] >> (e % 2 * 16));
}

void wgmma_fence()
{
    current().products_begun = true;
}

void wgmma_commit()
{
    Thread &me = current();
    Warp &warp = *me.warp;
    if (me.groups == warp.groups.size())
        warp.groups.push_back(me.products);
    else if (warp.groups[me.groups] != me.products)
        fault("lanes of one warp commit different products");
    me.groups++;
}

/* ---------------------------------------------------------------------------------------------- completion */

static float widen(uint16_t x)
{
    const uint32_t u = (uint32_t)x << 16;
    float y;
    memcpy(&y, &u, sizeof y);
    return y;
}

static void multiply(Product &p)
{
    float B[K][64];
    for (int k = 0; k < K; k++)
        for (int n = 0; n < p.columns; n++)
            B[k][n] = widen(p.B[k][n]);
    for (int m = 0; m < 16; m++) {
        float *to = p.to->value[m];
        if (!p.add)
            memset(to, 0, sizeof p.to->value[m]);
        for (int k = 0; k < K; k++) {
            const float x = widen(p.A[m][k]);
            for (int n = 0; n < p.columns; n++)
                to[n] += x * B[k][n];
        }
    }
}

static void complete_first(Warp &warp)
{
    Product &p = warp.products.front();
    Product again = p;
    read_operands(again, false);
    if (memcmp(again.A, p.A, sizeof p.A) || memcmp(again.B, p.B, sizeof p.B))
        fault("an operand of a product changed while the product was under way (A at %u, B at %u)",
              p.in_registers ? 0 : ((uint32_t)(p.a & 0x3fff) << 4) - SHARED_BASE,
              ((uint32_t)(p.b & 0x3fff) << 4) - SHARED_BASE);
    if (p.lanes != WARP)
        fault("%d of 32 lanes issued a product", p.lanes);
    multiply(p);
    if (p.to->last == warp.first_product) {
        for (int lane = 0; lane < WARP; lane++)
            for (int k = 0; k < p.columns / 2; k++)
                p.to->registers[lane][k] = p.to->value[row_of(lane, k)][column_of(lane, k)];
        warp.accumulators.erase(p.to);
    }
    warp.products.pop_front();
    warp.first_product++;
}

void wgmma_wait(int pending)
{
    Thread &me = current();
    me.products_begun = false;
    if (!gather("wgmma.wait_group"))
        return;
    Warp &warp = *me.warp;
    if (warp.groups.size() > (size_t)pending)
        while (warp.first_product < warp.groups[warp.groups.size() - (size_t)pending - 1])
            complete_first(warp);
    products_waited_for(warp);
}

void settle(const float *d)
{
    const Thread &me = current();
    for (const Accumulators &a : me.warp->accumulators)
        if (a.registers[me.lane] == d)
            fault("accumulators are read before the product is waited for");
}

/* At the end of a kernel nothing is under way, and the warps of a warpgroup issued the same products. */
void finish_products(const Block &block)
{
    for (size_t k = 0; k < block.warps.size(); k++) {
        const Warp &warp = block.warps[k], &first = block.warps[k / 4 * 4];
        if (!warp.products.empty())
            throw text("warp %zu of rank %d ended with %zu products not waited for", k, block.rank,
                       warp.products.size());
        if (warp.first_product != first.first_product)
            throw text("warps of one warpgroup of rank %d issued different numbers of products", block.rank);
    }
}

} // namespace emulated
