/* SPDX-License-Identifier: MIT
 *
 * The reference in one precision: a file that includes this one has set TTT_REF_PRECISION.
 */
#include "real.h"

#include "blas_kernels.h"
#include "blas_threads.h"
#include "shape.h"
#include "team.h"
#include <omp.h>
#include <string.h>

#include "linear_tmpl.c"

#include "gelu_tmpl.c"
#include "norm_tmpl.c"

#include "step_tmpl.c"

#include "probe_tmpl.c"

#include "causal_tmpl.c"

#include "workspace_tmpl.c"

#include "pass_tmpl.c"

#include "forward_tmpl.c"

#if TTT_REF_PRECISION != 128
#include "backward_tmpl.c"
#endif
