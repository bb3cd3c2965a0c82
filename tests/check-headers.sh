#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header compiles alone, twice included, as C11 and as C++17, without a pedantic word.
set -u
srcdir=${TTT_SRCDIR:-.}
failed=0

# compile LANGUAGE COMMAND...: the headers, one by one.
compile() {
    language=$1
    shift
    for header in "$srcdir"/include/ttt/*.h; do
        name=ttt/${header##*/}
        if ! printf '#include <%s>\n#include <%s>\n' "$name" "$name" |
            "$@" -pedantic -Wall -Wextra -Wconversion -Werror -fsyntax-only -I"$srcdir/include" -x "$language" -; then
            echo "<$name> alone is not clean as: $*" >&2
            failed=1
        fi
    done
}

# shellcheck disable=SC2086 # commands with options
compile c ${CC:-cc} -std=c11
if [ -n "${CXX17-c++ -std=c++17}" ]; then
    # shellcheck disable=SC2086
    compile c++ ${CXX17-c++ -std=c++17}
else
    echo "no C++17 compiler: the headers were tried as C11 only"
fi
exit $failed
