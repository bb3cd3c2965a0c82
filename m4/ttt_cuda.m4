dnl SPDX-License-Identifier: MIT
dnl
dnl TTT_WITH_CUDA: --with-cuda=yes|no|guess.  Sets NVCC, NVCCFLAGS, CUDA_CPPFLAGS, CUDA_LIBS, the conditional HAVE_CUDA, the
dnl macro TTT_HAVE_CUDA of config.h and $cuda_summary.
AC_DEFUN([TTT_WITH_CUDA], [
AC_ARG_WITH([cuda],
  [AS_HELP_STRING([--with-cuda=yes|no|guess], [build the GPU kernels (needs nvcc; default: guess)])],
  [], [with_cuda=guess])
AS_CASE([$with_cuda], [yes|no|guess], [],
  [AC_MSG_ERROR([--with-cuda=$with_cuda: yes, no or guess is allowed])])
AC_ARG_VAR([NVCC], [CUDA compiler])
AC_ARG_VAR([NVCCFLAGS], [CUDA compiler flags, the architecture included])
: ${NVCCFLAGS="-O3 -gencode=arch=compute_90a,code=sm_90a"}
have_cuda=no
AS_IF([test "x$with_cuda" != xno], [
  AC_PATH_PROG([NVCC], [nvcc], [], [$PATH$PATH_SEPARATOR/usr/local/cuda/bin])
  AS_IF([test -n "$NVCC"], [
    AC_MSG_CHECKING([whether $NVCC $NVCCFLAGS works])
    echo '__global__ void probe(int *x) { *x = 1; }' >conftest.cu
    AS_IF([$NVCC $NVCCFLAGS -c conftest.cu -o conftest.$OBJEXT >&AS_MESSAGE_LOG_FD 2>&1], [have_cuda=yes])
    rm -f conftest.cu conftest.$OBJEXT
    AC_MSG_RESULT([$have_cuda])
  ])
  AS_IF([test "x$have_cuda$with_cuda" = xnoyes], [AC_MSG_ERROR([--with-cuda=yes, but no nvcc that works was found])])
])
AS_IF([test "x$have_cuda" = xyes], [
  cuda_root=`AS_DIRNAME(["$NVCC"])`/..
  cuda_root=`cd "$cuda_root" && pwd`
  CUDA_CPPFLAGS="-isystem $cuda_root/include"
  CUDA_LIBS="-L$cuda_root/lib64 -lcudart"
  cuda_summary="yes ($NVCC)"
  AC_DEFINE([TTT_HAVE_CUDA], [1], [The GPU kernels are built.])
], [
  AS_IF([test "x$with_cuda" = xno], [cuda_summary="no"], [cuda_summary="no (no nvcc that works was found)"])
])
AC_SUBST([CUDA_CPPFLAGS])
AC_SUBST([CUDA_LIBS])
AC_SUBST([with_cuda])
AM_CONDITIONAL([HAVE_CUDA], [test "x$have_cuda" = xyes])
])
