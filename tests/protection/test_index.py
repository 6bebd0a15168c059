"""Indexes: search, encryption, and files that are refused."""

import io
import tracemalloc
import zlib

import numpy as np
import pytest

from stc.errors import CorruptError, FormatError, StcError, TemplateError, WrongKeyError
from stc.protection import (
    Gallery,
    GroupedTemplate,
    Key,
    RecordIndex,
    Revocations,
    index_file,
    match_many,
    protect,
    protect_many,
    read_records,
    write_index,
)
from stc.protection import index as module
from stc.protection.sketch import Sketcher, directions
from stc.protection.template import unit
from tests.protection.conftest import random_arrays, random_template

COUNT = 300


def gallery_of(key, count=COUNT, **options):
    features, weights = random_arrays(count, 9, 8, seed=5)
    return protect_many(features, weights, key, [f"r{i}" for i in range(count)], **options)


def index_of(records, key, dimensions=72):
    file = io.BytesIO()
    write_index(file, records, key, dimensions)
    return file


def fresh(row, amount):
    """The template of another picture of the person in record `row` of `gallery_of`."""
    features, weights = random_arrays(COUNT, 9, 8, seed=5)
    noise = np.random.default_rng(row).standard_normal((9, 8))
    return GroupedTemplate(features[row] + amount * noise, weights[row])


@pytest.mark.parametrize("options", [{}, {"alpha": 0.0, "drop": 0.0}, {"alpha": 0.5, "drop": 0.25}])
def test_directions_are_those_that_a_match_looks_along(key, options):
    """With alpha and drop 0 the direction is the face's; otherwise they are correlated."""
    features = unit(random_arrays(COUNT, 9, 8, seed=5)[0].astype(np.float32))
    gallery = gallery_of(key, **options)
    found = directions(gallery, key)
    assert np.linalg.norm(found, axis=2) == pytest.approx(np.ones((COUNT, 9)), abs=1e-5)
    kept = gallery.parameters.kept
    cosine = (found * features).sum(2).mean()
    if options.get("alpha") == 0:
        assert found == pytest.approx(features, abs=1e-5)
    else:  # kept - 1 of c dimensions remain: removing the noise takes one
        assert cosine == pytest.approx(np.sqrt((kept - 1) / 8), abs=0.05)


def test_the_exact_score_of_whom_it_finds(key):
    """Every candidate has the score that match_many gives the same record."""
    gallery = gallery_of(key)
    stored = Gallery.of(list(read_records(b"".join(one.to_bytes() for one in gallery))))
    index = RecordIndex(index_of(gallery, key), key)
    assert (len(index), index.dimensions) == (COUNT, 72)
    for row in (0, 17, 299):
        found = index.search(fresh(row, 0.5), 20)
        assert len(found) == 20
        assert found[0][1].record_id == f"r{row}"
        scores = [score for score, _ in found]
        assert scores == sorted(scores, reverse=True)
        exact = match_many(fresh(row, 0.5), stored, key)
        places = [int(record.record_id[1:]) for _, record in found]
        assert scores == pytest.approx(exact[places], abs=1e-6)
    everyone = index.search(fresh(3, 0.5), 5000)
    assert len(everyone) == COUNT


def test_rough_scores_follow_the_exact_ones(key):
    index = RecordIndex(index_of(gallery_of(key), key), key)
    exact = match_many(fresh(8, 1), gallery_of(key), key)
    rough = index.rough_scores([fresh(8, 1), fresh(9, 1)])
    assert rough.shape == (2, COUNT)
    assert np.corrcoef(rough[0], exact)[0, 1] > 0.9
    assert abs(np.corrcoef(rough[1], exact)[0, 1]) < 0.5


