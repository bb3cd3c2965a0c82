/* SPDX-License-Identifier: MIT
 *
 * For what includes only the functions of the runtime.
 */
#include "cuda_runtime.h"
