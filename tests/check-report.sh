#!/bin/sh
# SPDX-License-Identifier: MIT
# ttt-report render and diff as people type them: bad input gets one line with its place, exit 2 and no file; a fault is
# told first; older reports are read; the JUnit report has the shape that servers read.
set -u
report=${TTT_BUILDDIR:-.}/ttt-report verify=${TTT_BUILDDIR:-.}/ttt-verify bench=${TTT_BUILDDIR:-.}/ttt-bench
srcdir=${TTT_SRCDIR:-.}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0 skipped=

fail() {
    echo "$*" >&2
    failed=1
}

# expect STATUS LINES TEXT ARGUMENT...: exit status, lines on stderr, and a text in the output.
expect() {
    status=$1 lines=$2 text=$3
    shift 3
    "$report" "$@" >"$scratch/said" 2>"$scratch/err"
    got=$?
    if [ $got -ne "$status" ] || [ "$(wc -l <"$scratch/err")" -ne "$lines" ] ||
        ! cat "$scratch/said" "$scratch/err" | grep -q -e "$text"; then
        fail "ttt-report $*: exit $got, expected $status, $lines lines on stderr and '$text' in:"
        cat "$scratch/said" "$scratch/err" >&2
    fi
    if [ "$status" -eq 2 ] && { [ -s "$scratch/said" ] || [ -e "$scratch/no" ]; }; then
        fail "ttt-report $*: refused, but wrote something"
    fi
}

# Runs: two cases of two candidates; outputs in a file, as they are and with one gradient wrong.
cases="--case b1h2n48c16f16d32g2 --case b1h2n40c16f16d32g2\ eps=1e-6\ causal=1"
eval "$verify --quiet --candidate ref-f32 --candidate ref-bf16 $cases --json $scratch/old.json --junit $scratch/j.xml" || fail 'no run'
mkdir "$scratch/a" "$scratch/b"
"$verify" --quiet --dump "$scratch/a/x.safetensors" --case b1h2n48c16f16d32g2 --candidate ref-bf16 || fail 'no dump'
cp "$scratch/a/x.safetensors" "$scratch/b"
size=$(wc -c <"$scratch/b/x.safetensors")
printf '\177\101' | dd of="$scratch/b/x.safetensors" bs=1 seek=$((size - 2)) conv=notrunc 2>/dev/null
"$verify" --quiet --judge "$scratch/a/x.safetensors" --json "$scratch/right.json" || fail 'the file does not pass'
"$verify" --quiet --judge "$scratch/b/x.safetensors" --json "$scratch/wrong.json" --junit "$scratch/wrong.xml" >/dev/null
[ $? -eq 1 ] || fail 'the fault is not found'

# Usage.
expect 0 0 'Usage: ttt-report' --help
expect 2 1 'render: --output DIR is missing' render "$scratch/old.json"
expect 2 1 'render: no report is named' render --output "$scratch/no"
expect 2 1 "'--bad' is not an option" render --bad
expect 2 1 '--output needs a value' render --output
expect 2 1 '/nowhere/no: No such file' render --output /nowhere/no "$scratch/old.json"
expect 2 1 'diff: 1 reports are named (allowed: two' diff "$scratch/old.json"
expect 2 1 'diff: 3 reports are named' diff "$scratch/old.json" "$scratch/old.json" "$scratch/old.json"

