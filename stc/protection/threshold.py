"""Chooses a threshold for a false match rate (FMR), with a confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stc.errors import SettingsError
from stc.protection.score_file import PARTS, Calibration

_TAIL = 0.025  # probability of each tail of a two-sided 95 % interval
_NONE_SEEN = 0.05  # with no hits the interval is one-sided (the rule of three)


@dataclass(frozen=True)
class Threshold:
    """A threshold: pairs with a higher score match.

    score: the threshold. hits: number of impostor scores above it, of `pairs` in all. interval: the
    95 % interval of the false match rate. missed: number of mated scores that are not above it;
    None if the calibration has no mated scores.
    """

    score: float
    hits: int
    pairs: int
    interval: tuple[float, float]
    missed: int | None


def choose_threshold(calibration: Calibration, rate: float) -> Threshold:
    """The lowest threshold whose 95 % interval for the false match rate ends at `rate` or below.

    Raises SettingsError for a rate that is not between 0 and 1, and for one that is too low for the
    number of impostor pairs: even with no false match, the interval would end above it.
    """
    impostor, pairs = calibration.impostor, calibration.impostor.pairs
    if not 0 < rate < 1:  # also refuses NaN
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
    """The lowest false match rate that `pairs` impostor pairs can support: about 3 / pairs."""
    return -math.expm1(math.log(_NONE_SEEN) / pairs)


def interval(hits: int, pairs: int) -> tuple[float, float]:
    """The 95 % interval of the rate hits / pairs (Clopper and Pearson 1934).

    With no hits it is one-sided, from 0 to about 3 / pairs. It is exact for independent pairs; the
    pairs of a calibration share people, so it is somewhat too narrow.
    """
    if hits == 0:
        return 0.0, lowest_rate(pairs)
    ways = _log_ways(hits, pairs)
    low = _solve(ways[:-1], pairs, 1 - _TAIL)
    high = 1.0 if hits == pairs else _solve(ways, pairs, _TAIL)
    return low, high


def _most_hits(pairs: int, rate: float) -> int:
    """The largest number of hits among `pairs` whose interval ends at `rate` or below."""
    # At most rate * pairs hits qualify, because the interval ends above hits / pairs.
    shares = np.cumsum(_shares(_log_ways(int(pairs * rate) + 1, pairs), pairs, rate))
    below = int((shares <= _TAIL).sum()) - 1
    return max(below, 0)


def _log_ways(hits: int, pairs: int) -> npt.NDArray[np.float64]:
    """Logarithms of the binomial coefficients (pairs choose k) for k from 0 to `hits`."""
    some = np.arange(1, min(hits, pairs) + 1, dtype=np.float64)
    return np.concatenate([[0.0], np.cumsum(np.log(pairs - some + 1) - np.log(some))])


def _shares(log_ways: npt.NDArray[np.float64], pairs: int, rate: float) -> npt.NDArray[np.float64]:
    """The binomial probabilities of 0, 1, ..., len(log_ways) - 1 hits at `rate`."""
    hits = np.arange(len(log_ways))
    return np.asarray(np.exp(log_ways + hits * math.log(rate) + (pairs - hits) * math.log1p(-rate)))


def _solve(log_ways: npt.NDArray[np.float64], pairs: int, wanted: float) -> float:
    """The rate at which fewer than len(log_ways) hits have the probability `wanted`, by bisection:
    the probability decreases with the rate."""
    low, high = 0.0, 1.0
    for _ in range(64):
        middle = (low + high) / 2
        if _shares(log_ways, pairs, middle).sum() > wanted:
            low = middle
        else:
            high = middle
    return high
