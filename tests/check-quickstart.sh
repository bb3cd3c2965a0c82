#!/bin/sh
# SPDX-License-Identifier: MIT
# ./quickstart refuses bad arguments, and says which packages are missing where it cannot install them.
set -u
quickstart=$(cd "${TTT_SRCDIR:-.}" && pwd)/quickstart
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0

# expect STATUS LINES TEXT ARGUMENT...: exit status, lines on stderr, and a text in the output.
expect() {
    status=$1 lines=$2 text=$3
    shift 3
    PATH=$path "$bash" "$quickstart" "$@" >"$scratch/out" 2>"$scratch/err"
    got=$?
    if [ $got -ne "$status" ] || [ "$(wc -l <"$scratch/err")" -ne "$lines" ] ||
        ! cat "$scratch/out" "$scratch/err" | grep -q -e "$text"; then
        echo "quickstart $*: exit $got, expected $status, $lines lines on stderr and '$text' in:" >&2
        cat "$scratch/out" "$scratch/err" >&2
        failed=1
    fi
}

bash=$(command -v bash) || exit 77
path=$PATH
expect 0 0 'Usage: ./quickstart \[check\]' --help
expect 2 1 "'--bad' is not allowed" --bad
expect 2 1 "'' is not allowed" ''
expect 2 1 "'check again' is not allowed" check again

# A system without apt-get and without any tool.
path=$scratch/bin
mkdir "$path"
ln -s "$(command -v dirname)" "$(command -v cat)" "$(command -v rm)" "$path"
expect 77 2 'Please get these packages.*build-essential.*automake.*libopenblas-dev.*libjansson-dev.*check$'
expect 77 2 'still missing: build-essential' check
exit $failed
