#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: templates.sh DIR >templates.c: the templates of DIR as strings of C.
set -eu

# embed NAME FILE
embed() {
    printf 'const char ttt_template_%s[] =\n' "$1"
    sed -e 's/[\\"]/\\&/g' -e 's/^/    "/' -e 's/$/\\n"/' "$2"
    echo '    "";'
}

printf '/* Written by templates.sh; do not edit. */\n#include "harness/templates.h"\n'
for part in gap:gap.gp growth:growth.gp loss:loss.gp markdown:report.md page:page.html picture:picture.svg shapes:shapes.gp summary:summary.md ulps:ulps.gp; do
    embed "${part%%:*}" "$1/${part#*:}"
done
