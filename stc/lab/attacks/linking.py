"""Linkability: whether two records under two keys reveal that they belong to the same person.

D_sys: Gomez-Barrero et al., TIFS 13(6), 2018, with w = 1: the mean over mated scores of
max(0, 2 LR / (1 + LR) - 1), where LR is the ratio of mated to non-mated densities at the score.
M_sys, maximal linkability: Otroshi Shahreza, Shkel and Marcel, TIFS 2023: the maximal leakage from
"mated or not" to the score, log2 of the integral of the larger of both densities, in bits. Both are
0 if scores are independent of the label, and 1 if they determine it. Densities are histograms whose
bins have equal shares of all scores. With finitely many scores the measures are above 0 even for
random labels: this is the floor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stc.lab.evaluation.metrics import INTERVAL

Floats = npt.NDArray[np.float64]

BINS = 20  # of a histogram
RESAMPLES = 300  # bootstrap resamples, and shuffles


@dataclass(frozen=True)
class Linkability:
    """Both measures of linkability, with their floors for shuffled labels."""

    d_sys: float
    low: float  # ends of the 95 % bootstrap interval of D_sys
    high: float
    floor: float  # mean of D_sys for shuffled labels
    floor_high: float  # its 95 % quantile
    m_sys: float  # bits
    m_floor: float  # mean of M_sys for shuffled labels


def linkability(mated: Floats, other: Floats) -> Linkability:
    """The linkability of scores of mated pairs [N] and of impostor pairs [M]. The seed is fixed."""
    generator = np.random.default_rng(0)
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
    """D_sys with w = 1, from scores of mated pairs [N] and of impostor pairs [M]."""
    p, q = _densities(mated, other)
    local = np.divide(p - q, p + q, out=np.zeros_like(p), where=p > q)
    return float((local * p).sum())


def m_sys(mated: Floats, other: Floats) -> float:
    """M_sys, maximal linkability, in bits, from scores of mated [N] and impostor pairs [M]."""
    p, q = _densities(mated, other)
    return float(np.log2(np.maximum(p, q).sum()))


def _densities(mated: Floats, other: Floats) -> tuple[Floats, Floats]:
    """The shares of mated and of impostor scores in each bin, [BINS] each."""
    edges = np.quantile(np.concatenate([mated, other]), np.linspace(0, 1, BINS + 1)[1:-1])

    def shares(scores: Floats) -> Floats:
        place = np.searchsorted(edges, scores, side="right")
        return np.bincount(place, minlength=BINS) / len(scores)

    return shares(mated), shares(other)
