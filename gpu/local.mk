# SPDX-License-Identifier: MIT
# The GPU floor: gpu/libttt_gpu.a by nvcc, the gates that need no GPU in `make check`, and for a machine with a GPU
# `make check-gpu`, or `make bundle` here and ttt-gpu-bundle/run.sh there.

gpu_headers = \
	gpu/backward.h gpu/config.h gpu/forward.h gpu/tensor_map.h gpu/roles.cuh gpu/smem.cuh \
	gpu/ptx/barrier.cuh gpu/ptx/copy.cuh gpu/ptx/device.cuh gpu/ptx/math.cuh gpu/ptx/wgmma.cuh \
	gpu/rooms/gelu.cuh gpu/rooms/hessian.cuh gpu/rooms/load.cuh gpu/rooms/matmul.cuh gpu/rooms/norm.cuh \
	gpu/rooms/quad.cuh gpu/rooms/reduce.cuh gpu/rooms/store.cuh gpu/rooms/update.cuh
gpu_sources = \
	gpu/api.cu gpu/chain.cu gpu/forward.cu gpu/forward_single.cu gpu/peak.cu gpu/replay.cu gpu/tensor_map.cu
gpu_test_sources = \
	tests/gpu/accuracy.cu tests/gpu/backward.cu tests/gpu/cases.cu tests/gpu/forward.cu tests/gpu/gradient-accuracy.cu \
	tests/gpu/gradients.cu tests/gpu/racecheck.cu tests/gpu/refusals.cu tests/gpu/rooms.cu tests/gpu/training.cu
gpu_test_headers = tests/gpu/cases.h tests/gpu/check.h tests/gpu/gradients.h tests/gpu/repeats.h
EXTRA_DIST += $(gpu_headers) $(gpu_sources) $(gpu_test_sources) $(gpu_test_headers) tests/gpu/check-code.sh \
	tests/gpu/plugin_gpu.c

if HAVE_CUDA
gpu_objects = $(gpu_sources:.cu=.o)
gpu_compile = $(NVCC) $(NVCCFLAGS) -std=c++17 -I$(top_srcdir)/include

gpulibdir = $(libdir)
gpulib_DATA = gpu/libttt_gpu.a gpu/libttt_gpu.so
CLEANFILES += gpu/libttt_gpu.a gpu/libttt_gpu.so $(gpu_objects) $(gpu_objects:.o=.ptxas)

# What the assembler says about registers, spills and serialised products is kept for tests/gpu/check-code.sh.
$(gpu_objects): gpu/%.o: $(top_srcdir)/gpu/%.cu $(gpu_headers)
	@$(MKDIR_P) gpu
	$(AM_V_GEN)$(gpu_compile) -Xcompiler -fPIC -Xptxas -v -c $< -o $@ 2>gpu/$*.ptxas || { cat gpu/$*.ptxas >&2; exit 1; }

gpu/libttt_gpu.a: $(gpu_objects)
	$(AM_V_GEN)rm -f $@ && $(AR) cr $@ $(gpu_objects)

# The same for programs that load it (python/), with the CUDA runtime in it.
gpu/libttt_gpu.so: gpu/libttt_gpu.a
	$(AM_V_CCLD)$(CXX) -shared $(CXXFLAGS) -o $@ -Wl,--whole-archive gpu/libttt_gpu.a -Wl,--no-whole-archive \
	    -Wl,--exclude-libs,libcudart_static.a $(gpu_runtime)

# Tests: those that need a GPU say so and are skipped.
gpu_tests = \
	tests/gpu/racecheck tests/gpu/refusals tests/gpu/rooms tests/gpu/forward tests/gpu/accuracy tests/gpu/backward \
	tests/gpu/gradient-accuracy tests/gpu/training
