/* SPDX-License-Identifier: MIT */
#ifdef __clang__ /* which says of each loop over complex numbers that it was not vectorised */
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

#define TTT_REF_PRECISION 128
#include "ref_tmpl.c"
