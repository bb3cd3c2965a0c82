/* SPDX-License-Identifier: MIT */
#define TTT_REF_PRECISION 16
#include "seq_tmpl.c"
