# SPDX-License-Identifier: MIT
lib_LTLIBRARIES += ref/libttt_ref.la
ref_libttt_ref_la_CPPFLAGS = -I$(top_srcdir)/include $(OPENBLAS_CFLAGS)
ref_libttt_ref_la_CFLAGS = $(AM_CFLAGS) $(REF_CFLAGS)
ref_libttt_ref_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-export-symbols-regex '^ttt_(ref_mlp_|status_)'
ref_libttt_ref_la_LIBADD = $(OPENBLAS_LIBS)
ref_libttt_ref_la_SOURCES = \
	ref/blas_kernels.c ref/blas_kernels.h \
	ref/blas_threads.c ref/blas_threads.h \
	ref/real.h ref/round.h \
	ref/ref_bf16.c ref/ref_c128.c ref/ref_f32.c ref/ref_f64.c \
	ref/shape.c ref/shape.h \
	ref/status.c \
	ref/team.h

# Included by ref_*.c, once per precision.
EXTRA_DIST += \
	ref/backward_tmpl.c ref/causal_tmpl.c ref/forward_tmpl.c ref/gelu_tmpl.c ref/linear_tmpl.c ref/norm_tmpl.c \
	ref/pass_tmpl.c ref/probe_tmpl.c ref/ref_tmpl.c ref/step_tmpl.c ref/workspace_tmpl.c

pkgconfig_DATA += ref/ttt-ref.pc
EXTRA_DIST += ref/ttt-ref.pc.in
CLEANFILES += ref/ttt-ref.pc
