# SPDX-License-Identifier: MIT
# One Check program per module.  A new one takes three lines: check_PROGRAMS, TESTS (through it) and its _SOURCES;
# libraries come from LDADD below.

LDADD = harness/libttt_harness.la ref/libttt_ref.la $(GPU_LIBS) $(CHECK_LIBS)

# OMP_WAIT_POLICY: tests run side by side, with more threads than cores; threads that wait by spinning would take the
# cores from those that work.
AM_TESTS_ENVIRONMENT = \
	OMP_WAIT_POLICY=passive; export OMP_WAIT_POLICY; \
	TTT_SRCDIR='$(abs_top_srcdir)'; TTT_BUILDDIR='$(abs_top_builddir)'; TTT_VECTORS='$(abs_top_srcdir)/tests/vectors'; \
	TTT_PROGRAMS='$(bin_PROGRAMS)'; \
	CC='$(CC)'; CXX17='$(CXX17)'; SANITIZE_CFLAGS='$(SANITIZE_CFLAGS)'; MAKE='$(MAKE)'; \
	export TTT_SRCDIR TTT_BUILDDIR TTT_VECTORS TTT_PROGRAMS CC CXX17 SANITIZE_CFLAGS MAKE;

TESTS += $(check_PROGRAMS) $(check_scripts)
TEST_EXTENSIONS = .sh
SH_LOG_COMPILER = $(SHELL)

check_scripts = \
	tests/check-bench.sh \
	tests/check-cheats.sh \
	tests/check-fuzz.sh \
	tests/check-headers.sh \
	tests/check-includes.sh \
	tests/check-includes-selftest.sh \
	tests/check-install.sh \
	tests/check-man.sh \
	tests/check-python.sh \
	tests/check-page.sh \
	tests/check-quickstart.sh \
	tests/check-readme.sh \
	tests/check-release.sh \
	tests/check-report.sh \
	tests/test-verify-cli.sh

# Reports of what takes long, made up.
EXTRA_DIST += tests/reports/criteria.json tests/reports/false-alarms.json tests/reports/gradients.json \
	tests/reports/mutants.json tests/reports/training.json

EXTRA_DIST += $(check_scripts) tests/fake_nvml.c tests/installed_forward.c tests/junit.rng tests/strip-comments.awk

# Plug-ins that check-cheats.sh compiles.
EXTRA_DIST += \
	tests/cheats/abi.c tests/cheats/abort.c tests/cheats/cached.c tests/cheats/cached_gradient.c \
	tests/cheats/crash.c tests/cheats/crash_supports.c tests/cheats/device.c tests/cheats/exit.c \
	tests/cheats/fake_cuda.c tests/cheats/hang.c tests/cheats/honest.h tests/cheats/input.c \
	tests/cheats/input_forced.c tests/cheats/kept_pointer.c tests/cheats/killed.c tests/cheats/late.c \
	tests/cheats/load_abort.c tests/cheats/memorized.c tests/cheats/nothing.c tests/cheats/open_crash.c \
	tests/cheats/open_exit.c tests/cheats/open_hang.c tests/cheats/overread.c tests/cheats/overrun_element.c \
	tests/cheats/overrun_page.c tests/cheats/overrun_workspace.c tests/cheats/random.c tests/cheats/recursion.c \
	tests/cheats/refuses.c tests/cheats/underrun.c tests/cheats/unwilling.c tests/cheats/unwritten.c tests/cheats/zeros.c

EXTRA_DIST += \
	tests/vectors/README.md \
	tests/vectors/causal-b1h2n48c16f32.safetensors \
	tests/vectors/causal-tail-b2h1n39c16f16.safetensors \
	tests/vectors/model-b1h1n256c64f64.safetensors \
	tests/vectors/model-eps1e-8-b1h1n256c64f64.safetensors \
	tests/vectors/strong-state-b2h3n80c16f16.safetensors \
	tests/vectors/tail-b1h1n150c64f64.safetensors \
	tests/vectors/tail-short-b2h2n5c16f8d20.safetensors \
	tests/vectors/unit-b1h1n192c64f64.safetensors \
	tests/vectors/unit-b1h2n64c16f32d96.safetensors

