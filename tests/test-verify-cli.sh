#!/bin/sh
# SPDX-License-Identifier: MIT
# ttt-verify as people type it: exit codes, the one line about each bad input, dump and judge, reports, plug-ins.
set -u
export LC_ALL=C
build=$(cd "${TTT_BUILDDIR:-.}" && pwd)
vectors=$(cd "${TTT_VECTORS:-tests/vectors}" && pwd)
verify=$build/ttt-verify
plugin=$build/tests/.libs/plugin_ref.so
broken=$build/tests/.libs/plugin_broken.so
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
failures=0
small='b1h3n40c16f16d32g2 eps=1e-6 dist=unit seed=3'
strong='b1h3n40c16f16d32g2 eps=1e-6 dist=strong seed=3'
model='b1h3n40c16f16d32g2 eps=1e-6 dist=model seed=3'
explosive='b1h1n256c2f3d4g1 eps=0 dist=strong seed=2' # its states are past any finite precision

complain() {
    echo "FAILED: $*" >&2
    sed 's/^/    stdout: /' out >&2
    sed 's/^/    stderr: /' err >&2
    failures=$((failures + 1))
}

# run STATUS ARGUMENT...: the command's exit status; its output is in ./out and ./err.
run() {
    wanted=$1
    shift
    "$verify" "$@" >out 2>err </dev/null
    status=$?
    [ "$status" -eq "$wanted" ] || complain "exit status $status, not $wanted: ttt-verify $*"
}

# refused MESSAGE ARGUMENT...: exit status 2, nothing on stdout, one line on stderr that holds the message.
refused() {
    message=$1
    shift
    run 2 "$@"
    [ ! -s out ] || complain "something on stdout: ttt-verify $*"
    [ "$(wc -l <err)" -eq 1 ] || complain "not one line on stderr: ttt-verify $*"
    grep -qF -e "$message" err || complain "not '$message': ttt-verify $*"
}

# said TEXT FILE
said() {
    grep -qF -e "$1" "$2" || complain "'$1' is not in $2"
}

usage() {
    refused "'--nonesuch' is not an option" --nonesuch
    refused "'-x' is not an option" -x
    refused "'extra' is not an option" extra
    refused '--case needs a value' --case
    refused "--suite: 'big' is not smoke, standard or release" --suite big
    refused "--direction: 'sideways' is not forward, backward or both" --direction sideways
    refused "--threads: '0' is not an integer 1 to 4096" --threads 0
    refused "--threads: '4097' is not an integer 1 to 4096" --threads 4097
    refused "--threads: '2x' is not an integer" --threads 2x
    refused "--seed: '-1' is not an integer" --seed -1
    refused "--seed: '18446744073709551616' is not an integer" --seed 18446744073709551616
    refused '--quiet is given twice' --quiet --quiet
    refused "case 'x', column 1" --case x
    refused "--case" --case 'b1h1n0c1f1d1g1'
    refused 'GiB of memory' --case 'b1h1n99999999999c64f64d256g1'
    refused '--candidate does not go with --judge' --judge x --candidate ref-f32
    refused '--seed does not go with --vectors' --vectors x --seed 1
    refused '--suite does not go with --case' --case "$small" --suite smoke
    refused '--vectors does not go with --judge' --judge x --vectors y
    refused '--json does not go with --dump' --dump x --case "$small" --json y
    refused '--quiet does not go with --list' --list --quiet
    refused "--time-limit: '0' is not an integer 1 to 86400" --time-limit 0
    refused "--every-head: '0' is not an integer 1 to 1048576" --every-head 0
    refused '--every-head does not go with --judge' --judge x --every-head 5
    refused '--time-limit does not go with --judge' --judge x --time-limit 5
    refused "--contract: 'f32' is not a contract (allowed: bf16 or bf16+POINT...)" --judge x --contract f32
    refused "--contract: 'etc' is not a rounding point, or is given twice (allowed: eta+" --judge x --contract bf16+etc
    refused '--contract does not go with --case' --case "$small" --contract bf16
    refused '--case does not go with --prove-gradients' --prove-gradients --case "$small"
    refused '--dump takes exactly one --case' --dump x
    refused '--dump takes exactly one --case' --dump x --case "$small" --case "$small"
    refused 'name the same file' --json x --junit x --case "$small"
    refused 'cannot write' --json nonesuch/x --case "$small"
    refused 'cannot write' --junit "$scratch" --case "$small"
    [ "$(echo *)" = 'err out' ] || complain 'a refused command left a file behind'
}

