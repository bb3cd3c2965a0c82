#!/bin/sh
# SPDX-License-Identifier: MIT
# A wheel of python/ with this build's libraries: install it beside, run its tests.  Needs PyTorch, pip and setuptools for
# $PYTHON (python3); without them it is skipped.
set -u
srcdir=$(cd "${TTT_SRCDIR:-.}" && pwd) || exit 1
build=$(cd "${TTT_BUILDDIR:-.}" && pwd) || exit 1
python=${PYTHON:-python3}
for module in torch setuptools wheel pip; do
    "$python" -c "import $module" 2>/dev/null && continue
    echo "SKIPPED: $python has no $module"
    exit 77
done
[ -z "${SANITIZE_CFLAGS-}" ] || { echo 'SKIPPED: a library with sanitizers needs a Python with sanitizers'; exit 77; }
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

cp -R "$srcdir/python" "$scratch/python" && chmod -R u+w "$scratch/python" || exit 1
TTT_BUILDDIR=$build "$python" -m pip wheel --quiet --no-deps --no-build-isolation --no-index -w "$scratch/wheel" \
    "$scratch/python" || exit 1
"$python" -m pip install --quiet --no-deps --no-index --target "$scratch/site" "$scratch"/wheel/ttt_tk-*.whl || exit 1
cd "$scratch/python/tests" || exit 1
TTT_VECTORS=${TTT_VECTORS:-$srcdir/tests/vectors} PYTHONPATH=$scratch/site PYTHONDONTWRITEBYTECODE=1 \
    "$python" -m unittest test_ttt_tk
