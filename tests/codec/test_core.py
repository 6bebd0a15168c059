"""The cores: products against their definition, and pictures against each other and the release.

Scratch memory is filled with NaN, and matrices end at a protected page, so that reads of unwritten
memory or beyond the end are detected.
"""

import ctypes
import json
import mmap
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from stc import bitstream
from stc.codec.core import Matrix, open_core
from stc.codec.layers import linear_arrays, token_shape
from stc.codec.model_file import open_model
from stc.codec.native_core import NativeCore
from stc.codec.tokenizer import Tokenizer
from stc.codec.tokens import Tokens
from stc.errors import BackendError, WrongModelError
from stc.native import library as native
from stc.native.choice import VARIABLE
from stc.native.library import Arrays, function, ints, scratch
from tests.codec.make_golden import FOLDER
from tests.codec.models import save_odd_model

GOLDEN = json.loads((FOLDER / f"{open_model().name}.json").read_text())
needs_native = pytest.mark.skipif(not native.available, reason=native.why)


@pytest.fixture(scope="module")
def model():
    return open_model()


@pytest.fixture(params=["native", "portable"])
def name(request, monkeypatch):
    if request.param == "native" and not native.available:
        pytest.skip(native.why)
    monkeypatch.setenv(VARIABLE, request.param)
    return request.param


@pytest.fixture
def core(name, model):
    scratch.take(1 << 24)
    scratch._memory[:] = 255
    return open_core(model)


def make_matrix(rows, columns, seed=0):
    generator = np.random.default_rng(seed)
    values = at_the_end(generator.integers(-127, 128, (rows, columns), np.int8))
    return Matrix(values, generator.uniform(0.01, 1, columns).astype(np.float32))


