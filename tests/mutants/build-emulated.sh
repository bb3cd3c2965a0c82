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

# The patched files, then those that include one of what is found so far, until there are none.
found=$(cd "$copy" && for file in $files; do cmp -s "$file" "$sources/$file" || printf ' %s ' "$file"; done)
more=$found
while [ "$more" ]; do
    names=$(for file in $more; do printf '%s' "${file##*/}|"; done)
    # shellcheck disable=SC2086 # a list of files
    includers=$(cd "$copy" && grep -lE "^#include \"(.*/)?(${names%|})\"" $files)
    more=$(for file in $includers; do
        case $found in *" $file "*) ;; *) printf ' %s ' "$file" ;; esac
    done)
    found=$found$more
done
kernels=
for file in $(cd "$copy" && ls gpu/*.cu); do
    name=$(basename "$file" .cu)
    case $found in
    *" $file "*) kernels="$kernels $copy/tree/gpu/$name.cc" ;;
    *) kernels="$kernels $objects/gpu-$name.o" ;;
    esac
done
# shellcheck disable=SC2086 # lists of files; a compiler with its options
sh "$sources/tests/gpu/emulated/translate.sh" "$copy" "$copy/tree" $headers $files &&
    exec $EMULATED_CXX "$shared" "$include" $kernels "$@"