def test_the_axes_are_those_of_the_records(key):
    """Faces in a subspace of four dimensions: the four axes lie nearly in that subspace."""
    generator = np.random.default_rng(1)
    basis = generator.standard_normal((4, 72))
    features = (generator.standard_normal((COUNT, 4)) @ basis).reshape(COUNT, 9, 8)
    gallery = protect_many(features, np.full((COUNT, 9), 1 / 9), key, list(range(COUNT)))
    sketcher = Sketcher.of(directions(gallery, key), 4)
    assert sketcher.axes @ sketcher.axes.T == pytest.approx(np.eye(4), abs=1e-5)
    inside = np.linalg.norm(np.linalg.qr(basis.T)[0].T @ sketcher.axes.T, axis=0)
    assert (inside > 0.9).all()


def test_the_records_are_in_it_as_they_are(key):
    gallery = gallery_of(key)
    data = b"".join(one.to_bytes(5) for one in gallery)
    index = RecordIndex(index_of(read_records(data), key), key)
    joined = b"".join(index.record(row).to_bytes() for row in range(COUNT))
    assert joined == data


def test_a_revoked_record_scores_less_than_all(key):
    gallery = gallery_of(key)
    index = RecordIndex(index_of(gallery, key), key)
    found = index.search(fresh(0, 0.1), 10, revoked=Revocations([gallery.tags[0]]))
    assert found[-1][0] == -1
    assert found[-1][1].record_id == "r0"


def test_many_blocks_and_a_sample_are_one_index(key, monkeypatch):
    """For any sizes of sample and blocks, records are in order and are found."""
    for block, sample in ((7, 3), (7, 21), (50, 120), (300, 300), (100, 1000)):
        monkeypatch.setattr(index_file, "BLOCK", block)
        monkeypatch.setattr(module, "BLOCK", block)
        monkeypatch.setattr(module, "SAMPLE", sample)
        index = RecordIndex(index_of(gallery_of(key), key), key)
        assert [index.record(row).record_id for row in (0, 6, 7, 299)] == ["r0", "r6", "r7", "r299"]
        assert index.search(fresh(150, 0.3), 30)[0][1].record_id == "r150"


def test_nothing_of_a_sketch_is_in_the_clear(key):
    """The encrypted parts of two indexes of the same records differ."""
    gallery = gallery_of(key)
    one, two = (index_of(gallery, key).getvalue() for _ in range(2))
    records = sum(len(record.to_bytes()) for record in gallery)
    begin = index_file.MIN_FILE + records
    assert one[index_file.MIN_FILE : begin] == two[index_file.MIN_FILE : begin]
    secret, other = (np.frombuffer(data[begin:], np.uint8) for data in (one, two))
    lengths = 2 * COUNT  # stored in plain form
    assert (secret == other).sum() < lengths + 1.5 * len(secret) / 256
    plain = Sketcher.of(directions(gallery, key), 72).axes.astype("<f4").tobytes()
    assert plain[:32] not in one


def test_what_no_index_can_be_made_of(key):
    with pytest.raises(TemplateError, match="at least one record"):
        index_of([], key)
    with pytest.raises(TemplateError, match="at least one dimension"):
        index_of(gallery_of(key), key, 0)
    large = protect(random_template(groups=129, size=16), key, "a")
    with pytest.raises(TemplateError, match="up to 2048 dimensions, not 2064"):
        index_of([large], key)
    mixed = [*gallery_of(key, 5), *gallery_of(key, 5, drop=0.25)]
    with pytest.raises(TemplateError, match="same shape"):
        index_of(mixed, key)
    with pytest.raises(WrongKeyError, match="record r0 was not made with this key"):
        index_of(gallery_of(key), Key(bytes(32)))


def test_a_record_of_another_kind_after_the_sample(key, monkeypatch):
    monkeypatch.setattr(module, "SAMPLE", 4)
    monkeypatch.setattr(module, "BLOCK", 4)
    mixed = [*gallery_of(key, 4), *gallery_of(key, 4, drop=0.25)]
    with pytest.raises(TemplateError, match="same shape"):
        index_of(mixed, key)


