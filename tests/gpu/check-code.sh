#!/bin/sh
# SPDX-License-Identifier: MIT
# The static gates of the GPU code, read from what the assembler said (gpu/*.ptxas) and from the machine code: no
# spills, no local memory, no serialised tensor-core products; tensor-core products and tensor copies are there.
set -u
cd "${TTT_BUILDDIR:-.}" || exit 1
failed=0
fail() {
    echo "$*" >&2
    failed=1
}

for log in gpu/api.ptxas gpu/forward.ptxas gpu/forward_single.ptxas gpu/peak.ptxas gpu/tensor_map.ptxas; do
    [ -f "$log" ] || { echo "SKIPPED: $log is missing: the GPU part was not built"; exit 77; }
    grep -E 'C75[0-9]+' "$log" >&2 && fail "$log: serialised products"
    grep -E 'bytes stack frame|spill' "$log" |
        grep -v '^ *0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads$' >&2 &&
        fail "$log: spills or local memory"
done
[ "$(grep -c 'Compiling entry function.*forward_kernel' gpu/forward.ptxas)" -eq 2 ] ||
    fail "gpu/forward.ptxas: two kernels expected"
[ "$(grep -c 'Compiling entry function.*forward_single_kernel' gpu/forward_single.ptxas)" -eq 1 ] ||
    fail "gpu/forward_single.ptxas: one kernel expected"

# NVCC's own folder holds the disassembler, where it is installed.
cuobjdump=$(command -v cuobjdump || echo "$(dirname "$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)")/cuobjdump")
if [ -x "$cuobjdump" ]; then
    for object in gpu/forward.o gpu/forward_single.o; do
        code=$("$cuobjdump" -sass $object)
        for instruction in HGMMA UTMALDG $([ $object = gpu/forward.o ] && echo STAS); do
            printf '%s\n' "$code" | grep -q "$instruction" || fail "$object: no $instruction"
        done
        printf '%s\n' "$code" | grep -E '[^A-Z](LDL|STL)[^A-Z]' >&2 && fail "$object: local memory"
    done
else
    echo "SKIPPED: the machine code, for want of cuobjdump"
fi
exit $failed
