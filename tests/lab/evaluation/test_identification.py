"""Who is on a picture, and at which rank a probe finds its person."""

import numpy as np
import pytest

from stc.lab.evaluation.identification import people_of, ranks
from stc.lab.evaluation.verification import Pairs


def test_people_by_name_and_by_pairs():
    pairs = Pairs(
        ["Ann_0001", "Bob_0001", "1", "2"],
        ["Ann_0002", "Ann_0003", "2", "3"],
        np.array([True, False, True, True]),
        np.arange(4),
    )
    assert pairs.names == ["1", "2", "3", "Ann_0001", "Ann_0002", "Ann_0003", "Bob_0001"]
    people = people_of(pairs)
    assert len(set(people[:3])) == 1
    assert len(set(people[3:6])) == 1
    assert len(set(people)) == 3


@pytest.mark.parametrize(("probe", "rank"), [([0.1, 0], 1), ([0.9, 0], 2), ([0.9, 2.1], 3)])
def test_the_rank_counts_who_is_nearer(probe, rank):
    gallery = np.array([[0, 0], [1, 0], [1, 2]], np.float32)
    found = ranks(gallery, np.array([probe], np.float32), np.array([7, 8, 9]), np.array([7]))
    assert found.tolist() == [rank]
