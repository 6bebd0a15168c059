"""Impostor and mated scores of a calibration."""

import numpy as np
import pytest

from stc.errors import TemplateError
from stc.protection import GroupedTemplate, ProtectedTemplate, match, protect
from stc.protection.calibration import calibrate
from stc.protection.stream import Parameters
from tests.protection.conftest import random_arrays

PEOPLE = ["a", "b", "a", "c", "b", "a"]


@pytest.fixture
def arrays():
    """The templates of six pictures, similar for pictures of one person."""
    features, weights = random_arrays(3, 9, 8)
    own, _ = random_arrays(6, 9, 8, seed=1)
    rows = ["abc".index(person) for person in PEOPLE]
    return features[rows] + 0.3 * own, weights[rows]


def score(arrays, key, enrolled, asked, bits=8):
    """The score of picture `asked` with the stored record of picture `enrolled`, by `match`."""
    features, weights = arrays
    one = protect(GroupedTemplate(features[enrolled], weights[enrolled]), key, enrolled)
    stored = ProtectedTemplate.from_bytes(one.to_bytes(bits))
    return match(GroupedTemplate(features[asked], weights[asked]), stored, key)


@pytest.mark.parametrize("bits", [8, 4])
def test_every_two_people_give_one_score(arrays, key, bits):
    found, alike = calibrate(*arrays, PEOPLE, bits=bits, maker=b"made", key=key)
    assert (found.people, found.pictures, found.bits) == (3, 6, bits)
    assert found.parameters == Parameters(9, 8, 4, 9000, b"made")
    assert found.impostor.pairs == 3
    # b (1, 4) against a (0, 2, 5); c (3) against a and b: pictures of a person are used in turn.
    pairs = [(2, 1), (5, 3), (1, 3)]
    assert {(one.first, one.second) for one in alike} == set(pairs)
    assert [one.score for one in alike] == sorted((one.score for one in alike), reverse=True)


def test_scores_are_those_of_match(arrays, key):
    found, alike = calibrate(*arrays, PEOPLE, key=key)
    for one in alike:
        assert one.score == pytest.approx(score(arrays, key, one.first, one.second), abs=1e-6)
    for one in alike:
        assert found.impostor.above(int(np.floor(one.score * 10_000)) - 1) >= 1
    mated = [(0, 2), (0, 5), (2, 5), (1, 4)]
    scores = [score(arrays, key, *pair) for pair in mated]
    assert found.mated.pairs == 4
    step = int(np.floor(min(scores) * 10_000))
    assert found.mated.above(step - 1) == 4
    assert found.mated.above(step + 1) == sum(value > (step + 1) / 10_000 for value in scores)
    assert min(scores) > max(one.score for one in alike)


def test_without_mated_pairs(arrays):
    features, weights = arrays
    found, _ = calibrate(features[[0, 1, 3]], weights[[0, 1, 3]], "abc")
    assert found.mated is None
    assert found.impostor.pairs == 3


def test_another_key_gives_other_scores_of_the_same_kind(arrays):
    one, _ = calibrate(*arrays, PEOPLE)
    two, _ = calibrate(*arrays, PEOPLE)
    assert one.to_json() != two.to_json()


def test_what_cannot_be_calibrated_with(arrays):
    with pytest.raises(TemplateError, match="two people or more, not 1"):
        calibrate(*arrays, ["a"] * 6)
    with pytest.raises(TemplateError, match="6 pictures need 6 names, not 2"):
        calibrate(*arrays, ["a", "b"])
