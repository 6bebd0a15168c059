"""Thresholds, their confidence intervals, and rates that are refused."""

import math

import numpy as np
import pytest

from stc.errors import SettingsError
from stc.protection.score_file import Calibration, ScoreCounts
from stc.protection.stream import Parameters
from stc.protection.threshold import choose_threshold, interval, lowest_rate


def calibration_of(people, scores=None, mated=None):
    """A calibration with these impostor scores, or with evenly spaced ones."""
    pairs = people * (people - 1) // 2
    if scores is None:
        scores = np.linspace(-0.5, 0.5, pairs)
    return Calibration(
        Parameters(49, 16, 8, 9000),
        8,
        people,
        people,
        ScoreCounts.of(np.asarray(scores)),
        None if mated is None else ScoreCounts.of(np.asarray(mated)),
    )


def at_most(hits, pairs, rate):
    """The probability of at most `hits` hits, summed term by term."""
    return math.fsum(
        math.comb(pairs, k) * rate**k * (1 - rate) ** (pairs - k) for k in range(hits + 1)
    )


@pytest.mark.parametrize(("hits", "pairs"), [(1, 100), (5, 100), (10, 1000), (99, 100), (3, 4950)])
def test_the_interval_is_clopper_and_pearsons(hits, pairs):
    low, high = interval(hits, pairs)
    assert low < hits / pairs < high
    assert 1 - at_most(hits - 1, pairs, low) == pytest.approx(0.025, rel=1e-6)
    assert at_most(hits, pairs, high) == pytest.approx(0.025, rel=1e-6)


def test_intervals_that_tables_have():
    assert interval(5, 100) == pytest.approx((0.01643, 0.11283), abs=1e-5)
    assert interval(100, 100) == pytest.approx((0.96378, 1), abs=1e-5)


def test_the_rule_of_three():
    low, high = interval(0, 30_000)
    assert low == 0
    assert high == pytest.approx(3 / 30_000, rel=2e-3)
    assert (1 - high) ** 30_000 == pytest.approx(0.05, rel=1e-9)


@pytest.mark.parametrize("rate", [1e-3, 3e-3, 1e-2, 0.3])
def test_the_lowest_threshold_whose_interval_ends_at_the_rate(rate):
    calibration = calibration_of(100)  # 4,950 pairs
    found = choose_threshold(calibration, rate)
    scores = np.linspace(-0.5, 0.5, 4950)
    assert found.pairs == 4950
    assert found.hits == (scores > found.score).sum()
    assert found.interval == interval(found.hits, 4950)
    assert found.interval[1] <= rate
    below = int((scores > found.score - 1e-4).sum())
    assert below > found.hits
    assert interval(below, 4950)[1] > rate


def test_a_rate_that_so_few_pairs_cannot_support():
    """4,950 pairs with no false match support a rate of 6.05e-4 and no lower one."""
    calibration = calibration_of(100)
    lowest = lowest_rate(4950)
    assert lowest == pytest.approx(6.05e-4, abs=1e-6)
    found = choose_threshold(calibration, lowest * 1.0001)
    assert (found.hits, found.score) == (0, 0.5)
    with pytest.raises(SettingsError, match="needs 29956 impostor pairs, as of 246 people"):
        choose_threshold(calibration, 1e-4)
    with pytest.raises(SettingsError, match=r"has 4950, of 100 people, and supports 0\.00061"):
        choose_threshold(calibration, lowest * 0.999)
    assert 245 * 244 // 2 < 29956 <= 246 * 245 // 2


@pytest.mark.parametrize("rate", [0, 1, -1, 2, math.nan])
def test_rates_that_are_none(rate):
    with pytest.raises(SettingsError, match="between 0 and 1"):
        choose_threshold(calibration_of(100), rate)


def test_equal_scores_are_above_or_not_together():
    """4,900 scores are equal: a threshold is below all of them, or at their value."""
    scores = np.concatenate([np.full(4900, 0.25), np.linspace(0.3, 0.4, 50)])
    found = choose_threshold(calibration_of(100, scores), 0.5)
    assert (found.score, found.hits) == (0.25, 50)


def test_what_is_missed():
    found = choose_threshold(calibration_of(100, mated=[0.2, 0.4995, 0.6, 0.7]), 1e-3)
    assert 0.49 < found.score <= 0.5
    assert found.missed in (1, 2)
    assert found.missed == sum(score <= found.score for score in (0.2, 0.4995, 0.6, 0.7))
    assert choose_threshold(calibration_of(100), 1e-3).missed is None


def test_millions_of_pairs():
    calibration = calibration_of(2, [0.0])
    many = ScoreCounts(-1000, np.array([10_000_000, 500, 80, 3, 1], np.int64))
    found = choose_threshold(
        Calibration(calibration.parameters, 8, 2, 2, many, None),
        1e-5,
    )
    assert (found.score, found.hits) == (-0.0997, 4)
    assert found.interval[1] < 1e-5 < interval(84, 10_000_584)[1]
