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

EXTRA_DIST += $(mutants_corpus) tests/mutants/candidate.c tests/mutants/cases.txt tests/mutants/compare-criteria.sh \
	tests/mutants/fault.c

EXTRA_PROGRAMS += tests/mutants/check-mutants
CLEANFILES += tests/mutants/check-mutants$(EXEEXT)
tests_mutants_check_mutants_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_mutants_check_mutants_LDADD = harness/libttt_harness.la ref/libttt_ref.la $(GPU_LIBS) $(JANSSON_LIBS)
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
	    --only '$(MUTANTS)' --json tests/mutants/mutants.json $(MUTANTS_FLAGS) $(mutants_corpus:%=$(top_srcdir)/%)
# The same faults and the fuzzer: found within a minute, shrunk, and named (needs jq and bc).
EXTRA_DIST += tests/mutants/fuzz-mutants.sh tests/mutants/fuzz-mutants.txt
fuzz-mutants: tests/mutants/check-mutants$(EXEEXT) ttt-fuzz$(EXEEXT)
	$(top_srcdir)/tests/mutants/fuzz-mutants.sh . '$(abs_top_srcdir)' '$(mutants_cc)' '$(mutants_libs)' \
	    $(mutants_corpus:%=$(abs_top_srcdir)/%)
.PHONY: fuzz-mutants

clean-local: fuzz-clean
	rm -rf tests/mutants/fuzz-work
	rm -rf tests/mutants/work tests/mutants/mutants.json tests/mutants/power tests/mutants/power.json \
	    tests/mutants/criteria.json tests/mutants/work-gpu tests/mutants/mutants-gpu.json
.PHONY: check-mutants check-mutants-gpu

# The same of the emulated kernels.
mutants_gpu_corpus = tests/mutants/gpu-backward.mutants tests/mutants/gpu-forward.mutants
EXTRA_DIST += $(mutants_gpu_corpus) tests/mutants/build-emulated.sh tests/mutants/cases-gpu.txt
if HAVE_CXX17
mutants_gpu_cc = $(SHELL) $(abs_top_srcdir)/tests/mutants/build-emulated.sh $(abs_top_srcdir) $(abs_top_builddir)/$(emulated)
mutants_gpu_cxx = $(CXX17) -O1 $(OPENMP_CFLAGS) -w -fno-strict-aliasing -fPIC -I$(abs_top_srcdir)/$(emulated) \
	-I$(abs_top_srcdir)/$(emulated)/cuda
check-mutants-gpu: tests/mutants/check-mutants$(EXEEXT) ttt-verify$(EXEEXT) tests/gpu/emulated.so
	rm -rf tests/mutants/work-gpu
	EMULATED_CXX='$(mutants_gpu_cxx)' OMP_NUM_THREADS=1 tests/mutants/check-mutants --srcdir '$(abs_top_srcdir)' --work tests/mutants/work-gpu \
	    --verify ./ttt-verify --tree gpu --cc '$(mutants_gpu_cc)' \
	    --libs '-Wl,--gc-sections $(emulated_plugin:%=$(abs_top_builddir)/%)' \
	    --cases '$(top_srcdir)/tests/mutants/cases-gpu.txt' --only '$(MUTANTS)' --json tests/mutants/mutants-gpu.json \
	    $(MUTANTS_FLAGS) $(mutants_gpu_corpus:%=$(top_srcdir)/%)
endif

# The smallest faults that the gates find: make power-curves [POWER_SEEDS=20].
EXTRA_PROGRAMS += tests/mutants/power-curves tests/mutants/judge-criteria
CLEANFILES += tests/mutants/power-curves$(EXEEXT) tests/mutants/judge-criteria$(EXEEXT) tests/mutants/fault.so
tests_mutants_power_curves_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_mutants_power_curves_LDADD = harness/libttt_harness.la ref/libttt_ref.la $(GPU_LIBS) $(JANSSON_LIBS)
tests_mutants_power_curves_SOURCES = \
	tests/mutants/power-curves.c \
	tests/mutants/process.c tests/mutants/process.h

fault_sources = \
	tests/mutants/fault.c harness/exact.c harness/rng.c harness/shapes.c harness/tensor_table.c harness/text.c \
	ref/blas_kernels.c ref/blas_threads.c ref/ref_bf16.c ref/shape.c ref/status.c
tests/mutants/fault.so: $(fault_sources)
	$(AM_V_CCLD)$(mutants_cc) -O2 -shared -ffunction-sections -Wl,--gc-sections,-z,defs $(AM_CPPFLAGS) \
	    $(fault_sources:%=$(top_srcdir)/%) -o $@ $(mutants_libs)

POWER_SEEDS = 100
power-curves: tests/mutants/power-curves$(EXEEXT) tests/mutants/fault.so ttt-verify$(EXEEXT)
	rm -rf tests/mutants/power
	tests/mutants/power-curves --verify ./ttt-verify --plugin tests/mutants/fault.so --work tests/mutants/power \
	    --seeds '$(POWER_SEEDS)' --json tests/mutants/power.json 'b1h2n80c16f32d64g2 eps=1e-6 dist=unit' \
	    'b1h2n80c16f32d64g2 eps=1e-8 dist=model' 'b1h2n80c16f32d64g2 eps=1e-6 dist=strong' \
	    'b1h2n80c16f32d64g2 eps=1e-6 dist=unit causal=1'
.PHONY: power-curves

# The usual criteria beside the judge, on the corpus and on correct runs: two kernels, three distributions each.
tests_mutants_judge_criteria_CPPFLAGS = $(AM_CPPFLAGS)
tests_mutants_judge_criteria_LDADD = harness/libttt_harness.la ref/libttt_ref.la $(GPU_LIBS)
tests_mutants_judge_criteria_SOURCES = tests/mutants/criteria.c tests/mutants/criteria.h tests/mutants/judge-criteria.c
CRITERIA_SEEDS = 334
compare-criteria: tests/mutants/judge-criteria$(EXEEXT) tests/mutants/fault.so
	-$(MAKE) check-mutants MUTANTS_FLAGS='--criteria tests/mutants/judge-criteria'
	$(SHELL) $(top_srcdir)/tests/mutants/compare-criteria.sh . tests/mutants/mutants.json '$(CRITERIA_SEEDS)' \
	    tests/mutants/criteria.json
.PHONY: compare-criteria

check_scripts += tests/check-mutants.sh
tests/check-fuzz.log tests/check-mutants.log: tests/mutants/check-mutants$(EXEEXT) tests/mutants/judge-criteria$(EXEEXT) \
	tests/mutants/fault.so
AM_TESTS_ENVIRONMENT += MUTANTS_CC='$(mutants_cc)'; MUTANTS_LIBS='$(mutants_libs)'; export MUTANTS_CC MUTANTS_LIBS;
