#!/bin/bash
# SPDX-License-Identifier: MIT
# Usage: lint.sh BUILDDIR, from the top of a git checkout; BUILDDIR is configured and built (its headers are read).
# Every finding is an error: format, static analysis, shell scripts, man pages, license lines.
set -u -o pipefail
builddir=$1
failed=0

tracked() { git ls-files -z -- "$@"; }

echo 'lint: clang-format'
tracked '*.c' '*.h' '*.cc' '*.cu' '*.cuh' | xargs -0 -r clang-format-14 --dry-run -Werror || failed=1

echo 'lint: clang-tidy'
# clang-tidy counts suppressed warnings on stderr; findings and compile errors go to stdout.
# shellcheck disable=SC2016 # $0 and $@ belong to the inner shell
tracked 'ref/*.c' 'harness/*.c' 'fuzz/*.c' 'examples/*.c' 'tests/*.c' ':!*_tmpl.c' |
    xargs -0 -r -n 4 -P 2 bash -c 'clang-tidy-14 --quiet "$@" -- $0 2>/dev/null' \
        "-std=gnu11 -DHAVE_CONFIG_H -Wno-unknown-pragmas -Iinclude -I. -I$builddir $(pkg-config --cflags openblas jansson check)" ||
    failed=1

echo 'lint: shellcheck'
git grep -lzE '^#!.*\<(ba)?sh$' | xargs -0 -r shellcheck || failed=1

echo 'lint: mandoc'
tracked 'man/*.[1-9]' | xargs -0 -r mandoc -Tlint -W warning || failed=1

echo 'lint: license lines'
if git grep -LE 'SPDX-License-Identifier: MIT' -- '*.[ch]' '*.cc' '*.cu' '*.cuh' '*.sh' '*.mk' '*.m4' '*.ac' '*.am' '*.awk'; then
    echo 'these have no line "SPDX-License-Identifier: MIT"'
    failed=1
fi
exit $failed