TESTS += tests/gpu/check-code.sh $(gpu_tests)
CLEANFILES += $(gpu_tests) tests/gpu/*.o tests/gpu/.libs/*

# Device code by nvcc, the link by the C++ compiler, which libtool understands; the CUDA runtime goes in.
gpu_runtime = $(CUDA_LIBS:-lcudart=-lcudart_static) -lrt -ldl -lpthread
gpu_link = $(LIBTOOL) $(AM_V_lt) --tag=CXX --mode=link $(CXX) $(CXXFLAGS) $(OPENMP_CFLAGS)

$(gpu_test_sources:.cu=.o): tests/gpu/%.o: $(top_srcdir)/tests/gpu/%.cu $(gpu_test_headers:%=$(top_srcdir)/%) \
    $(gpu_headers)
	@$(MKDIR_P) tests/gpu
	$(AM_V_GEN)$(gpu_compile) -c $< -o $@

tests/gpu/racecheck tests/gpu/refusals tests/gpu/rooms: tests/gpu/%: tests/gpu/%.o gpu/libttt_gpu.a
	$(AM_V_GEN)$(gpu_link) -o $@ $< gpu/libttt_gpu.a $(gpu_runtime)

tests/gpu/forward tests/gpu/accuracy: tests/gpu/%: tests/gpu/%.o tests/gpu/cases.o gpu/libttt_gpu.a ref/libttt_ref.la
	$(AM_V_GEN)$(gpu_link) -o $@ $< tests/gpu/cases.o gpu/libttt_gpu.a ref/libttt_ref.la $(OPENBLAS_LIBS) $(gpu_runtime)

tests/gpu/backward tests/gpu/gradient-accuracy tests/gpu/training: tests/gpu/%: \
    tests/gpu/%.o tests/gpu/gradients.o tests/gpu/cases.o gpu/libttt_gpu.a ref/libttt_ref.la
	$(AM_V_GEN)$(gpu_link) -o $@ $< tests/gpu/gradients.o tests/gpu/cases.o gpu/libttt_gpu.a ref/libttt_ref.la \
	    $(OPENBLAS_LIBS) $(gpu_runtime)

# Real shapes, from few heads to many.
gpu_bench = --candidate gpu-bf16 --direction both $(gpu_heads:%=--case b1h%n18112c64f64d256g16)
gpu_heads = 12 48 132 528

check-gpu: $(gpu_tests) ttt-bench$(EXEEXT) ttt-verify$(EXEEXT)
	for test in $(gpu_tests); do ./$$test || exit 1; done
	./ttt-verify --candidate gpu-bf16
	./ttt-bench $(gpu_bench)

# Binaries and the libraries they need, but the driver's: copy the folder to a machine with a GPU, run run.sh there.
bundle: $(gpu_tests) ttt-bench$(EXEEXT) ttt-verify$(EXEEXT)
	rm -rf ttt-gpu-bundle && $(MKDIR_P) ttt-gpu-bundle/lib
	for test in $(gpu_tests) ttt-bench ttt-verify; do \
	    $(LIBTOOL) --mode=execute sh -c 'cp "$$0" ttt-gpu-bundle/' $$test && \
	    $(LIBTOOL) --mode=execute ldd $$test | $(SED) -n 's|.* => \(/.*\) (.*|\1|p' | \
	        grep -E 'libttt|openblas|gomp|gfortran|quadmath|jansson' | xargs -r -I{} cp -L {} ttt-gpu-bundle/lib/ || exit 1; \
	done
	printf '%s\n' '#!/bin/sh' 'cd "$$(dirname "$$0")" || exit 1' 'export LD_LIBRARY_PATH="$$PWD/lib"' \
	    'for test in $(gpu_tests:tests/gpu/%=%); do ./$$test || exit 1; done' \
	    './ttt-verify --candidate gpu-bf16 || exit 1' \
	    './ttt-bench $(gpu_bench)' >ttt-gpu-bundle/run.sh
	chmod +x ttt-gpu-bundle/run.sh
endif
.PHONY: check-gpu bundle
