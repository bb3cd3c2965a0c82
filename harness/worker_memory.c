/* SPDX-License-Identifier: MIT */
#include "worker_memory.h"
#include "red_zone.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Where the ranges of the calls begin: far from everything that is mapped by itself. */
static const uint64_t first_range = (uint64_t)1 << 45;
enum { TRIES = 64 };

/* One operand, or the workspace. */
struct spot {
    uint64_t extent, extent_end, data, data_end;
    int operand;
};

static struct {
    uint64_t next; /* ranges of earlier calls end here */
    uint64_t range, range_bytes;
    struct spot spots[TTT_OPERANDS_MOST + 1];
    int count;
} memory;

/* Addresses that may not be touched and that no call had before. */
static int reserve(uint64_t skip, uint64_t bytes)
{
    if (memory.next == 0)
        memory.next = first_range;
    memory.next += skip;
    for (int i = 0; i < TRIES; i++) {
        void *hint;
        const uintptr_t address = (uintptr_t)memory.next;
        memcpy(&hint, &address, sizeof hint);
        void *range =
            mmap(hint, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
        if (range == hint) {
            memory.range = memory.next;
            memory.range_bytes = bytes;
            memory.next += bytes;
            return 0;
        }
        if (range != MAP_FAILED)
            munmap(range, bytes);
        memory.next += bytes + skip; /* somebody else's */
    }
    return -1;
}

/* Map `bytes` of memory at `place` of the range, of the file or fresh (fd -1). */
static char *place_at(uint64_t place, uint64_t bytes, int protection, int fd, uint64_t offset)
{
    void *hint;
    const uintptr_t address = (uintptr_t)(memory.range + place);
    memcpy(&hint, &address, sizeof hint);
    void *at = mmap(hint, bytes, protection, MAP_FIXED | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED), fd,
                    (off_t)offset);
    return at == MAP_FAILED ? NULL : at;
}

static void note(char *extent, uint64_t extent_bytes, uint64_t front, uint64_t bytes, int operand)
{
    const uint64_t at = (uint64_t)(uintptr_t)extent;
    memory.spots[memory.count++] = (struct spot){at, at + extent_bytes, at + front, at + front + bytes, operand};
}

static int map_operand(const struct ttt_wire_request *r, int i, union ttt_arguments *args)
{
    const struct ttt_wire_operand *o = &r->operands[i];
    const int protection = ttt_operand_is_output(r->direction, i) ? PROT_READ | PROT_WRITE : PROT_READ;
    char *extent = place_at(o->place, o->extent, protection, TTT_WIRE_MEMORY, o->offset);
    if (!extent)
        return -1;
    note(extent, o->extent, o->front, o->bytes, i);
    ttt_operand_set(args, r->direction, i, extent + o->front);
    return 0;
}

/* Its end is, but for the alignment, the end of a page, so that one element too far is a fault at once. */
static int map_workspace(uint64_t place, uint64_t extent_bytes, size_t bytes, struct ttt_candidate_call *call)
{
    char *extent = place_at(place, extent_bytes, PROT_READ | PROT_WRITE, -1, 0);
    if (!extent)
        return -1;
    const uint64_t used = ((uint64_t)bytes + TTT_CANDIDATE_ALIGNMENT - 1) & ~(uint64_t)(TTT_CANDIDATE_ALIGNMENT - 1);
    const uint64_t front = extent_bytes - used;
    ttt_red_zone_fill(extent, front);
    memset(extent + front, 0xFF, bytes); /* NaN of every type */
    ttt_red_zone_fill(extent + front + bytes, used - bytes);
    note(extent, extent_bytes, front, bytes, TTT_WIRE_WORKSPACE_OPERAND);
    call->workspace = extent + front;
    call->workspace_bytes = bytes;
    return 0;
}

int ttt_worker_map(const struct ttt_wire_request *r, size_t workspace_bytes, union ttt_arguments *args,
                   struct ttt_candidate_call *call, char *error, size_t error_size)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    const uint64_t extent = ((uint64_t)workspace_bytes + TTT_CANDIDATE_ALIGNMENT + page - 1) / page * page;
    int status = workspace_bytes > SIZE_MAX / 2 ? -1 : reserve(r->skip, r->range + extent + page);
    for (int i = 0; i < ttt_operand_count(r->direction) && status == 0; i++)
        if (r->operands[i].bytes > 0)
            status = map_operand(r, i, args);
    if (status == 0 && workspace_bytes > 0)
        status = map_workspace(r->range, extent, workspace_bytes, call);
    if (status == 0)
        return 0;
    snprintf(error, error_size, "its operands and a workspace of %zu bytes cannot be mapped: %s", workspace_bytes,
             strerror(errno));
    ttt_worker_unmap();
    return -1;
}

int ttt_worker_workspace_intact(void)
{
    const struct spot *s = &memory.spots[memory.count > 0 ? memory.count - 1 : 0];
    if (memory.count == 0 || s->operand != TTT_WIRE_WORKSPACE_OPERAND)
        return 1;
    const uintptr_t front = (uintptr_t)s->extent, back = (uintptr_t)s->data_end;
    const void *zone[2];
    memcpy(&zone[0], &front, sizeof front);
    memcpy(&zone[1], &back, sizeof back);
    return ttt_red_zone_intact(zone[0], s->data - s->extent) &&
           ttt_red_zone_intact(zone[1], s->extent_end - s->data_end);
}

void ttt_worker_unmap(void)
{
    void *range;
    const uintptr_t address = (uintptr_t)memory.range;
    memcpy(&range, &address, sizeof range);
    if (memory.range_bytes > 0)
        munmap(range, memory.range_bytes);
    memory.range_bytes = 0;
    memory.count = 0;
}

static uint64_t distance_to(const struct spot *s, uint64_t address)
{
    return address < s->data ? s->data - address : address >= s->data_end ? address - s->data_end : 0;
}

void ttt_worker_locate(uint64_t address, struct ttt_wire_answer *answer)
{
    const struct spot *nearest = NULL;
    answer->address = address;
    answer->where = TTT_WIRE_ELSEWHERE;
    if (address < memory.range || address >= memory.range + memory.range_bytes) {
        if (address >= first_range && address < memory.next)
            answer->where = TTT_WIRE_EARLIER;
        return;
    }
    for (int i = 0; i < memory.count; i++)
        if (!nearest || distance_to(&memory.spots[i], address) < distance_to(nearest, address))
            nearest = &memory.spots[i];
    if (!nearest)
        return;
    answer->where = address < nearest->data        ? TTT_WIRE_BEFORE
                    : address >= nearest->data_end ? TTT_WIRE_BEHIND
                                                   : TTT_WIRE_INSIDE;
    answer->operand = nearest->operand;
    answer->distance = distance_to(nearest, address);
}
