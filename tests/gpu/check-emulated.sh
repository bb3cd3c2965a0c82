#!/bin/sh
# SPDX-License-Identifier: MIT
# The kernels' tests on the emulated device (tests/gpu/emulated), what the judge says of them there, and that the device
# finds the faults it claims to find.
set -u
cd "${TTT_BUILDDIR:-.}/tests/gpu" || exit 1
# The faults that it tells of are wanted.
./emulated-faults 2>/dev/null || { ./emulated-faults; exit 1; }
for test in refusals rooms small 'forward 1' 'accuracy 5 unit' 'backward 0' 'gradient-accuracy 4 unit'; do
    # shellcheck disable=SC2086 # a program and its arguments
    ./emulated-$test || exit 1
done
# That no barrier is missing between two accesses to shared memory, and that one missing would be found.
./emulated-racecheck 10 && ./emulated-races 1 && ./emulated-races-backward 0 3 || exit 1
./emulated-racecheck 10 race 2>&1 | grep -q 'nothing orders them' || { echo 'a race was not found' >&2; exit 1; }
# No bit may be lost in data that need no rounding: four sequences in a block each (backward in clusters of 2), three in
# clusters of 2, two in clusters of 4.
../../ttt-verify --direction both --candidate ./emulated.so \
    --case 'b1h4n100c64f64d256g1 eps=0 dist=exact' --case 'b1h3n100c64f64d256g1 eps=0 dist=exact' \
    --case 'b1h2n300c64f64d256g2 eps=0 dist=exact' || exit 1
# Hard values, backwards in time (forward, the declared points have a range of their own).
../../ttt-fuzz --direction backward --candidate ./emulated.so --cases 40 --seed 301 --save . \
    --case 'b1h1n64c64f64d256g1 eps=1e-6' --hold shape || exit 1
# One column outweighs all others: what `xhat` costs there is far beyond the contract without it.
../../ttt-fuzz --direction backward --candidate ./emulated.so --case \
    'b1h1n65c64f64d256g1 eps=1e-8 dist=unit seed=224264029 ttt_norm_weight=outlier@15534 W2_init=flat' || exit 1
# Rows past the end, where 0 times Inf would be NaN: one sequence, three, four (see below).
../../ttt-fuzz --direction both --candidate ./emulated.so \
    --case 'b1h1n1c64f64d256g1 eps=1e-6 dist=unit seed=1 W1_init=-inf@587231' || exit 1
../../ttt-fuzz --direction both --candidate ./emulated.so \
    --case 'b1h3n1c64f64d256g1 eps=1e-6 dist=unit seed=1 W1_init=-inf@587231' || exit 1
../../ttt-fuzz --direction both --candidate ./emulated.so \
    --case 'b1h4n1c64f64d256g1 eps=1e-6 dist=unit seed=1 W1_init=-inf@587231' || exit 1
# Four sequences in a block each (backward in clusters of 2), three in clusters of 2, one in clusters of 4.
../../ttt-verify --direction both --candidate ./emulated.so \
    --case 'b2h2n200c64f64d256g3 eps=1e-6 dist=unit' --case 'b1h3n150c64f64d256g2 eps=1e-6 dist=unit' \
    --case 'b1h1n328c64f64d256g2 eps=1e-8 dist=strong'
