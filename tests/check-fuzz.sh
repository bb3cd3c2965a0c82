#!/bin/sh
# SPDX-License-Identifier: MIT
# ttt-fuzz and ttt-report merge as people type them: bad input gets one line, exit 2 and no file; ranks together are one
# campaign; a report is resumed; a file is replayed.
set -u
fuzz=${TTT_BUILDDIR:-.}/ttt-fuzz report=${TTT_BUILDDIR:-.}/ttt-report verify=${TTT_BUILDDIR:-.}/ttt-verify
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0

fail() {
    echo "$*" >&2
    failed=1
}

# expect PROGRAM STATUS LINES TEXT ARGUMENT...: exit status, lines on stderr, and a text in the output.
expect() {
    program=$1 status=$2 lines=$3 text=$4
    shift 4
    "$program" "$@" >"$scratch/out" 2>"$scratch/err"
    got=$?
    if [ $got -ne "$status" ] || [ "$(wc -l <"$scratch/err")" -ne "$lines" ] ||
        ! cat "$scratch/out" "$scratch/err" | grep -q -e "$text"; then
        fail "$program $*: exit $got, expected $status, $lines lines on stderr and '$text' in:"
        cat "$scratch/out" "$scratch/err" >&2
    fi
    if [ "$status" -eq 2 ] && [ -s "$scratch/out" ]; then
        fail "$program $*: refused, but wrote to standard output"
    fi
}

expect "$fuzz" 0 0 'Usage: ttt-fuzz' --help
expect "$fuzz" 0 0 '^ttt-fuzz (' --version
expect "$fuzz" 2 1 "'--bad' is not an option" --bad
expect "$fuzz" 2 1 "'word' is not an option" word
expect "$fuzz" 2 1 '--case needs a value' --case
expect "$fuzz" 2 1 "--case: case 'b1h1', column 5" --case b1h1
expect "$fuzz" 2 1 "--case: 'XK=round': the kind must be" --case 'b1h1n8c4f4d8g1 XK=round'
expect "$fuzz" 2 1 'this case' --case b1h4096n1000000000c64f64d256g1
expect "$fuzz" 2 1 "no candidate 'ref-f16'" --candidate ref-f16
expect "$fuzz" 2 1 "'sideways' is not forward, backward or both" --direction sideways
expect "$fuzz" 2 1 "--time: '0' is not an integer 1 to 1000000 with s, m or h" --time 0
expect "$fuzz" 2 1 "--time: '3d' is not" --time 3d
expect "$fuzz" 2 1 "--cases: '0' is not" --cases 0
expect "$fuzz" 2 1 "--shard: '3' is not i/n or auto" --shard 3
expect "$fuzz" 2 1 '--shard: rank 3 of 3' --shard 3/3
expect "$fuzz" 2 1 '--hold needs --case' --hold shape
expect "$fuzz" 2 1 "--hold: 'seed' is not shape or values" --hold seed --case b1h1n8c4f4d8g1
expect "$fuzz" 2 1 '--seed does not go with --case' --seed 1 --case b1h1n8c4f4d8g1
expect "$fuzz" 2 1 '--case does not go with --replay' --replay x --case b1h1n8c4f4d8g1
expect "$fuzz" 2 1 '--resume needs --json' --resume
expect "$fuzz" 2 1 '--first is given twice' --first --first
expect "$fuzz" 2 1 '/nowhere/x.json' --candidate ref-bf16 --json /nowhere/x.json
expect "$fuzz" 2 1 '/nowhere' --replay /nowhere
expect "$report" 0 0 'Usage: ttt-report' --help
expect "$report" 0 0 '^ttt-report (' --version
expect "$report" 2 1 "'join' is not a subcommand" join
expect "$report" 2 1 'is not a subcommand'
expect "$report" 2 1 'merge: no report is named' merge
expect "$report" 2 1 "'--bad' is not an option" merge --bad
expect "$report" 2 1 '/nowhere: No such file' merge /nowhere

# Three ranks are one campaign; only times and how the report was made differ.
campaign="--candidate ref-bf16 --cases 61 --seed 3"
facts() {
    grep -v -e '"seconds"' -e '"command"' -e '"started"' -e '"program"' "$1"
}
# shellcheck disable=SC2086 # $campaign is several words
{
    expect "$fuzz" 0 0 '^61 cases in' $campaign --json "$scratch/one.json"
    for rank in 0 1 2; do
        expect "$fuzz" 0 0 'cases in' $campaign --shard $rank/3 --json "$scratch/three.json"
    done
}
expect "$report" 0 0 '0 FAIL' merge --json "$scratch/merged.json" "$scratch"/three.?.json
facts "$scratch/one.json" >"$scratch/a"
facts "$scratch/merged.json" >"$scratch/b"
cmp -s "$scratch/a" "$scratch/b" || fail "three ranks are not one: $(diff "$scratch/a" "$scratch/b" | head -5)"
expect "$report" 1 0 '^rank 1 of 3: no report; 20 cases are missing' merge "$scratch/three.0.json" "$scratch/three.2.json"
expect "$report" 2 1 'rank 0 is there twice' merge "$scratch/three.0.json" "$scratch/three.0.json"
expect "$report" 2 1 'of a campaign of another number of ranks' merge "$scratch/three.0.json" "$scratch/one.json"
expect "$report" 2 1 "'schema' is not" merge "${TTT_SRCDIR:-.}/fuzz/corpus/report/schema"

