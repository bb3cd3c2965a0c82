#!/bin/sh
# SPDX-License-Identifier: MIT
# Translates CUDA C++ for the emulated device; a header of gpu/ptx/ becomes its twin.
# Usage: translate.sh SOURCES DESTINATION FILE...: DESTINATION/FILE from SOURCES/FILE, .cc for .cu.
set -u
here=$(dirname "$0") sources=$1 destination=$2
shift 2
for file in "$@"; do
    case $file in
    gpu/ptx/*) from=$here/ptx/${file##*/} ;;
    *) from=$sources/$file ;;
    esac
    case $file in
    *.cu) to=$destination/${file%.cu}.cc ;;
    *) to=$destination/$file ;;
    esac
    mkdir -p "${to%/*}" && "${AWK:-awk}" -v name="$from" -f "$here/translate.awk" "$from" >"$to" || exit 1
done
