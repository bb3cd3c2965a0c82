# SPDX-License-Identifier: MIT
noinst_LTLIBRARIES += harness/libttt_harness.la
harness_libttt_harness_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
harness_libttt_harness_la_LIBADD = ref/libttt_ref.la $(JANSSON_LIBS)
harness_libttt_harness_la_SOURCES = \
	harness/buffer.c harness/buffer.h \
	harness/distributions.c harness/distributions.h \
	harness/metrics.c harness/metrics.h \
	harness/rng.c harness/rng.h \
	harness/safetensors.h \
	harness/shapes.c harness/shapes.h \
	harness/tensor_table.c \
	harness/tensors.c harness/tensors.h \
	harness/text.c harness/text.h

# The source revision, as reports print it: from git, or from the file that `make dist` left.
nodist_harness_libttt_harness_la_SOURCES = revision.h
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
