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
# Four sequences in clusters of 2, one in clusters of 4.
../../ttt-verify --direction forward --candidate ./emulated.so \
    --case 'b2h2n200c64f64d256g3 eps=1e-6 dist=unit' --case 'b1h1n328c64f64d256g2 eps=1e-8 dist=strong'
