/* SPDX-License-Identifier: MIT
 *
 * What the lanes of a warp do together.
 */
#include "state.h"

namespace emulated
{

static std::string why_warp(const Thread &thread)
{
    return text("%s, %d of %d lanes are there", thread.warp->what, thread.warp->arrived, thread.warp->size);
}

bool gather(const char *what)
{
    Warp &warp = *current().warp;
    if (warp.arrived == 0)
        warp.what = what;
    else if (strcmp(warp.what, what))
        fault("lanes of one warp are at %s and at %s", warp.what, what);
    if (++warp.arrived < warp.size) {
        wait_in(warp.queue, why_warp, nullptr);
        return false;
    }
    warp.arrived = 0;
    wake(warp.queue);
    return true;
}

int lane()
{
    return current().lane;
}

static void need_all(unsigned mask, const char *what)
{
    if (mask != 0xffffffff)
        fault("%s with mask %08x: only full warps are emulated", what, mask);
}

/* Two sets of values take turns: a lane may be one exchange ahead of those that still read. */
uint32_t shuffle(unsigned mask, uint32_t value, int lane)
{
    Thread &me = current();
    Warp &warp = *me.warp;
    need_all(mask, "a shuffle");
    if (lane < 0 || lane >= warp.size)
        fault("a shuffle from lane %d", lane);
    uint32_t *values = warp.exchange[warp.turn[me.lane]++ % 2];
    values[me.lane] = value;
    gather("a shuffle");
    return values[lane];
}

void sync_warp(unsigned mask)
{
    need_all(mask, "__syncwarp");
    Warp &warp = *current().warp;
    release_to(warp.clock);
    if (!gather("__syncwarp"))
        return;
    for (const Thread *thread : warp.block->threads)
        if (thread->warp == &warp)
            acquire_from(*thread, warp.clock);
    warp.clock.clear();
}

/* The last lane writes for all: lane l gave the address of row l % 8 of matrix l / 8, and holds elements 2 (l % 4) and
 * the next of row l / 4 of each matrix (or, transposed, of column l / 4). */
void store_matrix(uint32_t row_address, const uint32_t *v, int matrices, bool transposed)
{
    Thread &me = current();
    Warp &warp = *me.warp;
    if (row_address % 16)
        fault("stmatrix at %#x, which is not a multiple of 16", row_address);
    warp.address[me.lane] = row_address;
    for (int k = 0; k < matrices; k++)
        warp.matrix[me.lane][k] = v[k];
    if (!gather("stmatrix"))
        return;
    for (int k = 0; k < matrices; k++) {
        uint16_t matrix[8][8];
        for (int lane = 0; lane < WARP; lane++)
            for (int e = 0; e < 2; e++) {
                const int row = lane / 4, column = lane % 4 * 2 + e;
                (transposed ? matrix[column][row] : matrix[row][column]) = (uint16_t)(warp.matrix[lane][k] >> (16 * e));
            }
        for (int row = 0; row < 8; row++)
            store_shared(warp.address[8 * k + row], matrix[row], 16);
    }
}

} // namespace emulated
