#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: compare-criteria.sh BUILDDIR MUTANTS.json SEEDS
# The usual criteria beside the judge: mutants killed (from the report of check-mutants --criteria), and correct runs
# failed, SEEDS data seeds of each distribution for each of two correct kernels: ref-bf16, and the contract with
# stochastic rounding.  The baseline of the criteria that need one is ref-bf16, which never fails those.
set -u
builddir=$1 mutants=$2 seeds=$3
fault=$builddir/tests/mutants/fault.so
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

shapes='b1h2n80c16f32d64g2 eps=1e-6 dist=unit
b1h2n80c16f32d64g2 eps=1e-8 dist=model
b1h2n80c16f32d64g2 eps=1e-6 dist=strong'

seed=20001
while [ $seed -lt $((20001 + seeds)) ]; do
    set --
    while IFS= read -r shape; do
        set -- "$@" --case "$shape seed=$seed"
    done <<EOF
$shapes
EOF
    for candidate in ref-bf16 "$fault:seed=$seed"; do
        "$builddir/tests/mutants/judge-criteria" --candidate "$candidate" "$@" >>"$scratch/criteria" || exit 2
        "$builddir/ttt-verify" --quiet --threads 1 --json "$scratch/report" --candidate "$candidate" "$@" >/dev/null
        [ $? -le 1 ] || exit 2
        kind=${candidate%%:*}
        awk -v kind="${kind##*/}" '/^   "verdict"/ { print kind, /"FAIL"/ ? 1 : 0 }' "$scratch/report" >>"$scratch/judge"
    done
    seed=$((seed + 1))
done

sed -n 's/.*"criteria": "\([01]*\)".*/\1/p' "$mutants" >"$scratch/kills"
killed=$(grep -c '"end": "killed"' "$mutants")
awk -v killed="$killed" '
    FILENAME ~ /kills$/ { all++; for (i = 1; i <= 7; i++) kills[i] += substr($1, i, 1) }
    FILENAME ~ /criteria$/ { k = $2 ~ /fault/ ? 2 : 1; n[k]++; for (i = 1; i <= 7; i++) alarms[i, k] += substr($1, i, 1) }
    FILENAME ~ /judge$/ { k = $1 ~ /fault/ ? 2 : 1; m[k]++; judged[k] += $2 }
    END {
        split("allclose(rtol=1e-2);assert_close(1.6e-2,1e-5);max error <= 2e-2;max error <= 2x baseline;RMS ratio < 0.005;" \
              "1 - 2ab/(a2+b2) < 1e-3;RMSE <= 3x baseline", name, ";")
        printf "%-26s %15s %22s %22s\n", "criterion", "mutants killed", "ref-bf16 failed", "replicas failed"
        printf "%-26s %7d of %4d %14d of %4d %14d of %4d\n", "this judge", killed, all, judged[1], m[1], judged[2], m[2]
        for (i = 1; i <= 7; i++)
            printf "%-26s %7d of %4d %14d of %4d %14d of %4d\n", name[i], kills[i], all, alarms[i, 1], n[1], alarms[i, 2], n[2]
    }' "$scratch/kills" "$scratch/criteria" "$scratch/judge"
