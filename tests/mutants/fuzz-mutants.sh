#!/bin/bash
# SPDX-License-Identifier: MIT
# Usage: fuzz-mutants.sh BUILDDIR SRCDIR CC LIBS CORPUS.mutants...
# Does ttt-fuzz find planted faults within a minute, shrink them, and name where they are?  One line for each mutant of
# fuzz-mutants.txt; exit status 1 where one is not found, not shrunk to two mini-batches of one head, or misnamed.
set -u
builddir=$1 srcdir=$2 cc=$3 libs=$4
shift 4
work=$builddir/tests/mutants/fuzz-work
rm -rf "$work"
mkdir -p "$work"
failed=0

# field FILTER: of the report of this mutant.
field() { jq -r ".findings[0] | $1" "$work/$name.json"; }

while IFS=$'\t' read -r name place_like equation_like; do
    case $name in '#'* | '') continue ;; esac
    "$builddir/tests/mutants/check-mutants" --build --srcdir "$srcdir" --work "$work/$name" --cc "$cc" --libs "$libs" \
        --only "$name" "$@" || { failed=1; continue; }
    start=$(date +%s.%N)
    "$builddir/ttt-fuzz" --candidate "$work/$name/$name/mutant.so" --time 60s --first --save "$work" \
        --json "$work/$name.json" >"$work/$name.log" 2>&1
    seconds=$(echo "$(date +%s.%N) - $start" | bc)
    good=found
    if [ "$(jq '.findings | length' "$work/$name.json")" -eq 0 ]; then
        printf '%-28s NOT FOUND in %.1f s\n' "$name" "$seconds"
        failed=1
        continue
    fi
    place=$(field '.first_divergence') said=$(field '.first_equation') case=$(field '.shrunk.case')
    gate=$(field '.shrunk.gate')
    [[ ${place:-$gate} =~ ^$place_like( |$) ]] || good='WRONG TENSOR'
    [ "$equation_like" = - ] || [[ $said =~ ^$equation_like ]] || good='WRONG EQUATION'
    [[ $case =~ ^b1h1n([0-9]+)c([0-9]+)f ]] && [ "${BASH_REMATCH[1]}" -le $((2 * BASH_REMATCH[2])) ] || good='NOT SMALL'
    [ "$good" = found ] || failed=1
    printf '%-28s %s at #%s, %.1f s with %s tries to shrink: %s\n    %s; %s; %s\n' "$name" "$good" "$(field .index)" \
        "$seconds" "$(field .shrunk.tries)" "$case" "$gate" "${place:--}" "${said:--}"
done < <(sed -E 's/ {2,}|(^[^ ]*) /\1\t/g' "$srcdir/tests/mutants/fuzz-mutants.txt")
exit $failed
