/* SPDX-License-Identifier: MIT
 *
 * Files: whatever opens can be read to its last element, and what it says of its case is either refused in one line or
 * can be loaded.
 */
#include "harness/given.h"
#include "harness/safetensors.h"
#include "target.h"
#include <string.h>

#define INPUTS (1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_UPSTREAM)
#define EVERY  (INPUTS | 1u << TTT_ROLE_FORWARD_OUTPUT | 1u << TTT_ROLE_BACKWARD_OUTPUT)

const char target_name[] = "safetensors";

static int is_line(const char *error, size_t size)
{
    const size_t n = strnlen(error, size);
    return n > 0 && n < size && !memchr(error, '\n', n);
}

static void read_entries(struct ttt_safetensors *file)
{
    for (size_t i = 0; i < ttt_safetensors_count(file); i++) {
        const struct ttt_safetensors_entry *e = ttt_safetensors_entry(file, i);
        double last;
        char error[1024] = "";
        TARGET_REQUIRE(e->begin >= 0 && e->begin <= e->end && e->ndim >= 0 && e->ndim <= 8);
        TARGET_REQUIRE(ttt_safetensors_find(file, e->name) == e);
        TARGET_REQUIRE(ttt_safetensors_read(file, e, e->elements, 1, &last, error, sizeof error) != 0);
        if (e->elements > 0)
            TARGET_REQUIRE(ttt_safetensors_read(file, e, e->elements - 1, 1, &last, error, sizeof error) == 0);
    }
}

static void read_case(struct ttt_safetensors *file)
{
    struct ttt_case c;
    struct ttt_tensors t = {.head0 = 0};
    unsigned directions = 0;
    enum ttt_types types;
    char error[1024] = "";
    if (ttt_safetensors_case(file, &c, error, sizeof error) != 0) {
        TARGET_REQUIRE(is_line(error, sizeof error));
        return;
    }
    if (ttt_given_truth(file, &c, 0, &directions, error, sizeof error) != 0)
        TARGET_REQUIRE(is_line(error, sizeof error));
    if (ttt_given_outputs(file, &c, 0, &directions, &types, error, sizeof error) != 0)
        TARGET_REQUIRE(is_line(error, sizeof error));
    /* All inputs are in the file, so they are not larger than it. */
    TARGET_REQUIRE(ttt_tensors_load(&t, file, &c, 0, c.shape.heads, TTT_TYPES_F64, EVERY, error, sizeof error) == 0);
    ttt_tensors_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[1024] = "";
    struct ttt_safetensors *file = ttt_safetensors_open(target_file(data, size), error, sizeof error);
    if (!file) {
        TARGET_REQUIRE(is_line(error, sizeof error));
        return 0;
    }
    read_entries(file);
    ttt_safetensors_metadata(file, "source");
    read_case(file);
    ttt_safetensors_close(file);
    return 0;
}
