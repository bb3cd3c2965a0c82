#!/bin/sh
# SPDX-License-Identifier: MIT
# The kernels of a copy of gpu/, planted faults and all, for the emulated device.  What check-mutants calls a compiler;
# EMULATED_CXX is the one that it calls.  What is not patched, nor includes what is, is not compiled again: OBJECTS is the
# folder of the clean build's gpu-*.o.
# Usage: build-emulated.sh SOURCES OBJECTS -shared -I... COPY/gpu -o OUTPUT LIBRARY...
set -u
sources=$1 objects=$2 shared=$3 include=$4 copy=${5%/gpu}
shift 5
headers=$(cd "$sources" && ls gpu/ptx/*.cuh) || exit 1
files=$(cd "$copy" && ls gpu/*.cu gpu/*.cuh gpu/*.h gpu/rooms/*.cuh) || exit 1
patched=$(cd "$copy" && for file in $files; do cmp -s "$file" "$sources/$file" || echo "$file"; done)
kernels=
for file in $(cd "$copy" && ls gpu/*.cu); do
    name=$(basename "$file" .cu)
    case " $(echo $patched) " in
    *.h\ * | *.cuh\ * | *" $file "*) kernels="$kernels $copy/tree/gpu/$name.cc" ;;
    *) kernels="$kernels $objects/gpu-$name.o" ;;
    esac
done
# shellcheck disable=SC2086 # lists of files; a compiler with its options
sh "$sources/tests/gpu/emulated/translate.sh" "$copy" "$copy/tree" $headers $files &&
    exec $EMULATED_CXX "$shared" "$include" $kernels "$@"
