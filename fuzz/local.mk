# SPDX-License-Identifier: MIT
noinst_LTLIBRARIES += fuzz/libttt_fuzz.la
fuzz_libttt_fuzz_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
fuzz_libttt_fuzz_la_SOURCES = \
	fuzz/attempt.c fuzz/attempt.h \
	fuzz/blocks.c fuzz/blocks.h \
	fuzz/diverge.c fuzz/diverge.h \
	fuzz/draw.c fuzz/draw.h \
	fuzz/finding.c fuzz/finding.h \
	fuzz/fuzz_case.c fuzz/fuzz_case.h \
	fuzz/ledger.c fuzz/ledger.h \
	fuzz/poison.c fuzz/poison.h \
	fuzz/screen.c fuzz/screen.h \
	fuzz/shard.c fuzz/shard.h \
	fuzz/shrink.c fuzz/shrink.h \
	fuzz/stages.c fuzz/stages.h \
	fuzz/values.c

bin_PROGRAMS += ttt-fuzz
ttt_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
ttt_fuzz_SOURCES = fuzz/options.c fuzz/options.h fuzz/ttt-fuzz.c
ttt_fuzz_LDADD = fuzz/libttt_fuzz.la harness/libttt_harness.la ref/libttt_ref.la $(GPU_LIBS) $(JANSSON_LIBS)

# Parsers under libFuzzer (clang): make fuzz [FUZZ_TIME=600] [FUZZ_CC=clang-14].  Each target is built with the sources
# that it needs, all of them instrumented; new inputs stay in the build tree.
FUZZ_CC = clang-14
FUZZ_TIME = 600
FUZZ_TARGETS = case report safetensors

fuzz_target_sources = \
	fuzz/fuzz_case.c fuzz/shard.c fuzz/target_file.c \
	harness/buffer.c harness/campaign.c harness/distributions.c harness/exact.c harness/given.c harness/groups.c \
	harness/red_zone.c harness/result.c harness/rng.c harness/safetensors.c harness/safetensors_case.c harness/shapes.c \
	harness/tensor_table.c harness/tensors.c harness/text.c
fuzz_target_build = $(FUZZ_CC) -std=gnu11 -g -O1 -w $(DEFS) $(AM_CPPFLAGS) $(JANSSON_CFLAGS) -fopenmp-simd
EXTRA_DIST += fuzz/corpus fuzz/replay.c

fuzz: all
	@set -e; mkdir -p fuzz/out; for t in $(FUZZ_TARGETS); do \
	  echo "$$t: building"; \
	  $(fuzz_target_build) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	    $(top_srcdir)/fuzz/target_$$t.c $(fuzz_target_sources:%=$(top_srcdir)/%) -o fuzz/out/$$t $(JANSSON_LIBS) -lm; \
	  mkdir -p fuzz/out/corpus_$$t; \
	  fuzz/out/$$t -max_total_time=$(FUZZ_TIME) -max_len=8192 -rss_limit_mb=4096 -print_final_stats=1 \
	    -artifact_prefix=fuzz/out/$$t- fuzz/out/corpus_$$t $(top_srcdir)/fuzz/corpus/$$t; \
	done

# Which lines of the parsers the corpus reaches.
fuzz_parsers = fuzz/fuzz_case.c fuzz/shard.c harness/campaign.c harness/given.c harness/safetensors.c \
	harness/safetensors_case.c harness/shapes.c harness/text.c
fuzz-coverage: all
	@set -e; mkdir -p fuzz/out; objects=; for t in $(FUZZ_TARGETS); do \
	  $(fuzz_target_build) -fprofile-instr-generate -fcoverage-mapping \
	    $(top_srcdir)/fuzz/replay.c $(top_srcdir)/fuzz/target_$$t.c $(fuzz_target_sources:%=$(top_srcdir)/%) \
	    -o fuzz/out/coverage_$$t $(JANSSON_LIBS) -lm; \
	  TTT_SRCDIR='$(abs_top_srcdir)' LLVM_PROFILE_FILE=fuzz/out/$$t.profraw fuzz/out/coverage_$$t; \
	  objects="$$objects $${objects:+-object} fuzz/out/coverage_$$t"; \
	done; \
	llvm-profdata-14 merge -o fuzz/out/all.profdata fuzz/out/*.profraw; \
	llvm-cov-14 report $$objects -instr-profile=fuzz/out/all.profdata >fuzz/out/coverage; \
	for f in Filename $(fuzz_parsers); do grep "^$$f " fuzz/out/coverage | cut -c1-18,92-160 ; done

fuzz-clean:
	rm -rf fuzz/out

.PHONY: fuzz fuzz-coverage fuzz-clean

# The corpus as ordinary tests.
check_PROGRAMS += fuzz/replay_case fuzz/replay_report fuzz/replay_safetensors
fuzz_replay_case_SOURCES = fuzz/replay.c fuzz/target.h fuzz/target_case.c
fuzz_replay_case_LDADD = fuzz/libttt_fuzz.la harness/libttt_harness.la ref/libttt_ref.la $(GPU_LIBS)
fuzz_replay_report_SOURCES = fuzz/replay.c fuzz/target.h fuzz/target_file.c fuzz/target_report.c
fuzz_replay_report_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
fuzz_replay_report_LDADD = harness/libttt_harness.la ref/libttt_ref.la $(GPU_LIBS) $(JANSSON_LIBS)
fuzz_replay_safetensors_SOURCES = fuzz/replay.c fuzz/target.h fuzz/target_file.c fuzz/target_safetensors.c
fuzz_replay_safetensors_LDADD = harness/libttt_harness.la ref/libttt_ref.la $(GPU_LIBS)
