"""Build script: the native libraries, which are optional, and the README as the package index
shows it. What the package is: pyproject.toml.

The libraries are plain C symbols without Python's API, loaded with ctypes: one file a platform
serves every version of Python. Where one cannot be built the installation goes on, and the reason
is written beside the source, for `stc info --backends`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

SUFFIX = ".dll" if sys.platform == "win32" else ".so"  # stc/native/loading.py loads it
NOTE = ".txt"  # beside _core.so there may be _core.txt; stc/native/loading.py reads it

# No -march: the sources hold their hot functions once for every width of vectors and choose when
# they run. No OpenMP: two of them in one process hang after a fork.
FLAGS = ["-std=c++17", "-O3", "-g0", "-fno-math-errno", "-fvisibility=hidden", "-pthread"]
FLAGS += ["-Wno-psabi"]  # vectors pass between inlined functions alone

FAILURES = (BaseError, CCompilerError, OSError)

SOURCES = Path("stc/native")


def library(name: str, source: str) -> Extension:
    """A shared library of one source, and of the headers that lie beside it."""
    return Extension(
        name,
        [source],
        depends=[str(path) for path in SOURCES.glob("*.h")],
        extra_compile_args=FLAGS,
        extra_link_args=["-pthread"],
        language="c++",
        optional=True,
    )


class BuildLibraries(build_ext):
    """Builds what it can; beside what it cannot build it leaves a note that says why."""

    def run(self) -> None:
        inplace = self.inplace
        try:
            super().run()
        except FAILURES as error:  # there is no compiler to begin with
            for extension in self.extensions:
                self.leave_note(extension, error)
            if inplace:
                self.copy_extensions_to_source()

    def build_extension(self, ext: Extension) -> None:
        try:
            if self.compiler.compiler_type == "msvc":
                raise BaseError("MSVC has no vector extensions, clang and gcc have")
            super().build_extension(ext)
            self.note_of(ext).unlink(missing_ok=True)
        except FAILURES as error:
            self.leave_note(ext, error)

    def leave_note(self, ext: Extension, error: Exception) -> None:
        reason = str(error)
        if len(reason) > 120:  # a whole command line
            reason = "the C++ compiler failed, its messages are in the log"
        note = self.note_of(ext)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"not built at installation: {reason}\n", encoding="utf-8")
        Path(self.build_lib, self.get_ext_filename(ext.name)).unlink(missing_ok=True)
        self.warn(f"{ext.name} was not built: {error}")

    def note_of(self, ext: Extension) -> Path:
        return Path(self.build_lib, self.get_ext_filename(ext.name)).with_suffix(NOTE)

    def copy_extensions_to_source(self) -> None:
        """Of builds in place (`--inplace`, `pip install -e`): the notes go where libraries do."""
        for extension in self.extensions:
            note, library = self.note_of(extension), Path(self.get_ext_filename(extension.name))
            if note.is_file():
                self.copy_file(str(note), str(library.with_suffix(NOTE)), level=0)
                library.unlink(missing_ok=True)
            else:
                library.with_suffix(NOTE).unlink(missing_ok=True)
        super().copy_extensions_to_source()

    # A library, not a module of Python's: no tag of a version, no PyInit, no libpython.

    def get_ext_filename(self, fullname: str) -> str:
        return fullname.replace(".", "/") + SUFFIX

    def get_export_symbols(self, ext: Extension) -> list[str]:
        return list(ext.export_symbols)

    def get_libraries(self, ext: Extension) -> list[str]:
        return list(ext.libraries)


class PlatformWheel(bdist_wheel):
    """For one platform and every version of Python."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


def stated(path: str, pattern: str) -> str:
    """What the one line of a file says that has such a form."""
    (found,) = re.findall(pattern, Path(path).read_text(encoding="utf-8"), re.MULTILINE)
    return str(found)


def description() -> str:
    """README.md with links that lead out of the index to the files of this version."""
    url = stated("pyproject.toml", r'^Source = "(.+)"$')
    number = stated("stc/version.py", r'^__version__ = "(.+)"$')

    def absolute(link: re.Match[str]) -> str:
        before, target = link.groups()
        kind = "raw" if before.startswith("!") else "blob"
        return f"{before}({url}/{kind}/v{number}/{target})"

    relative = re.compile(r"(!?\[[^\]]*\])\((?!https?:|#)([^)\s]+)\)")
    return relative.sub(absolute, Path("README.md").read_text(encoding="utf-8"))


setup(
    long_description=description(),
    long_description_content_type="text/markdown",
    ext_modules=[
        library("stc.native._core", str(SOURCES / "core.cpp")),
        library("stc.native._nearest", str(SOURCES / "nearest.cpp")),
    ],
    cmdclass={"build_ext": BuildLibraries, "bdist_wheel": PlatformWheel},
)