information() {
    run 0 --help
    said 'Usage: ttt-verify' out
    run 0 --version
    said 'ttt-verify (' out
    run 0 --list
    for word in ref-f64 ref-f32 ref-bf16 smoke standard release; do
        said "$word" out
    done
}

candidates() {
    refused "no candidate 'nonesuch'" --candidate nonesuch
    refused 'cannot open shared object' --candidate ./nonesuch.so
    refused 'given twice' --candidate ref-f32 --candidate ref-f32
    echo text >text.so
    refused './text.so' --candidate ./text.so
    refused 'plugin_ref.so: open: ttt_candidate_open refused' --candidate "$plugin:nonsense"
    refused 'ttt_candidate_open refused' --candidate "$broken:refuse"
    refused 'plugin_broken.so: abi: its abi is 3' --candidate "$broken:abi"
    refused 'supports, or the function of a direction that it has, is NULL' --candidate "$broken:function"
    refused 'name or about is NULL' --candidate "$broken:unnamed"
    refused 'name is not one word' --candidate "$broken:name"
    refused 'types is not a value' --candidate "$broken:types"
    refused "rounding_points: 'sqrt' is not a rounding point" --candidate "$broken:points"
    refused "rounding_points: 'eta' are declared of other types than bfloat16" --candidate "$broken:float-points"
    refused 'forms is not' --candidate "$broken:forms"
    refused 'directions is not' --candidate "$broken:directions"
    refused 'exports no symbol ttt_candidate_open' --candidate "$(find "$build/ref/.libs" -name 'libttt_ref.so' | head -n 1)"
    run 77 --candidate "$broken" --case "$small"
    said 'nothing could run' err
    run 0 --candidate "$plugin" --case "$small"
    said 'plugin-ref' out
    run 0 --candidate "$plugin:forward" --case "$small"
    said 'SKIPPED supported: backward' out
    run 0 --candidate "$plugin:forward" --candidate ref-f64 --case "$small" --direction backward
    grep -q '^SKIPPED  *plugin-ref' out || complain 'plugin-ref is not skipped'
}

# Rounding points beyond the contract, declared and not.
declared() {
    run 0 --candidate "$plugin:points" --case "$small" --json r.json
    said '  contract: bf16+eta+exchange+tanh costs at most ' out
    said '  contract-backward: bf16+eta+exchange+tanh costs at most ' out
    said '"contract_cost"' r.json
    run 0 --candidate "$plugin:points" --case "$small causal=1"
    said '  SKIPPED contract: declares bf16+eta+exchange+tanh' out
    said '  SKIPPED contract-backward: declares bf16+eta+exchange+tanh' out
    run 0 --candidate "$plugin:undeclared" --case "$small" --json r.json
    ! grep -q 'contract:' out || complain 'something is said of points that nobody declares'
    ! grep -q 'contract_cost' r.json || complain 'a cost of points that nobody declares'
    run 0 --candidate "$plugin:points" --case 'b1h1n20c2f64d64g1'
    said '  calibration: no shape like this one was calibrated' out
}

# The FAIL line is the command that fails in the same way again.
failing() {
    run 1 --candidate "$plugin:scale" --case "$small"
    said 'grad_L_XK: G' out
    said 'at [batch 0, head 1' out
    grep '^FAIL ttt-verify' out | sed 's/^FAIL //' >again
    [ "$(wc -l <again)" -eq 1 ] || complain 'not one FAIL line'
    grep -e '^  ' out >first
    PATH=$build:$PATH sh ./again >out 2>err
    [ $? -eq 1 ] || complain 'the FAIL line does not fail again'
    grep -e '^  ' out | cmp -s - first || complain 'the FAIL line fails in another way'
    run 1 --candidate "$plugin:scale" --case "$small" --quiet
    [ "$(wc -l <out)" -eq 2 ] || complain '--quiet prints more than the failure'
    run 0 --candidate "$plugin:scale" --case "$small" --direction forward
}

