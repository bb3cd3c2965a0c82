#!/bin/sh
# SPDX-License-Identifier: MIT
# `make install` gives a tree that a stranger can use, also after it was moved, and `make uninstall` takes it away.
set -u
srcdir=${TTT_SRCDIR:-.} builddir=${TTT_BUILDDIR:-.}
unset MAKEFLAGS MFLAGS MAKELEVEL
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
fail() {
    echo "check-install: $*" >&2
    exit 1
}

${MAKE:-make} -C "$builddir" install DESTDIR="$scratch/first" >"$scratch/log" 2>&1 || {
    cat "$scratch/log" >&2
    fail "make install failed"
}
mv "$scratch/first" "$scratch/moved"

pc=$(find "$scratch/moved" -name ttt-ref.pc)
[ -n "$pc" ] || fail "ttt-ref.pc is not installed"
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
libdir=$(pkg-config --variable=libdir ttt-ref) || fail "pkg-config does not know ttt-ref"
[ -e "$libdir/libttt_ref.so" ] || fail "ttt-ref.pc of a moved tree names $libdir, where libttt_ref.so is not"

foreign=$(nm -D --defined-only "$libdir/libttt_ref.so" | awk '$3 !~ /^ttt_/ { print $3 }')
[ -z "$foreign" ] || fail "libttt_ref.so exports names that are not ttt_*:" "$foreign"

# shellcheck disable=SC2046,SC2086 # lists of options
${CC:-cc} -std=c11 -Wall -Werror ${SANITIZE_CFLAGS-} "$srcdir/tests/installed_forward.c" -o "$scratch/forward" \
    $(pkg-config --cflags --libs ttt-ref) || fail "a program does not compile against the installed library"
LD_LIBRARY_PATH=$libdir "$scratch/forward" || fail "a program against the installed library gives a wrong result"

# shellcheck disable=SC2046,SC2086
${CC:-cc} -std=c11 -Wall -Werror ${SANITIZE_CFLAGS-} -shared -fPIC "$srcdir/examples/candidate.c" -o "$scratch/mine.so" \
    $(pkg-config --cflags --libs ttt-ref) || fail "the example does not compile against the installed library"
LD_LIBRARY_PATH=$libdir "$libdir/../bin/ttt-verify" --candidate "$scratch/mine.so" --suite smoke >"$scratch/log" 2>&1 || {
    cat "$scratch/log" >&2
    fail "the installed ttt-verify fails the example"
}

mv "$scratch/moved" "$scratch/first"
${MAKE:-make} -C "$builddir" uninstall DESTDIR="$scratch/first" >"$scratch/log" 2>&1 || fail "make uninstall failed"
left=$(find "$scratch/first" ! -type d)
[ -z "$left" ] || fail "make uninstall leaves" "$left"
