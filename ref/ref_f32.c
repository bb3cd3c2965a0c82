/* SPDX-License-Identifier: MIT */
#define TTT_REF_PRECISION 32
#include "seq_tmpl.c"
