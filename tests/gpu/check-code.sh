#!/bin/sh
# SPDX-License-Identifier: MIT
# The static gates of the GPU code, read from what the assembler said (gpu/*.ptxas) and from the machine code: no
# spills, no local memory, no serialised tensor-core products, no barrier's number in a register; tensor-core products
# and tensor copies are there.
set -u
cd "${TTT_BUILDDIR:-.}" || exit 1
failed=0
fail() {
    echo "$*" >&2
    failed=1
}

for log in gpu/api.ptxas gpu/chain.ptxas gpu/forward.ptxas gpu/forward_single.ptxas gpu/peak.ptxas gpu/replay.ptxas \
    gpu/tensor_map.ptxas; do
    [ -f "$log" ] || { echo "SKIPPED: $log is missing: the GPU part was not built"; exit 77; }
    grep -E 'C75[0-9]+' "$log" >&2 && fail "$log: serialised products"
    grep -E 'bytes stack frame|spill' "$log" |
        grep -v '^ *0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads$' >&2 &&
        fail "$log: spills or local memory"
    # It counts all sixteen where it does not know which.
    grep -E 'used 16 barriers' "$log" >&2 && fail "$log: the number of a barrier lies in a register"
done
# FILE KERNELS INSTRUCTION...: what must be there.
while read -r file kernels instructions; do
    [ "$(grep -c 'Compiling entry function.*_kernel' "gpu/$file.ptxas")" -eq "$kernels" ] ||
        fail "gpu/$file.ptxas: $kernels kernels expected"
    # NVCC's own folder holds the disassembler, where it is installed.
    cuobjdump=$(command -v cuobjdump || echo "$(dirname "$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)")/cuobjdump")
    [ -x "$cuobjdump" ] || { echo "SKIPPED: the machine code of $file, for want of cuobjdump"; continue; }
    code=$("$cuobjdump" -sass "gpu/$file.o")
    for instruction in $instructions; do
        printf '%s\n' "$code" | grep -q "$instruction" || fail "gpu/$file.o: no $instruction"
    done
    printf '%s\n' "$code" | grep -E '[^A-Z](LDL|STL)[^A-Z]' >&2 && fail "gpu/$file.o: local memory"
done <<EOF
forward 2 HGMMA UTMALDG STAS
forward_single 1 HGMMA UTMALDG
replay 1 HGMMA UTMALDG UBLKCP
chain 3 HGMMA UTMALDG UBLKCP STAS
EOF
exit $failed
