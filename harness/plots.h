/* SPDX-License-Identifier: MIT
 *
 * Plots as SVG, drawn by gnuplot, to be placed within a page: colours are the page's.
 */
#ifndef TTT_HARNESS_PLOTS_H
#define TTT_HARNESS_PLOTS_H

#include "page.h"

/* Set the lists "growth", "ulps", "losses" and "gaps" of `page->values`, of { candidate, about, svg }, and "svg" of the
 * charts in "shapes".  gnuplot is started only where there is something to draw.  0, or -1 with one line in `error`. */
int ttt_plots_make(struct ttt_page *page, char *error, size_t error_size);

#endif
