#!/bin/sh
# SPDX-License-Identifier: MIT
# What a release publishes, from end to end with runs that are short: reports that are given are looked at before
# anything is run, all JSON is published without the folders of a machine, and the page, the README's picture and its
# table come from it.
set -u
srcdir=$(cd "${TTT_SRCDIR:-.}" && pwd) || exit 1
build=$(cd "${TTT_BUILDDIR:-.}" && pwd) || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0
if ! command -v gnuplot >/dev/null; then
    echo 'SKIP: gnuplot is not here (Debian, Ubuntu: gnuplot-nox): nothing can be drawn'
    exit 77
fi

fail() {
    echo "$*" >&2
    failed=1
}

# A source tree of what is needed, and a build whose runs are one short case whatever is asked for.
source=$scratch/source published=$scratch/source/reports/9.9.9
mkdir -p "$source/reports" "$scratch/build" "$scratch/given" && cp "$srcdir/README.md" "$source" &&
    cp "$srcdir"/reports/*.sh "$source/reports" && chmod -R u+w "$source" && cd "$scratch/build" || exit 1
for program in ttt-verify ttt-bench; do
    cat >$program <<SH
#!/bin/sh
echo "\$0 \$*" >>ran
while [ \$# -gt 0 ]; do
    case \$1 in --json) json=\$2 ;; --junit) junit="--junit \$2" ;; esac
    shift
done
exec "$build/$program" --quiet --candidate ref-f32 --case b1h2n48c16f16d32g2 --json "\$json" \$junit >/dev/null
SH
    chmod +x $program
done
ln -s "$build/ttt-report" ttt-report
release() {
    # shellcheck disable=SC2086 # several words
    "$source/reports/release-report.sh" "$1" smoke ref-f32 'b1h1n64c16f16d32g1' "$source" $2 >said 2>err
}

# refused TEXT VERSION REPORTS: before anything is run.
refused() {
    release "$2" "$3"
    status=$?
    if [ $status -ne 2 ] || ! grep -q -e "$1" err || [ -e ran ] || [ -e "$source/reports/$2" ]; then
        fail "VERSION=$2 RELEASE_EXTRA='$3': exit $status, expected 2, nothing run, and '$1' in: $(cat err)"
    fi
}
cd ../given || exit 1
"$build/ttt-verify" --quiet --candidate ref-bf16 --case b1h2n40c16f16d32g2 --json "$scratch/given/elsewhere.json" || fail 'no run'
sed -i 's/"candidate": "ref-bf16"/"candidate": "theirs"/' elsewhere.json
cp elsewhere.json verify.json && cp elsewhere.json reports.txt && head -c 500 elsewhere.json >damaged.json
mkdir other && cp elsewhere.json other
cd ../build || exit 1
given=$scratch/given
refused 'VERSION is .newest. (allowed: three numbers' newest ''
refused 'verify.json: a report of this name is made here' 9.9.9 "$given/verify.json"
refused 'reports.txt: not a file NAME.json' 9.9.9 "$given/reports.txt"
refused 'elsewhere.json: a second report of this name' 9.9.9 "$given/elsewhere.json $given/other/elsewhere.json"
refused 'damaged.json: line ' 9.9.9 "$given/damaged.json"
refused 'missing.json' 9.9.9 "$given/missing.json"

# All of it; what takes hours comes last.
release 9.9.9 "$given/elsewhere.json $srcdir/tests/reports/mutants.json $srcdir/tests/reports/training.json"
status=$?
[ $status -eq 0 ] || fail "exit $status: $(cat said err)"
[ "$(wc -l <ran)" -eq 4 ] || fail "not four runs: $(cat ran)"
tail -1 ran | grep -q -e '--suite smoke' || fail "the suite is not last: $(cat ran)"
for file in bench.json.gz elsewhere.json.gz gradients.json.gz junit.xml.gz mutants.json.gz picture.svg report.html \
    report.md summary.md training.json.gz vectors.json.gz verify.json.gz; do
    [ -s "$published/$file" ] || fail "no $file is published"
done
mkdir looked && cp "$published"/* looked && gzip -d looked/*.gz
! grep -e "$scratch" -e "$build" -e "$srcdir" looked/* "$source/README.md" >err || fail "folders of this machine: $(head -3 err)"
grep -q '"command": "ttt-verify --quiet --candidate ref-f32 .* --json verify.json --junit junit.xml"' looked/verify.json ||
    fail "not as one would type it: $(grep '"command"' looked/verify.json)"
for candidate in theirs ref-f32; do
    grep -q "^- \`$candidate\`: PASS" looked/report.md || fail "$candidate is not on the page"
    grep -q "^| \`$candidate\`, [0-9]* cases, 0 failed" "$source/README.md" || fail "$candidate is not in the README"
done
grep -q '^!.*(reports/9.9.9/picture.svg)$' "$source/README.md" || fail 'the README does not show the picture'
exit $failed
