# SPDX-License-Identifier: MIT
# One Check program per module.  A new one takes three lines: check_PROGRAMS, TESTS (through it) and its _SOURCES;
# libraries come from LDADD below.

LDADD = harness/libttt_harness.la ref/libttt_ref.la $(CHECK_LIBS)

AM_TESTS_ENVIRONMENT = \
	TTT_SRCDIR='$(abs_top_srcdir)'; TTT_BUILDDIR='$(abs_top_builddir)'; TTT_VECTORS='$(abs_top_srcdir)/tests/vectors'; \
	CC='$(CC)'; CXX17='$(CXX17)'; SANITIZE_CFLAGS='$(SANITIZE_CFLAGS)'; MAKE='$(MAKE)'; \
	export TTT_SRCDIR TTT_BUILDDIR TTT_VECTORS CC CXX17 SANITIZE_CFLAGS MAKE;

TESTS += $(check_PROGRAMS) $(check_scripts)
TEST_EXTENSIONS = .sh
SH_LOG_COMPILER = $(SHELL)

check_scripts = \
	tests/check-headers.sh \
	tests/check-includes.sh \
	tests/check-includes-selftest.sh \
	tests/check-install.sh

EXTRA_DIST += $(check_scripts) tests/installed_forward.c tests/strip-comments.awk

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
