"""Stored records: round trips, hostile bytes, size."""

import io
import struct
import tracemalloc
import zlib
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stc.errors import (
    BadMagicError,
    CorruptError,
    FormatError,
    StcError,
    TemplateError,
    TruncatedError,
    UnsupportedVersionError,
)
from stc.protection import (
    GroupedTemplate,
    Key,
    ProtectedTemplate,
    container,
    match,
    protect,
    read_records,
)
from stc.protection.stream import Parameters
from tests.protection.conftest import random_template

KEY = Key(bytes(32))
RECORD = protect(random_template(), KEY, "alice")
DATA = RECORD.to_bytes()
GOLDEN = (
    "5354437001066d616465030008000400282302005d4989e6"
    "4766f8ed0673616c696365ab4d16aad507ccfbebc33a83b1"
)
CODES = [21, 41, 41, -19, 21, 27, -23, -49, 39, -33, 31, 23]
SCORE = 0.99985


@pytest.mark.parametrize("record_id", ["a", "é" * 32, b"\x00\xff", 0, 255, 1 << 500])
@pytest.mark.parametrize("bits", [2, 5, 8])
def test_what_is_stored_comes_back(record_id, bits):
    record = protect(random_template(), KEY, record_id, 0.85, 0.25, generation=7)
    data = record.to_bytes(bits)
    back = ProtectedTemplate.from_bytes(data)
    assert back.to_bytes(bits) == data
    assert (back.record_id, back.alpha, back.drop, back.generation) == (record_id, 0.85, 0.25, 7)
    assert type(back.record_id) is type(record_id)
    assert np.array_equal(back.features == 0, record.features == 0)
    assert np.abs(back.features - record.features).max() <= 2**-bits + 1e-6
    assert match(random_template(), back, KEY) > (0.995 if bits == 8 else 0.2)


@pytest.mark.parametrize("bits", [1, 9])
def test_other_numbers_of_bits_are_refused(bits):
    with pytest.raises(TemplateError, match=f"2 to 8 bits a dimension, not {bits}"):
        RECORD.to_bytes(bits)


def test_a_record_has_at_most_512_bytes():
    assert len(protect(random_template(), KEY, "x" * 64).to_bytes()) <= 512
    assert len(protect(random_template(), KEY, "x" * 16).to_bytes()) == 29 + 17 + 392 + 4


def test_other_shapes():
    record = protect(random_template(groups=3, size=5), KEY, "a", 0.5, 0.5)
    assert np.array_equal(
        ProtectedTemplate.from_bytes(record.to_bytes()).features == 0, record.features == 0
    )


def test_what_the_format_says_is_what_is_read():
    """A record from an earlier release: its codes must be exact, the score within rounding."""
    record = ProtectedTemplate.from_bytes(bytes.fromhex(GOLDEN))
    assert record.parameters == Parameters(3, 8, 4, 9000, b"made")
    assert (record.record_id, record.generation, record.bits) == ("alice", 2, 6)
    assert (record.features[record.features != 0] * 64).astype(int).tolist() == CODES
    features = np.arange(24).reshape(3, 8) * 37 % 23 - 11
    query = GroupedTemplate(features, np.array([0.5, 0.25, 0.25]), b"made")
    assert match(query, record, KEY) == pytest.approx(SCORE, abs=1e-3)
    assert protect(query, KEY, "alice", generation=2).tag == record.tag


def test_another_shape_is_refused_before_it_is_read():
    with pytest.raises(TemplateError, match="3 x 8 features instead of 49 x 16"):
        list(read_records(DATA + bytes.fromhex(GOLDEN), (49, 16)))


def test_many_in_one_file():
    assert [one.record_id for one in read_records(DATA + DATA)] == ["alice", "alice"]
    assert list(read_records(b"")) == []
    with pytest.raises(FormatError):
        list(read_records(DATA + DATA[:-1]))


def test_damage_has_a_name():
    read = ProtectedTemplate.from_bytes
    for data, error in (
        (b"", BadMagicError),
        (b"STC\x01" + DATA[4:], BadMagicError),
        (DATA[:4] + b"\x02" + DATA[5:], UnsupportedVersionError),
        (DATA[:3], TruncatedError),
        (DATA[:-1], TruncatedError),
        (DATA + b"\0", CorruptError),
        (DATA[:100] + bytes([DATA[100] ^ 1]) + DATA[101:], CorruptError),
    ):
        with pytest.raises(error):
            read(data)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (5, 0),
        (5, 9),
        (10, 0),
        (10, 0xFFFF),
        (10, 1025),
        (12, 1),
        (12, 0xFFFF),
        (14, 0),
        (14, 17),
        (16, 10001),
    ],
)
def test_numbers_that_no_record_has(place, value):
    data = bytearray(DATA[:-4])
    struct.pack_into("<B" if place == 5 else "<H", data, place, value)
    whole = bytes(data) + struct.pack("<I", zlib.crc32(data))
    with pytest.raises(CorruptError, match="values that no record can have"):
        ProtectedTemplate.from_bytes(whole)


@given(st.binary(max_size=600), st.integers(0, len(DATA)))
def test_any_bytes_are_read_or_refused(data, place):
    for some in (data, DATA[:place] + data, sealed(DATA[:place] + data)):
        try:
            ProtectedTemplate.from_bytes(some)
        except StcError:
            continue


def sealed(data):
    return data + struct.pack("<I", zlib.crc32(data))


class Endless:
    """A file without end: `start`, then `byte` repeated; counts the bytes that are read."""

    def __init__(self, start, byte):
        self._start, self._byte, self.read_of_it = start, byte, 0

    def read(self, size):
        assert size > 0
        self.read_of_it += size
        data, self._start = self._start[:size], self._start[size:]
        return data + self._byte * (size - len(data))


@pytest.mark.parametrize("start", [b"", DATA, DATA * 50, b"STCp"])
@pytest.mark.parametrize("byte", [b"\0", b"S", b"\xff"])
def test_an_endless_file_is_refused_where_it_goes_wrong(start, byte):
    file = Endless(start, byte)
    with pytest.raises(FormatError):
        for _ in read_records(file):
            pass
    assert file.read_of_it < len(start) + (4 << 20)


def test_a_file_is_read_in_parts(tmp_path, monkeypatch):
    """Records that cross the boundaries of parts are read as from memory."""
    monkeypatch.setattr(container, "_PART", 1 << 15)
    largest = protect(random_template(groups=64, size=256), KEY, "b" * 64, drop=0.0).to_bytes()
    data = (DATA * 7 + largest) * 8
    assert len(data) > 4 << 15
    (tmp_path / "many.stp").write_bytes(data)
    with open(tmp_path / "many.stp", "rb") as file:
        from_file = [one.record_id for one in read_records(file)]
    assert from_file == [one.record_id for one in read_records(data)]
    assert len(from_file) == 8 * 8
    (tmp_path / "cut.stp").write_bytes(data[:-1])
    with open(tmp_path / "cut.stp", "rb") as file, pytest.raises(TruncatedError):
        list(read_records(file))


def test_a_file_takes_little_memory():
    """Of sixteen megabytes of records, only one part and one record are in memory."""
    large = protect(random_template(groups=64, size=256), KEY, 0, drop=0.0).to_bytes()
    file = io.BytesIO(large * 1000)
    tracemalloc.start()
    count = sum(1 for _ in islice(read_records(file), 70))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 70
    assert peak < 6 << 20
