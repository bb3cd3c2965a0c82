/* SPDX-License-Identifier: MIT
 *
 * ttt-report render: reports as a page, its Markdown twin, a summary and a picture.
 */
#ifndef TTT_HARNESS_RENDER_H
#define TTT_HARNESS_RENDER_H

/* The subcommand and its arguments, argv[0] being its name.  The exit status: 0; 1 when the page says not to ship;
 * 2 for bad usage or input. */
int ttt_render_main(int argc, char **argv);

#endif