def at_the_end(array):
    """A copy of the array that ends at a memory page without access."""
    if sys.platform != "linux" or array.nbytes == 0:
        return array
    size = -(-array.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = mmap.mmap(-1, size + mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(address + size), mmap.PAGESIZE, 0) == 0
    flat = np.frombuffer(memory, array.dtype, array.size, size - array.nbytes)
    flat[:] = array.ravel()
    return flat.reshape(array.shape)


SHAPES = [(1, 1), (5, 3), (77, 199), (66, 64), (257, 100), (300, 129), (1536, 358)]


@pytest.mark.parametrize("batch", [0, 1, 2, 4, 5, 9, 16, 33])
@pytest.mark.parametrize("shape", SHAPES)
def test_products_are_what_they_say(core, shape, batch):
    matrix = make_matrix(*shape)
    dense = matrix.values.astype(np.float64) * matrix.scale
    generator = np.random.default_rng(batch)
    x = generator.normal(size=(batch, shape[0])).astype(np.float32)
    assert_near(core.project(x, matrix), x @ dense, np.abs(x) @ np.abs(dense))
    for width in {shape[1], 1, shape[1] // 2 + 1, max(1, shape[1] - 1)}:
        v = generator.normal(size=(batch, width)).astype(np.float32)
        own = dense[:, :width].T
        assert_near(core.expand(v, matrix), v @ own, np.abs(v) @ np.abs(own))


def assert_near(found, expected, size):
    """Assert equality within the rounding error of sums of such numbers."""
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert (np.abs(found - expected) <= 1e-6 * size + 1e-12).all()


def test_rows_that_lie_apart_are_gathered(core):
    matrix = make_matrix(40, 24)
    wide = np.random.default_rng(1).normal(size=(3, 80)).astype(np.float32)
    apart = wide[:, ::2]
    np.testing.assert_array_equal(core.project(apart, matrix), core.project(apart.copy(), matrix))


@pytest.mark.parametrize(
    ("method", "array"),
    [
        ("project", np.zeros((2, 40), np.float64)),
        ("project", np.zeros((2, 41), np.float32)),
        ("project", np.zeros(40, np.float32)),
        ("expand", np.zeros((2, 25), np.float32)),
        ("expand", np.zeros((2, 3, 4), np.float32)),
        ("expand", np.zeros((2, 24), np.int64)),
    ],
)
def test_arrays_of_another_kind_are_refused(core, method, array):
    with pytest.raises(ValueError, match=r"must be float32|latents per row"):
        getattr(core, method)(array, make_matrix(40, 24))


def test_pictures_of_planes_of_another_kind_are_refused(core):
    planes, spent = np.zeros((2, 6144), np.float32), np.zeros(2, np.float32)
    for bad in [(planes[:, :-1], spent), (planes, spent[:1]), (planes.astype(float), spent)]:
        with pytest.raises(ValueError, match="must be float32"):
            core.render(*bad)


def test_matrices_of_another_kind_are_refused():
    values, scale = np.zeros((4, 6), np.int8), np.zeros(6, np.float32)
    Matrix(values, scale)
    for bad in [
        (values.astype(np.int16), scale),
        (values[0], scale),
        (values, scale[:5]),
        (values, scale.astype(np.float16)),
        (values[:, ::2], scale[:3]),
        (values.T, scale[:4]),
    ]:
        with pytest.raises(ValueError, match=r"must (be|lie)"):
            Matrix(*bad)


def planes_of(model, core, cases):
    tokens = Tokens.of(
        [bitstream.unpack(bytes.fromhex(case["file"]), model.tables) for case in cases]
    )
    tokenizer = Tokenizer(model, core)
    planes = tokenizer.planes(tokenizer.dequantize(tokens))
    return planes, (tokens.counts / model.tables.tokens).astype(np.float32)


def test_pictures_are_those_of_the_release(core, model):
    pictures = core.render(*planes_of(model, core, GOLDEN))
    for picture, case in zip(pictures, GOLDEN, strict=True):
        with Image.open(FOLDER / f"{case['name']}.png") as golden:
            assert_close(picture, np.asarray(golden))


def assert_close(pictures, others):
    """Assert that pixels differ by at most 1 of 255, and rarely."""
    differences = np.abs(pictures.astype(int) - others)
    assert differences.max(initial=0) <= 1
    assert differences.mean() < 1e-3


def random_planes(faces, seed=0):
    generator = np.random.default_rng(seed)
    return (
        generator.normal(0.4, 0.3, (faces, 6144)).astype(np.float32),
        generator.uniform(0, 1, faces).astype(np.float32),
    )


@needs_native
@pytest.mark.parametrize(
    ("widths", "condition"),
    [((256, 160, 80, 48), 32), ((24, 20, 12, 10), 5), ((16, 16, 16, 16), 1), ((7, 33, 50, 3), 40)],
)
def test_the_cores_draw_the_same_whatever_the_widths(tmp_path, monkeypatch, widths, condition):
    model = save_odd_model(tmp_path / "odd.safetensors", widths, condition)
    planes, spent = random_planes(3)
    spent[:2] = 0, 1
    drawn = {}
    for name in ("native", "portable"):
        monkeypatch.setenv(VARIABLE, name)
        drawn[name] = open_core(model).render(planes, spent)
    assert_close(drawn["native"], drawn["portable"])
    assert drawn["native"].std() > 10


def test_a_face_is_drawn_the_same_alone_and_in_any_number_of_threads(core, monkeypatch):
    planes, spent = random_planes(5)
    monkeypatch.setenv("STC_THREADS", "1")
    drawn = core.render(planes, spent)
    monkeypatch.setenv("STC_THREADS", "3")
    np.testing.assert_array_equal(core.render(planes, spent), drawn)
    np.testing.assert_array_equal(core.render(planes[3:4], spent[3:4]), drawn[3:4])
    assert core.render(planes[:0], spent[:0]).shape == (0, 128, 128, 3)


def test_products_in_threads_are_the_same(core, monkeypatch):
    matrix = make_matrix(100, 70)
    x = np.random.default_rng(2).normal(size=(64, 100)).astype(np.float32)
    monkeypatch.setenv("STC_THREADS", "1")
    one = core.project(x, matrix)
    monkeypatch.setenv("STC_THREADS", "4")
    np.testing.assert_array_equal(core.project(x, matrix), one)


def test_several_threads_may_share_a_core(core):
    planes, spent = random_planes(8)
    drawn = core.render(planes, spent)
    with ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(lambda i: core.render(planes[i : i + 1], spent[i : i + 1]), range(8)))
    np.testing.assert_array_equal(np.concatenate(alone), drawn)


def test_numbers_that_are_none_are_drawn_too(core):
    planes, spent = random_planes(2)
    planes[0, ::7], planes[1] = np.nan, 1e30
    assert core.render(planes, spent).shape == (2, 128, 128, 3)


@needs_native
def test_pages_compute_the_same_planes(tmp_path, model):
    """Compares `stc_planes`, which only WebAssembly uses, with the tokenizer."""
    odd = save_odd_model(tmp_path / "odd.safetensors", (16, 16, 16, 16), 1)
    message = 2, np.array([4, 0, 3, 0, 0, 0, 0, 15, 7])
    golden = bitstream.unpack(bytes.fromhex(GOLDEN[1]["file"]), model.tables)
    for own, (group, indices) in [(odd, message), (odd, (1, message[1][:2])), (model, golden)]:
        tokenizer = Tokenizer(own, open_core(own))
        expected = tokenizer.planes(tokenizer.dequantize(Tokens.of([(group, indices)])))[0]
        np.testing.assert_allclose(page_planes(own, group, indices), expected, atol=1e-4)


def page_planes(model, group, indices):
    shape = ints(token_shape(model))
    arrays = Arrays(linear_arrays(model))
    planes, own = np.empty(6144, np.float32), indices.astype(np.int32)
    need = function("stc_planes_scratch")(shape)
    call = function("stc_planes")
    given = shape, arrays.addresses, group, own.ctypes.data, len(own), planes.ctypes.data
    assert call(*given, *scratch.take(need)) == 0
    assert call(*given[:2], model.group_number, *given[3:], *scratch.take(need)) == 3
    assert call(*given[:4], 1 << 15, *given[5:], *scratch.take(need)) == 3
    assert call(*given, scratch.take(need)[0], need // 2) == 4
    return planes


def test_an_unknown_core_is_refused(model, monkeypatch):
    monkeypatch.setenv(VARIABLE, "abacus")
    with pytest.raises(BackendError, match="native, portable"):
        open_core(model)


def test_a_core_that_was_not_built_says_why(model, monkeypatch):
    monkeypatch.setattr(native, "why", "no compiler")
    monkeypatch.delenv(VARIABLE, raising=False)
    assert type(open_core(model)).__name__ == "PortableCore"
    monkeypatch.setenv(VARIABLE, "native")
    with pytest.raises(BackendError, match="no compiler"):
        open_core(model)


@needs_native
def test_a_decoder_of_another_shape_than_its_widths_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "native")
    model = save_odd_model(tmp_path / "odd.safetensors", (16, 16, 16, 16), 1)
    model.config["widths"][3] = 32
    with pytest.raises(WrongModelError, match=r"enter64.weight is int8 \[1, 3, 3, 16\]"):
        open_core(model).render(*random_planes(1))


@needs_native
@pytest.mark.parametrize(("rows", "columns"), [(64, 16), (300, 130), (130, 300), (6144, 257)])
def test_a_vector_gives_the_same_bits_in_any_batch(rows, columns):
    """Otherwise the file of a face could depend on the other faces of its batch."""
    generator = np.random.default_rng(rows)
    values = generator.integers(-127, 128, (rows, columns), dtype=np.int8)
    matrix = Matrix(values, generator.random(columns, np.float32))
    x, v = (generator.standard_normal((70, n), np.float32) for n in (rows, columns))
    core = NativeCore(open_model())
    for work, vectors in ((core.project, x), (core.expand, v), (core.expand, v[:, : columns // 2])):
        alone = np.concatenate([work(one[None], matrix) for one in vectors])
        for batch in (2, 3, 5, 16, 33, 70):
            assert np.array_equal(work(vectors[:batch], matrix), alone[:batch])
