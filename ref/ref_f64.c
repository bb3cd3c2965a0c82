/* SPDX-License-Identifier: MIT */
#define TTT_REF_PRECISION 64
#include "ref_tmpl.c"
