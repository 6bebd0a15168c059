"""Build script: the optional C++ search; what the package is stands in pyproject.toml."""

import sys

from pybind11.setup_helpers import Pybind11Extension, build_ext
from setuptools import setup

# No -march: the source asks for clones of its hot function, chosen when it runs.
FLAGS = [] if sys.platform == "win32" else ["-O3", "-fopenmp", "-fno-math-errno", "-Wno-psabi"]

setup(
    ext_modules=[
        Pybind11Extension(
            "stc.kernels.torch.cpu._nearest",
            ["stc/kernels/torch/cpu/nearest.cpp"],
            cxx_std=17,
            extra_compile_args=FLAGS,
            extra_link_args=FLAGS[1:2],
            optional=True,  # without a compiler: a warning, and torch does the search
        )
    ],
    cmdclass={"build_ext": build_ext},
)
