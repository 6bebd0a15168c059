"""The number of tokens that fit, predicted with integers."""

import numpy as np
import pytest

from stc.bitstream import Tables, longest_prefix
from stc.codec.limit import Limit
from stc.errors import SettingsError
from stc.settings import Settings


@pytest.fixture(scope="module")
def tables():
    """Tables of two levels with 100 tokens of 8 codewords, whose frequencies differ."""
    counts = np.random.default_rng(0).integers(1, 1000, (1, 100, 8))
    return Tables.from_counts(np.array([1]), [counts, counts[:, ::-1]])


def code_lengths(tables, indices):
    costs = np.concatenate([level[0] for level in tables.costs])
    return costs[np.arange(indices.shape[1]), indices].cumsum(1)


def test_the_forecast_is_within_two_bytes_of_the_coder(tables):
    indices = np.random.default_rng(1).integers(0, 8, (50, 200))
    lengths = code_lengths(tables, indices)
    for max_bytes in (12, 30, 60, 70):
        found = Limit.of(tables, Settings(max_bytes=max_bytes)).counts(lengths)
        for row, count in zip(indices, found, strict=True):
            fewer, more = (longest_prefix(tables, 0, row, max_bytes + off) for off in (-2, 2))
            assert fewer <= count <= more


def test_levels_limit_tokens(tables):
    indices = np.zeros((3, 200), np.int64)
    lengths = code_lengths(tables, indices)
    assert Limit.of(tables, Settings(stages=1)).counts(lengths).tolist() == [100] * 3
    assert Limit.of(tables, Settings(stages=2)).counts(lengths).tolist() == [200] * 3
    assert Limit.of(tables, Settings(stages=2)).counts(lengths[:, :70]).tolist() == [70] * 3
    with pytest.raises(SettingsError, match="stages must be 1 to 2, not 3"):
        Limit.of(tables, Settings(stages=3))


def test_one_token_is_kept_where_none_fits(tables):
    lengths = code_lengths(tables, np.zeros((2, 200), np.int64))
    assert Limit.of(tables, Settings(max_bytes=1)).counts(lengths).tolist() == [1, 1]


def test_the_limit_is_reached_when_every_face_is_full(tables):
    limit = Limit.of(tables, Settings(max_bytes=20))
    cheap, dear = np.full((1, 5), 1 << 16), np.full((1, 5), 100 << 16)
    assert not limit.is_reached(np.concatenate([cheap, dear]))
    assert limit.is_reached(dear.cumsum(1))
    assert limit.is_reached(np.zeros((1, 200), np.int64))


def test_bare_files_have_room_for_more(tables):
    lengths = code_lengths(tables, np.zeros((1, 200), np.int64))
    whole, bare = (Limit.of(tables, Settings(max_bytes=30, bare=b)) for b in (False, True))
    assert whole.counts(lengths)[0] < bare.counts(lengths)[0]