# Damaged and foreign input: every file is read before anything is written.
head -c 3000 "$scratch/old.json" >"$scratch/bad.json"
expect 2 1 'bad.json: line [0-9]*, column [0-9]*: ' render --output "$scratch/no" "$scratch/old.json" "$scratch/bad.json"
refused() {
    expect 2 1 "bad.json: $1" render --output "$scratch/no" "$scratch/bad.json"
    expect 2 1 "bad.json: $1" diff "$scratch/old.json" "$scratch/bad.json"
}
damage() {
    sed -e "$1" "$scratch/old.json" >"$scratch/bad.json"
    ! cmp -s "$scratch/old.json" "$scratch/bad.json" || fail "nothing is damaged by $1"
    refused "$2"
}
damage '1s/{/[/' 'line [0-9]*, column [0-9]*: '
at='line [0-9]*, column [0-9]*: '
damage 's/verify\/2/verify\/99/' "line 2, column 12: schema: 'ttt-kernels/verify/99' is not a report"
damage 's/"candidate": "ref-f32"/"candidate": 7/' "${at}cases\[0\].candidate: must be a string"
damage 's/"verdict": "[A-Z]*"/"verdict": "MAYBE"/' "$at.*verdict: 'MAYBE' is not allowed (allowed: PASS, FAIL"
damage 's/"direction": "both"/"direction": "up"/' "${at}cases\[0\].direction: 'up' is not allowed"
damage 's/"name": "XQW"/"name": "XQX"/' "${at}cases\[0\].tensors\[0\].name: 'XQX' is no tensor"
damage 's/"case": "b1h2n48/"case": "b1h0n48/' "${at}cases\[0\].case: "
damage 's/"rel_l2": [^,]*/"rel_l2": "much"/' "${at}cases\[0\].tensors\[0\].rel_l2: must be a number"
damage 's/"rel_l2": [^,]*/"rel_l2": -0.5/' "${at}cases\[0\].tensors\[0\].rel_l2: must be a number >= 0"
damage 's/"rel_l2"/"rel_l1"/' "${at}cases\[0\].tensors\[0\]: needs rel_l2 and gates"
damage 's/"columns": [0-9]*/"columns": 7/' "${at}cases\[[0-9]*\].tensors\[[0-9]*\].*values: .*allowed: rows x columns"
damage 's/"gates": \[/"gates": [ 5,/' "${at}cases\[0\].tensors\[0\].gates\[0\]: must be an object"
damage 's/"counts": \[/"counts": [ -1,/' "${at}cases\[0\].tensors\[0\].ulp_histogram.counts\[0\]: must be a number >= 0"
damage 's/"cost": \[/"cost": [ 1,/' "${at}cases\[0\].tensors\[0\].along.cost: has [0-9]* elements (allowed: as many as 'error'"
damage 's/"cores": [0-9]*/"cores": 2.5/' "${at}machine.cores: must be an integer"
damage 's/"cases": \[/"cases": [ [],/' "${at}cases\[0\]: must be an object"
damage 's/"cases": \[/"cases": 3, "rest": [/' "${at}cases: must be an array"
damage 's/"cases": \[/"c\\u0061ses": [ [],/' "${at}cases\\[0\\]: must be an object"
damage 's/"started"/"ended"/' 'line 1, column 1: started: is missing'
damage 's/"repeat": /"repeat": "", "repeat": /' 'line [0-9]*, column [0-9]*: duplicate object key'

# The place is that of the value, in the whole of the file, whichever case it is in.
awk '/"candidate": "ref-bf16"/ && ++n == 2 { sub(/"ref-bf16"/, "null"); found = NR; column = index($0, "null") }
     { print } END { print found, column >place }' place="$scratch/place" "$scratch/old.json" >"$scratch/bad.json"
read -r line column <"$scratch/place"
refused "line $line, column $column: cases\[3\].candidate: must be a string"

# Reports of other programs: what each must be.
foreign() {
    echo "$1" >"$scratch/bad.json"
    expect 2 1 "bad.json: line [0-9]*, column [0-9]*: $2" render --output "$scratch/no" "$scratch/bad.json"
}
training='"schema": "ttt-training-1", "case": "b1h1n64c16f16d32g1", "optimiser": "adam", "rate": 1, "limit": 2'
foreign "{$training, \"loss_gpu\": [1], \"loss_contract\": [1], \"loss_f64\": []}" 'loss_f64: has no element'
foreign "{$training, \"loss_gpu\": [1, 2], \"loss_contract\": [1], \"loss_f64\": [1]}" 'loss_gpu: has 2 elements'
foreign "{$training, \"loss_gpu\": [1], \"loss_contract\": [\"low\"], \"loss_f64\": [1]}" 'loss_contract\[0\]: must be a number'
foreign "{$training, \"loss_contract\": [1], \"loss_f64\": [1]}" 'loss_gpu: is missing'
mutant='"name": "m", "class": "drop", "about": "x"'
foreign "{\"schema\": \"ttt-mutants-1\", \"mutants\": [{$mutant, \"end\": \"slain\"}]}" "mutants\[0\].end: 'slain' is not allowed"
foreign "{\"schema\": \"ttt-mutants-1\", \"mutants\": [{$mutant, \"end\": \"killed\", \"criteria\": \"12\"}]}" \
    'mutants\[0\].criteria: .* the digits 0 and 1'
