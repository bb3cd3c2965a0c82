/* SPDX-License-Identifier: MIT */
#define TTT_REF_PRECISION 128
#include "ref_tmpl.c"
