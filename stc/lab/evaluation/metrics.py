"""Statistics of scores: cosines, ROC, TAR at a FAR, and their 95 % intervals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

RESAMPLES = 1000  # of a bootstrap
INTERVAL = (0.025, 0.975)
NORMAL_95 = 1.96  # half of a 95 % interval of a normal variable, in standard errors


def cosines(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> Floats:
    """Cosine similarity of each row of `left` [N, D] and the same row of `right` [N, D] -> [N]."""
    a, b = left.astype(np.float64), right.astype(np.float64)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray((a * b).sum(1) / np.maximum(norms, 1e-12))


def distances(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> Floats:
    """Euclidean distance of each row of `left` [N, D] to the same row of `right` [N, D] -> [N]."""
    return np.asarray(np.linalg.norm(left.astype(np.float64) - right, axis=1))


def threshold_at_far(distance: Floats, same: Booleans, far: float) -> float:
    """The distance below which a share `far` of the impostor pairs lies.

    distance, same: of every pair, [P]. Between the distances of two impostor pairs the threshold
    is interpolated linearly (numpy's default quantile).
    """
    return float(np.quantile(distance[~same], far))


def tar_at_far(distance: Floats, same: Booleans, far: float) -> float:
    """True acceptance rate: the share of mated pairs closer than `threshold_at_far`."""
    return float((distance[same] < threshold_at_far(distance, same, far)).mean())


def tar_interval(
    distance: Floats, same: Booleans, far: float, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """95 % interval of `tar_at_far`, by bootstrap: mated and impostor pairs resampled separately.

    The seed is fixed.
    """
    generator = np.random.default_rng(0)
    genuine, impostor = distance[same], distance[~same]
    found = []
    for _ in range(resamples):
        others = generator.choice(impostor, len(impostor))
        threshold = np.quantile(others, far)
        found.append((generator.choice(genuine, len(genuine)) < threshold).mean())
    low, high = np.quantile(found, INTERVAL)
    return float(low), float(high)


def roc(distance: Floats, same: Booleans) -> tuple[Floats, Floats]:
    """False and true acceptance rates at all thresholds, each ascending from 0 to 1, [P + 1]."""
    hits = same[np.argsort(distance, kind="stable")]
    accepted = np.concatenate([[0], hits.cumsum()]) / max(1, hits.sum())
    wrong = np.concatenate([[0], (~hits).cumsum()]) / max(1, (~hits).sum())
    return wrong, accepted


def auc(score: Floats, positive: Booleans) -> float:
    """Area under the ROC: the probability that a positive scores above a negative.

    Ties count half. NaN if all or none of the N are positive.
    """
    if positive.all() or not positive.any():
        return float("nan")
    _, rank, count = np.unique(score, return_inverse=True, return_counts=True)
    middle = (count.cumsum() - (count - 1) / 2)[rank]
    ones = int(positive.sum())
    above = middle[positive].sum() - ones * (ones + 1) / 2
    return float(above / (ones * (len(score) - ones)))


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of the share hits / count (Wilson 1927)."""
    z, share = NORMAL_95, hits / count
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return max(0.0, float(middle - reach)), min(1.0, float(middle + reach))


def bootstrap(
    figure: Callable[[npt.NDArray[np.int64]], float], count: int, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """95 % bootstrap interval of a statistic.

    figure: computes it from the indices of the resampled rows; count: the number of rows. NaNs
    are ignored. The seed is fixed.
    """
    generator = np.random.default_rng(0)
    found = [figure(generator.integers(0, count, count)) for _ in range(resamples)]
    # No interpolation: between an infinite and a finite ratio it would give infinity or NaN.
    low, high = np.nanquantile(found, INTERVAL, method="inverted_cdf")
    return float(low), float(high)
