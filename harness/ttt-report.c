/* SPDX-License-Identifier: MIT
 *
 * ttt-report: what is done with the JSON reports of the other programs, one subcommand each.
 */
#include "config.h"

#include "diff.h"
#include "merge.h"
#include "render.h"
#include "text.h"
#include <stdio.h>
#include <string.h>

enum { EXIT_PASSED = 0, EXIT_BAD_INPUT = 2 };

static const char help[] =
    "Usage: ttt-report SUBCOMMAND [OPTION]... REPORT.json...\n"
    "Work with the JSON reports of the other programs.\n"
    "\n"
    "  render             a page, its Markdown twin, a summary and a picture of reports of any kind\n"
    "  diff               of two reports OLD and NEW of one program: what got better, worse or vanished\n"
    "  merge              the reports of the ranks of a ttt-fuzz campaign as one, and what is missing\n"
    "\n"
    "  --output DIR, -o   of render: the folder for the files\n"
    "  --json FILE        of merge: write the result as JSON\n"
    "  --quiet            print nothing\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 all passed, 1 something failed, got worse or is missing, 2 bad usage or input.\n";

static const struct {
    const char *name;
    int (*main)(int argc, char **argv);
} subcommands[] = {{"render", ttt_render_main}, {"diff", ttt_diff_main}, {"merge", ttt_merge_main}};

static int run(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "--version") == 0) {
        fputs(strcmp(name, "--help") == 0 ? help : "ttt-report (" PACKAGE_NAME ") " PACKAGE_VERSION "\n", stdout);
        return EXIT_PASSED;
    }
    for (size_t i = 0; i < sizeof subcommands / sizeof subcommands[0]; i++)
        if (strcmp(name, subcommands[i].name) == 0)
            return subcommands[i].main(argc - 1, argv + 1);
    fprintf(stderr, "ttt-report: '%s' is not a subcommand (allowed: render, diff, merge); see --help\n",
            TTT_QUOTE(name));
    return EXIT_BAD_INPUT;
}

int main(int argc, char **argv)
{
    const int status = run(argc, argv);
    /* Output that could not be written (a full disk, say) must not look like success. */
    if (fclose(stdout) != 0 && status == EXIT_PASSED) {
        fprintf(stderr, "ttt-report: standard output could not be written\n");
        return EXIT_BAD_INPUT;
    }
    return status;
}
