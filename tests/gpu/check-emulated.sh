#!/bin/sh
# SPDX-License-Identifier: MIT
# The kernels' tests on the emulated device (tests/gpu/emulated), and that it finds the faults it claims to find.
set -u
cd "${TTT_BUILDDIR:-.}/tests/gpu" || exit 1
# The faults that it tells of are wanted.
./emulated-faults 2>/dev/null || { ./emulated-faults; exit 1; }
for test in refusals rooms small 'forward 1' 'accuracy 5 unit'; do
    # shellcheck disable=SC2086 # a program and its arguments
    ./emulated-$test || exit 1
done
