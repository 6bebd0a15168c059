"""If the compiler is missing or fails, the build script continues and writes a note."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("setuptools", minversion="77")

from stc.kernels import native
from stc.native import loading
from stc.native.loading import NOTE, SUFFIX, load

ROOT = Path(__file__).parents[2]
COMPILER = next((p for p in map(shutil.which, ("c++", "g++", "clang++")) if p), None)
NATIVE = Path("stc/native")

pytestmark = [
    pytest.mark.skipif(not (ROOT / "setup.py").is_file(), reason="installed without its sources"),
    pytest.mark.skipif(sys.platform == "win32", reason="compilers are named otherwise"),
]


@pytest.fixture
def tree(tmp_path):
    """A separate folder with the build script and the sources of the search."""
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "LICENSES", tmp_path / "LICENSES")
    built = shutil.ignore_patterns(f"*{SUFFIX}", f"*{NOTE}")
    shutil.copytree(ROOT / NATIVE, tmp_path / NATIVE, ignore=built)
    shutil.copy(ROOT / "stc" / "version.py", tmp_path / "stc")
    return tmp_path


def build(tree, compiler, *options):
    command = [sys.executable, "setup.py", "-q", "build_ext", *options]
    environment = os.environ | {"CC": compiler, "CXX": compiler, "LDSHARED": f"{compiler} -shared"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("options", [("--inplace",), ("--build-lib=built",)])
def test_without_a_compiler_the_note_says_so(tree, options):
    folder = tree / ("" if options == ("--inplace",) else "built") / NATIVE
    warning = build(tree, "/nowhere/c++", *options)
    assert "stc.native._nearest was not built" in warning
    library, why = load(folder / "_nearest")
    assert library is None
    assert why.startswith("not built at installation: ")
    assert "/nowhere/c++" in why


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler here")
def test_a_source_that_fails_replaces_an_older_library(tree):
    stem = tree / NATIVE / "_nearest"
    source = stem.with_name("nearest.cpp")
    good = 'extern "C" __attribute__((visibility("default"))) int one() { return 1; }\n'
    source.write_text(good)
    build(tree, COMPILER, "--inplace")
    assert load(stem, ["one"]).why == ""
    source.write_text("#error broken\n")
    build(tree, COMPILER, "--inplace", "--force")
    assert load(stem).why.startswith("not built at installation: ")
    source.write_text(good)
    build(tree, COMPILER, "--inplace", "--force")
    assert not stem.with_suffix(NOTE).exists()
    assert stem.with_name(f"_nearest{SUFFIX}").is_file()


def test_the_library_needs_neither_python_nor_openmp():
    if native.why:
        pytest.skip(native.why)
    data = Path(loading.__file__).with_name(f"_nearest{SUFFIX}").read_bytes()
    for name in (b"PyInit", b"libpython", b"libgomp", b"libomp"):
        assert name not in data
