/* SPDX-License-Identifier: MIT */
#include "device.h"
#include "red_zone.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ZONE = 4096 }; /* red zone before and behind each operand; a multiple of its alignment */

typedef int result;      /* CUresult; 0 is success */
typedef uint64_t memory; /* CUdeviceptr */

/* The functions of the driver that are used here, by the names that it exports. */
static struct {
    result (*init)(unsigned flags);
    result (*primary)(void **context, int device);
    result (*set_current)(void *context);
    result (*get_current)(void **context);
    result (*synchronize)(void);
    result (*stream_create)(void **stream, unsigned flags);
    result (*stream_synchronize)(void *stream);
    result (*allocate)(memory *address, size_t bytes);
    result (*release)(memory address);
    result (*upload)(memory to, const void *from, size_t bytes);
    result (*download)(void *to, memory from, size_t bytes);
    result (*fill)(memory to, unsigned char byte, size_t bytes);
    result (*name)(result error, const char **name);
} cuda;

static const struct {
    void *slot;
    const char *symbol;
} symbols[] = {
    {&cuda.init, "cuInit"},
    {&cuda.primary, "cuDevicePrimaryCtxRetain"},
    {&cuda.set_current, "cuCtxSetCurrent"},
    {&cuda.get_current, "cuCtxGetCurrent"},
    {&cuda.synchronize, "cuCtxSynchronize"},
    {&cuda.stream_create, "cuStreamCreate"},
    {&cuda.stream_synchronize, "cuStreamSynchronize"},
    {&cuda.allocate, "cuMemAlloc_v2"},
    {&cuda.release, "cuMemFree_v2"},
    {&cuda.upload, "cuMemcpyHtoD_v2"},
    {&cuda.download, "cuMemcpyDtoH_v2"},
    {&cuda.fill, "cuMemsetD8_v2"},
    {&cuda.name, "cuGetErrorName"},
};

static void *stream;

static const char *name_of(result error)
{
    const char *name = NULL;
    return cuda.name && cuda.name(error, &name) == 0 && name ? name : "an unknown error of CUDA";
}

/* Load the driver; `mode` may ask for one that is there already only.  What is missing, or NULL. */
static const char *load(int mode)
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW | mode);
    if (!library)
        return "libcuda.so.1";
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *function = dlsym(library, symbols[i].symbol);
        if (!function)
            return symbols[i].symbol;
        memcpy(symbols[i].slot, &function, sizeof function);
    }
    return NULL;
}

int ttt_device_open(char *text, size_t text_size)
{
    const char *missing = load(0);
    if (missing) {
        snprintf(text, text_size, "it wants device memory, but there is no %s here", missing);
        return -1;
    }
    void *context = NULL;
    result error = cuda.init(0);
    if (!error)
        error = cuda.primary(&context, 0);
    if (!error)
        error = cuda.set_current(context);
    if (!error)
        error = cuda.stream_create(&stream, 1 /* does not wait for the default stream */);
    if (error)
        snprintf(text, text_size, "it wants device memory, but CUDA says %s", name_of(error));
    return error ? -1 : 0;
}

/* An allocation of `bytes` between red zones.  Alignment: that of the allocator, 256. */
static result reserve(struct ttt_device_block *block, int i, size_t bytes)
{
    const result error = cuda.allocate(&block->allocation[i], ZONE + bytes + ZONE);
    if (error) {
        block->allocation[i] = 0;
        return error;
    }
    unsigned char zone[ZONE];
    ttt_red_zone_fill(zone, sizeof zone);
    block->bytes[i] = bytes;
    const result front = cuda.upload(block->allocation[i], zone, ZONE);
    return front ? front : cuda.upload(block->allocation[i] + ZONE + bytes, zone, ZONE);
}

static void *pointer_to(memory address)
{
    void *pointer;
    const uintptr_t number = (uintptr_t)address;
    memcpy(&pointer, &number, sizeof pointer);
    return pointer;
}