# A rank that was stopped goes on where it ended, and is of no other campaign.
sed -e 's/"next": 62/"next": 2/' -e 's/"complete": true/"complete": false/' -e 's/"PASS": [0-9]*/"PASS": 0/' \
    "$scratch/three.2.json" >"$scratch/stopped.2.json"
expect "$report" 1 0 '^rank 2 of 3: not complete; 20 cases are missing' merge "$scratch/three.0.json" \
    "$scratch/three.1.json" "$scratch/stopped.2.json"
# shellcheck disable=SC2086
{
    expect "$fuzz" 0 0 '^20 cases in' $campaign --shard 2/3 --resume --json "$scratch/stopped.json"
    expect "$fuzz" 2 1 'is of another campaign or rank' $campaign --direction forward --shard 2/3 --resume \
        --json "$scratch/stopped.json"
}
grep -q '"next": 62' "$scratch/stopped.2.json" || fail 'the resumed report does not end where the campaign does'

# Either half of a case can be held.
expect "$fuzz" 0 0 '^5 cases in' --candidate ref-f32 --cases 5 --case 'b1h2n9c4f8d16g2' --hold shape --json "$scratch/h.json"
if ! grep -q '"non-causal": {' "$scratch/h.json" || grep -q '"causal": {' "$scratch/h.json"; then
    fail 'the shape was not held'
fi
expect "$fuzz" 0 0 '^5 cases in' --candidate ref-f32 --cases 5 --case 'b1h2n9c4f8d16g2 XK=flat' --hold values \
    --json "$scratch/h.json"
if ! grep -q '"flat": {' "$scratch/h.json" || grep -q '"drawn": {' "$scratch/h.json"; then
    fail 'the values were not held'
fi

# One case, and a file with outputs (of a shape that is calibrated): as they are, and with one of them wrong.
expect "$fuzz" 0 0 '^PASS' --candidate ref-bf16 --case 'b1h2n9c4f8d16g2 XV=nan@9'
expect "$verify" 0 0 wrote --dump "$scratch/x.safetensors" --case 'b1h2n18c9f16d16g2' --candidate ref-bf16
expect "$fuzz" 0 0 '^PASS' --replay "$scratch/x.safetensors"
expect "$fuzz" 0 0 '^PASS' --replay "$scratch/x.safetensors" --candidate ref-f32
size=$(wc -c <"$scratch/x.safetensors")
printf '\177\101' | dd of="$scratch/x.safetensors" bs=1 seek=$((size - 2)) conv=notrunc 2>/dev/null
expect "$fuzz" 1 0 'grad_L_last_eta' --replay "$scratch/x.safetensors"
expect "$fuzz" 0 0 '^PASS' --replay "$scratch/x.safetensors" --candidate ref-bf16

# A planted fault: found, shrunk, named by tensor and, as the plug-in shows its equations, equation; the file fails, too.
cat >"$scratch/one.mutants" <<EOF
@ ref/norm_tmpl.c
= canary [canary] XQW without the inner model
- XQ[f] + w[f] * xhat[f]
+ XQ[f]
@ ref/forward_tmpl.c
= F4.sign [sign] W1' = W1 - K^T (eta gZ1): the other sign
- R(matmul)(CblasTrans, CblasNoTrans, F, n, c, -1, s->K, F, s->A1q + d0, D, 1, s->S1.W1 + d0, D);
+ R(matmul)(CblasTrans, CblasNoTrans, F, n, c, 1, s->K, F, s->A1q + d0, D, 1, s->S1.W1 + d0, D);
EOF
"${TTT_BUILDDIR:-.}/tests/mutants/check-mutants" --build --srcdir "${TTT_SRCDIR:-.}" --work "$scratch/work" \
    --cc "$MUTANTS_CC" --libs "$MUTANTS_LIBS" "$scratch/one.mutants" || fail 'the mutant was not built'
mutant=$scratch/work/F4.sign/mutant.so
expect "$fuzz" 1 0 '^  first divergence: W1_last of mini-batch 0' --candidate "$mutant" --first --save "$scratch" \
    --json "$scratch/found.json"
grep -q '"first_equation": "F4 W1 of mini-batch 0' "$scratch/found.json" || fail 'the equation was not named'
grep -q '"case": "b1h1n' "$scratch/found.json" || fail 'the case was not shrunk to one head'
expect "$fuzz" 1 0 '^  G' --replay "$scratch"/fuzz-1-*.safetensors
expect "$fuzz" 0 0 '^PASS' --replay "$scratch"/fuzz-1-*.safetensors --candidate ref-bf16

# An exchange in half precision is infinite where the contract is not: right for who declares it and does it.
plugin=${TTT_BUILDDIR:-.}/tests/.libs/plugin_ref.so
huge='b1h2n23c4f16d32g2 W2_init=huge'
expect "$fuzz" 0 0 '^PASS' --candidate "$plugin:points" --direction forward --case "$huge"
expect "$fuzz" 1 0 'finite: .* is -*nan, that of ref-bf16 is' --candidate "$plugin:undeclared" --direction forward \
    --case "$huge"
expect "$fuzz" 1 0 'finite: .*, that of ref-bf16+eta+exchange+tanh is -*nan' --candidate "$plugin:boasting" \
    --direction forward --case "$huge"
expect "$fuzz" 0 0 ' 0 FAIL ' --candidate "$plugin:points" --direction forward --cases 60 --seed 9 --save "$scratch"
exit $failed
