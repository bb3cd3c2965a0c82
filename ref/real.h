/* SPDX-License-Identifier: MIT
 *
 * One precision per inclusion.  A file that sets TTT_REF_PRECISION to 64, 32, 16 or 128 (double, float, the bfloat16
 * contract, complex double) and includes ref_tmpl.c is the reference in that precision.  The vocabulary of the
 * templates:
 *
 *   real         the type of all arithmetic and of state tensors
 *   token        the storage type of token tensors
 *   R(name)      the name with the precision's suffix
 *   R_(x)        a constant as `real`
 *   BLAS(name)   the CBLAS function for `real`
 *   RE(x)        the real part
 *   SCALAR(x)    a scalar as the CBLAS function wants it
 *   Q(r, x)      an operand of a tensor-core product on the GPU: rounded to bfloat16 in the precision contract (to
 *                nearest for r = 0, else stochastically with seed r), x itself elsewhere
 *   POINT(s, P)  whether step s has the rounding point TTT_REF_POINT_P beyond the contract
 *   ROUNDS       1 where Q and the token storage round, so that operands need copies of their own
 *
 * Which Q site is which operand of the contract's products: the table at the head of step_tmpl.c.
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
#elif TTT_REF_PRECISION == 128
#include <complex.h>
typedef double complex real;
typedef double complex token;
#define R(name)    TTT_REF_PASTE(name, c128)
#define BLAS(name) cblas_z##name
#define ROUNDS     0
#else
#error "TTT_REF_PRECISION must be 128, 64, 32 or 16"
#endif

#define R_(x) ((real)(x))

#if TTT_REF_PRECISION == 128
#define RE(x)     creal(x)
#define SCALAR(x) (&(x))
#else
#define RE(x)     (x)
#define SCALAR(x) (x)
#endif

/* Points beyond the contract (enum ttt_ref_point), which a pass of the contract's types may have. */
#define POINT(s, point) ((s)->points & TTT_REF_POINT_##point)

#if ROUNDS
#define Q(r, x) ttt_round_operand(r, x)
#else
#define Q(r, x) ((void)(r), (x))
#endif

/* Elementwise loops that call exp are compiled for several instruction sets, chosen when the program starts.  GCC
 * takes the vector exp of glibc's libmvec (at most 4 ULP) once told that it exists; glibc itself says so only under
 * -ffast-math, which would also break the rules for NaN. */
#ifdef TTT_REF_CLONES /* defined empty by a build that wants one instruction set */
#elif TTT_REF_PRECISION == 128
#define TTT_REF_CLONES __attribute__((unused)) /* the backward pass's, which the complex reference has not */
#elif defined(__x86_64__) && defined(__GLIBC__) && defined(__clang__) /* which is told by -fveclib=libmvec */
/* Not by architecture: clang 14 takes those clones, but never chooses them. */
#define TTT_REF_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#elif defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__)
#define TTT_REF_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#pragma omp declare simd notinbranch
extern double exp(double x);
#pragma omp declare simd notinbranch
extern float expf(float x);
#else
#define TTT_REF_CLONES
#endif

/* What such a loop calls is compiled with it. */
#define TTT_REF_INLINE static inline __attribute__((always_inline))

TTT_REF_INLINE real R(exp)(real x)
{
#if TTT_REF_PRECISION == 128
    return cexp(x);
#elif TTT_REF_PRECISION == 64
    return exp(x);
#else
    return expf(x);
#endif
}

TTT_REF_INLINE real R(sqrt)(real x)
{
#if TTT_REF_PRECISION == 128
    return csqrt(x);
#elif TTT_REF_PRECISION == 64
    return sqrt(x);
#else
    return sqrtf(x);
#endif
}

#endif
