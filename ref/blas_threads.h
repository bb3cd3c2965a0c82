/* SPDX-License-Identifier: MIT
 *
 * OpenBLAS runs single-threaded while a pass is in flight: the passes bring their own threads, and its results must not
 * depend on how many it would use.
 */
#ifndef TTT_REF_BLAS_THREADS_H
#define TTT_REF_BLAS_THREADS_H

void ttt_ref_blas_enter(void);
void ttt_ref_blas_leave(void);

#endif
