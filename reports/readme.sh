#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: readme.sh VERSION SRCDIR: the README, on the standard output, with the picture and the summary of the report of
# that release between its two marks.
set -eu
sed -n '1,/<!-- from here to the next/p' "$2/README.md"
printf '![Relative error of each tensor](reports/%s/picture.svg)\n\n<details><summary>Every tensor</summary>\n\n' "$1"
cat "$2/reports/$1/summary.md"
printf '\n</details>\n'
sed -n '/<!-- to here -->/,$p' "$2/README.md"
