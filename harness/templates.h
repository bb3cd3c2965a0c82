/* SPDX-License-Identifier: MIT
 *
 * The files of reports/ that reports are made from, built in.
 */
#ifndef TTT_HARNESS_TEMPLATES_H
#define TTT_HARNESS_TEMPLATES_H

extern const char ttt_template_gap[], ttt_template_growth[], ttt_template_loss[], ttt_template_markdown[],
    ttt_template_page[], ttt_template_picture[], ttt_template_shapes[], ttt_template_summary[], ttt_template_ulps[];

#endif
