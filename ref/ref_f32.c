/* SPDX-License-Identifier: MIT */
#define TTT_REF_PRECISION 32
#include "ref_tmpl.c"
