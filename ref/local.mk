# SPDX-License-Identifier: MIT
lib_LTLIBRARIES += ref/libttt_ref.la
ref_libttt_ref_la_CPPFLAGS = -I$(top_srcdir)/include $(OPENBLAS_CFLAGS)
ref_libttt_ref_la_CFLAGS = $(AM_CFLAGS)
ref_libttt_ref_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined
ref_libttt_ref_la_LIBADD = $(OPENBLAS_LIBS)
ref_libttt_ref_la_SOURCES =

pkgconfig_DATA += ref/ttt-ref.pc
EXTRA_DIST += ref/ttt-ref.pc.in
CLEANFILES += ref/ttt-ref.pc
