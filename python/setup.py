# SPDX-License-Identifier: MIT
"""Builds the C libraries, or takes them from TTT_BUILDDIR, a build of this tree that is there already."""
import os
import shutil
import subprocess
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

TOP = Path(__file__).resolve().parent.parent
REF = "ref/.libs/libttt_ref.so"
GPU = "gpu/libttt_gpu.so"


def build_libraries(build):
    """configure and make, in the folder `build`; the GPU library where nvcc is."""
    build.mkdir(parents=True, exist_ok=True)
    if not (TOP / "configure").exists():
        subprocess.run(["autoreconf", "-i"], cwd=TOP, check=True)
    if not (build / "Makefile").exists():
        subprocess.run([str(TOP / "configure")], cwd=build, check=True)
    jobs = f"-j{os.cpu_count() or 1}"
    subprocess.run(["make", jobs, "ref/libttt_ref.la"], cwd=build, check=True)
    if "#define TTT_HAVE_CUDA 1" in (build / "config.h").read_text():
        subprocess.run(["make", jobs, GPU], cwd=build, check=True)


class BuildWithLibraries(build_py):
    """Puts libttt_ref.so, and libttt_gpu.so if it was built, into ttt_tk/lib."""

    def run(self):
        super().run()
        given = os.environ.get("TTT_BUILDDIR")
        build = Path(given) if given else TOP / "build"
        if not given:
            build_libraries(build)
        target = Path(self.build_lib) / "ttt_tk" / "lib"
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(build / REF, target / "libttt_ref.so")
        if (build / GPU).exists():
            shutil.copy(build / GPU, target / "libttt_gpu.so")


class BinaryDistribution(Distribution):
    """The wheel holds compiled code, though no extension module: it belongs to one platform."""

    def has_ext_modules(self):
        return True


setup(cmdclass={"build_py": BuildWithLibraries}, distclass=BinaryDistribution)
