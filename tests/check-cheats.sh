#!/bin/sh
# SPDX-License-Identifier: MIT
# Each plug-in of tests/cheats is caught, by the row with the right name, and the judge lives on; the honest ones pass.
set -u
export LC_ALL=C
srcdir=$(cd "${TTT_SRCDIR:-.}" && pwd) || exit 1
build=$(cd "${TTT_BUILDDIR:-.}" && pwd) || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
LD_LIBRARY_PATH=$build/ref/.libs:$scratch/driver:${LD_LIBRARY_PATH-}
export LD_LIBRARY_PATH
case='b1h3n40c16f16d32g2 eps=1e-6 dist=unit seed=3'
one_head='b1h1n40c16f16d32g2 eps=1e-6 dist=unit seed=3' # no exact relation is tried on it
failures=0 caught=0

compile() { # SOURCE OUTPUT
    # shellcheck disable=SC2086 # lists of options
    ${CC:-cc} -std=gnu11 -O1 -Wall -Werror ${SANITIZE_CFLAGS-} -shared -fPIC -I"$srcdir/include" \
        "$srcdir/tests/cheats/$1.c" -o "$2" -L"$build/ref/.libs" -lttt_ref -lpthread -ldl && return
    echo "tests/cheats/$1.c does not compile" >&2
    exit 1
}

complain() {
    echo "FAILED: $*" >&2
    sed 's/^/    stdout: /' out >&2
    sed 's/^/    stderr: /' err >&2
    failures=$((failures + 1))
}

# judge STATUS CHEAT[:ARGUMENT] OPTION...: the exit status; output is in ./out and ./err.
judge() {
    wanted=$1 name=${2%%:*} spec=$2
    shift 2
    case $spec in *:*) arguments=:${spec#*:} ;; *) arguments= ;; esac
    [ -e "$name.so" ] || compile "$name" "$name.so"
    "$build/ttt-verify" --quiet "$@" --candidate "./$name.so$arguments" >out 2>err
    status=$?
    [ $status -eq "$wanted" ] || complain "exit status $status, not $wanted: $spec $*"
}

# fails ROW TEXT CHEAT OPTION...: FAIL, and a line of that row with that text.
fails() {
    row=$1 text=$2
    shift 2
    judge 1 "$@"
    grep -E -q -e "^  $row: $text" out || complain "no line '$row: $text': $1"
    grep -q '^FAIL ttt-verify --candidate' out || complain "no FAIL line: $1"
    caught=$((caught + 1))
}

# refused ROW TEXT CHEAT OPTION...: it cannot even be opened; one line says so.
refused() {
    row=$1 text=$2
    shift 2
    judge 2 "$@" --case "$case"
    [ "$(grep -E -c -e "^ttt-verify: --candidate: [^:]*: $row: $text" err)" -eq 1 ] || complain "no '$row: $text': $1"
    [ ! -s out ] || complain "something on stdout: $1"
    caught=$((caught + 1))
}

passes() {
    judge 0 "$@"
    [ ! -s out ] || complain "something on stdout: $1"
}

passes nothing --case "$case" --case "$one_head causal=1"
grep -q 'a plug-in may speak' err || complain 'what a plug-in prints is not on stderr'
"$build/ttt-verify" --quiet --candidate "$build/examples/.libs/candidate.so" --suite smoke >out 2>err ||
    complain 'the example is failed'

refused open 'ttt_candidate_open refused ' unwilling
refused abi 'its abi is 1 ' abi
refused crash 'open: SIGSEGV at address 0x1000 ' open_crash
refused crash 'open: SIGABRT ' load_abort
refused exit 'open: it ended its process with exit status 5 ' open_exit
refused hang 'open: took longer than the limit of 1 s, and was ended ' open_hang --time-limit 1

fails crash 'forward: SIGSEGV at address 0x1000$' crash --case "$case"
fails crash 'supports: SIGSEGV at address 0x1000$' crash_supports --case "$case"
fails crash 'forward: SIGSEGV at address 0x' recursion --case "$case"
fails crash 'backward: SIGABRT$' abort --case "$case"
fails crash 'forward: SIGKILL$' killed --case "$case"
fails exit 'backward: it ended its process with exit status 0$' exit --case "$case"
fails hang 'forward: took longer than the limit of 1 s, and was ended$' hang --case "$case" --time-limit 1
fails red-zones 'forward: (written out of the bounds of|touched memory 0 bytes behind the end of) W1_last' \
    overrun_element --case "$case"
