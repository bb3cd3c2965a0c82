/* SPDX-License-Identifier: MIT
 *
 * Two reports of the same kind, compared thing by thing.
 *
 *   verdicts      of cases, gates, checks, gradients, planted faults: a change is a change
 *   errors        rel_l2 of a tensor of a case; it changed if by more than the scatter of the smallest group that is
 *                 judged: a root mean square of TTT_GROUP_LEAST independent errors has a standard deviation of
 *                 1 / sqrt(2 TTT_GROUP_LEAST) of itself, and three of them are noise
 *   mean errors   the geometric mean of a tensor's errors over n cases: the same, over sqrt(n)
 *   speed         it changed if the ranges of all repetitions do not meet
 */
#ifndef TTT_HARNESS_COMPARE_H
#define TTT_HARNESS_COMPARE_H

#include "load.h"
#include "standings.h"

enum ttt_change { TTT_WORSE, TTT_VANISHED, TTT_BETTER, TTT_NEW, TTT_CHANGE_COUNT };
extern const char *const ttt_change_name[TTT_CHANGE_COUNT]; /* "worse" ... */

#define TTT_CHANGE_TEXT 640

struct ttt_difference {
    enum ttt_change change;
    double weight; /* the larger, the earlier it is told */
    char text[TTT_CHANGE_TEXT];
};

struct ttt_differences {
    struct ttt_difference *list; /* worse first, of these the heaviest */
    size_t count, compared;
    int failed; /* memory could not be had */
};

/* The factor beyond which the error of one tensor, or the geometric mean over n cases, changed. */
double ttt_compare_noise(size_t n);

/* Both of one kind, which can be compared.  0, or -1 with one line in `error`; free `list` either way. */
int ttt_compare(const struct ttt_loaded *old, const struct ttt_loaded *new, struct ttt_differences *differences,
                char *error, size_t error_size);

/* Note one difference. */
__attribute__((format(printf, 4, 5))) void ttt_differences_add(struct ttt_differences *d, enum ttt_change change,
                                                               double weight, const char *format, ...);

/* The parts, by kind. */
void ttt_compare_cases(struct ttt_differences *d, const json_t *old, const json_t *new);
void ttt_compare_proofs(struct ttt_differences *d, const json_t *old, const json_t *new);
void ttt_compare_speeds(struct ttt_differences *d, const json_t *old, const json_t *new);
void ttt_compare_mutants(struct ttt_differences *d, const json_t *old, const json_t *new);

#endif
