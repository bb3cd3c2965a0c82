#!/bin/sh
# SPDX-License-Identifier: MIT
# The kernels of a copy of gpu/, planted faults and all, for the emulated device.  What check-mutants calls a compiler;
# EMULATED_CXX is the one that it calls.
# Usage: build-emulated.sh SOURCES -shared -I... COPY/gpu -o OUTPUT LIBRARY...
set -u
sources=$1 shared=$2 include=$3 copy=${4%/gpu}
shift 4
headers=$(cd "$sources" && ls gpu/ptx/*.cuh) || exit 1
files=$(cd "$copy" && ls gpu/*.cu gpu/*.cuh gpu/*.h gpu/rooms/*.cuh) || exit 1
# shellcheck disable=SC2086 # lists of files; a compiler with its options
sh "$sources/tests/gpu/emulated/translate.sh" "$copy" "$copy/tree" $headers $files &&
    exec $EMULATED_CXX "$shared" "$include" "$copy"/tree/gpu/*.cc "$@"
