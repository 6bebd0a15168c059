"""Packed matrices, against the definition of docs/model-file.md taken number by number."""

import re
from pathlib import Path

import numpy as np
import pytest

from stc.codec.matrix import Matrix
from stc.codec.model_file import open_model, save_model
from stc.codec.packing import unpack_codes, unpack_curved, unpack_mirrored
from stc.errors import WrongModelError
from tests.codec.models import save_odd_model

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
    curve = generator.integers(-127, 128, 1 << bits, np.int8)
    expected = [
        [curve[code(row, column, columns, bits)] for column in range(columns)]
        for row in packed.tolist()
    ]
    np.testing.assert_array_equal(unpack_codes(packed, curve, columns), expected)


def curved(rows, columns, bits, seed=0):
    generator = np.random.default_rng(seed)
    return {
        "codes": generator.integers(0, 256, (rows, size(columns, bits)), np.uint8),
        "curve": generator.integers(-127, 128, 1 << bits, np.int8),
        "tops": generator.integers(0, 129, rows).astype(np.uint8),
        "scale": generator.uniform(1e-3, 1, columns).astype(np.float16),
    }


@pytest.mark.parametrize(("rows", "columns", "bits"), [(1, 1, 6), (300, 21, 5), (129, 8, 4)])
def test_a_curved_matrix(rows, columns, bits):
    arrays = curved(rows, columns, bits)
    matrix = unpack_curved(arrays.__getitem__)
    assert matrix.scale.tolist() == arrays["scale"].astype(np.float32).tolist()
    for row in range(0, rows, 7):
        own = arrays["codes"][row].tolist()
        for column in range(columns):
            value = int(arrays["curve"][code(own, column, columns, bits)])
            assert matrix.values[row, column] == (value * int(arrays["tops"][row]) + 64) // 128


def mirrored(columns, mirror, bits=3):
    generator = np.random.default_rng(0)
    free = mirror.count(0)
    return {
        "left": generator.integers(0, 256, (3072, size(columns, bits)), np.uint8),
        "right": generator.integers(0, 256, (3072, size(free, bits)), np.uint8),
        "curve": generator.integers(-127, 128, 1 << bits, np.int8),
        "tops": generator.integers(0, 60, columns).astype(np.uint8),
        "mirror": np.array(mirror, np.int8),
    }


def basis(columns):
    values = np.random.default_rng(1).integers(-60, 61, (6144, columns), np.int8)
    return Matrix(values, np.linspace(1, 2, columns, dtype=np.float32))


@pytest.mark.parametrize("mirror", [[1, -1, 0, 0, 1], [1, -1], [0, 0, 0]])
def test_a_mirrored_matrix(mirror):
    columns, base = len(mirror), basis(len(mirror))
    arrays = mirrored(columns, mirror)
    matrix = unpack_mirrored(arrays.__getitem__, base)
    assert matrix.scale is base.scale
    free = [column for column in range(columns) if mirror[column] == 0]

    def value(packed, row, column, width, own):
        found = arrays["curve"][code(packed[row].tolist(), column, width, 3)]
        return (int(found) * int(arrays["tops"][own]) + 64) // 128

    pair = 0
    for start, side in PLANES:
        for place in range(0, side * side // 2, 37):
            row, column = divmod(place, side // 2)
            left, right = start + side * row + column, start + side * row + side - 1 - column
            for own in range(columns):
                added = value(arrays["left"], pair + place, own, columns, own)
                assert matrix.values[left, own] == base.values[left, own] + added
                if mirror[own]:
                    added *= mirror[own]
                else:
                    at = free.index(own)
                    added = value(arrays["right"], pair + place, at, len(free), own)
                assert matrix.values[right, own] == base.values[right, own] + added
        pair += side * side // 2


@pytest.mark.parametrize(
    "change",
    [
        {"codes": np.zeros((4, 5), np.uint8)},
        {"codes": np.zeros(4, np.uint8)},
        {"curve": np.zeros(12, np.int8)},
        {"curve": np.zeros(256, np.int8)},
        {"curve": np.zeros(1, np.int8)},
        {"tops": np.zeros(3, np.uint8)},
        {"scale": np.zeros(17, np.float16)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_curved_arrays_that_do_not_fit_are_refused(change):
    arrays = {**curved(4, 8, 4), **change}
    with pytest.raises(ValueError, match=r"\d"):
        unpack_curved(arrays.__getitem__)


@pytest.mark.parametrize(
    "change",
    [
        {"left": np.zeros((3071, 2), np.uint8)},
        {"left": np.zeros((3072, 9), np.uint8)},
        {"right": np.zeros((3072, 3), np.uint8)},
        {"tops": np.zeros(4, np.uint8)},
        {"mirror": np.zeros(6, np.int8)},
        {"mirror": np.zeros(5, np.int8)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_mirrored_arrays_that_do_not_fit_are_refused(change):
    arrays = {**mirrored(5, [1, -1, 0, 0, 1]), **change}
    with pytest.raises(ValueError, match=r"\d"):
        unpack_mirrored(arrays.__getitem__, basis(5))


def test_a_model_file_unpacks_what_it_has(tmp_path):
    odd = save_odd_model(tmp_path / "odd.safetensors", (3, 5, 2, 4), 6)
    plane = mirrored(70, [1, 0] * 35)
    level = curved(20, 7, 6)
    named = {f"encoder.analysis.{word}": array for word, array in plane.items()}
    named |= {f"encoder.levels.0.analysis.{word}": array for word, array in level.items()}
    model = save_model(tmp_path / "packed.safetensors", "packed", {**odd.read(), **named})
    expected = unpack_mirrored(plane.__getitem__, odd.matrix("basis"))
    np.testing.assert_array_equal(model.matrix("encoder.analysis").values, expected.values)
    found = model.matrix("encoder.levels.0.analysis")
    np.testing.assert_array_equal(found.values, unpack_curved(level.__getitem__).values)
    named["encoder.analysis.curve"] = np.zeros(9, np.int8)
    model = save_model(tmp_path / "broken.safetensors", "broken", {**odd.read(), **named})
    with pytest.raises(WrongModelError, match="a curve of 9 values"):
        model.matrix("encoder.analysis")


def test_the_shipped_analysis_is_an_inverse_of_the_basis():
    """So components are what a linear decoder makes planes of."""
    model = open_model()
    analysis, basis = (model.matrix(name) for name in ("encoder.analysis", "basis"))
    columns = np.arange(0, 1536, 97)
    one = analysis.values[:, columns].astype(np.float32) * analysis.scale[columns]
    two = basis.values[:, columns].astype(np.float32) * basis.scale[columns]
    np.testing.assert_allclose(one.T @ two, np.eye(len(columns)), atol=0.05)


def test_the_examples_of_the_page():
    model = open_model()
    line = re.compile(r"(encoder\.\S*analysis)\[(\d+),0:4\] (.*)")
    found = line.findall(Path("docs/model-file.md").read_text())
    assert len(found) == 3
    for name, row, words in found:
        matrix = model.matrix(name)
        own = matrix.values[int(row), :4] * matrix.scale[:4]
        np.testing.assert_allclose([float(word) for word in words.split()], own, rtol=1e-5)