dump_and_judge() {
    run 0 --dump inputs.safetensors --case "$small"
    refused "tensor 'XQW' is missing" --judge inputs.safetensors
    refused 'holds no outputs' --vectors inputs.safetensors
    for form in 'causal=0' 'causal=1'; do
        run 0 --dump good.safetensors --case "$small $form" --candidate ref-bf16
        run 0 --judge good.safetensors
        run 0 --judge good.safetensors --contract bf16+tanh+eta
        case $form in
        causal=0)
            said '  contract: bf16+eta+tanh costs at most ' out
            said '  contract-backward: bf16+eta+tanh costs at most ' out
            ;;
        *)
            said '  SKIPPED contract: declares bf16+eta+tanh; the forward pass is not modelled' out
            said '  SKIPPED contract-backward: declares bf16+eta+tanh; the backward pass is not modelled' out
            ;;
        esac
        run 0 --judge good.safetensors --direction backward --json judged.json
        run 0 --case "$small $form" --candidate ref-bf16 --direction backward --json run.json
        grep inputs_hash judged.json >hash.txt
        grep inputs_hash run.json | cmp -s - hash.txt || complain 'the inputs of a dump are not those of its case'
    done
    run 0 --dump forward.safetensors --case "$small" --candidate ref-f32 --direction forward
    run 0 --judge forward.safetensors
    said ' forward ' out
    refused "tensor 'grad_L_XQ' is missing" --judge forward.safetensors --direction both
    run 0 --dump bad.safetensors --case "$small" --candidate "$plugin:scale" --quiet
    [ ! -s out ] || complain '--quiet --dump prints'
    run 1 --judge bad.safetensors
    said 'grad_L_XK: G' out
    said 'at [batch 0, head 1' out
    said 'FAIL ttt-verify --judge bad.safetensors --direction both' out
    ! grep -q diagnosis out || complain 'a head that is too large is explained'
    run 0 --dump epsilons.safetensors --case "$model" --candidate "$plugin:epsilons"
    run 1 --judge epsilons.safetensors --json judged.json --junit judged.xml
    said '  diagnosis: gradients fit ln_eps = 1e-8 from checkpoints of ln_eps = 1e-6; XQW and states fit ln_eps = 1e-6, the' out
    said '"diagnosis": "gradients fit ln_eps = 1e-8 from ' judged.json
    said 'diagnosis: gradients fit ln_eps = 1e-8 from ' judged.xml
    run 0 --dump epsilons.safetensors --case "${model%%eps=*}eps=1e-5 dist=model" --candidate "$plugin:epsilons"
    run 1 --judge epsilons.safetensors
    said '  diagnosis: XQW, states fit ln_eps = 1e-6; gradients fit ln_eps = 1e-8' out
    run 1 --candidate "$plugin:epsilons" --case "${model%%eps=*}eps=1e-5 dist=model"
    said '  diagnosis: XQW, states fit ln_eps = 1e-6; gradients fit ln_eps = 1e-8' out
    refused "is BF16 (allowed here: F64)" --vectors good.safetensors
    refused 'cannot be written' --dump nonesuch/x --case "$small"
}

files() {
    refused 'nonesuch' --vectors nonesuch
    refused 'nonesuch' --judge nonesuch
    mkdir -p empty
    refused 'no *.safetensors file' --vectors empty
    : >zero.safetensors
    head -c 100 "$vectors/unit-b1h2n64c16f32d96.safetensors" >cut.safetensors
    sed 's/"XQW"/"XQQ"/' "$vectors/unit-b1h2n64c16f32d96.safetensors" >renamed.safetensors
    sed 's/"XK"/"Xk"/' "$vectors/unit-b1h2n64c16f32d96.safetensors" >lacking.safetensors
    sed 's/"ln_eps": "1e-06"/"ln_eps": "nan00"/' \
        "$vectors/unit-b1h2n64c16f32d96.safetensors" >eps.safetensors
    for option in --vectors --judge; do
        refused 'zero.safetensors' $option zero.safetensors
        refused 'cut.safetensors' $option cut.safetensors
        refused "tensor 'XK' is missing" $option lacking.safetensors
        refused 'ln_eps' $option eps.safetensors
    done
    refused "tensor 'XQW' is missing" --judge renamed.safetensors
    mkdir -p mixed
    cp "$vectors/unit-b1h2n64c16f32d96.safetensors" mixed/a.safetensors
    cp cut.safetensors mixed/b.safetensors
    refused 'mixed/b.safetensors' --vectors mixed
    rm -r mixed
}

