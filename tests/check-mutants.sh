#!/bin/sh
# SPDX-License-Identifier: MIT
# The score of the judge can be trusted: a mutant changes nothing but itself, and check-mutants refuses every corpus
# that does not say what it seems to say.
set -u
srcdir=${TTT_SRCDIR:-.} builddir=${TTT_BUILDDIR:-.}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0

fail() {
    echo "$*" >&2
    failed=1
}

echo 'b1h2n40c16f16d32g2 eps=1e-6 dist=unit seed=3' >"$scratch/cases"
number=0
# check STATUS TEXT [OPTION...] <CORPUS: the exit status, and a text that the output has.
check() {
    want=$1 text=$2
    shift 2
    number=$((number + 1))
    cat >"$scratch/$number.mutants"
    "$builddir/tests/mutants/check-mutants" --srcdir "$srcdir" --work "$scratch/$number" \
        --verify "$builddir/ttt-verify" --cc "$MUTANTS_CC" --libs "$MUTANTS_LIBS" --cases "$scratch/cases" "$@" \
        "$scratch/$number.mutants" >"$scratch/$number.out" 2>&1
    got=$?
    if [ $got -ne "$want" ] || ! grep -q -F -e "$text" "$scratch/$number.out"; then
        fail "$number: exit $got in the place of $want, or no '$text':"
        cat "$scratch/$number.mutants" "$scratch/$number.out" >&2
    fi
}

canary='@ ref/norm_tmpl.c
= canary [canary] XQW without the inner model
- XQ[f] + w[f] * xhat[f]
+ XQ[f]'
tame='- XQ[f] + w[f] * xhat[f]
+ XQ[f] +  w[f] * xhat[f]'

# The canary alone is killed; with it alone there is nothing to judge.
libraries() { cat "$builddir"/ref/.libs/libttt_ref.so* | cksum; }
libraries >"$scratch/before"
check 0 'mutants: 1 killed, 0 survived, 0 equivalent, 0 below resolution' <<EOF
$canary
= output.b.drop [drop] XQW without the norm bias
- w[f] * xhat[f] + b[f];
+ w[f] * xhat[f];
EOF
check 2 'no mutant has a name like that' <<EOF
$canary
EOF

# What lives is named, what is said to be equivalent is compared bit by bit; a patch that does not apply is an error.
check 1 'survived: same [drop] nothing is changed' <<EOF
$canary
= same [drop] nothing is changed
$tame
EOF
check 0 'mutants: 0 killed, 0 survived, 1 equivalent, 1 below resolution' <<EOF
$canary
= same [drop] nothing is changed
$tame
! equivalent: white space
= small [drop] nothing is changed
$tame
! below: white space
EOF
check 0 'the same, larger: large' <<EOF
$canary
= small [drop] nothing is changed
$tame
! below: white space
! larger: large
= large [drop] XQW without the norm bias
- w[f] * xhat[f] + b[f];
+ w[f] * xhat[f];
EOF
check 1 'survived: small [drop]' <<EOF
$canary
= small [drop] nothing is changed
$tame
! below: white space
! larger: large
= large [drop] nothing is changed
$tame
! below: white space
EOF
check 1 'said to be equivalent, but its outputs are not' <<EOF
$canary
= liar [drop] XQW without the norm bias
- w[f] * xhat[f] + b[f];
+ w[f] * xhat[f];
! equivalent: it is not
EOF
liar=$scratch/$number/liar/mutant.so
check 1 "has no 'no such text'" <<EOF
$canary
= stale [drop] of a text that is gone
- no such text
EOF
check 1 'more than once' <<EOF
$canary
= twice [drop] of a text that is there twice
- #pragma omp simd
EOF
check 1 'an edit is of a file that is not there' <<EOF
$canary
= lost [drop] of a file that is gone
@ ref/lost_tmpl.c
- text
EOF
check 1 'the compiler failed' <<EOF
$canary
= broken [drop] of a semicolon
- mean /= (real)F;
+ mean /= (real)F
EOF
check 1 'VOID: the canary canary: survived' <<EOF
@ ref/norm_tmpl.c
= canary [canary] nothing is changed
$tame
= same [drop] nothing is changed
$tame
EOF

# The usual criteria are asked where they are wanted: each of the seven has a digit.
check 0 'mutants: 1 killed' --criteria "$builddir/tests/mutants/judge-criteria" --json "$scratch/criteria.json" <<EOF
$canary
= output.b.drop [drop] XQW without the norm bias
- w[f] * xhat[f] + b[f];
+ w[f] * xhat[f];
EOF
grep -q '"criteria": "[01]\{7\}"' "$scratch/criteria.json" || fail 'the usual criteria say nothing'