if !HAVE_CHECK
check-local:
	@echo "error: the tests need Check (Debian: apt-get install check); install it and run configure again" >&2
	@exit 1
endif

# The reference.  Whole passes go through ref_run.
ref_run = tests/ref_run.c tests/ref_run.h tests/run.h

check_PROGRAMS += tests/test_ref_api
tests_test_ref_api_SOURCES = tests/test_ref_api.c $(ref_run)

check_PROGRAMS += tests/test_ref_sequence
tests_test_ref_sequence_SOURCES = tests/test_ref_sequence.c $(ref_run)
tests_test_ref_sequence_CPPFLAGS = $(AM_CPPFLAGS) $(OPENBLAS_CFLAGS)
tests_test_ref_sequence_LDADD = $(LDADD) $(OPENBLAS_LIBS)

check_PROGRAMS += tests/test_ref_gradients
tests_test_ref_gradients_SOURCES = tests/test_ref_gradients.c $(ref_run)

check_PROGRAMS += tests/test_ref_points
tests_test_ref_points_SOURCES = tests/test_ref_points.c $(ref_run)

check_PROGRAMS += tests/test_ref_nonfinite
tests_test_ref_nonfinite_SOURCES = tests/test_ref_nonfinite.c $(ref_run)

check_PROGRAMS += tests/test_ref_vectors
tests_test_ref_vectors_SOURCES = tests/test_ref_vectors.c $(ref_run)

# What is hidden in the reference's library.
check_PROGRAMS += tests/test_ref_round tests/test_ref_shape
tests_test_ref_round_SOURCES = tests/test_ref_round.c tests/run.h
tests_test_ref_shape_SOURCES = tests/test_ref_shape.c tests/run.h ref/shape.c

# The stages of the reference, which are static: the file of one precision is compiled into the test.
ref_stages = \
	tests/test_ref_stages.c tests/run.h \
	ref/blas_kernels.c ref/blas_threads.c ref/shape.c
