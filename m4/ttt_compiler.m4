dnl SPDX-License-Identifier: MIT
dnl
dnl TTT_PROG_CXX17: the C++ compiler proves that the public headers are C++17, and compiles the kernels for the emulated
dnl device (tests/gpu/emulated).  Sets CXX17 to the command, or to nothing where there is none, and HAVE_CXX17.
AC_DEFUN([TTT_PROG_CXX17], [
AC_MSG_CHECKING([for C++17])
AC_LANG_PUSH([C++])
ttt_save_CXX=$CXX
CXX="$CXX -std=c++17"
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <optional>]], [[std::optional<int> x; return x.has_value();]])],
  [CXX17=$CXX], [CXX17=])
CXX=$ttt_save_CXX
AC_LANG_POP([C++])
AC_MSG_RESULT([${CXX17:-no}])
AC_SUBST([CXX17])
AM_CONDITIONAL([HAVE_CXX17], [test -n "$CXX17"])
])

dnl TTT_ENABLE_WERROR: --enable-werror, for developers and continuous integration.
AC_DEFUN([TTT_ENABLE_WERROR], [
AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [treat compiler warnings as errors])],
  [], [enable_werror=no])
])

dnl TTT_ENABLE_SANITIZERS: --enable-sanitizers; a finding ends the program.
AC_DEFUN([TTT_ENABLE_SANITIZERS], [
AC_ARG_ENABLE([sanitizers],
  [AS_HELP_STRING([--enable-sanitizers], [build with AddressSanitizer and UndefinedBehaviorSanitizer])],
  [], [enable_sanitizers=no])
SANITIZE_CFLAGS=
AS_IF([test "x$enable_sanitizers" != xno],
  [SANITIZE_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"])
AC_SUBST([SANITIZE_CFLAGS])
AM_CONDITIONAL([SANITIZERS], [test "x$enable_sanitizers" != xno])
])

dnl TTT_WARNING_FLAGS: those of WARN_CFLAGS that the C compiler knows.
AC_DEFUN([TTT_WARNING_FLAGS], [
AC_REQUIRE([TTT_ENABLE_WERROR])
WARN_CFLAGS=
for ttt_flag in -Wall -Wextra -Wconversion -Wdouble-promotion -Wshadow; do
  AC_MSG_CHECKING([whether $CC takes $ttt_flag])
  ttt_save_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS -Werror $ttt_flag"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
    [AC_MSG_RESULT([yes]); WARN_CFLAGS="$WARN_CFLAGS $ttt_flag"], [AC_MSG_RESULT([no])])
  CFLAGS=$ttt_save_CFLAGS
done
AS_IF([test "x$enable_werror" != xno], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
AC_SUBST([WARN_CFLAGS])
])

dnl TTT_VECTOR_MATH: REF_CFLAGS, how this compiler is told to use the vector exp of glibc's libmvec.  (GCC learns it from a
dnl declaration in ref/real.h.)  Without it the loops call the scalar function.
AC_DEFUN([TTT_VECTOR_MATH], [
AC_MSG_CHECKING([how $CC is told of vector mathematics])
REF_CFLAGS=-fno-math-errno
ttt_save_CFLAGS=$CFLAGS ttt_save_LIBS=$LIBS
CFLAGS="$CFLAGS -O3 -Werror -fno-math-errno -fveclib=libmvec" LIBS="$LIBS -lm"
AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <math.h>
double x[64];]], [[for (int i = 0; i < 64; i++) x[i] = exp(x[i]);]])], [REF_CFLAGS="-fno-math-errno -fveclib=libmvec"])
CFLAGS=$ttt_save_CFLAGS LIBS=$ttt_save_LIBS
AC_MSG_RESULT([$REF_CFLAGS])
AC_SUBST([REF_CFLAGS])
])
