"""The search compiled for shorter vectors than this processor has, as smaller processors run it."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from stc.kernels import PreparedCodebooks, native
from stc.kernels.definition import nearest
from stc.native import loading
from tests.kernels.cases import SHAPES, groups_for, make, tied

SOURCE = Path(loading.__file__).with_name("nearest.cpp")
SHARED = ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-shared", "-fPIC"]
LANES = [4, 8, 16]  # of SSE2 or NEON, AVX2, AVX-512
COMPILERS = [name for name in ("g++", "clang++") if shutil.which(name)]
BATCHES = [1, 3, 4, 7, 8, 9, 13]  # whole tiles, parts of one, single images
CODEWORDS = [16, 31, 48, 64, 100, 128]  # all that a single image's vectors divide, and others

pytestmark = pytest.mark.skipif(not COMPILERS, reason="no C++ compiler here")


def flags():
    """The processor's instruction sets as Linux lists them; empty on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.split()}


@pytest.fixture(scope="module", params=COMPILERS)
def built(request, tmp_path_factory):
    """Lanes at most -> the function of a library with that limit, by one of the compilers."""
    folder = tmp_path_factory.mktemp(request.param.strip("+"))
    functions = {}
    for lanes in LANES:
        path = folder / f"nearest_{lanes}.so"
        define = f"-DSTC_MAX_LANES={lanes}"
        subprocess.run([request.param, *SHARED, define, str(SOURCE), "-o", str(path)], check=True)
        functions[lanes] = getattr(ctypes.CDLL(str(path)), native.SYMBOL)
        functions[lanes].argtypes = [ctypes.POINTER(native._Problem), ctypes.c_int32]
        functions[lanes].restype = ctypes.c_int32
    return functions


@pytest.fixture
def run(built, monkeypatch):
    """`native.run` with a library that has at most the given number of lanes."""
    monkeypatch.setattr(native, "_library", built)

    def run_with(lanes, *arguments):
        monkeypatch.setattr(native, "_search", built[lanes], raising=False)
        return native.run(*arguments)

    return run_with


def same(found, expected):
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("with_penalty", [False, True])
def test_every_machine_gives_what_the_definition_gives(run, lanes, with_penalty):
    odd = [(b, 2, 3, k, 5) for b in BATCHES for k in CODEWORDS]
    for shape in [*SHAPES, *odd]:
        latents, codebooks, penalty = make(*shape)
        penalty = penalty if with_penalty else None
        prepared = PreparedCodebooks(codebooks, penalty)
        expected = nearest(latents, codebooks, penalty)
        same(run(lanes, latents, prepared, None), expected)
        given, rows = groups_for(shape[0], shape[1]), np.arange(shape[0])
        own = [part[rows, given] for part in expected]
        same(run(lanes, latents, prepared, given), own)


@pytest.mark.parametrize("lanes", LANES)
def test_on_every_machine_ties_go_to_the_lowest_index(run, lanes):
    latents, codebooks = tied()
    for batch in (1, 6, 50):
        expected = nearest(latents[:batch], codebooks)
        same(run(lanes, latents[:batch], PreparedCodebooks(codebooks), None), expected)
    # The nearest codeword and its twins, from every place of a vector on.
    codebooks = np.zeros((1, 1, 70, 3), np.float32)
    for first in range(69):
        codebooks[0, 0, :first] = 1
        found, _ = run(lanes, np.zeros((9, 1, 3), np.float32), PreparedCodebooks(codebooks), None)
        assert (found == first).all()


def crowded():
    """Latents and codebooks whose scores differ by their rounding alone."""
    generator = np.random.default_rng(0)
    latents = generator.standard_normal((200, 4, 16), np.float32)
    codebooks = np.repeat(generator.standard_normal((2, 4, 4, 16), np.float32), 64, 2)
    nudges = 1 + 6e-8 * generator.integers(-2, 3, codebooks.shape)
    return latents, (codebooks * nudges).astype(np.float32)


@pytest.mark.skipif(not {"avx2", "fma"} <= flags(), reason="this processor has no AVX2")
def test_machines_that_fuse_agree_where_rounding_decides(run):
    latents, codebooks = crowded()
    prepared = PreparedCodebooks(codebooks)
    unfused, middle, large = (run(lanes, latents, prepared, None) for lanes in LANES)
    same(middle, large)
    assert (unfused[0] != middle[0]).any()  # or the case says nothing
    for image in (0, 77, 199):  # alone: in another tile
        for lanes in LANES[1:]:
            alone = run(lanes, latents[image : image + 1], prepared, None)
            np.testing.assert_array_equal(alone[0], middle[0][[image]])


@pytest.mark.parametrize("lanes", LANES)
def test_costs_of_winners_are_rounded_after_every_operation(run, lanes):
    latents, codebooks = crowded()
    indices, costs = run(lanes, latents, PreparedCodebooks(codebooks), None)
    groups, tokens = np.arange(2)[:, None], np.arange(4)
    won = codebooks[groups, tokens, indices]  # [B, G, T, D]
    total = np.zeros(costs.shape, np.float32)
    for d in range(16):
        total += np.square(latents[:, None, :, d] - won[..., d])
    np.testing.assert_array_equal(costs, total)
