# SPDX-License-Identifier: MIT
# Planted faults, and who finds them: make check-mutants [MUTANTS='F4.*'].
mutants_corpus = \
	tests/mutants/causal.mutants \
	tests/mutants/cheats.mutants \
	tests/mutants/controls.mutants \
	tests/mutants/gelu.mutants \
	tests/mutants/memory.mutants \
	tests/mutants/norm.mutants \
	tests/mutants/precision.mutants \
	tests/mutants/products.mutants \
	tests/mutants/sequence.mutants \
	tests/mutants/state.mutants \
	tests/mutants/tokens.mutants

EXTRA_DIST += $(mutants_corpus) tests/mutants/candidate.c tests/mutants/cases.txt

EXTRA_PROGRAMS += tests/mutants/check-mutants
CLEANFILES += tests/mutants/check-mutants$(EXEEXT)
tests_mutants_check_mutants_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_mutants_check_mutants_LDADD = harness/libttt_harness.la $(JANSSON_LIBS)
tests_mutants_check_mutants_SOURCES = \
	tests/mutants/build.c tests/mutants/build.h \
	tests/mutants/cases.c tests/mutants/cases.h \
	tests/mutants/check-mutants.c \
	tests/mutants/corpus.c tests/mutants/corpus.h \
	tests/mutants/pool.c tests/mutants/pool.h \
	tests/mutants/process.c tests/mutants/process.h \
	tests/mutants/score.c tests/mutants/score.h \
	tests/mutants/trial.c tests/mutants/trial.h \
	tests/mutants/verdict.c tests/mutants/verdict.h

# One instruction set and no optimisation: a mutant compiles in a fifth of a second, and its cases are small.
mutants_cc = $(CC) -std=gnu11 -O0 -fPIC -fvisibility=hidden -w -DTTT_REF_CLONES= $(OPENMP_CFLAGS) $(OPENBLAS_CFLAGS)
mutants_libs = $(OPENBLAS_LIBS) -lm
MUTANTS = *

check-mutants: tests/mutants/check-mutants$(EXEEXT) ttt-verify$(EXEEXT)
	rm -rf tests/mutants/work
	tests/mutants/check-mutants --srcdir '$(abs_top_srcdir)' --work tests/mutants/work --verify ./ttt-verify \
	    --cc '$(mutants_cc)' --libs '$(mutants_libs)' --cases '$(top_srcdir)/tests/mutants/cases.txt' \
	    --only '$(MUTANTS)' --json tests/mutants/mutants.json $(mutants_corpus:%=$(top_srcdir)/%)
clean-local:
	rm -rf tests/mutants/work tests/mutants/mutants.json
.PHONY: check-mutants

check_scripts += tests/check-mutants.sh
tests/check-mutants.log: tests/mutants/check-mutants$(EXEEXT)
AM_TESTS_ENVIRONMENT += MUTANTS_CC='$(mutants_cc)'; MUTANTS_LIBS='$(mutants_libs)'; export MUTANTS_CC MUTANTS_LIBS;
