"""Arrays of other memory layouts with equal numbers give equal files, tokens and pictures."""

import numpy as np
import pytest

from stc import bitstream
from stc.codec.core import Matrix, open_core
from stc.codec.model_file import open_model
from stc.codec.planes import to_planes
from stc.kernels import PreparedCodebooks, search
from stc.native.choice import VARIABLE


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def apart(array):
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def unaligned(array):
    memory = np.zeros(array.nbytes + 1, np.uint8)[1:]
    moved = memory.view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


def backwards(array):
    return array[::-1].copy()[::-1]


LAYOUTS = [read_only, np.asfortranarray, apart, unaligned, backwards]
BY_NAME = {"argvalues": LAYOUTS, "ids": [one.__name__ for one in LAYOUTS]}


@pytest.fixture(params=["native", "portable"])
def core(request, monkeypatch):
    from stc.native import library

    if request.param == "native" and not library.available:
        pytest.skip(library.why)
    monkeypatch.setenv(VARIABLE, request.param)
    return open_core(open_model())


@pytest.mark.parametrize("layout", **BY_NAME)
def test_canvases(codec, noise, layout):
    expected = codec.encode_batch(noise, stages=1, effort=0)
    found = codec.encode_batch(layout(noise), stages=1, effort=0)
    assert [one.data for one in found] == [one.data for one in expected]
    drawn = codec.decode_batch([one.data for one in expected])
    kept = codec.identity_kept(noise, drawn)
    np.testing.assert_array_equal(codec.identity_kept(layout(noise), layout(drawn)), kept)


@pytest.mark.parametrize("layout", **BY_NAME)
def test_the_core(core, noise, layout):
    generator = np.random.default_rng(0)
    matrix = Matrix(
        generator.integers(-127, 128, (30, 20), np.int8),
        generator.uniform(0.1, 1, 20).astype(np.float32),
    )
    x = generator.normal(size=(3, 30)).astype(np.float32)
    v = generator.normal(size=(3, 20)).astype(np.float32)
    np.testing.assert_array_equal(core.project(layout(x), matrix), core.project(x, matrix))
    np.testing.assert_array_equal(core.expand(layout(v), matrix), core.expand(v, matrix))
    planes, spent = to_planes(noise[:1]), np.ones(1, np.float32)
    drawn = core.render(layout(planes), layout(spent))
    np.testing.assert_array_equal(drawn, core.render(planes, spent))


@pytest.mark.parametrize("backend", ["auto", "numpy"])
@pytest.mark.parametrize("layout", **BY_NAME)
def test_the_search(backend, layout):
    generator = np.random.default_rng(0)
    latents = generator.normal(size=(7, 3, 6)).astype(np.float32)
    books = generator.normal(size=(2, 3, 20, 6)).astype(np.float32)
    penalty = generator.uniform(size=(2, 3, 20)).astype(np.float32)
    groups = generator.integers(0, 2, 7)
    expected = search(latents, PreparedCodebooks(books, penalty), groups, backend=backend)
    prepared = PreparedCodebooks(layout(books), layout(penalty))
    found = search(layout(latents), prepared, layout(groups), backend=backend)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", [">f4", ">f8", np.float16, np.float64])
def test_other_floats_are_codebooks_too_but_no_latents(dtype):
    books = np.arange(24).reshape(1, 2, 4, 3).astype(dtype)
    latents = np.ones((2, 2, 3), np.float32)
    found = search(latents, PreparedCodebooks(books, books[..., 0]))
    plain = books.astype(np.float32)
    np.testing.assert_array_equal(
        found[0], search(latents, PreparedCodebooks(plain, plain[..., 0]))[0]
    )
    with pytest.raises(ValueError, match="latents must be float32"):
        search(latents.astype(dtype), PreparedCodebooks(books))


@pytest.mark.parametrize("dtype", [">i8", "<i4", np.uint8, np.uint64])
@pytest.mark.parametrize("layout", **BY_NAME)
def test_messages(layout, dtype):
    counts = np.array([[[3, 5, 8, 65520]] * 3] * 2)
    tables = bitstream.Tables(np.array([1, 65535]), (counts,))
    other = bitstream.Tables(layout(np.array([1, 65535], ">i4")), (layout(counts.astype(">i8")),))
    indices = np.array([0, 3, 2])
    expected = bitstream.pack(b"ab", tables, 1, indices)
    given = layout(indices.astype(dtype))
    assert bitstream.pack(b"ab", other, 1, given) == expected
    assert bitstream.longest_prefix(other, 1, given, len(expected)) == 3
    group, found = bitstream.unpack(expected, other)
    assert (group, found.tolist()) == (1, [0, 3, 2])