foreign "{\"schema\": \"ttt-mutants-1\", \"criteria\": [\"a\"], \"mutants\": [{$mutant, \"end\": \"killed\", \"criteria\": \"11\"}]}" \
    'mutants: element 0 must have a digit for each of the 1 criteria'
criteria='"schema": "ttt-criteria-1", "seeds": 1, "cases": ["x"], "kernels": ["k"]'
foreign "{$criteria, \"runs\": [], \"criteria\": []}" 'runs: has 0 elements'
foreign "{$criteria, \"runs\": [1], \"criteria\": [{\"name\": \"c\", \"failed\": []}]}" 'criteria: element 0 must have as many'
foreign "{$criteria, \"runs\": [-1], \"criteria\": []}" 'runs\[0\]: must be an integer'
"$bench" --quiet --candidate ref-f32 --case b1h1n64c16f16d32g2 --json "$scratch/bench.json" >/dev/null || fail 'no bench'
foreign "$(sed 's/"share_of_peak"/"share"/' "$scratch/bench.json")" 'cases\[0\].share_of_peak: is missing'
foreign "$(sed 's/"outcome": "measured"/"outcome": "guessed"/' "$scratch/bench.json")" 'cases\[0\].outcome: .*allowed: measured'

for bad in '' '[]' '7' '{}' '{"schema": []}' '{"a": 1, "a": 2}'; do
    echo "$bad" >"$scratch/bad.json"
    refused ''
done

# A schema before this one is still read: what it does not have is not drawn.
sed -e 's/verify\/2/verify\/1/' -e 's/"ulp_histogram"/"was_not_there"/' -e 's/"along"/"nor_this"/' \
    "$scratch/old.json" >"$scratch/schema1.json"
expect 0 0 '^0 worse, 0 vanished, 0 better, 0 new' diff "$scratch/schema1.json" "$scratch/old.json"
expect 0 0 '^Ship: ' render --output "$scratch/schema1" "$scratch/schema1.json"
grep -q 'before schema 2' "$scratch/schema1/report.html" || fail 'the page does not say why a plot is missing'

# A fault: exit 1, its tensor first; the way back is better; a case that is gone, or is new.
expect 0 0 '^0 worse' diff "$scratch/right.json" "$scratch/right.json"
expect 1 0 '1 worse' diff "$scratch/right.json" "$scratch/wrong.json"
head -1 "$scratch/said" | grep -q '^worse  *grad_L_last_eta of file now FAILs' || fail "not first: $(head -1 "$scratch/said")"
expect 0 0 '1 better' diff "$scratch/wrong.json" "$scratch/right.json"
expect 1 0 '^vanished  *ttt-verify --candidate ref-bf16' diff "$scratch/old.json" "$scratch/right.json"
expect 1 0 '^Do not ship: 1 of 1 judged cases fail' render --output "$scratch/wrong" "$scratch/wrong.json"
for file in report.html report.md summary.md; do
    for answer in 'Do not ship' grad_L_last_eta 'ttt-verify --judge '; do
        grep -q -e "$answer" "$scratch/wrong/$file" || fail "$file does not say '$answer'"
    done
done

# Speed: the same run is no change.
expect 0 0 '^0 worse, 0 vanished' diff "$scratch/bench.json" "$scratch/bench.json"
expect 2 1 'both must come from' diff "$scratch/bench.json" "$scratch/old.json"

