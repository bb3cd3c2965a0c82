# SPDX-License-Identifier: MIT
noinst_LTLIBRARIES += fuzz/libttt_fuzz.la
fuzz_libttt_fuzz_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
fuzz_libttt_fuzz_la_LIBADD = harness/libttt_harness.la
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
	fuzz/stages.c fuzz/stages.h

bin_PROGRAMS += ttt-fuzz
ttt_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
ttt_fuzz_SOURCES = fuzz/options.c fuzz/options.h fuzz/ttt-fuzz.c
ttt_fuzz_LDADD = fuzz/libttt_fuzz.la harness/libttt_harness.la ref/libttt_ref.la $(GPU_LIBS) $(JANSSON_LIBS)
