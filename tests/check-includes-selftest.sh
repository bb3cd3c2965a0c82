#!/bin/sh
# SPDX-License-Identifier: MIT
# Each rule of check-includes.sh can fail: plant one violation at a time in a copy of two floors, and expect to be told.
set -u
source_root=${TTT_SRCDIR:-.}
check=$source_root/tests/check-includes.sh
copy=$(mktemp -d) || exit 1
trap 'rm -rf "$copy"' EXIT
failed=0

fresh_copy() {
    rm -rf "$copy/tree"
    for floor in include/ttt ref gpu/ptx harness tests; do mkdir -p "$copy/tree/$floor"; done
    cp "$source_root"/include/ttt/*.h "$copy/tree/include/ttt/"
    cp "$source_root"/ref/*.[ch] "$copy/tree/ref/"
}

# caught FILE TEXT RULE: the text in a new file (or at the end of an old one) is reported under the rule, at its line.
caught() {
    fresh_copy
    printf '%s\n' "$2" >>"$copy/tree/$1"
    line=$(($(wc -l <"$copy/tree/$1") + 0))
    if ! message=$("$check" "$copy/tree" 2>&1) && printf '%s\n' "$message" | grep -q -F "$1:$line: $3"; then
        return
    fi
    echo "not caught in $1: $2 (expected: $3; got: ${message:-nothing})" >&2
    failed=1
}

# accepted FILE TEXT: no rule objects.
accepted() {
    fresh_copy
    printf '%s\n' "$2" >>"$copy/tree/$1"
    if ! message=$("$check" "$copy/tree" 2>&1); then
        echo "objected to in $1: $2 ($message)" >&2
        failed=1
    fi
}

caught include/ttt/ttt_mlp.h '#include <cuda_runtime.h>' 'include/ includes'
caught include/ttt/ttt_mlp.h '#include "tests/planted.h"' 'nobody depends'
caught ref/planted.c '#include <unistd.h>' 'ref/ includes'
caught ref/planted.c '#  include "../harness/rng.h"' 'ref/ includes'
caught ref/planted.c '#include <ttt/ttt_gpu.h>' 'ref/ includes'
caught ref/planted.c '#include PLANTED' 'ref/ includes'
caught gpu/planted.cu '#include "../ref/real.h"' 'gpu/ includes'
caught gpu/planted.cuh '#include <ttt/ttt_ref.h>' 'gpu/ includes'
caught harness/planted.c '#include "ref/real.h"' 'harness/ reaches'
caught harness/planted.c '#include "../gpu/config.h"' 'harness/ reaches'
caught harness/planted.c '#include <cblas.h>' 'only harness/peak.c'
caught harness/planted.c '#include <ttt/ttt_ref.h>' 'only harness/candidate_ref.c'
caught harness/candidate_ref.c '#include <ttt/ttt_gpu.h>' 'only harness/candidate_gpu.c'
caught harness/run.c '#include <cuda_runtime_api.h>' 'only harness/candidate_gpu.c'
caught harness/planted.c '#include "tests/planted.h"' 'nobody depends'
caught ref/planted.c '    __asm__("nop");' 'asm belongs'
caught gpu/planted.cu 'asm volatile("nop");' 'asm belongs'
caught tests/planted.c '/* why */ asm("nop");' 'asm belongs'
caught ref/planted.c 'if (x) printf("%d", x);' 'ref/ and gpu/ print'
caught ref/planted.c 'x = y ? fputs (z, w) : 0;' 'ref/ and gpu/ print'
caught gpu/planted.cu 'std::cerr << x;' 'ref/ and gpu/ print'
caught ref/planted.c 'f(stderr);' 'ref/ and gpu/ print'
caught ref/planted.c 'abort();' 'ref/ and gpu/ never exit'
caught gpu/planted.cu '::exit(1);' 'ref/ and gpu/ never exit'
caught ref/planted.c 'assert(x);' 'ref/ and gpu/ never exit'
caught ref/planted.c 'const char *s = getenv("X");' 'ref/ and gpu/ read'
caught gpu/planted.cu 'extern char **environ;' 'ref/ and gpu/ read'

accepted ref/planted.c '#include <cblas.h>'
accepted ref/planted.c '#include "real.h"'
accepted ref/planted.c '/* printf() and exit() and "getenv": */ const char *s = "asm exit(1)"; // abort()'
accepted ref/planted.c '_Static_assert(sizeof(int) == 4, "int"); static_assert(1, ""); snprintf(s, n, "x");'
accepted gpu/ptx/planted.cuh 'asm volatile("nop");'
accepted harness/candidate_ref.c '#include <ttt/ttt_ref.h>'
accepted harness/candidate_gpu.c '#include <ttt/ttt_gpu.h>'
accepted harness/candidate_gpu.c '#include <cuda_runtime_api.h>'
accepted harness/timer_gpu.c '#include <cuda_runtime_api.h>'
accepted harness/planted.c '#include <stdio.h>'
exit $failed
