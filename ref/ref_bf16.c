/* SPDX-License-Identifier: MIT */
#define TTT_REF_PRECISION 16
#include "ref_tmpl.c"