int ttt_device_stage(struct ttt_device_block *block, const struct ttt_wire_request *r, const union ttt_arguments *host,
                     size_t workspace_bytes, struct ttt_candidate_call *call, struct ttt_wire_answer *answer)
{
    result error = 0;
    *block = (struct ttt_device_block){.bytes = {0}};
    for (int i = 0; i < ttt_operand_count(r->direction) && !error; i++) {
        if (r->operands[i].bytes == 0)
            continue;
        error = reserve(block, i, r->operands[i].bytes);
        if (!error)
            error =
                cuda.upload(block->allocation[i] + ZONE, ttt_operand_get(host, r->direction, i), r->operands[i].bytes);
        ttt_operand_set(&block->args, r->direction, i, pointer_to(block->allocation[i] + ZONE));
    }
    if (!error && workspace_bytes > 0) {
        error = reserve(block, TTT_OPERANDS_MOST, workspace_bytes);
        if (!error)
            error = cuda.fill(block->allocation[TTT_OPERANDS_MOST] + ZONE, 0xFF, workspace_bytes);
        call->workspace = pointer_to(block->allocation[TTT_OPERANDS_MOST] + ZONE);
        call->workspace_bytes = workspace_bytes;
    }
    if (!error)
        error = cuda.synchronize();
    call->stream = stream;
    if (!error)
        return 0;
    answer->kind = TTT_WIRE_NO_MEMORY;
    snprintf(answer->text, sizeof answer->text, "its operands cannot be copied to the device: %s", name_of(error));
    ttt_device_free(block);
    return -1;
}

static int zones_intact(const struct ttt_device_block *block, int i)
{
    unsigned char front[ZONE], back[ZONE];
    return cuda.download(front, block->allocation[i], ZONE) == 0 &&
           cuda.download(back, block->allocation[i] + ZONE + block->bytes[i], ZONE) == 0 &&
           ttt_red_zone_intact(front, ZONE) && ttt_red_zone_intact(back, ZONE);
}

/* Is the input on the device still what it is here? */
static int input_intact(const struct ttt_device_block *block, int i, const void *host)
{
    void *copy = malloc(block->bytes[i]);
    const int same = copy && cuda.download(copy, block->allocation[i] + ZONE, block->bytes[i]) == 0 &&
                     memcmp(copy, host, block->bytes[i]) == 0;
    free(copy);
    return same;
}

void ttt_device_unstage(const struct ttt_device_block *block, const struct ttt_wire_request *r,
                        const union ttt_arguments *host, struct ttt_wire_answer *answer)
{
    for (int i = 0; i <= TTT_OPERANDS_MOST; i++) {
        const int is_operand = i < ttt_operand_count(r->direction);
        if (!block->allocation[i])
            continue;
        answer->operand = i == TTT_OPERANDS_MOST ? TTT_WIRE_WORKSPACE_OPERAND : i;
        void *here = is_operand ? ttt_operand_get(host, r->direction, i) : NULL;
        if (!zones_intact(block, i)) {
            answer->kind = TTT_WIRE_OVERRUN;
            return;
        }
        if (is_operand && ttt_operand_is_output(r->direction, i)) {
            if (cuda.download(here, block->allocation[i] + ZONE, block->bytes[i]) != 0)
                answer->kind = TTT_WIRE_CUDA;
        } else if (is_operand && !input_intact(block, i, here)) {
            answer->kind = TTT_WIRE_CHANGED;
            return;
        }
    }
}

void ttt_device_free(struct ttt_device_block *block)
{
    for (int i = 0; i <= TTT_OPERANDS_MOST; i++)
        if (block->allocation[i])
            cuda.release(block->allocation[i]);
    *block = (struct ttt_device_block){.bytes = {0}};
}

void ttt_device_wait(void)
{
    cuda.stream_synchronize(stream);
}

int ttt_device_failed(char *text, size_t text_size)
{
    void *context = NULL;
    if (!cuda.synchronize && load(RTLD_NOLOAD) != NULL)
        return 0;
    result error = cuda.get_current(&context);
    if (error || !context) /* of a driver that nobody has started */
        return 0;
    error = cuda.synchronize();
    if (error)
        snprintf(text, text_size, "%s", name_of(error));
    return error != 0;
}
