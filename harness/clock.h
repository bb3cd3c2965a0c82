/* SPDX-License-Identifier: MIT
 *
 * The time that everything is measured with.
 */
#ifndef TTT_HARNESS_CLOCK_H
#define TTT_HARNESS_CLOCK_H

/* Seconds since some moment of the past; never goes back. */
double ttt_clock_seconds(void);

/* Wait until no thread of this process runs, or half a second: the workers of libraries spin on when their work is
 * done, and would take time from what is measured next. */
void ttt_clock_settle(void);

#define TTT_CLOCK_DATE 32

/* The date and time, UTC, ISO 8601. */
void ttt_clock_date(char text[TTT_CLOCK_DATE]);

#endif
