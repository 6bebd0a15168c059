"""Face verification in the LFW view-2 form (Huang et al. 2007): ten folds of same and different."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stc.errors import DataError


@dataclass(frozen=True)
class Pairs:
    """Pairs of image names, whether they show one person, and the fold of each pair."""

    first: list[str]
    second: list[str]
    same: npt.NDArray[np.bool_]  # [P]
    fold: npt.NDArray[np.int64]  # [P]

    def take(self, number: int) -> Pairs:
        """An even sample of `number` pairs that keeps the balance of folds and labels."""
        rows = np.linspace(0, len(self.same) - 1, min(number, len(self.same))).round().astype(int)
        return Pairs(
            [self.first[i] for i in rows],
            [self.second[i] for i in rows],
            self.same[rows],
            self.fold[rows],
        )

    @property
    def names(self) -> list[str]:
        """Every image that occurs, once."""
        return sorted({*self.first, *self.second})

    @property
    def places(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The rows of `names` on either side of every pair, int64 [P] each."""
        row = {name: i for i, name in enumerate(self.names)}
        return np.array([row[n] for n in self.first]), np.array([row[n] for n in self.second])


def person(name: str) -> str:
    """Who is on a picture of LFW's that is called Name_0001."""
    return name.rsplit("_", 1)[0]


def read_pairs(path: Path) -> Pairs:
    """Read pairs.txt of LFW: a line `folds size`, then name-number lines, same first per fold."""
    lines = path.read_text().splitlines()
    try:
        folds, size = (int(word) for word in lines[0].split())
    except (IndexError, ValueError):
        raise DataError(f"{path}: the first line should be two numbers, folds and size") from None
    if len(lines) < 1 + 2 * folds * size:
        raise DataError(f"{path}: {len(lines) - 1} pairs, the first line promises more")
    first, second, same = [], [], []
    for line in lines[1 : 1 + 2 * folds * size]:
        words = line.split("\t")
        same.append(len(words) == 3)
        other = words[0] if len(words) == 3 else words[2]
        first.append(f"{words[0]}_{int(words[1]):04d}")
        second.append(f"{other}_{int(words[-1]):04d}")
    return Pairs(first, second, np.array(same), np.arange(len(same)) // (2 * size))


def accuracy(distance: npt.NDArray[np.float64], pairs: Pairs) -> tuple[float, float]:
    """Mean accuracy over the folds, each with the threshold best on the others, and its error.

    distance [P]; smaller means more alike. The error is the standard error over pairs (binomial):
    with few pairs a fold, the spread over folds says less.
    """
    right = np.zeros(len(distance), bool)
    for fold in np.unique(pairs.fold):
        here = pairs.fold == fold
        threshold = _best_threshold(distance[~here], pairs.same[~here])
        right[here] = (distance[here] < threshold) == pairs.same[here]
    mean = float(right.mean())
    return mean, float(np.sqrt(mean * (1 - mean) / len(right)))


def _best_threshold(distance: npt.NDArray[np.float64], same: npt.NDArray[np.bool_]) -> float:
    order = np.argsort(distance, kind="stable")
    ranked, hits = distance[order], same[order]
    # Threshold between i-1 and i: the i nearest are called same.
    right = np.concatenate([[0], hits.cumsum()]) + np.concatenate(
        [(~hits)[::-1].cumsum()[::-1], [0]]
    )
    i = int(right.argmax())
    low = ranked[i - 1] if i > 0 else ranked[0] - 1
    high = ranked[i] if i < len(ranked) else ranked[-1] + 1
    return float((low + high) / 2)
