/* SPDX-License-Identifier: MIT
 *
 * A mutant as a shared object: ref-bf16 from a patched copy of ref/, or the emulated kernels from one of gpu/,
 * everything else as it is.  The source tree and the build beside it are only read.
 */
#ifndef TTT_MUTANTS_BUILD_H
#define TTT_MUTANTS_BUILD_H

#include "corpus.h"

#define PATH_TEXT  1024
#define ERROR_TEXT 1024

/* How mutants of a folder are built: "ref" or "gpu"; NULL: of others they are not. */
const struct build_recipe *build_recipe_of(const char *tree);

struct build {
    const char *srcdir; /* top of the source tree */
    const char *work;   /* folder for everything that is made here */
    const char *cc;     /* compiler with its flags, as a shell reads them */
    const char *libs;   /* the same of the linker */
    const struct build_recipe *recipe;
};

/* Compile what all mutants share, to build->work.  0, or -1 with one line in `error`. */
int build_common(const struct build *build, char *error, size_t error_size);

/* Does the patch apply?  0, or -1 with one line in `error`. */
int build_check_patch(const struct build *build, const struct mutant *m, char *error, size_t error_size);

/* Patch and compile `m` (edit_count 0: the clean copy) to `folder`/mutant.so, a new folder.  0, or -1 with one line in
 * `error`; a patch that does not apply is an error. */
int build_mutant(const struct build *build, const struct mutant *m, const char *folder, char *error, size_t error_size);

#endif
