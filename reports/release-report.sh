#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: release-report.sh VERSION SUITE 'CANDIDATE...' BENCH_CASE SRCDIR [REPORT.json...], from the build folder; see
# local.mk.  Writes SRCDIR/reports/VERSION/: the page, its Markdown, and the JSON that they were made from.
set -u
version=$1 suite=$2 candidates=$3 bench_case=$4 srcdir=$5
shift 5
case $version in
[0-9]*.[0-9]*.[0-9]*) ;;
*) echo "release-report: VERSION is '$version' (allowed: three numbers, as in VERSION=0.1.0)" >&2 && exit 2 ;;
esac
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
options=
for candidate in $candidates; do
    options="$options --candidate $candidate"
done

refuse() {
    echo "release-report: $*" >&2
    exit 2
}

# What is given is looked at before anything is run: that takes hours.
for more in "$@"; do
    name=${more##*/}
    case $name in
    verify.json | gradients.json | vectors.json | bench.json) refuse "$more: a report of this name is made here" ;;
    *.json) ;;
    *) refuse "$more: not a file NAME.json" ;;
    esac
    [ ! -e "$work/$name" ] || refuse "$more: a second report of this name"
    cp "$more" "$work/" || exit 2
done
if [ $# -gt 0 ]; then
    ./ttt-report render --quiet --output "$work/given" "$@"
    [ $? -le 1 ] || exit 2
    rm -r "$work/given"
fi

# What fails is published, too; what could not be run is not.
run() {
    echo "$*"
    "$@"
    status=$?
    [ $status -le 1 ] || { echo "release-report: exit $status" >&2 && exit 1; }
}

# shellcheck disable=SC2086 # several words
{
    run ./ttt-verify --quiet --prove-gradients --json "$work/gradients.json"
    run ./ttt-verify --quiet --candidate ref-f64 --vectors "$srcdir/tests/vectors" --json "$work/vectors.json"
    run ./ttt-bench --quiet $options --case "$bench_case" --json "$work/bench.json"
    run ./ttt-verify --quiet --suite "$suite" $options --json "$work/verify.json" --junit "$work/junit.xml"
}
# Commands and files are published as one would type them, without the folders of the machines.
sed -i -e "s|\"command\": \"[^ ]*/\(ttt-[a-z]*\)|\"command\": \"\1|" -e "s|$work/||g" -e "s|$srcdir/||g" \
    -e "/^ *\"\(command\|repeat\|file\)\": /s|\([ '\"]\)/[^ '\"]*/|\1|g" "$work"/*.json || exit 1
mkdir "$work/$version" || exit 1
for file in "$work"/*.json "$work/junit.xml"; do
    gzip -9 -n -c "$file" >"$work/$version/${file##*/}.gz" || exit 1
done
rm -rf "$srcdir/reports/$version" && cp -R "$work/$version" "$srcdir/reports/" || exit 1
"$srcdir/reports/redraw-report.sh" "$version" "$srcdir" "$(pwd)/ttt-report"
