"""Packed matrices against the definition in conformance/model-file.md, number by number."""

import numpy as np
import pytest

from stc.codec.model_file import save_model
from stc.codec.packing import unpack, unpack_digits
from stc.errors import WrongModelError
from stc.native import library as native
from stc.native.choice import VARIABLE
from tests.codec.models import save_odd_model


@pytest.fixture(params=["native", "portable"], autouse=True)
def core(request, monkeypatch):
    """Select the core that unpacks."""
    if request.param == "native" and not native.available:
        pytest.skip(native.why)
    monkeypatch.setenv(VARIABLE, request.param)


PLANES = ((0, 64), (4096, 32), (5120, 32))


def code(row, column, columns, bits):
    """One code of packed bytes [bytes]."""
    found, start = 0, 0
    for width in (4, 2, 1):
        if bits & width:
            size = -(-columns * width // 8)
            byte, place = column % size, column // size
            found = found << width | row[start + byte] >> width * place & (1 << width) - 1
            start += size
    return found


def size(columns, bits):
    return sum(-(-columns * width // 8) for width in (4, 2, 1) if bits & width)


@pytest.mark.parametrize("bits", range(1, 8))
@pytest.mark.parametrize("columns", [1, 2, 3, 7, 8, 9, 64, 67])
def test_codes_lie_where_the_page_says(bits, columns):
    generator = np.random.default_rng(bits * 100 + columns)
    packed = generator.integers(0, 256, (3, size(columns, bits)), np.uint8)
    expected = [
        [code(row, column, columns, bits) for column in range(columns)] for row in packed.tolist()
    ]
    np.testing.assert_array_equal(unpack_digits(packed, bits, columns), expected)


def packed(rows, columns, bits, strong=0, mirror=None, seed=0):
    """The arrays of a packed matrix with random content."""
    generator = np.random.default_rng(seed)
    arrays = {
        "codes": generator.integers(0, 256, (rows, size(columns - strong, bits)), np.uint8),
        "curve": generator.integers(-127, 128, 1 << bits, np.int8),
        "tops": generator.integers(0, 129, rows).astype(np.uint8),
        "scale": generator.uniform(1e-3, 1, columns).astype(np.float16),
    }
    if strong:
        arrays["first"] = generator.integers(-127, 128, (rows, strong), np.int8)
    if mirror:
        arrays["mirror"] = np.array(mirror, np.int8)
    return arrays


def value(arrays, row, column):
    """One number of a matrix without its scale, as conformance/model-file.md defines it."""
    strong = arrays["first"].shape[1] if "first" in arrays else 0
    if column < strong:
        return int(arrays["first"][row, column])
    bits = len(arrays["curve"]).bit_length() - 1
    coded = len(arrays["scale"]) - strong
    own = code(arrays["codes"][row].tolist(), column - strong, coded, bits)
    return (int(arrays["curve"][own]) * int(arrays["tops"][row]) + 64) // 128


@pytest.mark.parametrize(
    ("rows", "columns", "bits", "strong"),
    [(1, 1, 6, 0), (300, 21, 5, 0), (129, 8, 4, 3), (5, 40, 7, 39), (3, 9, 1, 0), (64, 33, 3, 1)],
)
def test_a_packed_matrix(rows, columns, bits, strong):
    arrays = packed(rows, columns, bits, strong)
    matrix = unpack(arrays.__getitem__, set(arrays))
    assert matrix.scale.tolist() == arrays["scale"].astype(np.float32).tolist()
    expected = [[value(arrays, row, column) for column in range(columns)] for row in range(rows)]
    np.testing.assert_array_equal(matrix.values, expected)


@pytest.mark.parametrize(("mirror", "strong"), [([1, -1, 1, 1, -1], 0), ([1, -1, -1], 2)])
def test_a_mirrored_matrix(mirror, strong):
    arrays = packed(3072, len(mirror), 5, strong, mirror)
    matrix = unpack(arrays.__getitem__, set(arrays))
    assert matrix.values.shape == (6144, len(mirror))
    pair = 0
    for start, side in PLANES:
        for place in range(0, side * side // 2, 37):
            row, column = divmod(place, side // 2)
            left, right = start + side * row + column, start + side * row + side - 1 - column
            own = [value(arrays, pair + place, column) for column in range(len(mirror))]
            assert matrix.values[left].tolist() == own
            assert matrix.values[right].tolist() == (np.array(own) * mirror).tolist()
        pair += side * side // 2


def test_leading_axes_are_one():
    arrays = packed(12, 9, 6)
    flat = unpack(arrays.__getitem__, set(arrays))
    arrays["codes"] = arrays["codes"].reshape(3, 4, -1)
    arrays["tops"] = arrays["tops"].reshape(3, 4)
    np.testing.assert_array_equal(unpack(arrays.__getitem__, set(arrays)).values, flat.values)


CHANGES = {
    "codes": {"codes": np.zeros((4, 5), np.uint8)},
    "bytes": {"codes": np.zeros(4, np.uint8)},
    "no power": {"curve": np.zeros(12, np.int8)},
    "8 bits": {"curve": np.zeros(256, np.int8)},
    "no bits": {"curve": np.zeros(1, np.int8)},
    "tops": {"tops": np.zeros(3, np.uint8)},
    "scale": {"scale": np.zeros(17, np.float16)},
    "first": {"first": np.zeros((4, 2), np.int8)},
    "all first": {"first": np.zeros((4, 8), np.int8)},
    "rows of the first": {"first": np.zeros((5, 1), np.int8)},
    "mirror": {"mirror": np.zeros(8, np.int8)},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_arrays_that_do_not_fit_are_refused(change):
    arrays = {**packed(4, 8, 4), **change}
    with pytest.raises(ValueError, match=r"\d"):
        unpack(arrays.__getitem__, set(arrays))


def named(name, arrays):
    return {f"{name}.{word}": array for word, array in arrays.items()}


def without(arrays, *names):
    return {name: array for name, array in arrays.items() if name not in names}


@pytest.fixture
def repacked(tmp_path):
    """The arrays of a model with a packed basis, synthesis and codebooks."""
    odd = save_odd_model(tmp_path / "odd.safetensors", (3, 5, 2, 4), 6)
    books = packed(15, 7, 5)
    books["codes"] = books["codes"].reshape(3, 5, -1)
    books["tops"] = books["tops"].reshape(3, 5)
    return {
        **without(odd.read(), "basis", "levels.0.synthesis", "levels.0.codebooks"),
        **named("basis", packed(3072, 70, 5, 4, [1, -1] * 35)),
        **named("levels.0.synthesis", packed(20, 7, 6)),
        **named("levels.0.codebooks", books),
    }


def test_a_model_file_unpacks_what_it_has(tmp_path, repacked):
    model = save_model(tmp_path / "packed.safetensors", "packed", repacked)
    for name, shape in {
        "basis": (6144, 70),
        "levels.0.synthesis": (20, 7),
        "levels.0.codebooks": (15, 7),
        "levels.1.codebooks": (3, 30),
    }.items():
        found = model.matrix(name)
        assert found.values.shape == shape
        if f"{name}.codes" in repacked:
            own = {word: a for word, a in repacked.items() if word.startswith(f"{name}.")}
            arrays = {word[len(name) + 1 :]: array for word, array in own.items()}
            expected = unpack(arrays.__getitem__, set(arrays))
            np.testing.assert_array_equal(found.values, expected.values)
    assert model.config["levels"][0][0] == 20


HOSTILE = {
    "codes": lambda a: {"basis.codes": a["basis.codes"][:, :-1]},
    "rows": lambda a: {"basis.codes": a["basis.codes"][:-1]},
    "curve": lambda a: {"basis.curve": np.zeros(9, np.int8)},
    "other bits": lambda a: {"basis.curve": np.zeros(64, np.int8)},
    "tops": lambda a: {"basis.tops": a["basis.tops"][1:]},
    "mirror": lambda a: {"basis.mirror": a["basis.mirror"][1:]},
    "first": lambda a: {"basis.first": np.zeros((3072, 70), np.int8)},
    "scale": lambda a: {"basis.scale": a["basis.scale"][1:]},
    "mirror of a level": lambda a: {"levels.0.synthesis.mirror": np.ones(7, np.int8)},
    "codewords": lambda a: {"levels.0.codebooks.codes": a["levels.0.codebooks.codes"][:, 1:]},
    "tops of codewords": lambda a: {"levels.0.codebooks.tops": np.zeros(15, np.uint8)},
    "groups": lambda a: {"levels.2.counts": np.repeat(a["levels.2.counts"], 2, 0)},
    "metric": lambda a: {"encoder.levels.0.metric": np.zeros(2, np.uint8)},
    "identity": lambda a: {
        "encoder.levels.0.metric": np.zeros(1, np.uint8),
        "encoder.levels.0.identity": np.zeros(1, np.float16),
    },
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_packed_arrays_of_other_shapes_are_refused(change, repacked, tmp_path):
    with pytest.raises(WrongModelError, match="not an STC model"):
        save_model(tmp_path / "changed.safetensors", "changed", {**repacked, **change(repacked)})
