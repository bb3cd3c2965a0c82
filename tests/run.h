/* SPDX-License-Identifier: MIT
 *
 * The end of every test program.
 */
#ifndef TTT_TESTS_RUN_H
#define TTT_TESTS_RUN_H

#include <check.h>

/* Run the suite and free it; the program's exit status. */
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#endif
