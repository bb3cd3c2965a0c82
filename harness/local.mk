# SPDX-License-Identifier: MIT
noinst_LTLIBRARIES += harness/libttt_harness.la
harness_libttt_harness_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(OPENBLAS_CFLAGS)
harness_libttt_harness_la_LIBADD = ref/libttt_ref.la $(JANSSON_LIBS) $(OPENBLAS_LIBS)
harness_libttt_harness_la_SOURCES = \
	harness/arguments.c harness/arguments.h \
	harness/bench.c harness/bench.h \
	harness/bench_report.c harness/bench_report.h \
	harness/bench_table.c \
	harness/blocks.c harness/blocks.h \
	harness/buffer.c harness/buffer.h \
	harness/calibration.c harness/calibration.h harness/calibration_table.c \
	harness/campaign.c harness/campaign.h \
	harness/candidate_ref.c \
	harness/candidates.c harness/candidates.h \
	harness/clock.c harness/clock.h \
	harness/command.c harness/command.h \
	harness/contract.c harness/contract.h \
	harness/device.c harness/device.h \
	harness/diagnosis.c harness/diagnosis.h \
	harness/distributions.c harness/distributions.h \
	harness/dump.c harness/dump.h \
	harness/exact.c harness/exact.h \
	harness/exactness.c harness/exactness.h \
	harness/false_alarms.c harness/false_alarms.h \
	harness/flops.c harness/flops.h \
	harness/freshness.c harness/freshness.h \
	harness/gates.c harness/gates.h \
	harness/given.c harness/given.h \
	harness/gradcheck.c harness/gradcheck.h \
	harness/gradproof.c harness/gradproof.h \
	harness/groups.c harness/groups.h \
	harness/hidden.c harness/hidden.h \
	harness/hypotheses.c harness/hypotheses.h \
	harness/json.c harness/json.h \
	harness/judge.c harness/judge.h \
	harness/junit.c harness/junit.h \
	harness/machine.c harness/machine.h \
	harness/metrics.c harness/metrics.h \
	harness/operands.c harness/operands.h \
	harness/output.c harness/output.h \
	harness/peak.c harness/peak.h \
	harness/plugin.c harness/plugin.h \
	harness/profile.c harness/profile.h \
	harness/progress.c harness/progress.h \
	harness/range.c harness/range.h \
	harness/red_zone.c harness/red_zone.h \
	harness/reference.c harness/reference.h \
	harness/relations.c harness/relations.h \
	harness/relations_heads.c \
	harness/relations_resume.c \
	harness/relations_values.c \
	harness/report.c harness/report.h \
	harness/result.c harness/result.h \
	harness/rng.c harness/rng.h \
	harness/run.c harness/run.h \
	harness/safetensors.c harness/safetensors.h \
	harness/safetensors_case.c \
	harness/safetensors_write.c \
	harness/shapes.c harness/shapes.h \
	harness/spread.c harness/spread.h \
	harness/suite.c harness/suite.h \
	harness/summary.h \
	harness/table.c harness/table.h \
	harness/tally.c harness/tally.h \
	harness/tensor_table.c \
	harness/tensors.c harness/tensors.h \
	harness/text.c harness/text.h \
	harness/timer.h \
	harness/tier0.c harness/tier0.h \
	harness/trial.c harness/trial.h \
	harness/vacuity.c harness/vacuity.h \
	harness/verdict.c harness/verdict.h \
	harness/wire.h \
	harness/worker.c harness/worker.h \
	harness/worker_memory.c harness/worker_memory.h

# The adapter of the GPU kernels; the harness is a static library, so its users link what it needs.
if HAVE_CUDA
harness_libttt_harness_la_CPPFLAGS += $(CUDA_CPPFLAGS)
harness_libttt_harness_la_SOURCES += harness/candidate_gpu.c harness/timer_gpu.c
GPU_LIBS = gpu/libttt_gpu.a $(gpu_runtime) -lstdc++
else
EXTRA_DIST += harness/candidate_gpu.c harness/timer_gpu.c
endif

bin_PROGRAMS += ttt-verify
ttt_verify_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
ttt_verify_SOURCES = \
	harness/jobs.c harness/jobs.h \
	harness/options.c harness/options.h \
	harness/ttt-verify.c
ttt_verify_LDADD = harness/libttt_harness.la ref/libttt_ref.la $(GPU_LIBS)

bin_PROGRAMS += ttt-bench
ttt_bench_SOURCES = harness/bench_options.c harness/bench_options.h harness/ttt-bench.c
ttt_bench_LDADD = harness/libttt_harness.la ref/libttt_ref.la $(GPU_LIBS)

bin_PROGRAMS += ttt-report
ttt_report_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
ttt_report_SOURCES = \
	harness/compare.c harness/compare.h \
	harness/compare_cases.c \
	harness/compare_others.c \
	harness/diff.c harness/diff.h \
	harness/json_text.c harness/json_text.h \
	harness/load.c harness/load.h \
	harness/merge.c harness/merge.h \
	harness/page.c harness/page.h \
	harness/page_cases.c \
	harness/page_criteria.c \
	harness/page_judge.c \
	harness/page_speed.c \
	harness/page_tensors.c \
	harness/page_training.c \
	harness/page_verdict.c \
	harness/plots.c harness/plots.h \
	harness/render.c harness/render.h \
	harness/schema.c harness/schema.h \
	harness/standings.c harness/standings.h \
	harness/template.c harness/template.h \
	harness/templates.h \
	harness/thin.c harness/thin.h \
	harness/ttt-report.c
nodist_ttt_report_SOURCES = reports/templates.c
ttt_report_LDADD = harness/libttt_harness.la ref/libttt_ref.la $(GPU_LIBS) $(JANSSON_LIBS)

# What correct runs read at the gates: writes the checked-in table, or judges other correct runs with it.
EXTRA_PROGRAMS += harness/ttt-calibrate
harness_ttt_calibrate_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
harness_ttt_calibrate_SOURCES = harness/ttt-calibrate.c
harness_ttt_calibrate_LDADD = harness/libttt_harness.la ref/libttt_ref.la $(GPU_LIBS)
CLEANFILES += harness/ttt-calibrate$(EXEEXT) false-alarms.json
CALIBRATION_SEEDS = 1000

regen-calibration: harness/ttt-calibrate$(EXEEXT)
	$(builddir)/harness/ttt-calibrate --write calibration_table.new --seeds $(CALIBRATION_SEEDS)
	mv calibration_table.new $(srcdir)/harness/calibration_table.c

false-alarms: harness/ttt-calibrate$(EXEEXT)
	$(builddir)/harness/ttt-calibrate --false-alarms --json false-alarms.json --seeds $(CALIBRATION_SEEDS)
.PHONY: regen-calibration false-alarms

# The source revision, as reports print it: from git, or from the file that `make dist` left.
nodist_harness_libttt_harness_la_SOURCES = revision.h
$(harness_libttt_harness_la_OBJECTS): revision.h
BUILT_SOURCES += revision.h
DISTCLEANFILES += revision.h
EXTRA_DIST += build-aux/revision.sh
revision.h: FORCE
	$(AM_V_at)$(SHELL) $(top_srcdir)/build-aux/revision.sh $(top_srcdir) >$@.tmp && \
	{ cmp -s $@.tmp $@ && rm -f $@.tmp || mv -f $@.tmp $@; }
FORCE:
.PHONY: FORCE

dist-hook:
	$(SED) -n 's/^#define TTT_REVISION "\(.*\)"$$/\1/p' revision.h >$(distdir)/.revision
