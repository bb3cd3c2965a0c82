# SPDX-License-Identifier: MIT
# The kernels and their tests on an emulated device, by the C++ compiler alone: no CUDA, no GPU.  gpu/ and the tests are
# translated into a tree of their own, in which each header of gpu/ptx/ is its twin from tests/gpu/emulated/ptx/.

emulated = tests/gpu/emulated
emulated_headers = \
	$(emulated)/machine.h $(emulated)/state.h \
	$(emulated)/cuda/cuda.h $(emulated)/cuda/cuda_bf16.h $(emulated)/cuda/cuda_fp16.h $(emulated)/cuda/cuda_runtime.h \
	$(emulated)/cuda/cuda_runtime_api.h
emulated_twins = \
	$(emulated)/ptx/barrier.cuh $(emulated)/ptx/copy.cuh $(emulated)/ptx/device.cuh $(emulated)/ptx/math.cuh \
	$(emulated)/ptx/wgmma.cuh
emulated_sources = \
	$(emulated)/barrier.cc $(emulated)/copy.cc $(emulated)/product.cc $(emulated)/races.cc $(emulated)/runtime.cc \
	$(emulated)/schedule.cc $(emulated)/warp.cc
emulated_translated = \
	$(gpu_headers) $(gpu_sources) $(gpu_test_headers) $(gpu_test_sources) $(emulated)/faults.cu $(emulated)/small.cu
EXTRA_DIST += \
	$(emulated_headers) $(emulated_twins) $(emulated_sources) $(emulated)/faults.cu $(emulated)/small.cu \
	$(emulated)/candidate.cc \
	$(emulated)/translate.awk $(emulated)/translate.sh \
	tests/gpu/check-emulated.sh

if HAVE_CXX17
emulated_programs = \
	tests/gpu/emulated-accuracy tests/gpu/emulated-backward tests/gpu/emulated-faults \
	tests/gpu/emulated-gradient-accuracy tests/gpu/emulated-forward tests/gpu/emulated-racecheck \
	tests/gpu/emulated-races tests/gpu/emulated-races-backward tests/gpu/emulated-refusals \
	tests/gpu/emulated-rooms tests/gpu/emulated-small tests/gpu/emulated-training tests/gpu/emulated.so
