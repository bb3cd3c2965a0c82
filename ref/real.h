/* SPDX-License-Identifier: MIT
 *
 * One precision per inclusion.  A file that sets TTT_REF_PRECISION to 64, 32 or 16 and includes seq_tmpl.c is the
 * whole reference in that precision.  The vocabulary of the templates:
 *
 *   real         the type of all arithmetic and of state tensors
 *   token        the storage type of token tensors
 *   R(name)      the name with the precision's suffix
 *   R_(x)        a constant as `real`
 *   BLAS(name)   the CBLAS function for `real`
 *   Q(x)         an operand of a tensor-core product on the GPU: rounded to bfloat16 in the precision contract,
 *                x itself elsewhere
 *   ROUNDS       1 where Q and the token storage round, so that operands need copies of their own
 *
 * Map of the Q sites to the contract's products: `operand()` in step_tmpl.c, row by row of its table.
 */
#ifndef TTT_REF_REAL_H
#define TTT_REF_REAL_H

#include "round.h"
#include <cblas.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define TTT_REF_PASTE_(name, suffix) name##_##suffix
#define TTT_REF_PASTE(name, suffix)  TTT_REF_PASTE_(name, suffix)

#if TTT_REF_PRECISION == 64
typedef double real;
typedef double token;
#define R(name)    TTT_REF_PASTE(name, f64)
#define BLAS(name) cblas_d##name
#define ROUNDS     0
#elif TTT_REF_PRECISION == 32
typedef float real;
typedef float token;
#define R(name)    TTT_REF_PASTE(name, f32)
#define BLAS(name) cblas_s##name
#define ROUNDS     0
#elif TTT_REF_PRECISION == 16
typedef float real;
typedef uint16_t token;
#define R(name)    TTT_REF_PASTE(name, bf16)
#define BLAS(name) cblas_s##name
#define ROUNDS     1
#else
#error "TTT_REF_PRECISION must be 64, 32 or 16"
#endif

#define R_(x) ((real)(x))

#if ROUNDS
#define Q(x) ttt_round_bf16(x)
#else
#define Q(x) (x)
#endif

/* Elementwise loops that call exp are compiled for several instruction sets, chosen when the program starts.  GCC
 * takes the vector exp of glibc's libmvec (at most 4 ULP) once told that it exists; glibc itself says so only under
 * -ffast-math, which would also break the rules for NaN. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define TTT_REF_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#pragma omp declare simd notinbranch
extern double exp(double x);
#pragma omp declare simd notinbranch
extern float expf(float x);
#else
#define TTT_REF_CLONES
#endif

static inline real R(exp)(real x)
{
#if TTT_REF_PRECISION == 64
    return exp(x);
#else
    return expf(x);
#endif
}

static inline real R(sqrt)(real x)
{
#if TTT_REF_PRECISION == 64
    return sqrt(x);
#else
    return sqrtf(x);
#endif
}

#endif
