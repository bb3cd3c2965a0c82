# SPDX-License-Identifier: MIT
# A plug-in as anybody could write one: built and judged by `make check`, and against an installed tree by
# tests/check-install.sh.
check_LTLIBRARIES += examples/candidate.la
examples_candidate_la_SOURCES = examples/candidate.c
examples_candidate_la_LDFLAGS = $(AM_LDFLAGS) $(plugin_ldflags)
examples_candidate_la_LIBADD = ref/libttt_ref.la