# What takes long to make, from reports that are made up: the figures are on the page and in its twin.
expect 0 0 '^Ship' render --output "$scratch/whole" "$scratch/old.json" "$srcdir"/tests/reports/*.json
said() {
    grep -q -e "$2" "$scratch/whole/$1" || fail "$1 does not say '$2'"
}
said report.html '0 of 7200 correct runs fail'
said report.html 'fewer than 0.0416 % of correct runs fail, with 95 % confidence'
said report.html 'seeds from 3000000 on, 300 for each .* table version 6 (0123456789abcdef)'
said report.md 'fewer than 0.0416 %, with 95 % confidence (300 data seeds'
said report.html 'this judge</th><td>2 of 4<.*<td>0 of 30<.*<td>1 of 29<'
said report.html 'max error &lt;= 2e-2</th><td>2 of 4<.*<td>30 of 30<.*<td>29 of 29<'
said report.md '^| RMSE <= 3x baseline | 2 of 4 | 0 of 30 | 2 of 29 |$'
said report.html 'survived</strong>: <code>c.sign'
said report.html 'too small to see'
# 0.4 is off by 1% once, 0.2 by 1% once: 0.71%; the contract's by 2% once: 1%.
said report.html 'curve follows</strong>: it may be 2 times .* uses 35 % of that. Made on none'
said report.md '^| GPU gradients | 0.5000 | 0.2020 | 0.71 % |$'
sed 's/0.404/0.424/' "$srcdir/tests/reports/training.json" >"$scratch/apart.json"
expect 0 0 '^Ship' render --output "$scratch/whole" "$scratch/old.json" "$scratch/apart.json"
said report.html 'curve does not follow</strong>'

# Ground truth in files is a proof of the truth, no candidate; the truth that does not fit it is no truth.
"$verify" --quiet --candidate ref-f64 --vectors "$srcdir/tests/vectors/tail-short-b2h2n5c16f8d20.safetensors" --json "$scratch/vectors.json"
proof=$srcdir/tests/reports/gradients.json
expect 0 0 '^Ship: All 4 judged' render --output "$scratch/whole" "$scratch/vectors.json" "$proof" "$scratch/old.json"
said report.html '1 files, 0 not proven</strong>, worst relative error'
! grep -q 'id="candidate3"' "$scratch/whole/report.html" || fail 'the truth is a candidate'
sed '/"tensors": \[/,$!s/"verdict": "[A-Z]*"/"verdict": "FAIL"/' "$scratch/vectors.json" >"$scratch/untrue.json"
expect 1 0 '^Do not ship: 1 proofs of the truth itself failed' render --output "$scratch/whole" "$scratch/untrue.json" "$scratch/old.json"

# The machine is named with its GPUs, and the first screen says which candidate was judged where, the worst first, and
# one that nothing was judged of last; speed stands under its machine.
mkdir "$scratch/driver"
# shellcheck disable=SC2086 # lists of options
${CC:-cc} -std=gnu11 -Wall -Werror ${SANITIZE_CFLAGS-} -shared -fPIC "$srcdir/tests/fake_nvml.c" \
    -o "$scratch/driver/libnvidia-ml.so.1" || fail 'no library of GPUs'
for program in "$verify:verify" "$bench:bench"; do
    LD_LIBRARY_PATH=$scratch/driver:${LD_LIBRARY_PATH-} "${program%:*}" --quiet --candidate ref-bf16 \
        --case b1h2n48c16f16d32g2 --json "$scratch/gpu-${program#*:}.json" >/dev/null || fail "no run of ${program%:*}"
    tr -d ' \n' <"$scratch/gpu-${program#*:}.json" | grep -q '"gpus":\["PaperGPU"\]}' || fail "no GPU in the report of $program"
done
sed -i 's/"candidate": "ref-bf16"/"candidate": "theirs"/' "$scratch/gpu-verify.json"
sed -e 's/"candidate": "theirs"/"candidate": "absent"/' -e 's/"verdict": "[A-Z]*"/"verdict": "SKIPPED"/' \
    "$scratch/gpu-verify.json" >"$scratch/absent.json"
expect 0 0 '^Ship' render --output "$scratch/whole" "$scratch/absent.json" "$scratch/old.json" "$scratch/gpu-verify.json" \
    "$scratch/gpu-bench.json"
said report.html '<h1>Ship: [a-z0-9-]*, [a-z0-9-]* and [a-z0-9-]*</h1>'
said report.html '<strong>theirs: <span class="good">PASS</span></strong>, <span class="good">1 passed</span>; nearest'
said report.html '<strong>absent: <span class="near">not judged</span></strong>, <span class="near">1 skipped</span>'
said report.html '<strong>theirs</strong> on Paper GPU, .* cores, .* GiB'
said report.html '<p class="soft">On Paper GPU, '
said report.md '^- .theirs. on Paper GPU, '
said report.md '^On Paper GPU, '
said summary.md '^- .theirs.: .ttt-verify. .*, Paper GPU, '
grep -o '^- .[a-z0-9-]*.: [a-zA-Z]*' "$scratch/whole/report.md" | tail -1 | grep -q 'absent.: not' || fail 'what was not judged is not last'

# The space of shapes: a mark for each place and verdict, and the same as a table; of many sizes the rarest share a row.
said report.md '^| .theirs.: C, F, D | directions '
said report.md '^| 16, 16, 32 | both | 48 | 2 | 1 | 0 | 0 | 0 | 0 |$'
said report.md '^| 16, 16, 32 | both | 48 | 2 | 0 | 0 | 0 | 1 | 0 |$'
said report.md '^| 16, 16, 32 | both | 40 to 48 | 2 | 2 | 0 | 0 | 0 | 0 |$'
i=0
sizes=
while [ $i -lt 14 ]; do
    i=$((i + 1))
    sizes="$sizes --case b1h1n4c${i}f2d2g1"
done
# shellcheck disable=SC2086 # several words
"$verify" --quiet --candidate ref-f32 $sizes --direction forward --json "$scratch/sizes.json" || fail 'no run of many sizes'
expect 0 0 '^' render --output "$scratch/sizes" "$scratch/sizes.json"
[ "$(grep -c '^| [0-9]*, 2, 2 | forward | 4 | 1 |' "$scratch/sizes/report.md")" -eq 11 ] || fail 'not 11 sizes have a row'
grep -q '^| others | forward | 4 | 1 | ' "$scratch/sizes/report.md" || fail 'the other sizes have no row'
[ "$(grep -o '>[^<]*, 2, 2</text>\|> *others</text>' "$scratch/sizes/report.html" | wc -l)" -eq 12 ] || fail 'a size is not at the axis'

# Text that comes from outside cannot become markup.
sed -e 's/"candidate": "ref-f32"/"candidate": "<script>x|`y"/' "$scratch/old.json" >"$scratch/hostile.json"
expect 0 0 '^Ship' render --output "$scratch/hostile" "$scratch/hostile.json" "$scratch/bench.json"
! grep -q '<script>x' "$scratch/hostile/report.html" "$scratch/hostile/picture.svg" || fail 'markup came through'
# shellcheck disable=SC2016 # no command
! grep -q 'x|`y' "$scratch/hostile/report.md" || fail 'a table was broken'

# No gnuplot: said, and nothing written.  (The program itself may be a libtool script, which needs a shell.)
mkdir "$scratch/path"
for tool in sh sed grep ls cat dirname basename rm mv mkdir uname expr file readlink ld gcc; do
    found=$(command -v $tool) && ln -s "$found" "$scratch/path/$tool"
done
PATH=$scratch/path "$report" render --output "$scratch/no" "$scratch/old.json" >"$scratch/said" 2>"$scratch/err"
if [ $? -ne 2 ] || ! grep -q 'gnuplot' "$scratch/err" || [ -e "$scratch/no" ]; then
    fail "without gnuplot: $(cat "$scratch/said" "$scratch/err")"
fi

if command -v xmllint >/dev/null; then
    for file in j.xml wrong.xml; do
        xmllint --noout --relaxng "$srcdir/tests/junit.rng" "$scratch/$file" 2>"$scratch/err" || fail "JUnit: $(cat "$scratch/err")"
    done
    sed 's/ tests="[0-9]*"//' "$scratch/j.xml" >"$scratch/bad.xml"
    ! xmllint --noout --relaxng "$srcdir/tests/junit.rng" "$scratch/bad.xml" 2>/dev/null || fail 'the JUnit schema accepts anything'
else
    skipped='xmllint (libxml2-utils) is not here: JUnit was not validated'
fi
[ -z "$skipped" ] || echo "SKIP: $skipped"
exit $failed
