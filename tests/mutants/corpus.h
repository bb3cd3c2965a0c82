/* SPDX-License-Identifier: MIT
 *
 * The corpus: planted faults as text, one after the other in files that end in .mutants.
 *
 *     # comment
 *     @ ref/norm_tmpl.c                      the file that the following edits are made in
 *     = norm.mean.drop [drop] the mean is not subtracted
 *     -     mean /= (real)F;                 old text: must occur exactly once in the file
 *     +     mean = 0;                        new text; lines of either are joined, none at all deletes
 *
 * A mutant may have several edits: a - line after a + line starts the next one.  `! equivalent: ...` says that the
 * mutant is none, with the proof, and `! below: ...` that it may live, with the size that bfloat16 cannot show.  More
 * lines of an argument start with `!`.  `! larger: NAME`, after `! below`, names the mutant that is the same fault in a
 * larger size: where that one lives too, the place is not seen at all, and the smaller one has survived.
 */
#ifndef TTT_MUTANTS_CORPUS_H
#define TTT_MUTANTS_CORPUS_H

#include <stddef.h>

enum promise { PROMISE_DIES, PROMISE_EQUIVALENT, PROMISE_BELOW };

struct edit {
    char *file;  /* from the top of the source tree */
    char *old;   /* without the last line's end */
    char *fresh; /* "" deletes */
};

struct mutant {
    char *name, *group, *about;
    enum promise promise;
    char *argument; /* of a promise; NULL: none */
    char *larger;   /* the name of the same fault in a larger size; NULL: none */
    struct edit *edits;
    size_t edit_count;
    const char *path; /* where it is written; the caller's string */
    int line;
};

struct corpus {
    struct mutant *list;
    size_t count;
};

/* The mutant of this name; NULL: none. */
const struct mutant *corpus_find(const struct corpus *corpus, const char *name);

/* Add the mutants of a file.  0, or -1 with one line in `error`.  Free with corpus_free either way. */
int corpus_read(struct corpus *corpus, const char *path, char *error, size_t error_size);
void corpus_free(struct corpus *corpus);

#endif