EXTRA_DIST += tests/ref_gelu_tmpl.c tests/ref_linear_tmpl.c tests/ref_norm_tmpl.c
ref_stages_cppflags = $(AM_CPPFLAGS) $(OPENBLAS_CFLAGS)
ref_stages_cflags = $(AM_CFLAGS) $(REF_CFLAGS)
ref_stages_ldadd = $(OPENBLAS_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/test_ref_stages_f64 tests/test_ref_stages_f32 tests/test_ref_stages_bf16
tests_test_ref_stages_f64_SOURCES = $(ref_stages)
tests_test_ref_stages_f64_CPPFLAGS = $(ref_stages_cppflags) -DTTT_REF_FILE='"ref/ref_f64.c"'
tests_test_ref_stages_f64_CFLAGS = $(ref_stages_cflags)
tests_test_ref_stages_f64_LDADD = $(ref_stages_ldadd)
tests_test_ref_stages_f32_SOURCES = $(ref_stages)
tests_test_ref_stages_f32_CPPFLAGS = $(ref_stages_cppflags) -DTTT_REF_FILE='"ref/ref_f32.c"'
tests_test_ref_stages_f32_CFLAGS = $(ref_stages_cflags)
tests_test_ref_stages_f32_LDADD = $(ref_stages_ldadd)
tests_test_ref_stages_bf16_SOURCES = $(ref_stages)
tests_test_ref_stages_bf16_CPPFLAGS = $(ref_stages_cppflags) -DTTT_REF_FILE='"ref/ref_bf16.c"'
tests_test_ref_stages_bf16_CFLAGS = $(ref_stages_cflags)
tests_test_ref_stages_bf16_LDADD = $(ref_stages_ldadd)

# The harness's library.
check_PROGRAMS += \
	tests/test_bench \
	tests/test_buffer \
	tests/test_metrics \
	tests/test_rng \
	tests/test_safetensors \
	tests/test_safetensors_case \
	tests/test_shapes \
	tests/test_tensors \
	tests/test_text
tests_test_bench_SOURCES = tests/test_bench.c tests/run.h
tests_test_bench_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(OPENBLAS_CFLAGS)
tests_test_bench_LDADD = $(LDADD) $(JANSSON_LIBS) $(OPENBLAS_LIBS)
tests_test_buffer_SOURCES = tests/test_buffer.c tests/run.h
tests_test_metrics_SOURCES = tests/test_metrics.c tests/run.h
tests_test_rng_SOURCES = tests/test_rng.c tests/run.h
tests_test_safetensors_SOURCES = tests/test_safetensors.c tests/files.c tests/files.h tests/run.h
tests_test_safetensors_case_SOURCES = tests/test_safetensors_case.c tests/files.c tests/files.h tests/run.h
tests_test_shapes_SOURCES = tests/test_shapes.c tests/run.h
tests_test_tensors_SOURCES = tests/test_tensors.c tests/run.h
tests_test_text_SOURCES = tests/test_text.c tests/files.c tests/files.h tests/run.h

# The judge.
check_PROGRAMS += \
	tests/test_calibration \
	tests/test_contract \
	tests/test_declared \
	tests/test_diagnosis \
	tests/test_gates \
	tests/test_groups \
	tests/test_judge \
	tests/test_range \
	tests/test_report \
	tests/test_run \
	tests/test_vacuity \
	tests/test_verdict
tests_test_calibration_SOURCES = tests/test_calibration.c tests/run.h
tests_test_contract_SOURCES = tests/test_contract.c tests/run.h
tests_test_declared_SOURCES = tests/test_declared.c tests/coarse.c tests/coarse.h tests/run.h
tests_test_diagnosis_SOURCES = tests/test_diagnosis.c tests/run.h
tests_test_gates_SOURCES = tests/test_gates.c tests/run.h
tests_test_groups_SOURCES = tests/test_groups.c tests/run.h
tests_test_judge_SOURCES = tests/test_judge.c tests/run.h
tests_test_range_SOURCES = tests/test_range.c tests/run.h
tests_test_report_SOURCES = tests/test_report.c tests/run.h
tests_test_report_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_test_report_LDADD = $(LDADD) $(JANSSON_LIBS)
tests_test_run_SOURCES = tests/test_run.c tests/fakes.c tests/fakes.h tests/run.h
tests_test_vacuity_SOURCES = tests/test_vacuity.c tests/files.c tests/files.h tests/run.h
tests_test_verdict_SOURCES = tests/test_verdict.c tests/run.h

# Plug-ins, one good, one broken, and the program as people type it.
check_LTLIBRARIES += tests/plugin_broken.la tests/plugin_ref.la
tests_plugin_broken_la_SOURCES = tests/plugin_broken.c
tests_plugin_broken_la_LDFLAGS = $(AM_LDFLAGS) $(plugin_ldflags)
tests_plugin_ref_la_SOURCES = tests/plugin_ref.c
tests_plugin_ref_la_LDFLAGS = $(AM_LDFLAGS) $(plugin_ldflags)
tests_plugin_ref_la_LIBADD = ref/libttt_ref.la

check_PROGRAMS += tests/test_gradcheck
tests_test_gradcheck_SOURCES = tests/test_gradcheck.c tests/run.h

check_PROGRAMS += tests/test_relations
tests_test_relations_SOURCES = tests/test_relations.c tests/fakes.c tests/fakes.h tests/run.h

check_PROGRAMS += tests/test_exact
tests_test_exact_SOURCES = tests/test_exact.c tests/fakes.c tests/fakes.h $(ref_run)

# Misuse, and the fuzzer.
check_PROGRAMS += tests/test_fuzz tests/test_hostile
tests_test_fuzz_SOURCES = \
	tests/test_fuzz.c tests/coarse.c tests/coarse.h tests/fakes.c tests/fakes.h tests/run.h
tests_test_fuzz_LDADD = fuzz/libttt_fuzz.la $(LDADD)
tests_test_hostile_SOURCES = tests/test_hostile.c tests/run.h

# Reports.
check_PROGRAMS += tests/test_profile tests/test_template
tests_test_profile_SOURCES = tests/test_profile.c tests/run.h
tests_test_template_SOURCES = tests/test_template.c harness/template.c tests/run.h
tests_test_template_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_test_template_LDADD = $(LDADD) $(JANSSON_LIBS)
