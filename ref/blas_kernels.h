/* SPDX-License-Identifier: MIT
 *
 * What is known of the kernels that OpenBLAS chose for this processor.
 */
#ifndef TTT_REF_BLAS_KERNELS_H
#define TTT_REF_BLAS_KERNELS_H

/* Does it multiply small real matrices where they lie, without packing copies of them first? */
int ttt_ref_blas_multiplies_in_place(void);

#endif
