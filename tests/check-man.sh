#!/bin/sh
# SPDX-License-Identifier: MIT
# Each installed program has a man page, which explains exactly the options that its --help names.
set -u
srcdir=${TTT_SRCDIR:-.} builddir=${TTT_BUILDDIR:-.}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0

for program in $TTT_PROGRAMS; do
    page=$srcdir/man/$program.1
    "$builddir/$program" --help >"$scratch/help" || failed=1
    grep -oE -e '--[a-z][a-z-]*' "$scratch/help" | sort -u >"$scratch/said"
    sed -n 's/^\.It Fl Fl \([a-z-]*\).*/--\1/p' "$page" | sort -u >"$scratch/explained"
    [ -s "$scratch/said" ] || { echo "$program --help names no option" >&2; failed=1; }
    if ! diff "$scratch/said" "$scratch/explained" >"$scratch/diff"; then
        echo "$program: only in --help (<), only in man/$program.1 (>):" >&2
        grep '^[<>]' "$scratch/diff" >&2
        failed=1
    fi
done
exit $failed
