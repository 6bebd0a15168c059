"""Do two records under two keys tell that they are one person's?

D_sys: Gomez-Barrero et al., TIFS 13(6), 2018, with w = 1: the mean over mated scores of
max(0, 2 LR / (1 + LR) - 1), LR the ratio of mated to non-mated densities at the score. M_sys,
maximal linkability: Otroshi Shahreza, Shkel and Marcel, TIFS 2023: the maximal leakage from
"mated or not" to the score, log2 of the integral of the larger of both densities, in bits. Both are
0 for scores that tell nothing and 1 for scores that tell all. Densities are histograms over equal
shares of all scores; with finitely many scores even those of pure chance give something: the floor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stc.lab.evaluation.metrics import INTERVAL

Floats = npt.NDArray[np.float64]

BINS = 20
RESAMPLES = 300


@dataclass(frozen=True)
class Linkability:
    """D_sys with its 95 % interval (bootstrap), what shuffled labels give (the mean, and the value
    that 95 % of shuffles stay below), and maximal linkability with the mean of its own floor."""

    d_sys: float
    low: float
    high: float
    floor: float
    floor_high: float
    m_sys: float
    m_floor: float


def linkability(mated: Floats, other: Floats, seed: int = 0) -> Linkability:
    """From scores of mated pairs [N] and of pairs of two people [M]."""
    generator = np.random.default_rng(seed)
    pooled = np.concatenate([mated, other])
    drawn, shuffled, leaked = [], [], []
    for _ in range(RESAMPLES):
        drawn.append(
            d_sys(generator.choice(mated, len(mated)), generator.choice(other, len(other)))
        )
        generator.shuffle(pooled)
        shuffled.append(d_sys(pooled[: len(mated)], pooled[len(mated) :]))
        leaked.append(m_sys(pooled[: len(mated)], pooled[len(mated) :]))
    low, high = np.quantile(drawn, INTERVAL)
    return Linkability(
        d_sys(mated, other),
        float(low),
        float(high),
        float(np.mean(shuffled)),
        float(np.quantile(shuffled, 0.95)),
        m_sys(mated, other),
        float(np.mean(leaked)),
    )


def d_sys(mated: Floats, other: Floats) -> float:
    """D_sys with w = 1."""
    p, q = _densities(mated, other)
    local = np.divide(p - q, p + q, out=np.zeros_like(p), where=p > q)
    return float((local * p).sum())


def m_sys(mated: Floats, other: Floats) -> float:
    """Maximal linkability, in bits."""
    p, q = _densities(mated, other)
    return float(np.log2(np.maximum(p, q).sum()))


def _densities(mated: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Shares of mated and of other scores in each bin [BINS]."""
    edges = np.quantile(np.concatenate([mated, other]), np.linspace(0, 1, BINS + 1)[1:-1])

    def shares(scores: Floats) -> Floats:
        place = np.searchsorted(edges, scores, side="right")
        return np.bincount(place, minlength=BINS) / len(scores)

    return shares(mated), shares(other)
