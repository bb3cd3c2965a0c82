/* SPDX-License-Identifier: MIT
 *
 * Trials side by side, each in a process of its own.
 */
#ifndef TTT_MUTANTS_POOL_H
#define TTT_MUTANTS_POOL_H

#include "trial.h"

/* Run list[0 .. count), at most `jobs` at a time, into outcomes[0 .. count); `told` after each (or NULL). */
void pool_run(const struct trial *trial, const struct mutant *const *list, size_t count, int jobs,
              struct outcome *outcomes, void (*told)(size_t done, size_t count));

#endif
