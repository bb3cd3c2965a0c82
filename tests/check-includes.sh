#!/bin/sh
# SPDX-License-Identifier: MIT
# The direction rules of the tree, by grep.  Usage: check-includes.sh [ROOT]; prints each violation as
# FILE:LINE: rule: text, and exits 1 if there is one.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-${TTT_SRCDIR:-.}}" || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
found=$scratch/found

libc='(assert|complex|ctype|errno|fenv|float|inttypes|limits|locale|math|pthread|sched|setjmp|signal|stdalign|stdarg'
libc="$libc|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|tgmath|threads|time|uchar|wchar|wctype)\\.h"
include='[[:blank:]]*#[[:blank:]]*include[[:blank:]]*'
word='(.*[^[:alnum:]_.>])?'
prints="$word((v?f?printf|v?dprintf|f?puts|f?putc|putchar|fwrite|write|perror|syslog|warnx?)[[:blank:]]*\\("
prints="$prints|(stdout|stderr|cout|cerr|clog)([^[:alnum:]_]|\$))"
exits="$word(exit|_exit|_Exit|quick_exit|abort|assert|errx?|raise)[[:blank:]]*\\("
reads="$word(getenv|secure_getenv|setenv|unsetenv|putenv|environ)([^[:alnum:]_]|\$)"

for floor in include ref gpu harness tests fuzz examples; do
    [ ! -d $floor ] || find $floor -type f -name '*.[ch]' -o -type f -name '*.cc' -o -type f -name '*.cu' \
        -o -type f -name '*.cuh'
done | sort | xargs -r awk -f "$here/strip-comments.awk" >"$scratch/code"

# FILE:LINE:text of the code, or of its #include lines, below the given floors.
code() {
    for floor in "$@"; do grep "^$floor/" "$scratch/code"; done
}
includes() { code "$@" | grep -E "^[^:]*:[0-9]+:$include"; }

# Of FILE:LINE:text on stdin, those whose text matches (forbid), or does not match (allow), break the rule.
report() { sed "s|^\([^:]*:[0-9]*\):[[:blank:]]*|\1: $1: |" >>"$found"; }
forbid() { grep -E "^[^:]*:[0-9]+:$2" | report "$1"; }
allow() { grep -E -v "^[^:]*:[0-9]+:$2" | report "$1"; }

includes include | allow 'include/ includes libc and <ttt/> only' "$include<($libc|ttt/[a-z_]+\\.h)>"
includes ref | allow 'ref/ includes libc, cblas, OpenMP, <ttt/> and itself only' \
    "$include(<($libc|cblas\\.h|omp\\.h|ttt/ttt_(mlp|ref)\\.h)>|\"[a-z0-9_]+\\.[ch]\")"
includes gpu | forbid 'gpu/ includes nothing of ref/' "${include}[<\"](.*/)?(ref/|ttt_ref\\.h|ref_|cblas\\.h)"
includes harness | forbid 'harness/ reaches implementations through <ttt/ttt_candidate.h> only' \
    "${include}[<\"](\\.\\./|ref/|gpu/)"
includes harness | grep -v '^harness/peak\.c:' |
    forbid 'only harness/peak.c may include <cblas.h>' "${include}[<\"](.*/)?cblas\\.h"
includes harness | grep -v '^harness/candidate_ref\.c:' |
    forbid 'only harness/candidate_ref.c may include <ttt/ttt_ref.h>' "${include}[<\"](.*/)?ttt_ref\\.h"
includes harness | grep -v '^harness/\(candidate\|timer\)_gpu\.c:' |
    forbid 'only harness/candidate_gpu.c and timer_gpu.c may include <ttt/ttt_gpu.h> and CUDA' "${include}[<\"](.*/)?(ttt_gpu\\.h|cuda)"
includes include ref gpu harness | forbid 'nobody depends on tests/ and fuzz/' "${include}[<\"](.*/)?(tests|fuzz)/"
grep -v '^gpu/ptx/' "$scratch/code" |
    forbid 'asm belongs under gpu/ptx/' "$word(asm|__asm|__asm__)([^[:alnum:]_]|\$)"
code ref gpu | forbid 'ref/ and gpu/ print nothing' "$prints"
code ref gpu | forbid 'ref/ and gpu/ never exit' "$exits"
code ref gpu | forbid 'ref/ and gpu/ read no environment' "$reads"

[ ! -s "$found" ] || { sort "$found" >&2; exit 1; }
