#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: revision.sh SRCDIR.  Prints revision.h: the commit of the sources, "-modified" where they differ from it.
srcdir=$1
if [ -e "$srcdir/.git" ] && revision=$(git -C "$srcdir" rev-parse --short=12 HEAD 2>/dev/null); then
    if ! git -C "$srcdir" diff --quiet HEAD -- 2>/dev/null; then
        revision=$revision-modified
    fi
elif [ -e "$srcdir/.revision" ]; then
    revision=$(cat "$srcdir/.revision")
else
    revision=unknown
fi
echo "/* Written by build-aux/revision.sh. */"
echo "#define TTT_REVISION \"$revision\""