# A corpus that cannot be read.
check 2 'a mutant begins with' <<EOF
= nameless
EOF
check 2 'this name is taken' <<EOF
$canary
$canary
EOF
check 2 'an edit needs a mutant' <<EOF
- text
EOF
check 2 "new text ('+') follows old text ('-')" <<EOF
= a [drop] new text alone
+ text
EOF
check 2 "an argument begins with" <<EOF
= a [drop] with an argument that says nothing
! perhaps: so
EOF
check 2 "names no mutant of the corpus" <<EOF
$canary
= small [drop] nothing is changed
$tame
! below: white space
! larger: nobody
EOF
check 2 "comes once, after" <<EOF
$canary
! larger: canary
EOF
check 2 "a line begins with one of" <<EOF
nonsense
EOF
check 2 'the corpus has no canary' <<EOF
@ ref/norm_tmpl.c
= same [drop] nothing is changed
$tame
EOF

# A relative fault of 2^-4 in one tile of 16 x 16, or in one row, of one head in one mini-batch is found, and where.
planted() { # CASE FAULT TENSOR PLACE
    "$builddir/ttt-verify" --quiet --case "$1" --candidate "$builddir/tests/mutants/fault.so:$2,size=0.0625" \
        >"$scratch/planted" 2>&1
    [ $? -eq 1 ] || fail "$2 is not found in $1"
    grep "^  $3: G1" "$scratch/planted" | grep -q -F -e "at [batch 0, head 1, mini-batch 1, $4]" ||
        fail "$2 is not located in $1: $(cat "$scratch/planted")"
}
for distribution in unit strong; do
    for shape in b1h2n192c64f64d256g2 b1h2n1024c64f64d256g4; do
        case_text="$shape dist=$distribution seed=3"
        planted "$case_text" tensor=grad_L_XK,scope=tile grad_L_XK 'tile of rows 0 and columns 32 on'
        planted "$case_text" tensor=XQW,scope=row XQW 'row 3'
    done
done

# Every patch of the corpus still applies.
"$builddir/tests/mutants/check-mutants" --patches --srcdir "$srcdir" "$srcdir"/tests/mutants/*.mutants >"$scratch/stale" ||
    fail "patches that ref/ has left behind: $(cat "$scratch/stale")"

# Truth and contract of ref-bf16 are the same whether it is judged alone or beside a mutant that ran before it.
result_of_bf16() { # in a report with one case, without what is no result
    awk '/^  \{/ { text = ""; mine = 0 } { text = text $0 "\n" } /"candidate": "ref-bf16"/ { mine = 1 }
         /^  \}/ && mine { printf "%s", text }' "$1" | grep -v -e '"seconds"' -e '"repeat"'
}
one='b2h2n40c16f16d32g2 eps=1e-6 dist=strong seed=3'
"$builddir/ttt-verify" --quiet --json "$scratch/alone.json" --case "$one" --candidate ref-bf16 >"$scratch/alone.out"
"$builddir/ttt-verify" --quiet --json "$scratch/beside.json" --case "$one" --candidate "$liar" --candidate ref-bf16 \
    >"$scratch/beside.out" && fail 'the mutant was not failed'
result_of_bf16 "$scratch/alone.json" >"$scratch/alone"
result_of_bf16 "$scratch/beside.json" >"$scratch/beside"
grep -q '"grad_L_XK"' "$scratch/alone" || fail 'no result of ref-bf16'
cmp "$scratch/alone" "$scratch/beside" || fail 'a mutant changes the results of ref-bf16'
libraries >"$scratch/after"
cmp "$scratch/before" "$scratch/after" || fail 'a mutant changes the library'
# A run with one mutant, beside one without: got worse, and the tensor that is wrong is named first.
cat >"$scratch/one.mutants" <<EOF
$canary
@ ref/backward_tmpl.c
EOF
sed -n '/^= B10.scale /,/^$/p' "$srcdir/tests/mutants/products.mutants" >>"$scratch/one.mutants"
"$builddir/tests/mutants/check-mutants" --build --srcdir "$srcdir" --work "$scratch/one" --cc "$MUTANTS_CC" \
    --libs "$MUTANTS_LIBS" --only B10.scale "$scratch/one.mutants" || fail 'the mutant was not built'
judged() {
    "$builddir/ttt-verify" --quiet --case 'b1h2n128c64f64d256g2 seed=6' --candidate "$1" --json "$2" >/dev/null
}
judged ref-bf16 "$scratch/clean.json" || fail 'ref-bf16 fails'
judged "$scratch/one/B10.scale/mutant.so" "$scratch/mutated.json" && fail 'the mutant passes'
"$builddir/ttt-report" diff "$scratch/clean.json" "$scratch/mutated.json" >"$scratch/said"
got=$?
if [ $got -ne 1 ] || ! head -1 "$scratch/said" | grep -q '^worse  *grad_L_W2_init of mutant now FAILs G1'; then
    fail "diff: exit $got, or dW2 larger by 2^-4 is not the first:"
    cat "$scratch/said" >&2
fi
exit $failed
