"""Tables: valid rows only, and frequencies near the counts."""

import numpy as np
import pytest

from stc.bitstream import Tables
from stc.errors import ModelError

ONE = np.array([65536])


def test_from_counts_is_legal_and_close():
    generator = np.random.default_rng(0)
    counts = generator.integers(0, 500, (2, 5, 256))
    counts[0, 0] = 0
    counts[0, 1, 1:] = 0
    tables = Tables.from_counts(np.array([3, 1]), [counts])
    level = tables.levels[0]
    assert level.min() >= 1
    assert (level.sum(-1) == 65536).all()
    assert (level[0, 0] == 256).all()
    share = counts[1, 3] / counts[1, 3].sum()
    assert np.abs(level[1, 3] / 65536 - share).max() < 3e-4
    assert tables.groups.tolist() == pytest.approx([65536 * 3.5 / 5, 65536 * 1.5 / 5], abs=2)


@pytest.mark.parametrize(
    ("groups", "level"),
    [
        (ONE, np.array([[[65536, 0]]])),
        (ONE, np.array([[[65535, 2]]])),
        (ONE, np.array([[65536]])),
        (ONE, np.array([[[0.5, 0.5]]])),
        (ONE, np.zeros((1, 0, 4), int)),
        (ONE, np.full((2, 1, 1), 65536)),
        (np.array([65536, 65536]), np.full((2, 1, 1), 65536)),
    ],
    ids=["zero", "sum", "shape", "float", "empty", "groups-differ", "group-sum"],
)
def test_bad_tables_are_refused(groups, level):
    with pytest.raises(ModelError):
        Tables(groups, (level,))
