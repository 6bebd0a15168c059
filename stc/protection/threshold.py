"""A threshold by the false match rate that it must keep, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stc.errors import SettingsError
from stc.protection.score_file import PARTS, Calibration

_TAIL = 0.025  # of a two-sided interval of 95 %
_NONE_SEEN = 0.05  # with no hit the whole error is on one side: the rule of three


@dataclass(frozen=True)
class Threshold:
    """score: what a score must be above. hits of `pairs` impostor scores are above it.

    interval: of the false match rate, 95 %. missed: how many mated scores are not above it, None
    where the calibration has none.
    """

    score: float
    hits: int
    pairs: int
    interval: tuple[float, float]
    missed: int | None


def choose_threshold(calibration: Calibration, rate: float) -> Threshold:
    """The lowest threshold whose 95 % interval for the false match rate ends at `rate` or below.

    Raises SettingsError for a rate that is not between 0 and 1, and for one that so few pairs
    cannot support: with not one false match seen, the interval would still end above it.
    """
    impostor, pairs = calibration.impostor, calibration.impostor.pairs
    if not 0 < rate < 1:  # which NaN is not, either
        raise SettingsError(f"a false match rate is between 0 and 1, not {rate}")
    needed = math.ceil(math.log(_NONE_SEEN) / math.log1p(-rate))
    if pairs < needed:
        people = math.ceil((1 + math.sqrt(1 + 8 * needed)) / 2)
        raise SettingsError(
            f"a false match rate of {rate:g} needs {needed} impostor pairs, as of {people} people; "
            f"the calibration has {pairs}, of {calibration.people} people, and supports "
            f"{lowest_rate(pairs):.2g} and above"
        )
    step = impostor.lowest_step(_most_hits(pairs, rate))
    hits, mated = impostor.above(step), calibration.mated
    missed = None if mated is None else mated.pairs - mated.above(step)
    return Threshold(step / PARTS, hits, pairs, interval(hits, pairs), missed)


def lowest_rate(pairs: int) -> float:
    """The lowest false match rate that so many impostor pairs can support: some 3 / pairs."""
    return -math.expm1(math.log(_NONE_SEEN) / pairs)


def interval(hits: int, pairs: int) -> tuple[float, float]:
    """The 95 % interval of a share: Clopper and Pearson's; with no hit one-sided, 0 to 3 / pairs.

    Exact for independent pairs. Those of a calibration share people, so it is somewhat too narrow.
    """
    if hits == 0:
        return 0.0, lowest_rate(pairs)
    ways = _log_ways(hits, pairs)
    low = _solve(ways[:-1], pairs, 1 - _TAIL)
    high = 1.0 if hits == pairs else _solve(ways, pairs, _TAIL)
    return low, high


def _most_hits(pairs: int, rate: float) -> int:
    """The most hits of so many pairs for which the interval ends at `rate` or below."""
    # No more than the rate itself allows: the interval ends above the share that was seen.
    shares = np.cumsum(_shares(_log_ways(int(pairs * rate) + 1, pairs), pairs, rate))
    below = int((shares <= _TAIL).sum()) - 1
    return max(below, 0)


def _log_ways(hits: int, pairs: int) -> npt.NDArray[np.float64]:
    """Logarithms of the binomial coefficients of 0 to `hits` of so many pairs."""
    some = np.arange(1, min(hits, pairs) + 1, dtype=np.float64)
    return np.concatenate([[0.0], np.cumsum(np.log(pairs - some + 1) - np.log(some))])


def _shares(log_ways: npt.NDArray[np.float64], pairs: int, rate: float) -> npt.NDArray[np.float64]:
    """The probabilities of 0, 1, 2 and more hits at that rate."""
    hits = np.arange(len(log_ways))
    return np.asarray(np.exp(log_ways + hits * math.log(rate) + (pairs - hits) * math.log1p(-rate)))


def _solve(log_ways: npt.NDArray[np.float64], pairs: int, wanted: float) -> float:
    """The rate at which so few hits have the wanted probability, which falls as it rises."""
    low, high = 0.0, 1.0
    for _ in range(64):
        middle = (low + high) / 2
        if _shares(log_ways, pairs, middle).sum() > wanted:
            low = middle
        else:
            high = middle
    return high