ground_truth() {
    run 0 --vectors "$vectors" --json vectors.json
    [ "$(grep -c '^PASS' out)" -eq 18 ] || complain 'not 6 files with 3 candidates each'
    [ "$(grep -c '^VACUOUS' out)" -eq 9 ] || complain 'not 3 files that cannot see something'
    said '18 passed, 0 failed, 0 skipped, 9 vacuous, 0 ill-conditioned' out
    [ "$(grep -c '"name": "resume"' vectors.json)" -eq 27 ] || complain 'not every run was resumed'
    run 0 --vectors "$vectors" --candidate ref-f64 --causal --direction forward
    [ "$(grep -c '^PASS' out)" -eq 2 ] || complain 'not the two causal files'
    run 77 --vectors "$vectors/unit-b1h1n192c64f64.safetensors" --causal
    run 0 --judge "$vectors/unit-b1h2n64c16f32d96.safetensors"
}

reports() {
    run 0 --case "$small" --case "$strong causal=1" --json r.json --junit r.xml
    [ "$(grep -c '^PASS' out)" -eq 4 ] || complain 'not two cases with two candidates each'
    said 'thresholds are the maxima of correct runs' out
    if command -v python3 >python 2>&1; then
        python3 -m json.tool r.json >tool 2>&1 || complain 'the JSON is not valid'
        python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse("r.xml")' >tool 2>&1 ||
            complain 'the XML is not valid'
    fi
    [ "$(grep -c '<testcase' r.xml)" -eq 4 ] || complain 'not four test cases'
    [ "$(grep -c '"inputs_hash"' r.json)" -eq 4 ] || complain 'not four results'
    if [ -e r.json.tmp ] || [ -e r.xml.tmp ]; then complain 'a temporary file is left'; fi
    [ ! -s err ] || complain 'progress went into a file'
    ! grep -q "$(printf '\033')" out || complain 'colour went into a file'
    run 0 --case "$small" --seed 9 --causal --candidate ref-f64
    said 'seed=9 causal=1' out
    run 0 --suite smoke --causal --candidate ref-f64 --threads 1
    [ "$(grep -c '^PASS' out)" -eq 2 ] || complain 'not the two causal cases'
    run 2 --case "$small" --json r.json --candidate nonesuch
    grep -q '"cases"' r.json || complain 'a refused command changed the report'
    if [ -e /dev/full ]; then
        "$verify" --case "$small" >/dev/full 2>err
        [ $? -eq 2 ] || complain 'a full disk looks like success'
    fi
}

# Verdicts that are neither PASS nor FAIL: exit status 0, said on the terminal and in both reports, not with --quiet.
limits() {
    run 0 --case "$model" --candidate ref-bf16 --json r.json --junit r.xml
    said '0 passed, 0 failed, 0 skipped, 1 vacuous, 0 ill-conditioned' out
    said '  VACUOUS for ttt_norm_weight, ttt_norm_bias, b1_init, b2_init (constant)' out
    said 'operands that no case could see: ttt_norm_weight, ttt_norm_bias, b1_init, b2_init' out
    said 'tests="1" failures="0" errors="0" skipped="0"' r.xml
    said '<system-out>VACUOUS for ttt_norm_weight, ttt_norm_bias, b1_init, b2_init (constant)</system-out>' r.xml
    said '"verdict": "VACUOUS"' r.json
    run 0 --case "$model" --case "$small" --candidate ref-bf16
    ! grep -q 'no case could see' out || complain 'the second case sees what the first one does not'
    run 0 --case "$explosive" --candidate ref-bf16 --json r.json --junit r.xml
    said '0 passed, 0 failed, 0 skipped, 0 vacuous, 1 ill-conditioned' out
    said '  ILL-CONDITIONED grad_L_XK: replicas of the contract disagree by more than half of it' out
    said 'tests="1" failures="0" errors="0" skipped="1"' r.xml
    said '<skipped message="ILL-CONDITIONED' r.xml
    said '"verdict": "ILL-CONDITIONED"' r.json
    run 0 --case "$model" --case "$explosive" --candidate ref-bf16 --quiet
    [ ! -s out ] || complain '--quiet prints what did not fail'
}

usage
information
candidates
declared
failing
dump_and_judge
files
ground_truth
limits
reports
[ "$failures" -eq 0 ]
