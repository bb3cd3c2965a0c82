/* SPDX-License-Identifier: MIT
 *
 * A directory of its own for each test that writes files.
 */
#ifndef TTT_TESTS_FILES_H
#define TTT_TESTS_FILES_H

#include <stddef.h>

/* For tcase_add_checked_fixture: make the directory; remove it with what is in it. */
void files_setup(void);
void files_teardown(void);

/* DIRECTORY/NAME; good for the next three calls. */
const char *files_path(const char *name);

/* How many files there are. */
int files_count(void);

void files_write(const char *path, const void *data, size_t size);

/* The whole file, with a '\0' behind it; free it. */
char *files_read(const char *path, size_t *size);

#endif
