/* SPDX-License-Identifier: MIT
 *
 * A target of libFuzzer: one parser, given bytes from anybody.  `make fuzz` links it with libFuzzer, `make check` with
 * replay.c, which gives it the files of the corpus.
 */
#ifndef TTT_FUZZ_TARGET_H
#define TTT_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const char target_name[]; /* of the target, and of its folder of the corpus */

/* The bytes as a file, the same one each time, removed at the end; its path. */
const char *target_file(const uint8_t *data, size_t size);

/* What must hold of any input; a failure ends the program where a sanitizer would end it. */
#define TARGET_REQUIRE(condition)                                                                                      \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            __builtin_trap();                                                                                          \
    } while (0)

#endif
