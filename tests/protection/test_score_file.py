"""Histograms of scores and their file."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stc.errors import (
    BadMagicError,
    CorruptError,
    FormatError,
    TemplateError,
    UnsupportedVersionError,
)
from stc.protection.score_file import MAX_FILE, Calibration, ScoreCounts
from stc.protection.stream import Parameters

SCORES = np.float32([-1, -0.25, 0.125, 0.125, 0.5, 1])
FOUND = Calibration(
    Parameters(49, 16, 8, 9000, b"made"),
    5,
    4,
    7,
    ScoreCounts.of(SCORES),
    ScoreCounts.of(np.float32([0.75, 0.5])),
)


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=50), st.integers(-10_000, 10_000))
def test_counts_are_what_a_comparison_says(values, step):
    counts = ScoreCounts.of(np.float32(values))
    assert counts.pairs == len(values)
    # The score -1 is counted in the lowest step, so it counts as above that step's start.
    above = sum(value > step / 10_000 or value == step / 10_000 == -1 for value in values)
    assert counts.above(step) == above
    lowest = counts.lowest_step(above)
    assert lowest <= step or above == len(values)
    assert counts.above(lowest) <= above


@pytest.mark.parametrize("scores", [[], [1.5], [np.nan], [-np.inf]])
def test_scores_that_are_none(scores):
    with pytest.raises(TemplateError):
        ScoreCounts.of(np.float32(scores))


def test_a_file_comes_back():
    back = Calibration.from_json(FOUND.to_json().encode())
    assert back.to_json() == FOUND.to_json()
    assert (back.parameters, back.bits) == (FOUND.parameters, 5)
    assert (back.people, back.pictures) == (4, 7)
    assert np.array_equal(back.impostor.counts, FOUND.impostor.counts)
    assert back.mated.first == FOUND.mated.first
    assert [back.impostor.above(step) for step in (-10_000, -9_999, 1249, 1250)] == [6, 5, 4, 2]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"kind": "another"}, BadMagicError),
        ({"version": 2}, UnsupportedVersionError),
        ({"version": None}, UnsupportedVersionError),
        ({"version": True}, UnsupportedVersionError),
        ({"maker": "zz"}, CorruptError),
        ({"maker": 5}, CorruptError),
        ({"groups": 0}, CorruptError),
        ({"groups": 1.5}, CorruptError),
        ({"size": 300}, CorruptError),
        ({"kept": 17}, CorruptError),
        ({"alpha_steps": 10_001}, CorruptError),
        ({"bits": 9}, CorruptError),
        ({"people": 5}, CorruptError),
        ({"people": 10**30}, CorruptError),
        ({"pictures": 3}, CorruptError),
        ({"impostor": None}, CorruptError),
        ({"impostor": {"first": 0, "counts": []}}, CorruptError),
        ({"impostor": {"first": 0, "counts": [0, 6]}}, CorruptError),
        ({"impostor": {"first": 0, "counts": [6, 0]}}, CorruptError),
        ({"impostor": {"first": 0, "counts": [True, 5]}}, CorruptError),
        ({"impostor": {"first": 0, "counts": [1.0, 5]}}, CorruptError),
        ({"impostor": {"first": 19_999, "counts": [1, 5]}}, CorruptError),
        ({"impostor": {"first": 20_000, "counts": [6]}}, CorruptError),
        ({"impostor": {"first": 0, "counts": [1 << 60, 1 << 60]}}, CorruptError),
        ({"mated": 5}, CorruptError),
    ],
)
def test_files_that_are_refused(changes, error):
    about = {**json.loads(FOUND.to_json()), **changes}
    with pytest.raises(error):
        Calibration.from_json(json.dumps(about).encode())


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"[]", b"5", b"[" * 100_000, b'{"kind": "x", "kind": "x"}', b"{"],
)
def test_what_is_no_such_file(data):
    with pytest.raises(BadMagicError):
        Calibration.from_json(data)


def test_a_file_that_is_too_long():
    with pytest.raises(CorruptError, match="more than 4194304 bytes"):
        Calibration.from_json(b" " * (MAX_FILE + 1))


@given(st.binary(max_size=200), st.integers(0, 500))
def test_any_bytes_are_read_or_refused(data, place):
    for some in (data, FOUND.to_json().encode()[:place] + data):
        try:
            Calibration.from_json(some)
        except FormatError:
            continue
