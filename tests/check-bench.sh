#!/bin/sh
# SPDX-License-Identifier: MIT
# The command line of ttt-bench: bad input gets one line, exit 2 and no file; a small case gets a table and JSON.
set -u
bench=${TTT_BUILDDIR:-.}/ttt-bench
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0

# expect STATUS LINES TEXT ARGUMENT...: exit status, lines on stderr, and a text in the output.
expect() {
    status=$1 lines=$2 text=$3
    shift 3
    "$bench" "$@" >"$scratch/out" 2>"$scratch/err"
    got=$?
    if [ $got -ne "$status" ] || [ "$(wc -l <"$scratch/err")" -ne "$lines" ] ||
        ! cat "$scratch/out" "$scratch/err" | grep -q -e "$text"; then
        echo "ttt-bench $*: exit $got, expected $status, $lines lines on stderr and '$text' in:" >&2
        cat "$scratch/out" "$scratch/err" >&2
        failed=1
    fi
    if [ "$status" -eq 2 ] && [ -s "$scratch/out" ]; then
        echo "ttt-bench $*: refused, but wrote to standard output" >&2
        failed=1
    fi
}

small='b1h1n8c4f4d8g1'
expect 0 0 'Usage: ttt-bench' --help
expect 0 0 '^ttt-bench (' --version
expect 2 1 "'--bad' is not an option" --bad
expect 2 1 "'word' is not an option" word
expect 2 1 '--case needs a value' --case
expect 2 1 "--case: case 'b1h1', column 5" --case b1h1
expect 2 1 "no candidate 'ref-f16'" --candidate ref-f16
expect 2 1 '--candidate: /nowhere.so' --candidate /nowhere.so
expect 2 1 'given twice' --candidate ref-f32 --candidate ref-f32
expect 2 1 "'sideways' is not forward, backward or both" --direction sideways
expect 2 1 "--threads: '0' is not an integer 1 to 4096" --threads 0
expect 2 1 "--threads: '4097' is not" --threads 4097
expect 2 1 "--threads: '-1' is not" --threads -1
expect 2 1 "--threads: OpenBLAS, the measure, runs" --threads 4096
expect 2 1 "--threads is given twice" --threads 1 --threads 2
expect 2 1 "--repetitions: '4' is not an integer 5 to 1000" --repetitions 4
expect 2 1 "--repetitions: '5.0' is not" --repetitions 5.0
expect 2 1 "/nowhere/x.json" --json /nowhere/x.json --case $small --candidate ref-f32
expect 2 1 'this case' --json "$scratch/none.json" --candidate ref-f32 --case b1h4096n1000000000c64f64d256g1
[ -z "$(find "$scratch" -name 'none.json*')" ] || { echo "a refused run left a file" >&2; failed=1; }

expect 0 0 '^ref-f32 *forward *1 .*%.*b1h1n8c4f4d8g1 eps=1e-06' --candidate ref-f32 --case $small --threads 1 \
    --direction forward --json "$scratch/small.json"
grep -q '"share_of_peak": [0-9]' "$scratch/small.json" || { echo "no share in the JSON" >&2; failed=1; }
"$bench" --candidate ref-f32 --case $small --threads 1 --direction forward --quiet >"$scratch/out" 2>&1 || failed=1
[ ! -s "$scratch/out" ] || { echo "--quiet printed something" >&2; failed=1; }
exit $failed
