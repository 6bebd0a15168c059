"""Face verification as in LFW view 2 (Huang et al. 2007): folds of mated and impostor pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stc.errors import DataError


@dataclass(frozen=True)
class Pairs:
    """Pairs of image names, whether both show the same person, and the fold of each pair."""

    first: list[str]
    second: list[str]
    same: npt.NDArray[np.bool_]  # [P]
    fold: npt.NDArray[np.int64]  # [P]

    def take(self, number: int) -> Pairs:
        """An even sample of at most `number` pairs that keeps the balance of folds and labels."""
        rows = np.linspace(0, len(self.same) - 1, min(number, len(self.same))).round().astype(int)
        return Pairs(
            [self.first[i] for i in rows],
            [self.second[i] for i in rows],
            self.same[rows],
            self.fold[rows],
        )

    @property
    def names(self) -> list[str]:
        """The distinct image names of all pairs, sorted."""
        return sorted({*self.first, *self.second})

    @property
    def places(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The positions in `names` of every pair's first and second image, int64 [P] each."""
        row = {name: i for i, name in enumerate(self.names)}
        return np.array([row[n] for n in self.first]), np.array([row[n] for n in self.second])


def person(name: str) -> str:
    """The person's name in an image name of LFW's form, Name_0001 -> Name."""
    return name.rsplit("_", 1)[0]


def read_pairs(path: Path) -> Pairs:
    """Read LFW's pairs.txt: a line `folds size`, then a line of names and numbers for each pair.

    Each fold has `size` mated pairs (name, number, number), then `size` impostor pairs (name,
    number, name, number), separated by tabs. Raises DataError if a line is malformed or pairs are
    missing.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    try:
        folds, size = (int(word) for word in lines[0].split())
    except (IndexError, ValueError):
        raise DataError(f"{path}: the first line must be two integers, folds and size") from None
    if len(lines) < 1 + 2 * folds * size:
        raise DataError(
            f"{path}: {len(lines) - 1} pairs, but the first line states {2 * folds * size}"
        )
    first, second, same = [], [], []
    for number, line in enumerate(lines[1 : 1 + 2 * folds * size], 2):
        words = line.split("\t")
        try:
            one, one_number, *rest, other_number = words
            (other,) = rest or [one]
            first.append(f"{one}_{int(one_number):04d}")
            second.append(f"{other}_{int(other_number):04d}")
        except ValueError:
            raise DataError(f"{path}: line {number} names no pair: {line!r}") from None
        same.append(not rest)
    return Pairs(first, second, np.array(same), np.arange(len(same)) // (2 * size))


def accuracy(distance: npt.NDArray[np.float64], pairs: Pairs) -> tuple[float, float]:
    """Mean verification accuracy, and its standard error.

    distance: of every pair, [P]. Each fold uses the threshold that is best on all other folds. The
    standard error is binomial, over pairs; with few pairs in a fold it is more reliable than the
    standard deviation over folds.
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
    # right[i]: correct decisions if the i pairs with the smallest distances are accepted.
    right = np.concatenate([[0], hits.cumsum()]) + np.concatenate(
        [(~hits)[::-1].cumsum()[::-1], [0]]
    )
    i = int(right.argmax())
    low = ranked[i - 1] if i > 0 else ranked[0] - 1
    high = ranked[i] if i < len(ranked) else ranked[-1] + 1
    return float((low + high) / 2)