def test_another_key_and_another_recogniser(key):
    file = index_of(gallery_of(key), key)
    with pytest.raises(WrongKeyError, match="index was not made with this key"):
        RecordIndex(file, Key(bytes(32)))
    index = RecordIndex(file, key)
    for query in (
        random_template(groups=3, size=8),
        GroupedTemplate(*random_arrays_of_one(), b"else"),
    ):
        with pytest.raises(TemplateError, match="another shape or maker"):
            index.search(query)


def random_arrays_of_one():
    features, weights = random_arrays(1, 9, 8)
    return features[0], weights[0]


def test_every_byte_is_checked(key):
    """One changed byte anywhere is an error, if all records are candidates."""
    data = index_of(gallery_of(key, 20), key, 8).getvalue()
    for place in range(0, len(data), 11):
        changed = bytearray(data)
        changed[place] ^= 16
        with pytest.raises(StcError):  # noqa: PT012 - opening or searching, wherever it is noticed
            index = RecordIndex(io.BytesIO(changed), key)
            index.search(fresh(3, 0.5), 20)


def test_files_that_are_cut_or_too_long(key):
    data = index_of(gallery_of(key, 5), key, 4).getvalue()
    for some in (b"", b"STC", data[:4], data[:5], data[:60], data[:-1], data + b"\0"):
        with pytest.raises(FormatError):
            RecordIndex(io.BytesIO(some), key)
    with pytest.raises(CorruptError, match="1 bytes follow"):
        RecordIndex(io.BytesIO(data + b"\0"), key)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (9, b"\0\0"),  # groups
        (9, b"\xff\xff"),
        (11, b"\1\0"),  # dimensions of a group
        (13, b"\xff\0"),  # kept
        (15, b"\xff\xff"),  # alpha
        (17, b"\0\0"),  # dimensions of a sketch
        (17, b"\xff\xff"),
        (19, b"\0\0\0\0"),  # records
        (19, b"\xff\xff\xff\xff"),
    ],
)
def test_numbers_that_no_index_has_take_no_memory(place, value, key):
    data = bytearray(index_of(gallery_of(key, 5), key, 4).getvalue())
    data[place : place + len(value)] = value
    tracemalloc.start()
    with pytest.raises(CorruptError, match="values that no index can have"):
        RecordIndex(io.BytesIO(data), key)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_count_that_the_file_cannot_hold(key):
    data = bytearray(index_of(gallery_of(key, 5), key, 4).getvalue())
    data[19:23] = (1 << 25).to_bytes(4, "little")
    with pytest.raises(FormatError, match="the index has 20"):
        RecordIndex(io.BytesIO(data), key)


def resealed(data, key, number, at, plain):
    """An index with another plain section of axes, correctly encrypted and authenticated."""
    nonce = data[
        index_file.MIN_FILE - index_file.CHECK - index_file.NONCE : index_file.MIN_FILE
        - index_file.CHECK
    ]
    section = index_file.seal(key, nonce, number, plain)
    return data[:at] + section + data[at + len(section) :]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_axes_that_would_overflow_are_refused(value, key):
    data = index_of(gallery_of(key, 5), key, 4).getvalue()
    header = index_file.read_header(io.BytesIO(data), len(data), key)
    numbers = np.full(4 * (header.cells + 1), value, "<f4").tobytes()
    changed = resealed(data, key, index_file.AXES, header.axes_at, numbers)
    with pytest.raises(CorruptError, match="values that no index can have"):
        RecordIndex(io.BytesIO(changed), key)


def test_a_record_with_other_parameters_is_damage(key):
    """Records are not encrypted, so anybody can replace one by another of the same length."""
    gallery = gallery_of(key, 5)
    data = bytearray(index_of(gallery, key, 4).getvalue())
    start = index_file.MIN_FILE + len(gallery[0].to_bytes())
    record = bytearray(gallery[1].to_bytes())
    record[6:10] = b"else"  # the maker
    record[-4:] = zlib.crc32(record[:-4]).to_bytes(4, "little")
    data[start : start + len(record)] = record
    with pytest.raises(CorruptError, match="record 1 of the index has other parameters"):
        RecordIndex(io.BytesIO(data), key).search(fresh(3, 0.5), 5)