fails red-zones 'forward: touched memory [0-9]+ bytes behind the end of XQW \(SIG' overrun_page --case "$case"
fails red-zones 'backward: written out of the bounds of grad_L_XK$' underrun --case "$case"
fails red-zones 'forward: touched memory [0-9]+ bytes behind the end of XQ \(SIG' overread --case "$case"
fails red-zones 'forward: (written out of the bounds of|touched memory 0 bytes behind the end of) the workspace' \
    overrun_workspace --case "$case"
fails inputs 'forward: XK was written to \(SIG' input --case "$case"
fails inputs 'forward: last_eta was changed$' input_forced --case "$case"
fails cached 'forward: XQW has the same bits for other values of every input$' cached --case "$one_head"
fails cached 'backward: grad_L_W2_init has the same bits' cached_gradient --case "$one_head"
fails kept-pointer 'forward: touched memory of an earlier call \(SIG' kept_pointer --case "$case"
# Where the late write lands depends on time: in memory of an earlier call, or in that of one that may only be read.
fails '(kept-pointer|inputs)' '(forward|backward|supports|workspace): (touched memory of an earlier call|XQW was written to) \(SIG' \
    late --case "$case"
fails overwritten 'forward: 1 of 640 elements of XQW not written$' unwritten --case "$one_head"
fails deterministic 'backward: grad_L_XV differs between two runs$' random --case "$one_head"
fails XQW 'G[123]' zeros --case "$one_head"
fails hidden "fails --case 'b1h1n40c16f16d32g2 [^']* seed=[0-9]+ causal=0 state_grads=1': XQW: " memorized --case "$one_head"
fails status 'backward returned 10: ' refuses --case "$case"

# What a hidden case found can be found again by its name.
named=$(sed -n "s/^  hidden: fails --case '\([^']*\)'.*/\1/p" out)
judge 1 zeros --case "${named:-$case}"

# The judge goes on with the next case in a new process, and with other candidates.
"$build/ttt-verify" --candidate ./crash.so --candidate ./nothing.so --case "$case" --case "$one_head" >out 2>err
[ $? -eq 1 ] || complain 'exit status beside an honest plug-in'
[ "$(grep -c '^FAIL  *cheat' out)" -eq 2 ] || complain 'a crash is not a failure of its own case alone'
[ "$(grep -c '^PASS  *cheat' out)" -eq 2 ] || complain 'a crash of one plug-in is not its own alone'

# The fuzzer ends with a candidate that hangs, and does not shrink what it cannot try.
"$build/ttt-fuzz" --candidate ./hang.so --time-limit 1 --cases 50 --json hang.json >out 2>err
[ $? -eq 1 ] || complain 'exit status of the fuzzer with a candidate that hangs'
grep -q '^  hang: forward: took longer than the limit of 1 s' out || complain 'the fuzzer does not see a hang'
grep -q '^  shrunk in 0 tries: ' out || complain 'a hang was shrunk'
grep -q '"next": 1,' hang.json || complain 'a campaign went on after a hang'
grep -q '"complete": false' hang.json || complain 'a campaign that a hang ended is complete'
caught=$((caught + 1))

# Device memory, with a driver that has no device.
refused open 'it wants device memory, but there is no libcuda.so.1 here' device
mkdir driver && compile fake_cuda driver/libcuda.so.1
passes device --case "$one_head"
fails red-zones 'forward: written out of the bounds of W1_last$' device:overrun --case "$case"
fails red-zones 'forward: written out of the bounds of the workspace$' device:workspace --case "$case"
fails inputs 'forward: XV was changed$' device:input --case "$case"
fails cuda 'forward: CUDA_ERROR_ILLEGAL_ADDRESS$' device:error --case "$case"

echo "$caught cheats caught by name, $failures failures"
[ $failures -eq 0 ]