check_DATA = $(emulated_programs)
TESTS += tests/gpu/check-emulated.sh
CLEANFILES += $(emulated_programs) $(emulated)/*.o
# Libtool keeps the linked programs beside its wrappers; automake empties that folder only where it made objects itself.
mostlyclean-local:
	rm -rf $(emulated)/tree tests/gpu/.libs

emulated_tree = $(emulated)/tree
emulated_compile = $(CXX17) $(CXXFLAGS) $(SANITIZE_CFLAGS) $(OPENMP_CFLAGS) -Wall -Wextra -fno-strict-aliasing \
	-fPIC -U_FORTIFY_SOURCE -I$(top_srcdir)/include -I$(top_srcdir)/$(emulated) -I$(top_srcdir)/$(emulated)/cuda
emulated_link = $(LIBTOOL) $(AM_V_lt) --tag=CXX --mode=link $(CXX) $(CXXFLAGS) $(SANITIZE_CFLAGS) $(OPENMP_CFLAGS)

$(emulated_tree)/stamp: $(emulated)/translate.awk $(emulated)/translate.sh $(emulated_translated) $(emulated_twins)
	$(AM_V_GEN)rm -rf $(emulated_tree) && \
	AWK='$(AWK)' $(SHELL) $(top_srcdir)/$(emulated)/translate.sh $(top_srcdir) $(emulated_tree) $(emulated_translated) && \
	echo translated >$@

emulated_machine = \
	$(emulated)/barrier.o $(emulated)/copy.o $(emulated)/product.o $(emulated)/races.o $(emulated)/runtime.o \
	$(emulated)/schedule.o $(emulated)/warp.o
$(emulated_machine): $(emulated)/%.o: $(top_srcdir)/$(emulated)/%.cc $(emulated_headers)
	@$(MKDIR_P) $(emulated)
	$(AM_V_GEN)$(emulated_compile) $(WARN_CFLAGS) -c $< -o $@

# What nvcc understands and g++ does not is no fault of the kernels: unrolling, the ABI of aligned parameters.
emulated_kernels = $(gpu_sources:gpu/%.cu=$(emulated)/gpu-%.o)
emulated_tests = \
	$(emulated)/test-accuracy.o $(emulated)/test-backward.o $(emulated)/test-cases.o $(emulated)/test-forward.o \
	$(emulated)/test-gradient-accuracy.o $(emulated)/test-gradients.o $(emulated)/test-refusals.o \
	$(emulated)/test-rooms.o $(emulated)/test-training.o
emulated_translate = $(emulated_compile) -Wno-unknown-pragmas -Wno-psabi -Wno-missing-field-initializers
$(emulated_kernels): $(emulated)/gpu-%.o: $(emulated_tree)/stamp $(emulated_headers)
	$(AM_V_GEN)$(emulated_translate) -c $(emulated_tree)/gpu/$*.cc -o $@
$(emulated_tests): $(emulated)/test-%.o: $(emulated_tree)/stamp $(emulated_headers)
	$(AM_V_GEN)$(emulated_translate) -c $(emulated_tree)/tests/gpu/$*.cc -o $@
$(emulated)/test-faults.o $(emulated)/test-small.o: $(emulated)/test-%.o: $(emulated_tree)/stamp $(emulated_headers)
	$(AM_V_GEN)$(emulated_translate) -c $(emulated_tree)/$(emulated)/$*.cc -o $@

# Kernels that tell the machine of their accesses (races.cc stands for the runtime of the sanitizer).
emulated_watched = $(emulated_kernels:%.o=%.watched.o)
emulated_watch = $(CXX17) $(CXXFLAGS) -fsanitize=thread -fno-threadsafe-statics $(OPENMP_CFLAGS) -Wall -Wextra \
	-Wno-unknown-pragmas -Wno-psabi -fno-strict-aliasing -I$(top_srcdir)/include -I$(top_srcdir)/$(emulated) \
	-I$(top_srcdir)/$(emulated)/cuda
$(emulated_watched): $(emulated)/gpu-%.watched.o: $(emulated_tree)/stamp $(emulated_headers)
	$(AM_V_GEN)$(emulated_watch) -c $(emulated_tree)/gpu/$*.cc -o $@
$(emulated)/test-racecheck.watched.o: $(emulated_tree)/stamp $(emulated_headers)
	$(AM_V_GEN)$(emulated_watch) -c $(emulated_tree)/tests/gpu/racecheck.cc -o $@

# The harness's own adapter is C, and understood as C++.
$(emulated)/candidate.o: $(emulated)/candidate.cc harness/candidate_gpu.c $(emulated_headers)
	@$(MKDIR_P) $(emulated)
	$(AM_V_GEN)$(emulated_translate) -fvisibility=hidden -I$(top_srcdir) -I$(top_srcdir)/harness \
	    -c $(top_srcdir)/$(emulated)/candidate.cc -o $@

# What the adapter needs of the harness; the linker drops the rest of these files.
emulated_harness = \
	$(emulated)/harness-buffer.o $(emulated)/harness-shapes.o $(emulated)/harness-tensor_table.o \
	$(emulated)/harness-text.o
$(emulated_harness): $(emulated)/harness-%.o: harness/%.c
	@$(MKDIR_P) $(emulated)
	$(AM_V_GEN)$(CC) $(AM_CPPFLAGS) $(CFLAGS) $(AM_CFLAGS) -std=gnu11 -fPIC -fvisibility=hidden -ffunction-sections \
	    -c $< -o $@

# The plug-in: ttt-verify --candidate tests/gpu/emulated.so
emulated_plugin = $(emulated)/candidate.o $(emulated_harness) $(emulated_machine)
tests/gpu/emulated.so: $(emulated_plugin) $(emulated_kernels)
	$(AM_V_GEN)$(CXX17) $(CXXFLAGS) $(SANITIZE_CFLAGS) $(OPENMP_CFLAGS) -shared -Wl,--gc-sections -o $@ \
	    $(emulated_plugin) $(emulated_kernels)

tests/gpu/emulated-racecheck: $(emulated)/test-racecheck.watched.o $(emulated_machine)
	$(AM_V_GEN)$(emulated_link) -o $@ $(emulated)/test-racecheck.watched.o $(emulated_machine)
tests/gpu/emulated-races: $(emulated)/test-small.o $(emulated)/test-cases.o $(emulated_watched) \
    $(emulated_machine) ref/libttt_ref.la
	$(AM_V_GEN)$(emulated_link) -o $@ $(emulated)/test-small.o $(emulated)/test-cases.o \
	    $(emulated_watched) $(emulated_machine) ref/libttt_ref.la $(OPENBLAS_LIBS)
tests/gpu/emulated-races-backward: $(emulated)/test-backward.o $(emulated)/test-gradients.o $(emulated)/test-cases.o \
    $(emulated_watched) $(emulated_machine) ref/libttt_ref.la
	$(AM_V_GEN)$(emulated_link) -o $@ $(emulated)/test-backward.o $(emulated)/test-gradients.o \
	    $(emulated)/test-cases.o $(emulated_watched) $(emulated_machine) ref/libttt_ref.la $(OPENBLAS_LIBS)
tests/gpu/emulated-faults: $(emulated)/test-faults.o $(emulated_machine)
	$(AM_V_GEN)$(emulated_link) -o $@ $(emulated)/test-faults.o $(emulated_machine)
tests/gpu/emulated-refusals tests/gpu/emulated-rooms: tests/gpu/emulated-%: $(emulated)/test-%.o $(emulated_kernels) $(emulated_machine)
	$(AM_V_GEN)$(emulated_link) -o $@ $(emulated)/test-$*.o $(emulated_kernels) $(emulated_machine)
tests/gpu/emulated-accuracy tests/gpu/emulated-forward tests/gpu/emulated-small: tests/gpu/emulated-%: \
    $(emulated)/test-%.o $(emulated)/test-cases.o $(emulated_kernels) $(emulated_machine) ref/libttt_ref.la
	$(AM_V_GEN)$(emulated_link) -o $@ $(emulated)/test-$*.o $(emulated)/test-cases.o $(emulated_kernels) \
	    $(emulated_machine) ref/libttt_ref.la $(OPENBLAS_LIBS)
tests/gpu/emulated-backward tests/gpu/emulated-gradient-accuracy tests/gpu/emulated-training: tests/gpu/emulated-%: \
    $(emulated)/test-%.o $(emulated)/test-gradients.o $(emulated)/test-cases.o $(emulated_kernels) $(emulated_machine) ref/libttt_ref.la
	$(AM_V_GEN)$(emulated_link) -o $@ $(emulated)/test-$*.o $(emulated)/test-gradients.o \
	    $(emulated)/test-cases.o $(emulated_kernels) $(emulated_machine) ref/libttt_ref.la $(OPENBLAS_LIBS)
endif
