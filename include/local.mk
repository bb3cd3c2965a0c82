# SPDX-License-Identifier: MIT
tttincludedir = $(includedir)/ttt
tttinclude_HEADERS = \
	include/ttt/ttt_candidate.h \
	include/ttt/ttt_gpu.h \
	include/ttt/ttt_mlp.h \
	include/ttt/ttt_ref.h
