#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: redraw-report.sh VERSION SRCDIR TTT-REPORT: draw the page, its Markdown and its picture from the JSON in
# SRCDIR/reports/VERSION/, and put the picture and the summary into the README.
set -eu
version=$1 srcdir=$2 report=$3
published=$srcdir/reports/$version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for file in "$published"/*.json.gz; do
    name=${file##*/}
    gzip -d -c "$file" >"$work/${name%.gz}"
done
cd "$work"
# What was verified first is what the page is about.
set -- ./verify.json
for file in ./*.json; do
    [ "$file" = ./verify.json ] || set -- "$@" "$file"
done
status=0
"$report" render --output "$version" "$@" || status=$?
[ $status -le 1 ]
cp "$version"/* "$published/"
"$srcdir/reports/readme.sh" "$version" "$srcdir" >README.md
cat README.md >"$srcdir/README.md"
