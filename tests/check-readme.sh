#!/bin/sh
# SPDX-License-Identifier: MIT
# The picture and the table of the README are those of the published report, and those are what ttt-report draws from the
# JSON that is published with them: none of it was typed.
set -u
srcdir=${TTT_SRCDIR:-.} report=${TTT_BUILDDIR:-.}/ttt-report
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0
version=$(sed -n 's|^!\[.*(reports/\([0-9.]*\)/picture.svg)$|\1|p' "$srcdir/README.md")
published=$srcdir/reports/$version
if [ -z "$version" ] || [ ! -e "$published/summary.md" ]; then
    echo "the README shows no published report: '$version'" >&2
    exit 1
fi

"$srcdir/reports/readme.sh" "$version" "$srcdir" >"$scratch/README.md"
if ! cmp -s "$srcdir/README.md" "$scratch/README.md"; then
    echo "README.md is not in step with reports/$version: make redraw-report VERSION=$version" >&2
    diff "$srcdir/README.md" "$scratch/README.md" | head -20 >&2
    failed=1
fi

if ! command -v gnuplot >/dev/null; then
    echo 'SKIP: gnuplot is not here: the report was not drawn again'
    [ $failed -eq 0 ] && exit 77
    exit 1
fi
# (A copy: what is published is not touched.)
mkdir -p "$scratch/source/reports/$version" && cp "$srcdir/README.md" "$scratch/source" &&
    cp "$published"/*.json.gz "$scratch/source/reports/$version" && cp "$srcdir/reports/readme.sh" "$scratch/source/reports" &&
    chmod -R u+w "$scratch/source" || exit 1
"$srcdir/reports/redraw-report.sh" "$version" "$scratch/source" "$(cd "${report%/*}" && pwd)/ttt-report" >"$scratch/said" 2>&1 || {
    cat "$scratch/said" >&2
    exit 1
}
for file in summary.md picture.svg; do
    if ! cmp -s "$published/$file" "$scratch/source/reports/$version/$file"; then
        echo "reports/$version/$file is not what its JSON makes: make redraw-report VERSION=$version" >&2
        diff "$published/$file" "$scratch/source/reports/$version/$file" | head -10 >&2
        failed=1
    fi
done
exit $failed
