#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: compare-criteria.sh BUILDDIR MUTANTS.json SEEDS OUT.json
# The usual criteria beside the judge: mutants killed (from the report of check-mutants --criteria), and correct runs
# failed, SEEDS data seeds of each distribution for each of two correct kernels: ref-bf16, and the contract with
# stochastic rounding.  The baseline of the criteria that need one is ref-bf16, which never fails those.  A table for
# people; the correct runs also as JSON, for ttt-report.
set -u
builddir=$1 mutants=$2 seeds=$3 json=$4
fault=$builddir/tests/mutants/fault.so
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

shapes='b1h2n80c16f32d64g2 eps=1e-6 dist=unit
b1h2n80c16f32d64g2 eps=1e-8 dist=model
b1h2n80c16f32d64g2 eps=1e-6 dist=strong'

# one SEED: both kernels on that seed of each shape, their lines into a file of its own (the processors run side by side).
cat >"$scratch/one" <<'EOF'
seed=$1
set --
while IFS= read -r shape; do
    set -- "$@" --case "$shape seed=$seed"
done <"$scratch/shapes"
for candidate in ref-bf16 "$fault:seed=$seed"; do
    "$builddir/tests/mutants/judge-criteria" --candidate "$candidate" "$@" >>"$scratch/$seed.criteria" || exit 255
    "$builddir/ttt-verify" --quiet --threads 1 --json "$scratch/$seed.report" --candidate "$candidate" "$@" >/dev/null
    [ $? -le 1 ] || exit 255
    kind=${candidate%%:*}
    awk -v kind="${kind##*/}" '/^   "verdict"/ { print kind, /"FAIL"/ ? 1 : 0 }' "$scratch/$seed.report" >>"$scratch/$seed.judge"
done
EOF
echo "$shapes" >"$scratch/shapes"
export builddir fault scratch
# nproc counts OMP_NUM_THREADS, so that only the runs themselves may see it.
seq 20001 $((20000 + seeds)) | xargs -n 1 -P "$(nproc)" env OMP_NUM_THREADS=1 sh "$scratch/one" || exit 2
cat "$scratch"/*.criteria >"$scratch/criteria"
cat "$scratch"/*.judge >"$scratch/judge"

"$builddir/tests/mutants/judge-criteria" --names >"$scratch/names" || exit 2
sed -n 's/.*"criteria": "\([01]*\)".*/\1/p' "$mutants" >"$scratch/kills"
killed=$(grep -c '"end": "killed"' "$mutants")
awk -v killed="$killed" -v seeds="$seeds" -v shapes="$shapes" -v json="$scratch/json" '
    FILENAME ~ /names$/ { name[++count] = $0 }
    FILENAME ~ /kills$/ { all++; for (i = 1; i <= count; i++) kills[i] += substr($1, i, 1) }
    FILENAME ~ /criteria$/ { k = $2 ~ /fault/ ? 2 : 1; n[k]++; for (i = 1; i <= count; i++) alarms[i, k] += substr($1, i, 1) }
    FILENAME ~ /judge$/ { k = $1 ~ /fault/ ? 2 : 1; n[k, "judge"]++; alarms[0, k] += $2 }
    function row(i) {
        printf "%-26s %7d of %4d %14d of %4d %14d of %4d\n", name[i], kills[i], all, alarms[i, 1], n[1], alarms[i, 2], n[2]
        printf "%s  {\n   \"name\": \"%s\",\n   \"failed\": [%d, %d]\n  }", i ? ",\n" : "", name[i], alarms[i, 1], alarms[i, 2] >json
    }
    END {
        if (n[1] != n[1, "judge"] || n[2] != n[2, "judge"]) exit 1
        name[0] = "this judge"
        kills[0] = killed
        gsub(/\n/, "\",\n  \"", shapes)
        printf "{\n \"schema\": \"ttt-criteria-1\",\n \"program\": \"compare-criteria\",\n \"seeds\": %d,\n", seeds >json
        printf " \"cases\": [\n  \"%s\"\n ],\n \"kernels\": [\"ref-bf16\", \"stochastic rounding\"],\n", shapes >json
        printf " \"runs\": [%d, %d],\n \"criteria\": [\n", n[1], n[2] >json
        printf "%-26s %15s %22s %22s\n", "criterion", "mutants killed", "ref-bf16 failed", "replicas failed"
        for (i = 0; i <= count; i++) row(i)
        printf "\n ]\n}\n" >json
    }' "$scratch/names" "$scratch/kills" "$scratch/criteria" "$scratch/judge" || exit 2
cp "$scratch/json" "$json"
